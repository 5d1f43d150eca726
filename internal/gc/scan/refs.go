package scan

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"strings"

	"github.com/lfs-operator/lfs-operator/internal/gc/odb"
	"github.com/lfs-operator/lfs-operator/internal/gc/uploadpack"
)

// ref is a name and the object that it points at.
type ref struct {
	name string
	id   odb.ID
}

// Errors of a repository that can be reached but not used.
var (
	errShallow = errors.New("the repository is shallow: it lacks a part of its history. List the complete one")
	errFormat  = errors.New("the repository is of a form that this version cannot read")
)

// advert is what a repository says of itself.
type advert struct {
	refs []ref
	// remote is what a server said, nil for a path.
	remote *uploadpack.Advert
}

// list asks for every ref. An empty repository has none, which is no error.
func (s *source) list(ctx context.Context) (*advert, error) {
	if s.path != "" {
		return listLocal(s.path)
	}
	a, err := s.session.Refs(ctx)
	if err != nil {
		return nil, err
	}
	if a.Shallow {
		return nil, errShallow
	}
	if a.Format != odb.SHA1 && a.Format != odb.SHA256 {
		return nil, fmt.Errorf("%w: its object names are %q", errFormat, a.Format)
	}
	var refs []ref
	for _, r := range a.Refs {
		refs = append(refs, ref{r.Name, r.ID})
	}
	return &advert{refs: sorted(refs), remote: a}, nil
}

// sorted puts branches first, then tags, then the rest: the first ref that names
// an object becomes the reason why it is kept, and a pull request's tip counts
// as merged only once the branches are known.
func sorted(refs []ref) []ref {
	sort.Slice(refs, func(i, j int) bool {
		a, b := rank(refs[i].name), rank(refs[j].name)
		if a != b {
			return a < b
		}
		return refs[i].name < refs[j].name
	})
	return refs
}

func rank(name string) int {
	switch {
	case strings.HasPrefix(name, "refs/heads/"):
		return 0
	case strings.HasPrefix(name, "refs/tags/"):
		return 1
	case managed(name):
		return 3
	}
	return 2
}

// managed says whether a forge, not a person, keeps this ref. Forges never
// remove the refs of merged requests, so these pin their tip only while no
// branch or tag contains it.
func managed(name string) bool {
	for _, prefix := range []string{
		"refs/pull/", "refs/merge-requests/", "refs/changes/", "refs/pipelines/",
		"refs/keep-around/", "refs/environments/", "refs/pull-requests/",
	} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}
