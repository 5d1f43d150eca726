package batch

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
)

// Limits of a request. The longest client batches known have 256 objects
// (huggingface_hub); an object takes about 120 bytes, so the body's limit only
// stops what is no batch.
const (
	MaxObjects = 1000
	MaxBody    = MaxObjects*1024 + 64<<10
)

// Request is a batch request. "ref" is not read: objects belong to a
// repository, not to a branch.
type Request struct {
	Operation string          `json:"operation"`
	Transfers []string        `json:"transfers"`
	HashAlgo  string          `json:"hash_algo"`
	Objects   []RequestObject `json:"objects"`
}

// RequestObject names an object.
type RequestObject struct {
	OID  string `json:"oid"`
	Size Size   `json:"size"`
}

// Size of an object in bytes. One that is missing, negative or no whole number
// fails its own object and not the batch.
type Size struct {
	Bytes int64
	Valid bool
}

// UnmarshalJSON implements json.Unmarshaler and never fails.
func (s *Size) UnmarshalJSON(b []byte) error {
	n, err := strconv.ParseInt(string(b), 10, 64)
	*s = Size{Bytes: n, Valid: err == nil && n >= 0}
	return nil
}

// Decode reads a request and checks all that concerns the batch as a whole.
func Decode(body io.Reader) (*Request, error) {
	var req Request
	if err := DecodeJSON(body, MaxBody, &req); err != nil {
		return nil, err
	}
	switch {
	case req.Operation != "upload" && req.Operation != "download":
		return nil, &OperationError{Operation: clip(req.Operation)}
	case req.HashAlgo != "" && req.HashAlgo != "sha256" && req.HashAlgo != "sha_256":
		return nil, ErrHashAlgorithm
	case len(req.Objects) > MaxObjects:
		return nil, ErrTooManyObjects
	}
	return &req, nil
}

// Key tells batches of a client apart before they are decoded, which costs far more:
// the OID of the first object, where it stands in the first 4 KiB of it, else nothing.
// git-lfs asks for the same objects in the same order again.
func Key(body *bufio.Reader) string {
	head, _ := body.Peek(body.Size()) // shorter where the body is
	_, rest, _ := bytes.Cut(head, []byte(`"oid"`))
	rest = bytes.TrimLeft(rest, ": \t\r\n\"")
	if len(rest) < 64 || !ValidOID(string(rest[:64])) {
		return ""
	}
	return string(rest[:64])
}

// DecodeJSON reads exactly one JSON object of at most limit bytes.
func DecodeJSON(body io.Reader, limit int64, into any) error {
	raw, err := io.ReadAll(io.LimitReader(body, limit+1))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge), int64(len(raw)) > limit:
		return ErrTooLarge
	case err != nil:
		return &MalformedError{Reason: "it ended early"}
	case !bytes.HasPrefix(bytes.TrimLeft(raw, " \t\r\n"), []byte("{")):
		return &MalformedError{Reason: "it is not a JSON object"}
	}
	return explain(json.Unmarshal(raw, into))
}

// explain says what is wrong without the names of Go types.
func explain(err error) error {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &syntax):
		return &MalformedError{Reason: fmt.Sprintf("invalid JSON at byte %d", syntax.Offset)}
	case errors.As(err, &kind):
		return &MalformedError{Reason: fmt.Sprintf("%q must not be a JSON %s", clip(kind.Field), clip(kind.Value))}
	}
	return &MalformedError{Reason: "invalid JSON"}
}

// ValidOID is true for 64 lower-case hexadecimal digits.
func ValidOID(s string) bool {
	if len(s) != 64 {
		return false
	}
	for i := 0; i < len(s); i++ {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// clip bounds what a client can put into our messages.
func clip(s string) string {
	if len(s) > 40 {
		return s[:40] + "…"
	}
	return s
}
