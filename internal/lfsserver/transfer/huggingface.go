package transfer

import (
	"context"
	"fmt"
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
	return &basicActions{Upload: completion(m, "%05d", life), Verify: m.Verify}, nil
}

// chunkSize is what these clients know a multipart upload by.
const chunkSize = "chunk_size"

// completion is the upload action: where to complete, and the parts under keys of
// that form.
func completion(m *Multipart, key string, life int64) *Action {
	header := make(map[string]string, len(m.Parts)+2)
	header[chunkSize] = strconv.FormatInt(m.PartSize, 10)
	for i := range m.Parts {
		header[fmt.Sprintf(key, i+1)] = m.Parts[i].URL
	}
	return &Action{Href: m.Complete, Header: header, ExpiresIn: life}
}
