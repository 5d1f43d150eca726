// Package serverstatus is the contract of an LFS server's status endpoint: what
// the server tells the operator about what only it can see, because only it
// holds the store's credentials.
//
// GET /status on the admin port with "Authorization: Bearer {status token}".
package serverstatus

import "time"

// Path of the status endpoint on the admin port.
const Path = "/status"

// ScanPath takes the live set of a scan: PUT /gc/scans/{run} on the admin port
// with the scan token.
const ScanPath = "/gc/scans/"

// HistoryCheckPath takes a HistoryCheck: PUT on the admin port with the scan token.
const HistoryCheckPath = "/history-check"

// Status is the answer of the status endpoint.
type Status struct {
	Version string `json:"version"`
	Config  Config `json:"config"`
	Store   Store  `json:"store"`
	// Usage is absent until the server has counted once.
	Usage *Usage `json:"usage,omitempty"`
	// History is absent until a check or scan has reported.
	History *HistoryCheck `json:"history,omitempty"`
	// GC is absent until a run has reported.
	GC *GCReport `json:"gc,omitempty"`
	// GCRequest is absent until somebody has asked for a run.
	GCRequest *GCRequest `json:"gcRequest,omitempty"`
	// Adoption is absent until one has begun.
	Adoption *AdoptionReport `json:"adoption,omitempty"`
	// Access lists what keeps identities from being verified; absent while all
	// is well.
	Access []AccessProblem `json:"access,omitempty"`
	// Draining is true once the server has been told to stop.
	Draining bool `json:"draining,omitempty"`
}

// Config says which configuration is in force.
type Config struct {
	// Generation of the LFSRepository that it was made from.
	Generation int64 `json:"generation"`
	// Hash of the file in force (serverconfig.Hash).
	Hash string `json:"hash"`
	// Error of a newer file that could not be loaded; the old one stays in force.
	Error string `json:"error,omitempty"`
}

// Store says what the server found of its store.
type Store struct {
	Ready bool `json:"ready"`
	// Reason is one of the Reason constants; StoreReady when Ready.
	Reason string `json:"reason"`
	// Message says what is wrong and what to do, without secrets.
	Message string `json:"message,omitempty"`
	// Capabilities as probed, absent before the first probe.
	Capabilities *Capabilities `json:"capabilities,omitempty"`
	// Sessions is what a probe found of them, absent where it did not try.
	Sessions *SessionProbe `json:"sessions,omitempty"`
	// Session of the server, absent where it works with the store's key.
	Session   *Session  `json:"session,omitempty"`
	CheckedAt time.Time `json:"checkedAt"`
}

// Reasons of Store.
const (
	ReasonStoreReady         = "StoreReady"
	ReasonChecking           = "Checking"
	ReasonCredentialsMissing = "CredentialsMissing"
	ReasonCredentialsRefused = "CredentialsRefused"
	// ReasonSessionMissing: the server has no session with the store, or it ended.
	ReasonSessionMissing = "SessionMissing"
	// ReasonWebIdentityRefused: the store does not let the role be assumed.
	ReasonWebIdentityRefused = "WebIdentityRefused"
	ReasonStoreUnreachable   = "StoreUnreachable"
	ReasonBucketMissing      = "BucketMissing"
	ReasonPrefixInUse        = "PrefixInUse"
	ReasonPrefixNotOurs      = "PrefixNotOurs"
	ReasonAdopting           = "Adopting"
	ReasonStoreIncapable     = "StoreIncapable"
	// ReasonEncryptionRefused: the store does not take objects with the encryption
	// that is asked for.
	ReasonEncryptionRefused     = "EncryptionRefused"
	ReasonSigningKeysMissing    = "SigningKeysMissing"
	ReasonSigningKeysMismatched = "SigningKeysMismatched"
)

// SessionProbe says whether a store makes sessions that are bound to a prefix.
type SessionProbe struct {
	Bound bool `json:"bound"`
	// Message says why not.
	Message string `json:"message,omitempty"`
	// Seconds that the longest session lives that it was seen to make, of those asked for.
	Seconds int64 `json:"seconds,omitempty"`
}

// Session is a server's session with its store.
type Session struct {
	// EndsAt is when the store stops taking it; zero while there is none.
	EndsAt time.Time `json:"endsAt,omitzero"`
	// FailingSince, where set, is since when no new one could be got, and Error why.
	FailingSince time.Time `json:"failingSince,omitzero"`
	Error        string    `json:"error,omitempty"`
}

// AccessProblem keeps identities of one source from being verified. All others
// are served.
type AccessProblem struct {
	// Source is "kubernetes" or "jwt:{name}".
	Source string `json:"source"`
	// Reason is one of the constants below.
	Reason string `json:"reason"`
	// Message says what is wrong and what to do, without secrets.
	Message string `json:"message"`
}

