package transfer

import (
	"context"
	"strconv"
)

// HuggingFace is the multipart form of huggingface_hub, @huggingface/hub and the
// git-lfs agent "lfs-multipart-upload". The upload action's header holds the
// parts' size and their links; its link takes the completion, without
// credentials.
//
// The agent uses the header's values in the order of their keys, so those are
// padded to one width, and nothing else may stand in there.
type HuggingFace struct {
	sizes
	downloads
}

var _ Dialect = HuggingFace{}

// Name implements Dialect.
func (HuggingFace) Name() string { return NameMultipart }

// Label implements Dialect.
func (HuggingFace) Label() string { return "huggingface" }

// Upload implements Dialect. These clients upload every part again.
func (d HuggingFace) Upload(ctx context.Context, s Session, o Object) (any, error) {
	m, life, err := d.begin(ctx, s, o, true)
	if err != nil {
		return nil, err
	}
	return &basicActions{Upload: completion(m, fiveDigits, life), Verify: m.Verify}, nil
}

// fiveDigits are enough for the numbers of as many parts as there may be.
const fiveDigits = "00000"

// chunkSize is what these clients know a multipart upload by.
const chunkSize = "chunk_size"

// completion is the upload action: where to complete, and the parts under their
// numbers, padded as zeros is long.
func completion(m *Multipart, zeros string, life int64) *Action {
	header := make(Header, len(m.Parts), len(m.Parts)+2)
	for i := range m.Parts {
		n := strconv.Itoa(i + 1)
		header[i] = Field{zeros[:max(0, len(zeros)-len(n))] + n, m.Parts[i].URL}
	}
	header = append(header, Field{chunkSize, strconv.FormatInt(m.PartSize, 10)})
	return &Action{Href: m.Complete, Header: header, ExpiresIn: life}
}
