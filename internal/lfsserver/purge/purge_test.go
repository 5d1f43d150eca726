package purge

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/lfs-operator/lfs-operator/internal/layout"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
)

const prefix = layout.Prefix("team-a/models-1/")

// memory is a bucket in memory; deletes of the key fails fail.
type memory struct {
	objectstore.Bucket
	mu      sync.Mutex
	objects map[string]string
	fails   string
	missing bool
}

func (m *memory) Get(_ context.Context, key, _ string) (io.ReadCloser, objectstore.Info, error) {
	if m.missing {
		return nil, objectstore.Info{}, objectstore.ErrBucketMissing
	}
	content, ok := m.objects[key]
	if !ok {
		return nil, objectstore.Info{}, objectstore.ErrNotFound
	}
	return io.NopCloser(strings.NewReader(content)), objectstore.Info{Key: key}, nil
}

func (m *memory) List(_ context.Context, under, _ string) iter.Seq2[objectstore.Info, error] {
	m.mu.Lock()
	keys := slices.Sorted(maps.Keys(m.objects))
	m.mu.Unlock()
	return func(yield func(objectstore.Info, error) bool) {
		for _, key := range keys {
			if strings.HasPrefix(key, under) && !yield(objectstore.Info{Key: key}, nil) {
				return
			}
		}
	}
}

func (m *memory) Delete(_ context.Context, key, _ string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if key == m.fails {
		return objectstore.ErrUnavailable
	}
	delete(m.objects, key)
	return nil
}

func TestRun(t *testing.T) {
	owner := func(uid string) string {
		var b bytes.Buffer
		_ = json.NewEncoder(&b).Encode(objectstore.Owner{UID: uid, Namespace: "team-a", Name: "models"})
		return b.String()
	}
	const object, beside = "team-a/models-1/lfs/ab/cd/abcd", "team-a/models-10/lfs/ab/cd/abcd"
	for name, tc := range map[string]struct {
		owner    string
		fails    string
		missing  bool
		wantErr  error
		wantLeft []string
	}{
		"ours":                    {owner: owner("1"), wantLeft: []string{beside}},
		"another's":               {owner: owner("2"), wantLeft: []string{object, beside, prefix.Owner()}},
		"never claimed":           {wantLeft: []string{object, beside}},
		"no bucket":               {owner: owner("1"), missing: true, wantLeft: []string{object, beside, prefix.Owner()}},
		"the owner outlives rest": {owner: owner("1"), fails: object, wantErr: objectstore.ErrUnavailable, wantLeft: []string{object, beside, prefix.Owner()}},
	} {
		t.Run(name, func(t *testing.T) {
			b := &memory{objects: map[string]string{object: "x", beside: "x"}, fails: tc.fails, missing: tc.missing}
			if tc.owner != "" {
				b.objects[prefix.Owner()] = tc.owner
			}
			_, err := Run(t.Context(), b, prefix, "1")
			if !errors.Is(err, tc.wantErr) {
				t.Errorf("error is %v, want %v", err, tc.wantErr)
			}
			got := slices.Sorted(maps.Keys(b.objects))
			slices.Sort(tc.wantLeft)
			if !slices.Equal(got, tc.wantLeft) {
				t.Errorf("left are %v, want %v", got, tc.wantLeft)
			}
		})
	}
}
