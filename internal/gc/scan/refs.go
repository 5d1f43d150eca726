package scan

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sort"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/go-git/go-git/v5/plumbing/transport"
)

// ref is a name and the object that it points at.
type ref struct {
	name string
	hash plumbing.Hash
}

// Errors of a repository that can be reached but not used.
var (
	errShallow = errors.New("the repository is shallow: it lacks a part of its history. List the complete one")
	errSHA256  = errors.New("the repository uses SHA-256 object names, which this version cannot read")
)

// advert is what a remote says of itself.
type advert struct {
	refs []ref
	caps *capability.List
}

// list asks for every ref. An empty repository has none, which is no error.
func (s *source) list(ctx context.Context) (*advert, error) {
	if s.path != "" {
		return s.listLocal()
	}
	adv, err := s.session.AdvertisedReferencesContext(ctx)
	if errors.Is(err, transport.ErrEmptyRemoteRepository) {
		return &advert{}, nil
	}
	if err != nil {
		return nil, err
	}
	if len(adv.Shallows) > 0 {
		return nil, errShallow
	}
	if sha256(adv.Capabilities) {
		return nil, errSHA256
	}
	return &advert{refs: refsOf(adv), caps: adv.Capabilities}, nil
}

func sha256(caps *capability.List) bool {
	for _, format := range caps.Get("object-format") {
		if format != "sha1" {
			return true
		}
	}
	return false
}

// refsOf adds HEAD, which may point at no branch.
func refsOf(adv *packp.AdvRefs) []ref {
	var refs []ref
	for name, hash := range adv.References {
		refs = append(refs, ref{name, hash})
	}
	if adv.Head != nil {
		refs = append(refs, ref{"HEAD", *adv.Head})
	}
	return sorted(refs)
}

func (s *source) listLocal() (*advert, error) {
	repo, err := openLocal(s.path)
	if err != nil {
		return nil, err
	}
	defer repo.close()
	if shallows, err := repo.git.Shallow(); err != nil || len(shallows) > 0 {
		return nil, errors.Join(errShallow, err)
	}
	if raw, err := os.ReadFile(repo.root + "/config"); err == nil && sha256Config(string(raw)) {
		return nil, errSHA256
	}
	iter, err := repo.git.IterReferences()
	if err != nil {
		return nil, fmt.Errorf("refs: %w", err)
	}
	var refs []ref
	err = iter.ForEach(func(r *plumbing.Reference) error {
		if r.Type() == plumbing.HashReference {
			refs = append(refs, ref{r.Name().String(), r.Hash()})
		}
		return nil
	})
	return &advert{refs: sorted(refs)}, err
}

func sha256Config(config string) bool {
	config = strings.ToLower(strings.ReplaceAll(config, " ", ""))
	return strings.Contains(config, "objectformat=sha256")
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
