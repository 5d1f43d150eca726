package adopt

import (
	"strings"

	"github.com/lfs-operator/lfs-operator/internal/layout"
)

// oidOf reads the OID that a key below the source's prefix claims to be, in the
// ways that servers lay objects out:
//
//	lfs/aa/bb/OID, aa/bb/OID, objects/aa/bb/OID   this server, git-lfs's own store, rudolfs
//	OID, org/repository/OID                       giftless, lfs-test-server with a flat store
//	aa/bb/REST                                    Gitea, Forgejo, GitLab: the OID is aa, bb and REST
//
// What this server keeps for itself is none, whatever it is called.
func oidOf(key string) (string, bool) {
	if strings.HasPrefix(key, "meta/") || strings.HasPrefix(key, "staging/") {
		return "", false
	}
	parts := strings.Split(key, "/")
	last := parts[len(parts)-1]
	if layout.IsOID(last) {
		return last, true
	}
	if n := len(parts); n >= 3 && len(parts[n-3]) == 2 && len(parts[n-2]) == 2 {
		if oid := parts[n-3] + parts[n-2] + last; layout.IsOID(oid) {
			return oid, true
		}
	}
	return "", false
}
