package locks

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Lock on a file.
type Lock struct {
	// ID is the key's name and a part of its own, safe in a URL's path.
	ID   string `json:"id"`
	Path string `json:"path"`
	// Owner is the principal that took it, as auth.Identity.Principal names it.
	Owner string `json:"owner"`
	// Ref that the client was on, for people; empty where it did not say.
	Ref string `json:"ref,omitempty"`
	// LockedAt in whole seconds, by the clock of the server.
	LockedAt time.Time `json:"lockedAt"`
}

// record is what lies in the bucket: a lock, or the tombstone of one.
type record struct {
	Lock
	Released *release `json:"released,omitempty"`
}

// release makes a record a tombstone.
type release struct {
	By string    `json:"by"`
	At time.Time `json:"at"`
	// Until, where set, is when the store no longer accepts the DELETE that was
	// signed for this tombstone, by the store's clock.
	Until time.Time `json:"until,omitzero"`
}

const (
	nameLength = 32 // hexadecimal digits of a path's hash
	ownLength  = 13 // base32 digits, 65 random bits: no two locks of a path are alike
)

// nameOf is the name of a path's key. The hash is cut off: a path that had the
// same name could not be locked at the same time, and nothing worse.
func nameOf(path string) string {
	sum := sha256.Sum256([]byte("lock\n" + path))
	return hex.EncodeToString(sum[:nameLength/2])
}

func newID(path string) string {
	return nameOf(path) + "-" + strings.ToLower(rand.Text()[:ownLength])
}

// nameIn is the key's name in an ID, and false for what is no ID.
func nameIn(id string) (string, bool) {
	name, own, _ := strings.Cut(id, "-")
	return name, validName(name) && len(own) == ownLength && strings.Trim(own, "abcdefghijklmnopqrstuvwxyz234567") == ""
}

func validName(s string) bool {
	return len(s) == nameLength && strings.Trim(s, "0123456789abcdef") == ""
}

// errNoRecord: what lies under a lock's key was not written by this package.
var errNoRecord = errors.New("this is not a lock; somebody else has written it, and only a person can say what becomes of it")

// decode reads a record, and refuses one that is not of this key.
func decode(raw []byte, name string) (*record, error) {
	r := &record{}
	if err := json.Unmarshal(raw, r); err != nil {
		return nil, fmt.Errorf("%s: %w", name, errNoRecord)
	}
	if got, ok := nameIn(r.ID); !ok || got != name || nameOf(r.Path) != name {
		return nil, fmt.Errorf("%s: %w", name, errNoRecord)
	}
	return r, nil
}
