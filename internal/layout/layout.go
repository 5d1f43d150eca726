// Package layout names every key that a repository has in its bucket.
//
// All keys stand under the repository's prefix. Objects that clients read lie
// under lfs/, by the OID; what the server and garbage collection keep for
// themselves lies under meta/, so that a listing of one never meets the other.
package layout

import "strings"

const (
	objectsDir = "lfs/"
	metaDir    = "meta/"
)

// Prefix is the part of every key that belongs to one repository. It is empty
// or ends in "/".
type Prefix string

// Object is the final key of an OID (64 hex digits): lfs/ab/cd/abcd….
func (p Prefix) Object(oid string) string {
	return string(p) + objectsDir + oid[0:2] + "/" + oid[2:4] + "/" + oid
}

// Objects is the prefix of all final keys.
func (p Prefix) Objects() string { return string(p) + objectsDir }

// IsOID is true for 64 lower-case hex digits, the only form that OIDs have in keys.
func IsOID[S ~string | ~[]byte](s S) bool {
	if len(s) != 64 {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// OIDOf returns the OID whose final key this is, and false for any other key.
func (p Prefix) OIDOf(key string) (string, bool) {
	i := strings.LastIndexByte(key, '/')
	oid := key[i+1:]
	if !IsOID(oid) || p.Object(oid) != key {
		return "", false
	}
	return oid, true
}

// Owner is the key of the object that says whose prefix this is.
func (p Prefix) Owner() string { return string(p) + metaDir + "owner.json" }

// Meta is the prefix of all that the server and garbage collection keep for
// themselves.
func (p Prefix) Meta() string { return string(p) + metaDir }

// Uploaders is the key of the object that says which servers hand out links to
// upload.
func (p Prefix) Uploaders() string { return string(p) + metaDir + "uploaders.json" }

// Probe is the key prefix under which capability probes write.
func (p Prefix) Probe() string { return string(p) + metaDir + "probe/" }

// GCIndex is the key of garbage collection's one index object.
func (p Prefix) GCIndex() string { return string(p) + metaDir + "gc/index" }

// GCRescued is the prefix of the markers that keep condemned OIDs of one index
// generation alive.
func (p Prefix) GCRescued(generation string) string {
	return string(p) + metaDir + "gc/rescued/" + generation + "/"
}

// GCTombstone is the key that says why an OID is gone.
func (p Prefix) GCTombstone(oid string) string {
	return string(p) + metaDir + "gc/tombstones/" + oid[0:2] + "/" + oid
}

// GCScan is the key of the live set that a run's scan found.
func (p Prefix) GCScan(run string) string { return string(p) + metaDir + "gc/scans/" + run }

// GCScans is the prefix of all live sets.
func (p Prefix) GCScans() string { return string(p) + metaDir + "gc/scans/" }

// GCReport is the key of the last report.
func (p Prefix) GCReport() string { return string(p) + metaDir + "gc/report.json" }

// GCRequest is the key of the last request to run garbage collection.
func (p Prefix) GCRequest() string { return string(p) + metaDir + "gc/request.json" }

// Abandoned is the key of the counts of what nobody finished and servers threw away.
func (p Prefix) Abandoned() string { return string(p) + metaDir + "abandoned.json" }

// AdoptionReport is the key of what the last adoption has found.
func (p Prefix) AdoptionReport() string { return string(p) + metaDir + "adoption/report.json" }

// AdoptedWrong is where an adoption in place moves an object that is not what its
// name says: out of the way of everybody who reads, and not away.
func (p Prefix) AdoptedWrong(oid, found string) string {
	return p.AllAdoptedWrong() + oid + "-is-" + found
}

// AllAdoptedWrong is the prefix of all such objects.
func (p Prefix) AllAdoptedWrong() string { return string(p) + metaDir + "adoption/wrong/" }

// HistoryCheck is the key of the last answer to "can the history be read".
func (p Prefix) HistoryCheck() string { return string(p) + metaDir + "history-check.json" }

// Quota is the key of what is counted and claimed of the repository's quota.
func (p Prefix) Quota() string { return string(p) + metaDir + "quota.json" }
