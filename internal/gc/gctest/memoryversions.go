package gctest

import (
	"context"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
)

// Versioning of a bucket.
type Versioning int

// The states ("Using versioning in S3 buckets", Amazon S3 user guide). A bucket that
// is Suspended keeps what versions it has and writes over the one named NullVersion.
const (
	Unversioned Versioning = iota
	Versioned
	Suspended
)

// Flaws of a store or of the credentials for it.
type Flaws struct {
	// NoExpiry: presigned requests are obeyed after they have expired.
	NoExpiry bool
	// The credentials may not list versions, or not delete any by its ID.
	NoListVersions, NoDeleteVersions bool
}

// keeping is what a Memory knows of versions.
type keeping struct {
	versioning Versioning
	flaws      Flaws
	// newestFirst is the order of listings of versions; stores differ in it.
	newestFirst bool
	// serial of the last version.
	serial int
}

// object is one version of a key.
type object struct {
	body     []byte
	etag     string
	modified time.Time
	version  string
	marker   bool
}

// SetVersioning of the bucket.
func (m *Memory) SetVersioning(v Versioning) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.versioning = v
}

// Versioning of the bucket.
func (m *Memory) Versioning() Versioning {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.versioning
}

// SetFlaws says what the store cannot do, and whether it lists versions newest first.
func (m *Memory) SetFlaws(f Flaws, newestFirst bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.flaws, m.newestFirst = f, newestFirst
}

// Flaws of the store.
func (m *Memory) Flaws() Flaws {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.flaws
}

// Versions of one key, the latest last, without hooks.
func (m *Memory) Versions(key string) []objectstore.Version {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.versions(key)
}

// VersionedKeys lists all keys with a prefix that have a version of any kind,
// without hooks.
func (m *Memory) VersionedKeys(prefix string) []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.keys(prefix)
}

func (m *Memory) keys(prefix string) (keys []string) {
	for k := range m.objects {
		if strings.HasPrefix(k, prefix) {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	return keys
}

// RemoveVersion removes one version of a key, without hooks.
func (m *Memory) RemoveVersion(key, version string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.remove(key, version)
}

// current is the version that readers get, nil for none.
func (m *Memory) current(key string) *object {
	all := m.objects[key]
	if len(all) == 0 || all[len(all)-1].marker {
		return nil
	}
	return &all[len(all)-1]
}

// readable is the version that readers get, empty for none, and how many versions
// of the key have content.
func (m *Memory) readable(key string) (version string, contents int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if o := m.current(key); o != nil {
		version = o.version
	}
	for _, o := range m.objects[key] {
		if !o.marker {
			contents++
		}
	}
	return version, contents
}

// write makes o the latest version of a key.
func (m *Memory) write(key string, o object) *object {
	o.modified, o.version = m.time().Truncate(time.Second), objectstore.NullVersion
	if m.versioning == Versioned {
		m.serial++
		o.version = strconv.Itoa(m.serial)
	} else {
		m.remove(key, o.version)
	}
	all := append(m.objects[key], o)
	m.objects[key] = all
	return &all[len(all)-1]
}

// remove deletes a version of a key; without one it makes the key absent.
func (m *Memory) remove(key, version string) {
	if version == "" && m.versioning != Unversioned {
		m.write(key, object{marker: true})
		return
	}
	all := slices.DeleteFunc(m.objects[key], func(o object) bool { return version == "" || o.version == version })
	if len(all) == 0 {
		delete(m.objects, key)
		return
	}
	m.objects[key] = all
}

func (m *Memory) versions(key string) (out []objectstore.Version) {
	all := m.objects[key]
	for i := range all {
		v := objectstore.Version{Info: m.info(key, &all[i]), Latest: i == len(all)-1, Marker: all[i].marker}
		v.VersionID, v.Date = all[i].version, time.Time{}
		out = append(out, v)
	}
	return out
}

// ListVersions implements objectstore.Versions; it answers with one state of the
// bucket.
func (m *Memory) ListVersions(ctx context.Context, prefix string) iter.Seq2[objectstore.Version, error] {
	return func(yield func(objectstore.Version, error) bool) {
		var all []objectstore.Version
		err := m.call(ctx, "list-versions", prefix, func() error {
			if m.flaws.NoListVersions {
				return objectstore.ErrDenied
			}
			for _, key := range m.keys(prefix) {
				all = append(all, m.versions(key)...)
			}
			if m.newestFirst {
				slices.Reverse(all)
			}
			return nil
		})
		if err != nil {
			yield(objectstore.Version{}, err)
			return
		}
		for _, v := range all {
			if !yield(v, nil) {
				return
			}
		}
	}
}

var _ objectstore.Versions = (*Memory)(nil)
