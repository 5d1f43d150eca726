package scan

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/go-git/go-billy/v5/osfs"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/transport"
	"github.com/go-git/go-git/v5/storage/filesystem"

	"github.com/lfs-operator/lfs-operator/internal/gc/pointer"
)

// objectCache bounds the memory for objects that were just read: deltas are
// rebuilt from them, and a commit's trees are the next one's parents' trees.
const objectCache = 24 * cache.MiByte

// repo reads the objects of one repository on disk.
type repo struct {
	root string
	git  *filesystem.Storage
	// filtered: the blobs that are not there are too large to be pointers.
	filtered bool
}

// openLocal opens a bare repository or the .git of a working copy in place.
func openLocal(path string) (*repo, error) {
	for _, root := range []string{path, filepath.Join(path, ".git")} {
		if isDir(filepath.Join(root, "objects")) && exists(filepath.Join(root, "HEAD")) {
			return newRepo(root), nil
		}
	}
	return nil, transport.ErrRepositoryNotFound
}

func newRepo(root string) *repo {
	return &repo{root: root, git: filesystem.NewStorageWithOptions(
		osfs.New(root), cache.NewObjectLRU(objectCache),
		filesystem.Options{KeepDescriptors: true, AlternatesFS: osfs.New("/")},
	)}
}

func (r *repo) close() { _ = r.git.Close() }

func isDir(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.IsDir()
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// errMissing means that history cannot be read completely.
var errMissing = errors.New("the repository lacks an object that its history needs")

// read returns an object's content.
func (r *repo) read(kind plumbing.ObjectType, hash plumbing.Hash) ([]byte, error) {
	obj, err := r.git.EncodedObject(kind, hash)
	if errors.Is(err, plumbing.ErrObjectNotFound) {
		return nil, fmt.Errorf("%w: %s %s", errMissing, kind, hash)
	}
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", kind, hash, err)
	}
	rd, err := obj.Reader()
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", kind, hash, err)
	}
	defer rd.Close()
	b, err := io.ReadAll(rd)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", kind, hash, err)
	}
	return b, nil
}

// commit is what the order of versions needs of a commit.
type commit struct {
	tree    plumbing.Hash
	parents []plumbing.Hash
	when    int64
}

func (r *repo) commit(hash plumbing.Hash) (commit, error) {
	c, err := object.GetCommit(r.git, hash)
	if errors.Is(err, plumbing.ErrObjectNotFound) {
		err = fmt.Errorf("%w: commit %s", errMissing, hash)
	}
	if err != nil {
		return commit{}, err
	}
	return commit{tree: c.TreeHash, parents: c.ParentHashes, when: c.Committer.When.Unix()}, nil
}

// peel follows annotated tags to what they are about.
func (r *repo) peel(hash plumbing.Hash) (plumbing.ObjectType, plumbing.Hash, error) {
	const maxTags = 100
	for range maxTags {
		obj, err := r.git.EncodedObject(plumbing.AnyObject, hash)
		if errors.Is(err, plumbing.ErrObjectNotFound) {
			if r.filtered {
				// A tag may be about a blob, and a large blob was left out.
				return plumbing.BlobObject, hash, nil
			}
			return 0, hash, fmt.Errorf("%w: %s", errMissing, hash)
		}
		if err != nil {
			return 0, hash, err
		}
		if obj.Type() != plumbing.TagObject {
			return obj.Type(), hash, nil
		}
		tag, err := object.DecodeTag(r.git, obj)
		if err != nil {
			return 0, hash, err
		}
		hash = tag.Target
	}
	return 0, hash, fmt.Errorf("%d tags of tags", maxTags)
}

// pointer returns the pointer in a blob, and false for any other blob.
func (r *repo) pointer(hash plumbing.Hash) (pointer.Pointer, bool, error) {
	size, err := r.git.EncodedObjectSize(hash)
	if errors.Is(err, plumbing.ErrObjectNotFound) {
		if r.filtered {
			return pointer.Pointer{}, false, nil
		}
		return pointer.Pointer{}, false, fmt.Errorf("%w: blob %s", errMissing, hash)
	}
	if err != nil {
		return pointer.Pointer{}, false, fmt.Errorf("blob %s: %w", hash, err)
	}
	if size > pointer.MaxSize {
		return pointer.Pointer{}, false, nil
	}
	b, err := r.read(plumbing.BlobObject, hash)
	if err != nil {
		return pointer.Pointer{}, false, err
	}
	p, ok := pointer.Parse(b)
	return p, ok, nil
}
