package objectstore

import (
	"context"
	"errors"
	"io"
	"net/http"
	"testing"
)

// wholeOnly is a store that copies no parts, and holds one object that nobody can read.
type wholeOnly struct {
	Store
	size   int64
	copied bool
}

func (s *wholeOnly) Head(context.Context, string) (Info, error) {
	return Info{Key: "staging", Size: s.size, ETag: "e"}, nil
}

func (s *wholeOnly) Create(context.Context, string) (string, error) { return "id", nil }

func (s *wholeOnly) Abort(context.Context, string, string) error { return nil }

func (s *wholeOnly) CopyPart(context.Context, string, string, int64, int64, string, string, int) (Part, error) {
	return Part{}, statusFault("copy part", "staging", http.StatusNotImplemented)
}

// Get takes longer than to hear that parts are not copied, where that ends it all.
func (s *wholeOnly) Get(ctx context.Context, _, _ string) (io.ReadCloser, Info, error) {
	if s.size > MaxPartSize {
		<-ctx.Done()
	}
	return nil, Info{}, ErrUnavailable
}

func (s *wholeOnly) Copy(context.Context, string, string, string) error {
	s.copied = true
	return nil
}

// TestUnprovenIsNotCopied: what could not be read is not copied, be it in parts or, since
// the store copies no parts, as a whole; also where it is too large for that.
func TestUnprovenIsNotCopied(t *testing.T) {
	steps := Steps{
		Gate:    func(context.Context) error { return nil },
		Copying: func(context.Context, string) error { return nil },
	}
	for _, size := range []int64{1 << 30, MaxPartSize + 1} {
		s := &wholeOnly{size: size}
		err := NewPublisher(s, "p/").Publish(t.Context(), "0123", size, "staging", steps)
		if !errors.Is(err, ErrUnavailable) || s.copied {
			t.Errorf("%d bytes: %v, copied: %v", size, err, s.copied)
		}
	}
}
