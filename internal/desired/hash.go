package desired

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
)

// shortHash names a text in ten hex digits: for names and revisions, not for
// secrets.
func shortHash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:5])
}

// hashOf names a value by the hash of its JSON form.
func hashOf(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("hashing %T: %v", v, err)) // only for types that JSON cannot hold
	}
	return shortHash(string(b))
}
