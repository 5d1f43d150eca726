package gctest

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
)

// Memory is a bucket with a clock of its own, which stands still unless a test
// moves it. Like S3 it cuts its times off to seconds, takes the MD5 of the
// content as ETag, and refuses presigned requests that have expired.
type Memory struct {
	// Before runs before each call, outside the lock; an error is returned
	// instead of doing it. After runs after it and can hide its success.
	Before func(op, key string) error
	After  func(op, key string) error
	// Clock, where set, is the store's clock instead of its own.
	Clock func() time.Time

	mu      sync.Mutex
	now     time.Time
	objects map[string]object
}

type object struct {
	body     []byte
	etag     string
	modified time.Time
}

// NewMemory returns an empty bucket.
func NewMemory() *Memory {
	return &Memory{now: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC), objects: map[string]object{}}
}

// Now is the store's exact time.
func (m *Memory) Now() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.time()
}

// time is now; the lock is held.
func (m *Memory) time() time.Time {
	if m.Clock != nil {
		return m.Clock()
	}
	return m.now
}

// Advance moves the clock.
func (m *Memory) Advance(d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.now = m.now.Add(d)
}

// Sleep lets d pass at once.
func (m *Memory) Sleep(ctx context.Context, d time.Duration) error {
	m.Advance(d)
	return ctx.Err()
}

// Keys lists all keys with a prefix, without hooks.
func (m *Memory) Keys(prefix string) []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var keys []string
	for k := range m.objects {
		if strings.HasPrefix(k, prefix) {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	return keys
}

// Has says whether a key is there, without hooks.
func (m *Memory) Has(key string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, ok := m.objects[key]
	return ok
}

// Set puts a key, without hooks.
func (m *Memory) Set(key, body string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.set(key, []byte(body))
}

// Body of a key, without hooks.
func (m *Memory) Body(key string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return string(m.objects[key].body)
}

// Remove a key, without hooks.
func (m *Memory) Remove(key string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.objects, key)
}

func (m *Memory) set(key string, body []byte) objectstore.Info {
	sum := md5.Sum(body)
	m.objects[key] = object{body: body, etag: hex.EncodeToString(sum[:]), modified: m.time().Truncate(time.Second)}
	return m.info(key)
}

func (m *Memory) info(key string) objectstore.Info {
	o := m.objects[key]
	return objectstore.Info{Key: key, Size: int64(len(o.body)), ETag: o.etag,
		LastModified: o.modified, Date: m.time().Truncate(time.Second)}
}

// call runs the hooks around f.
func (m *Memory) call(ctx context.Context, op, key string, f func() error) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%w: %w", objectstore.ErrUnavailable, err)
	}
	if m.Before != nil {
		if err := m.Before(op, key); err != nil {
			return err
		}
	}
	m.mu.Lock()
	err := f()
	m.mu.Unlock()
	if m.After != nil {
		if hidden := m.After(op, key); hidden != nil {
			return hidden
		}
	}
	return err
}

// Put implements objectstore.Bucket.
func (m *Memory) Put(ctx context.Context, key string, body io.Reader, _ int64, cond objectstore.Condition) (info objectstore.Info, err error) {
	b, err := io.ReadAll(body)
	if err != nil {
		return info, err
	}
	err = m.call(ctx, "put", key, func() error {
		old, ok := m.objects[key]
		if cond.IfAbsent && ok || cond.IfMatch != "" && (!ok || old.etag != cond.IfMatch) {
			return objectstore.ErrPreconditionFailed
		}
		info = m.set(key, b)
		return nil
	})
	return info, err
}

// Get implements objectstore.Bucket.
func (m *Memory) Get(ctx context.Context, key, knownETag string) (rc io.ReadCloser, info objectstore.Info, err error) {
	err = m.call(ctx, "get", key, func() error {
		o, ok := m.objects[key]
		info = m.info(key)
		if !ok {
			return objectstore.ErrNotFound
		}
		if knownETag == o.etag {
			return objectstore.ErrNotModified
		}
		rc = io.NopCloser(bytes.NewReader(o.body))
		return nil
	})
	return rc, info, err
}

// Head implements objectstore.Bucket.
func (m *Memory) Head(ctx context.Context, key string) (info objectstore.Info, err error) {
	err = m.call(ctx, "head", key, func() error {
		if _, ok := m.objects[key]; !ok {
			return objectstore.ErrNotFound
		}
		info = m.info(key)
		return nil
	})
	return info, err
}

// List implements objectstore.Bucket; it answers with one state of the bucket.
func (m *Memory) List(ctx context.Context, prefix, startAfter string) iter.Seq2[objectstore.Info, error] {
	return func(yield func(objectstore.Info, error) bool) {
		var all []objectstore.Info
		err := m.call(ctx, "list", prefix, func() error {
			for key := range m.objects {
				if strings.HasPrefix(key, prefix) && key > startAfter {
					all = append(all, m.info(key))
				}
			}
			return nil
		})
		if err != nil {
			yield(objectstore.Info{}, err)
			return
		}
		slices.SortFunc(all, func(a, b objectstore.Info) int { return strings.Compare(a.Key, b.Key) })
		for _, i := range all {
			i.Date = time.Time{}
			if !yield(i, nil) {
				return
			}
		}
	}
}

// Delete implements objectstore.Bucket.
func (m *Memory) Delete(ctx context.Context, key, _ string) error {
	return m.call(ctx, "delete", key, func() error {
		delete(m.objects, key)
		return nil
	})
}

// PresignGet implements objectstore.Presigner; nothing here downloads.
func (m *Memory) PresignGet(string, time.Duration, string) (string, error) { return "", nil }

// PresignPut implements objectstore.Presigner; nothing here uploads by URL.
func (m *Memory) PresignPut(string, []byte, int64, time.Duration) (string, map[string]string, error) {
	return "", nil, nil
}

// PresignDelete implements objectstore.Presigner.
func (m *Memory) PresignDelete(key, _ string, at time.Time, expires time.Duration) (string, error) {
	q := url.Values{"key": {key}, "until": {strconv.FormatInt(at.Add(expires).UnixNano(), 10)}}
	return "http://memory.invalid/?" + q.Encode(), nil
}

// Do carries out a presigned DELETE unless it has expired.
func (m *Memory) Do(req *http.Request) (*http.Response, error) {
	q := req.URL.Query()
	key := q.Get("key")
	until, _ := strconv.ParseInt(q.Get("until"), 10, 64)
	status := http.StatusNoContent
	err := m.call(req.Context(), "presigned-delete", key, func() error {
		if m.time().UnixNano() > until {
			status = http.StatusForbidden
			return nil
		}
		delete(m.objects, key)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &http.Response{StatusCode: status, Status: http.StatusText(status), Body: http.NoBody}, nil
}
