package auth

import (
	"regexp"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4/json"

	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
)

// maxScopes bounds how many scopes of a token are looked at.
const maxScopes = 256

// scopeList is the claim "scopes": a list, or one string.
type scopeList []string

// UnmarshalJSON implements json.Unmarshaler.
func (s *scopeList) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*s = scopeList{one}
		return nil
	}
	return json.Unmarshal(b, (*[]string)(s))
}

// grantsOf reads scopes as giftless writes them, and returns what they allow in
// this repository (giftless, docs/source/auth-providers.md, "Scopes"):
//
//	obj:{org}/{repo}/{oid}:{subscope}:{actions}
//	obj:{org}/{repo}/{oid}:{actions}
//
// org is the repository's namespace, repo its name. A part that is left out or
// "*" means all. A single part is an OID. Where giftless would guess at what is
// malformed or unknown, nothing is granted.
func grantsOf(scopes []string, repo serverconfig.Repository) []Grant {
	var out []Grant
	for _, s := range scopes[:min(len(scopes), maxScopes)] {
		if g, ok := grantOf(s, repo); ok {
			out = append(out, g)
		}
	}
	return out
}

func grantOf(scope string, repo serverconfig.Repository) (Grant, bool) {
	parts := strings.Split(scope, ":")
	if parts[0] != "obj" || len(parts) > 4 || slices.Contains(parts, "") {
		return Grant{}, false
	}
	entity, subscope, actions := "*", "*", "*"
	switch len(parts) {
	case 4:
		entity, subscope, actions = parts[1], parts[2], parts[3]
	case 3:
		entity, actions = parts[1], parts[2]
	case 2:
		entity = parts[1]
	}
	oid, ok := objectOf(entity, repo)
	if !ok {
		return Grant{}, false
	}
	g := Grant{OID: oid}
	for action := range strings.SplitSeq(actions, ",") {
		switch action {
		case "*":
			g.Read, g.Write, g.Verify = true, true, true
		case "read": // and what comes with it: whether it is there
			g.Read, g.Verify = true, true
		case "write":
			g.Write = true
		case "verify":
			g.Verify = true
		}
	}
	switch subscope {
	case "*":
	case "meta", "metadata":
		g.Read, g.Write = false, false
	default:
		return Grant{}, false
	}
	return g, g.Read || g.Write || g.Verify
}

var oidForm = regexp.MustCompile(`^[0-9a-f]{64}$`)

// objectOf returns the OID that an entity names, empty for all; false where it
// is of another repository.
func objectOf(entity string, repo serverconfig.Repository) (oid string, ok bool) {
	org, name, oid := "*", "*", "*"
	switch parts := strings.Split(entity, "/"); len(parts) {
	case 3:
		org, name, oid = parts[0], parts[1], parts[2]
	case 2:
		org, name = parts[0], parts[1]
	case 1:
		oid = parts[0]
	default:
		return "", false
	}
	if org != "*" && org != repo.Namespace || name != "*" && name != repo.Name {
		return "", false
	}
	if oid == "*" {
		return "", true
	}
	return oid, oidForm.MatchString(oid)
}
