package page

import (
	"time"

	"github.com/lfs-operator/lfs-operator/internal/serverstatus"
)

// View is what the page shows. Nothing in it is a secret, and whoever may not
// download gets no Inside.
type View struct {
	Namespace, Name string
	// Base is scheme://host of the endpoint, URL its API root, Path the path of it.
	Base, URL, Path string
	Version         string
	// AccessSecret is the name of the Secret that holds the token for people.
	AccessSecret string
	// Public: whoever has no token may download.
	Public bool
	// Ready: batches are served. Notice says what is wrong.
	Ready  bool
	Notice string
	// ServiceAccountAudience is what tokens of ServiceAccounts are made for, empty
	// where none is let in; Issuers are those whose JSON Web Tokens are.
	ServiceAccountAudience string
	Issuers                []Issuer
	// MultipartThreshold in bytes.
	MultipartThreshold int64

	// Visitor is the principal that was signed in, empty for nobody.
	Visitor string
	// SignInProblem says why a token would not do.
	SignInProblem string

	Inside *Inside
}

// Issuer of JSON Web Tokens.
type Issuer struct {
	Name string
	// OIDC is true for an OpenID Connect issuer, false for keys of the tenant's.
	OIDC bool
	// Audiences of which a token has to name one.
	Audiences []string
}

// Inside is what only those see who may download.
type Inside struct {
	// Usage is nil before the first count. Quota in bytes, 0 for none.
	Usage *serverstatus.Usage
	Quota int64

	// Threshold in bytes.
	Threshold    int64
	KeepVersions int32
	Suffixes     []string
	Policy       []Setting
	// Rules of garbage collection, as people read them.
	Rules         []string
	GitAttributes string
	LFSConfig     string

	Locks Locks

	GCMode string
	// GC is nil before the first run, History empty where no Git repository is
	// listed or none was looked at.
	GC      *serverstatus.GCReport
	History []serverstatus.HistoryCheckEntry

	// Endpoints are the URLs of all hosts, the visitor's own included.
	Endpoints []string
}

// Setting is a value of the policy.
type Setting struct {
	Name string
	// Field of the LFSRepository's spec.
	Field string
	Value string
	// Exact is the value to the last digit, where Value is not.
	Exact string
	// Source in words.
	Source string
}

// Locks that are held: the first of them, or why they cannot be shown.
type Locks struct {
	List    []Lock
	More    bool
	Problem string
}

// Lock on a path.
type Lock struct {
	Path, Owner string
	LockedAt    time.Time
}
