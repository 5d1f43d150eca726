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
// content as ETag, and refuses presigned requests that have expired. It keeps
// versions once it is told to (SetVersioning).
type Memory struct {
	// Before runs before each call, outside the lock; an error is returned
	// instead of doing it. After runs after it and can hide its success.
	Before func(op, key string) error
	After  func(op, key string) error
	// Clock, where set, is the store's clock instead of its own.
	Clock func() time.Time

	mu  sync.Mutex
	now time.Time
	// objects are the versions of each key, the latest last; a key has at least one.
	objects map[string][]object
	keeping
}

// NewMemory returns an empty bucket.
func NewMemory() *Memory {
	return &Memory{now: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC), objects: map[string][]object{}}
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
	return slices.DeleteFunc(m.keys(prefix), func(k string) bool { return m.current(k) == nil })
}

// Has says whether a key is there, without hooks.
func (m *Memory) Has(key string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.current(key) != nil
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
	if o := m.current(key); o != nil {
		return string(o.body)
	}
	return ""
}

// Remove a key, without hooks. A bucket that keeps versions hides it.
func (m *Memory) Remove(key string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.remove(key, "")
}

func (m *Memory) set(key string, body []byte) objectstore.Info {
	sum := md5.Sum(body)
	return m.info(key, m.write(key, object{body: body, etag: hex.EncodeToString(sum[:])}))
}

func (m *Memory) info(key string, o *object) objectstore.Info {
	i := objectstore.Info{Key: key, Size: int64(len(o.body)), ETag: o.etag,
		LastModified: o.modified, Date: m.time().Truncate(time.Second)}
	if m.versioning != Unversioned {
		i.VersionID = o.version
	}
	return i
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
		old := m.current(key)
		if cond.IfAbsent && old != nil || cond.IfMatch != "" && (old == nil || old.etag != cond.IfMatch) {
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
		o := m.current(key)
		if o == nil {
			info = m.info(key, &object{})
			return objectstore.ErrNotFound
		}
		info = m.info(key, o)
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
		o := m.current(key)
		if o == nil {
			return objectstore.ErrNotFound
		}
		info = m.info(key, o)
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
					if o := m.current(key); o != nil {
						all = append(all, m.info(key, o))
					}
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
			i.Date, i.VersionID = time.Time{}, ""
			if !yield(i, nil) {
				return
			}
		}
	}
}

// Delete implements objectstore.Bucket.
func (m *Memory) Delete(ctx context.Context, key, version string) error {
	return m.call(ctx, "delete", key, func() error {
		if version != "" && m.flaws.NoDeleteVersions {
			return objectstore.ErrDenied
		}
		m.remove(key, version)
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
func (m *Memory) PresignDelete(key, version string, at time.Time, expires time.Duration) (string, error) {
	q := url.Values{"key": {key}, "version": {version}, "until": {strconv.FormatInt(at.Add(expires).UnixNano(), 10)}}
	return "http://memory.invalid/?" + q.Encode(), nil
}

// Do carries out a presigned DELETE unless it has expired.
func (m *Memory) Do(req *http.Request) (*http.Response, error) {
	q := req.URL.Query()
	key, version := q.Get("key"), q.Get("version")
	until, _ := strconv.ParseInt(q.Get("until"), 10, 64)
	status := http.StatusNoContent
	err := m.call(req.Context(), "presigned-delete", key, func() error {
		if m.time().UnixNano() > until && !m.flaws.NoExpiry || version != "" && m.flaws.NoDeleteVersions {
			status = http.StatusForbidden
			return nil
		}
		m.remove(key, version)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &http.Response{StatusCode: status, Status: http.StatusText(status), Body: http.NoBody}, nil
}
