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
	// Lock takes a lock.
	Lock Operation = "lock"
	// Unlock releases one, or breaks another's.
	Unlock Operation = "unlock"
	// ListLocks asks for all locks.
	ListLocks Operation = "list-locks"
	// VerifyLocks asks for them before a push.
	VerifyLocks Operation = "verify-locks"
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
}

// rank orders the scopes: each includes those before it.
var rank = map[string]int{
	serverconfig.ScopeRead:  1,
	serverconfig.ScopeWrite: 2,
	serverconfig.ScopeAdmin: 3,
}

// needs is the least scope of each operation.
var needs = map[Operation]int{
	Download: rank[serverconfig.ScopeRead],
	Upload:   rank[serverconfig.ScopeWrite],
	Verify:   rank[serverconfig.ScopeWrite],
	Complete: rank[serverconfig.ScopeWrite],
	Abort:    rank[serverconfig.ScopeWrite],

	Lock:        rank[serverconfig.ScopeWrite],
	Unlock:      rank[serverconfig.ScopeWrite],
	ListLocks:   rank[serverconfig.ScopeRead],
	VerifyLocks: rank[serverconfig.ScopeWrite],
}

// redeems names the token operations that allow an operation. Whoever may finish
// an upload may ask whether it has arrived.
var redeems = map[Operation][]token.Operation{
	Verify:   {token.OperationVerify, token.OperationComplete},
	Complete: {token.OperationComplete},
	Abort:    {token.OperationAbort},
}

// Decide returns the verdict. What it does not know it denies.
func Decide(rules Rules, id auth.Identity, op Operation) Verdict {
	need, known := needs[op]
	switch {
	case !known:
		return Deny
	case id.Action != nil:
		return redeem(rules, id.Action, op)
	case rank[id.Scope] >= need:
		return Allow
	case !id.IsAnonymous():
		return Deny
	case (op == Download || op == ListLocks) && rules.AnonymousRead:
		return Allow
	}
	return Authenticate
}

// redeem allows exactly what the token was made for. Its object is the
// handler's to compare.
func redeem(rules Rules, c *token.Claims, op Operation) Verdict {
	if c.Repository == rules.Repository && rules.Repository != "" &&
		slices.Contains(redeems[op], c.Operation) {
		return Allow
	}
	return Deny
}
