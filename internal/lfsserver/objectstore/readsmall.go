package objectstore

import (
	"context"
	"fmt"
	"io"
)

// ReadSmall reads an object of ours that is known to be small, at most so many bytes
// of it: more than most is cut off, and no longer what it was. knownETag is that of
// Bucket.Get. It returns what Get returns, and ErrUnavailable where the body ends early.
func ReadSmall(ctx context.Context, b Bucket, key, knownETag string, most int64) ([]byte, Info, error) {
	body, info, err := b.Get(ctx, key, knownETag)
	if err != nil {
		return nil, info, err
	}
	defer body.Close()
	raw, err := io.ReadAll(io.LimitReader(body, most))
	if err != nil {
		return nil, info, fmt.Errorf("%w: %s ended early", ErrUnavailable, key)
	}
	return raw, info, nil
}
