package serverstatus

import "time"

// AdoptionReport says what an adoption has found so far. It lies in the bucket.
type AdoptionReport struct {
	// UID of the LFSRepository that adopts.
	UID string `json:"uid"`
	// Request that the run answers, empty for the first one.
	Request string `json:"request,omitempty"`
	// Source is where the objects lay: bucket and prefix.
	Source    string    `json:"source"`
	StartedAt time.Time `json:"startedAt"`
	UpdatedAt time.Time `json:"updatedAt"`
	// FinishedAt is zero while the adoption is under way, or was cut off.
	FinishedAt time.Time `json:"finishedAt,omitzero"`

	// Objects that are proven and in their place, and their size in bytes; Present
	// of them were there before this run.
	Objects int64 `json:"objects"`
	Bytes   int64 `json:"bytes"`
	Present int64 `json:"present"`
	// Ignored keys do not name an object.
	Ignored int64 `json:"ignored"`
	// Wrong objects are not what their name says. They are not served.
	Wrong      int64 `json:"wrong"`
	WrongBytes int64 `json:"wrongBytes"`
	// WrongObjects are the first of them.
	WrongObjects []WrongObject `json:"wrongObjects,omitempty"`

	// After is the key up to which a run in place is done.
	After string `json:"after,omitempty"`
}

// WrongObject is one whose content has another hash than its name says.
type WrongObject struct {
	// Key where it lies.
	Key  string `json:"key"`
	OID  string `json:"oid"`
	Size int64  `json:"size"`
	// SHA256 of its content, hex.
	SHA256 string `json:"sha256"`
}

// MaxWrongObjects are listed; the log of the run names them all.
const MaxWrongObjects = 100

// Add counts a wrong object, and lists it while there is room.
func (r *AdoptionReport) Add(w WrongObject) {
	r.Wrong++
	r.WrongBytes += w.Size
	if len(r.WrongObjects) < MaxWrongObjects {
		r.WrongObjects = append(r.WrongObjects, w)
	}
}
