// Package policy decides who may do what: identity × operation → verdict, in one
// function. It is asked at the batch and again when an action token is redeemed.
package policy

import (
	"slices"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/auth"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/token"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
)

// Operation is what is asked for.
type Operation string

// The operations.
const (
	Download Operation = "download"
	Upload   Operation = "upload"
	// Verify asks whether an uploaded object has arrived.
	Verify Operation = "verify"
	// Complete finishes a multipart upload, or asks how far it has come.
	Complete Operation = "complete"
	// Abort throws a multipart upload away.
	Abort Operation = "abort"
	// Receive sends an object through this server, Fetch downloads one, Part sends
	// a part of a multipart upload. They are done with action tokens alone.
	Receive Operation = "receive"
	Fetch   Operation = "fetch"
	Part    Operation = "part"
	// Lock takes a lock.
	Lock Operation = "lock"
	// Unlock releases one, or breaks another's.
	Unlock Operation = "unlock"
	// ListLocks asks for all locks.
	ListLocks Operation = "list-locks"
	// VerifyLocks asks for them before a push.
	VerifyLocks Operation = "verify-locks"
	// GC asks for garbage collection, or for its report.
	GC Operation = "gc"
)

// Verdict is the answer.
type Verdict int

// The verdicts.
const (
	// Deny: whoever this is may not, and other credentials of theirs will not help.
	Deny Verdict = iota
	// Authenticate: not without credentials.
	Authenticate
	// Allow: go on.
	Allow
)

// Rules are the repository's own.
type Rules struct {
	// Repository is the UID that action tokens must name.
	Repository    string
	AnonymousRead bool
	// Grantors let identities in, each with the most that it can give (package
	// auth): an action token ends with the one that it was handed out on the word of.
	Grantors map[string]string
}

// needs is the least scope of each operation.
var needs = map[Operation]int{
	Download: serverconfig.Rank(serverconfig.ScopeRead),
	Upload:   serverconfig.Rank(serverconfig.ScopeWrite),
	Verify:   serverconfig.Rank(serverconfig.ScopeWrite),
	Complete: serverconfig.Rank(serverconfig.ScopeWrite),
	Abort:    serverconfig.Rank(serverconfig.ScopeWrite),
	Receive:  serverconfig.Rank(serverconfig.ScopeWrite),
	Fetch:    serverconfig.Rank(serverconfig.ScopeRead),
	Part:     serverconfig.Rank(serverconfig.ScopeWrite),

	Lock:        serverconfig.Rank(serverconfig.ScopeWrite),
	Unlock:      serverconfig.Rank(serverconfig.ScopeWrite),
	ListLocks:   serverconfig.Rank(serverconfig.ScopeRead),
	VerifyLocks: serverconfig.Rank(serverconfig.ScopeWrite),

	GC: serverconfig.Rank(serverconfig.ScopeAdmin),
}

// redeems names the token operations that allow an operation. Whoever may finish
// an upload may ask whether it has arrived.
var redeems = map[Operation][]token.Operation{
	Verify:   {token.OperationVerify, token.OperationComplete},
	Complete: {token.OperationComplete},
	Abort:    {token.OperationAbort},
	Receive:  {token.OperationReceive},
	Fetch:    {token.OperationFetch},
	Part:     {token.OperationPart},
}

// Decide returns the verdict on an operation on objects, or on the repository as
// a whole where none are named. What it does not know it denies.
func Decide(rules Rules, id auth.Identity, op Operation, oids ...string) Verdict {
	return decide(rules, id, op, func(grants []auth.Grant) bool { return grantedAll(grants, op, oids) })
}

// Possible is the verdict before the objects are known: whoever is denied here
// may not do it to any. Decide has to be asked once they are.
func Possible(rules Rules, id auth.Identity, op Operation) Verdict {
	return decide(rules, id, op, func(grants []auth.Grant) bool {
		return slices.ContainsFunc(grants, func(g auth.Grant) bool { return allows(g, op) })
	})
}

func decide(rules Rules, id auth.Identity, op Operation, granted func([]auth.Grant) bool) Verdict {
	need, known := needs[op]
	switch {
	case !known:
		return Deny
	case id.Action != nil:
		return redeem(rules, id.Action, op)
	case serverconfig.Rank(id.Scope) >= need, granted(id.Grants):
		return Allow
	case (op == Download || op == ListLocks) && rules.AnonymousRead:
		return Allow // nobody is worse off for having a name
	case !id.IsAnonymous():
		return Deny
	}
	return Authenticate
}

// grantedAll is true when every object is covered by a grant, or all of them
// together by one for all.
func grantedAll(grants []auth.Grant, op Operation, oids []string) bool {
	covered := func(oid string) bool {
		return slices.ContainsFunc(grants, func(g auth.Grant) bool {
			return (g.OID == "" || g.OID == oid) && allows(g, op)
		})
	}
	if len(oids) == 0 {
		return covered("")
	}
	return !slices.ContainsFunc(oids, func(oid string) bool { return !covered(oid) })
}

// allows is true when a grant is for an operation. Whoever may upload an object
// may ask whether it has arrived. None goes beyond what scope Write allows.
func allows(g auth.Grant, op Operation) bool {
	switch {
	case op == Verify:
		return g.Verify || g.Write
	case needs[op] == serverconfig.Rank(serverconfig.ScopeRead):
		return g.Read
	case needs[op] == serverconfig.Rank(serverconfig.ScopeWrite):
		return g.Write
	}
	return false
}

// redeem allows exactly what the token was made for, while whatever let its
// bearer in could still give it. Neither rotation nor the end of a token's time
// takes that away: a push that has begun may come to its end, within the action
// token's own short life. Its object is the handler's to compare.
func redeem(rules Rules, c *token.Claims, op Operation) Verdict {
	if c.Repository != rules.Repository || rules.Repository == "" || !slices.Contains(redeems[op], c.Operation) {
		return Deny
	}
	// Tokens of a server before this one do not say on whose word they are.
	if c.By != "" && serverconfig.Rank(rules.Grantors[c.By]) < needs[op] {
		return Deny
	}
	return Allow
}