// Reasons of an AccessProblem.
const (
	ReasonJWTKeysMissing    = "JWTKeysMissing"
	ReasonJWTKeysInvalid    = "JWTKeysInvalid"
	ReasonIssuerUnreachable = "IssuerUnreachable"
	// ReasonReviewForbidden: the server's ServiceAccount may not ask.
	ReasonReviewForbidden      = "ReviewForbidden"
	ReasonAPIServerUnreachable = "APIServerUnreachable"
)

// Capabilities of a store, each found by trying it.
type Capabilities struct {
	// SignedChecksum: a PUT whose signed x-amz-checksum-sha256 does not match
	// its body is refused.
	SignedChecksum bool `json:"signedChecksum"`
	// QuerySHA256: a PUT whose body does not match X-Amz-Content-Sha256 in its
	// presigned query is refused. Where not, clients that send no headers upload
	// small objects as one part. Never true where encryption is asked for: such a
	// link cannot do that, and the upload of parts can.
	QuerySHA256 bool `json:"querySHA256"`
	// ConditionalWrites: If-None-Match:* and If-Match are honoured on PUT.
	ConditionalWrites bool `json:"conditionalWrites"`
	// PresignExpiry: an expired presigned request is refused.
	PresignExpiry bool `json:"presignExpiry"`
	// ObeysUnsigned: x-amz- headers that a presigned request brings beyond the
	// signed ones are obeyed. Links then forbid those that change what is stored.
	ObeysUnsigned bool `json:"obeysUnsigned,omitempty"`
	// ForgedWrites: a PUT in chunks that nobody signed is stored for whoever knows
	// the ID of an access key, and every link holds that. No link can prevent it:
	// whoever can read can write anything.
	ForgedWrites bool `json:"forgedWrites,omitempty"`
	// Browsers: pages of any origin may upload to the bucket (CORS). Nothing but
	// uploads from browsers depends on it.
	Browsers bool `json:"browsers,omitempty"`
	// Unencrypted: objects are stored without the encryption that was asked for.
	Unencrypted bool `json:"unencrypted,omitempty"`
	// Versioned: the bucket keeps versions.
	Versioned bool `json:"versioned"`
}

// Usage counts objects present under their final keys.
type Usage struct {
	Objects   int64     `json:"objects"`
	Bytes     int64     `json:"bytes"`
	CountedAt time.Time `json:"countedAt"`
}

// HistoryCheck says whether the history could be read.
type HistoryCheck struct {
	// Revision of the history list that was checked (serverconfig.HistoryRevision).
	Revision  string              `json:"revision"`
	CheckedAt time.Time           `json:"checkedAt"`
	Entries   []HistoryCheckEntry `json:"entries"`
}

// HistoryCheckEntry is the outcome for one history entry.
type HistoryCheckEntry struct {
	Name string `json:"name"`
	OK   bool   `json:"ok"`
	// Reason and Message are set when not OK.
	Reason  string `json:"reason,omitempty"`
	Message string `json:"message,omitempty"`
}

// Reasons of a HistoryCheckEntry.
const (
	ReasonHistoryReadable    = "HistoryReadable"
	ReasonHistoryUnreachable = "HistoryUnreachable"
	ReasonHistoryRefused     = "HistoryCredentialsRefused"
	ReasonHistoryNotFound    = "HistoryNotFound"
	ReasonHistoryEmpty       = "HistoryEmpty"
	ReasonHistoryInvalid     = "HistoryInvalid"
)

// Outcomes of a GC run.
const (
	GCSucceeded = "Succeeded"
	// GCStopped: a guard stopped the run before anything was deleted.
	GCStopped = "Stopped"
	GCFailed  = "Failed"
)

// GCRequest asks for a run of garbage collection, in the name of somebody who asked
// a server.
type GCRequest struct {
	// ID tells this request from all others.
	ID string `json:"id"`
	// By is the principal that asked.
	By          string    `json:"by"`
	RequestedAt time.Time `json:"requestedAt"`
}

// ServedBy is true when the run that reported began after the request. r may be
// nil.
func (q *GCRequest) ServedBy(r *GCReport) bool { return r != nil && r.StartedAt.After(q.RequestedAt) }

// GCReport is the short form of a run's report.
type GCReport struct {
	// ID of the run: the name of its Job.
	ID      string `json:"id"`
	Mode    string `json:"mode"`
	Outcome string `json:"outcome"`
	// Reason and Message explain an Outcome other than GCSucceeded.
	Reason     string    `json:"reason,omitempty"`
	Message    string    `json:"message,omitempty"`
	StartedAt  time.Time `json:"startedAt"`
	FinishedAt time.Time `json:"finishedAt"`

	Kept         int64 `json:"kept"`
	Condemned    int64 `json:"condemned"`
	Deleted      int64 `json:"deleted"`
	DeletedBytes int64 `json:"deletedBytes"`
	Orphans      int64 `json:"orphans"`
	OrphanBytes  int64 `json:"orphanBytes"`
	// Objects in the store when the run ended; of a run that did not get as far as
	// counting, what the one before it found.
	Objects int64 `json:"objects"`
}
