package scan

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/lfs-operator/lfs-operator/internal/gc/odb"
	"github.com/lfs-operator/lfs-operator/internal/gc/pointer"
)

// repo reads the objects of one repository on disk.
type repo struct {
	db *odb.Store
	// filtered: the blobs that are not there are too large to be pointers.
	filtered bool
	// discard is the folder to remove at the end, empty for none.
	discard string
}

// openLocal opens a bare repository or the .git of a working copy in place.
func openLocal(path string) (*repo, error) {
	root, err := gitDir(path)
	if err != nil {
		return nil, err
	}
	format, err := localFormat(root)
	if err != nil {
		return nil, err
	}
	db, err := odb.Open(filepath.Join(root, "objects"), format)
	if err != nil {
		return nil, err
	}
	return &repo{db: db}, nil
}

// close removes a fetched repository.
func (r *repo) close() error {
	r.db.Close()
	if r.discard == "" {
		return nil
	}
	return os.RemoveAll(r.discard)
}

// errMissing means that history cannot be read completely.
var errMissing = errors.New("the repository lacks an object that its history needs")

// find returns the number of an object that must be there.
func (r *repo) find(kind odb.Kind, id odb.ID) (odb.Ref, error) {
	ref, ok, err := r.db.Find(id)
	if err == nil && !ok {
		err = fmt.Errorf("%w: %s %s", errMissing, kind, r.db.Format.Text(id))
	}
	return ref, err
}

// read returns an object's content.
func (r *repo) read(kind odb.Kind, ref odb.Ref) ([]byte, error) {
	got, content, err := r.db.Read(ref)
	if err == nil && got != kind {
		err = fmt.Errorf("object %s is a %s where a %s is expected", r.db.Name(ref), got, kind)
	}
	return content, err
}

func (r *repo) commit(ref odb.Ref) (odb.CommitInfo, error) {
	content, err := r.read(odb.Commit, ref)
	if err != nil {
		return odb.CommitInfo{}, err
	}
	c, err := r.db.Format.ParseCommit(content)
	if err != nil {
		err = fmt.Errorf("object %s: %w", r.db.Name(ref), err)
	}
	return c, err
}

// peel follows annotated tags to what they are about. A blob need not be there.
func (r *repo) peel(id odb.ID) (odb.Kind, odb.ID, error) {
	const maxTags = 100
	for range maxTags {
		ref, ok, err := r.db.Find(id)
		if err != nil {
			return 0, id, err
		}
		if !ok {
			if r.filtered {
				// A tag may be about a blob, and a large blob was left out.
				return odb.Blob, id, nil
			}
			return 0, id, fmt.Errorf("%w: %s", errMissing, r.db.Format.Text(id))
		}
		kind, _, err := r.db.Size(ref)
		if err != nil || kind != odb.Tag {
			return kind, id, err
		}
		content, err := r.read(odb.Tag, ref)
		if err != nil {
			return 0, id, err
		}
		if id, err = r.db.Format.ParseTag(content); err != nil {
			return 0, id, err
		}
	}
	return 0, id, fmt.Errorf("%d tags of tags", maxTags)
}

// pointer returns the pointer in a blob, and false for any other blob.
func (r *repo) pointer(id odb.ID) (pointer.Pointer, bool, error) {
	none := pointer.Pointer{}
	ref, ok, err := r.db.Find(id)
	if err != nil || !ok && r.filtered {
		return none, false, err
	}
	if !ok {
		return none, false, fmt.Errorf("%w: blob %s", errMissing, r.db.Format.Text(id))
	}
	content, ok, err := r.db.Small(ref, pointer.MaxSize)
	if err != nil || !ok {
		return none, false, err
	}
	p, ok := pointer.Parse(content)
	return p, ok, nil
}
