package lfsserver

import (
	"crypto/sha256"
	"hash"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
)

// configSuffix ends the names of configurations in RepositoriesDir.
const configSuffix = ".yaml"

// readRepositories reads what is mounted for all repositories, by the name of their
// file. One that cannot be read now is there with its error. Of Secrets only those of
// the store and of the server itself are read: whatever else a configuration names
// is not mounted into a shared server.
func readRepositories(o *Options) (map[string]*files, error) {
	entries, err := os.ReadDir(o.RepositoriesDir)
	if err != nil {
		return nil, err
	}
	common := &files{keys: map[string][]byte{}, sealed: true}
	h := sha256.New()
	common.readStore(h, o)
	shared := h.Sum(nil)
	out := map[string]*files{}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") || !strings.HasSuffix(e.Name(), configSuffix) {
			continue // what the volume keeps for itself
		}
		f := *common
		h.Reset()
		h.Write(shared)
		f.readConfig(h, filepath.Join(o.RepositoriesDir, e.Name()))
		h.Sum(f.digest[:0])
		out[e.Name()] = &f
	}
	return out, nil
}

func (f *files) readConfig(h hash.Hash, path string) { f.config, f.configErr = readSmall(h, path) }

// look puts what is mounted into force.
func (s *Shared) look() {
	found, err := readRepositories(&s.options)
	if err != nil {
		s.log.Error("the configurations cannot be read; what is served stays as it is", "error", err)
		return
	}
	changed := false
	for _, file := range slices.Sorted(maps.Keys(found)) {
		f, m := found[file], s.members[file]
		if f.configErr != nil || m != nil && m.digest == f.digest {
			continue // the next look finds it, or that it is gone
		}
		changed = s.load(file, f, m) || changed
	}
	for file, m := range s.members {
		if found[file] == nil {
			delete(s.members, file)
			s.leave(m)
			changed = true
		}
	}
	if changed {
		s.publish()
	}
}

// load puts one repository's files into force. It is true where the table changes.
func (s *Shared) load(file string, f *files, m *member) bool {
	if m != nil && m.server != nil {
		if cfg, err := serverconfig.Parse(f.config); err != nil || sameRepository(cfg.Repository, m.repository) {
			m.digest = f.digest
			m.server.load(f)
			return false
		}
		s.leave(m)
	}
	next := s.newMember(f)
	s.members[file] = next
	if next.refused != "" {
		s.log.Error("a repository is not served, since its configuration cannot be used", "file", file, "repository", next.name(), "error", next.refused)
	} else {
		s.log.Info("repository added", "repository", next.name(), "hash", next.server.current.Load().hash)
	}
	return true
}

func sameRepository(a, b serverconfig.Repository) bool {
	return a.UID == b.UID && a.Namespace == b.Namespace && a.Name == b.Name
}

// leave has a member go when it has ended what runs.
func (s *Shared) leave(m *member) {
	if m.server == nil {
		return
	}
	s.log.Info("repository leaves", "repository", m.name())
	s.mu.Lock()
	s.retired = append(s.retired, m)
	s.mu.Unlock()
	s.retiring.Go(func() { s.retire(m) })
}

// publish makes the table anew. A repository that is served stands before one of the
// same name that goes; of two that are served the first file counts.
func (s *Shared) publish() {
	t := &table{byName: map[string]*member{}}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, file := range slices.Sorted(maps.Keys(s.members)) {
		m := s.members[file]
		t.all = append(t.all, m)
		if m.repository.Name == "" {
			continue // whose it is could not be read
		}
		if other := t.byName[m.name()]; other != nil {
			s.log.Error("two configurations are of repositories of one name; the second is not served", "file", file, "repository", m.name())
			continue
		}
		t.byName[m.name()] = m
	}
	for _, m := range s.retired {
		t.all = append(t.all, m)
		if t.byName[m.name()] == nil {
			t.byName[m.name()] = m
		}
	}
	s.current.Store(t)
}
