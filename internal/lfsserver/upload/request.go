package upload

import (
	"encoding/json"
	"io"
	"strings"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/batch"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
)

// MaxBody of a request about an upload in bytes: 10,000 parts and some.
const MaxBody = 2 << 20

// ClaimedPart is a part as a client lists it.
type ClaimedPart struct {
	Number int
	// ETag without quotes; may be empty.
	ETag string
}

// UnmarshalJSON implements json.Unmarshaler: "partNumber" and "etag" (Hugging
// Face) or "PartNumber" and "ETag" (KohakuHub). encoding/json does not mind the
// case of names.
func (p *ClaimedPart) UnmarshalJSON(b []byte) error {
	var v struct {
		PartNumber int    `json:"partNumber"`
		ETag       string `json:"etag"`
	}
	if err := json.Unmarshal(b, &v); err != nil {
		return err
	}
	*p = ClaimedPart{Number: v.PartNumber, ETag: strings.Trim(v.ETag, `"`)}
	return nil
}

// Request is the body of complete and verify in all dialects.
type Request struct {
	OID string
	// Size is nil where the client does not say it.
	Size *int64
	// Upload is the signed token, where it stands in the body.
	Upload string
	Parts  []ClaimedPart
}

// Decode reads a request. What it returns is well-formed; whether the fields
// that are needed are there, the caller knows.
func Decode(body io.Reader) (*Request, error) {
	var v struct {
		OID      string        `json:"oid"`
		Size     *batch.Size   `json:"size"`
		UploadID string        `json:"upload_id"`
		Parts    []ClaimedPart `json:"parts"`
		Params   struct {
			UploadID string `json:"upload_id"`
		} `json:"params"`
	}
	if err := batch.DecodeJSON(body, MaxBody, &v); err != nil {
		return nil, err
	}
	r := &Request{OID: v.OID, Upload: v.UploadID, Parts: v.Parts}
	if r.Upload == "" {
		r.Upload = v.Params.UploadID
	}
	if v.Size != nil {
		if !v.Size.Valid {
			return nil, batch.ErrOID
		}
		r.Size = &v.Size.Bytes
	}
	if r.OID != "" && !batch.ValidOID(r.OID) {
		return nil, batch.ErrOID
	}
	if len(r.Parts) > objectstore.MaxParts {
		return nil, &PartsError{Reason: "it has more than 10000"}
	}
	return r, nil
}
