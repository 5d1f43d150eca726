package batch

import (
	"fmt"
	"net/http"
)

// Response answers a batch.
type Response struct {
	Transfer string   `json:"transfer"`
	Objects  []Answer `json:"objects"`
	HashAlgo string   `json:"hash_algo"`

	// Dialect that was chosen, for logs and metrics: several have one transfer
	// name.
	Dialect string `json:"-"`
}

// Answer is what becomes of one object: actions, an error, or neither, which
// says of an upload that the object is there.
type Answer struct {
	OID  string `json:"oid"`
	Size int64  `json:"size"`
	// Authenticated is true with actions: their links carry all that they need.
	Authenticated bool         `json:"authenticated,omitempty"`
	Actions       any          `json:"actions,omitempty"`
	Error         *ObjectError `json:"error,omitempty"`

	outcome Outcome
}

// ObjectError is an error of one object.
type ObjectError struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

// Outcome classifies answers for metrics.
type Outcome string

// The outcomes.
const (
	OutcomePresent  Outcome = "present"
	OutcomeUpload   Outcome = "upload"
	OutcomeDownload Outcome = "download"
	OutcomeMissing  Outcome = "missing"
	OutcomePruned   Outcome = "pruned"
	OutcomeRefused  Outcome = "refused"
	// OutcomeOverQuota: the repository may not hold as much.
	OutcomeOverQuota Outcome = "over-quota"
)

// Outcomes counts the answers by what they say.
func (r *Response) Outcomes() map[Outcome]int {
	counts := make(map[Outcome]int, 2)
	for i := range r.Objects {
		counts[r.Objects[i].outcome]++
	}
	return counts
}

// OIDs of the objects whose answers say that.
func (r *Response) OIDs(o Outcome) []string {
	var oids []string
	for i := range r.Objects {
		if r.Objects[i].outcome == o {
			oids = append(oids, r.Objects[i].OID)
		}
	}
	return oids
}

// refuse is the answer for an object that cannot be as the client says.
func refuse(o RequestObject, format string, args ...any) Answer {
	return failed(o, http.StatusUnprocessableEntity, OutcomeRefused, fmt.Sprintf(format, args...))
}

func failed(o RequestObject, code int, outcome Outcome, message string) Answer {
	return Answer{OID: o.OID, Size: o.Size.Bytes, Error: &ObjectError{Code: code, Message: message}, outcome: outcome}
}
