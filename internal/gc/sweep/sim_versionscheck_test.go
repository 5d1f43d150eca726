package sweep

import (
	"slices"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/gc/gctest"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
)

// onDeleteOwn hears of deletes of the server's own records: no version goes that
// readers get, and nothing comes back that was deleted.
func (s *sim) onDeleteOwn(d gctest.Deletion) {
	switch {
	case d.Version == "" || d.Before == d.After:
	case d.Before != "":
		s.t.Errorf("seed %d: lost: %s, a record of the server's own", s.seed, d.Key)
	default:
		s.t.Errorf("seed %d: garbage left: %s was deleted and is back", s.seed, d.Key)
	}
}

// onDeleteBelow hears of deletes that made no object absent: of one that somebody has
// hidden, the last version stays as long as history needs it or a lock keeps it.
func (s *sim) onDeleteBelow(name string, d gctest.Deletion) {
	if d.Had == d.Left || d.Left > 0 {
		return
	}
	s.excuse(name)
	if s.needed(name) {
		s.t.Errorf("seed %d: lost: the last version of %s was deleted; it is hidden, and a ref needs it", s.seed, name)
	}
	if s.protects(name) {
		s.t.Errorf("seed %d: lost: the last version of %s was deleted; it is hidden, and its path is locked", s.seed, name)
	}
}

// onHidden hears of DELETEs that made an object absent. Where the bucket kept versions
// when the run began, none is hidden.
func (s *sim) onHidden(name string, d gctest.Deletion) {
	if s.versions == nil || d.Left == 0 || d.Version != "" ||
		s.world.store.Versioning() != gctest.Versioned || time.Since(s.versions.since) < simQuiet {
		return
	}
	s.t.Errorf("seed %d: garbage left: %s was deleted without naming a version, which only hides it", s.seed, name)
}

// versionsLeft: of what nobody needs all versions have gone, of what is needed there is
// one, and of the server's own records only the current ones are left.
func (s *sim) versionsLeft() {
	for _, key := range s.world.store.VersionedKeys(prefix.Objects()) {
		oid, _ := prefix.OIDOf(key)
		name, all := gctest.NameOf(oid), s.world.store.Versions(key)
		latest := all[len(all)-1]
		switch {
		case s.needed(name):
			if latest.Marker && !slices.Contains(s.versions.lastNeeded, oid) {
				s.t.Errorf("seed %d: lost: history needs %s, and the report does not say that it is hidden", s.seed, name)
			}
		case s.named(name) && latest.Marker && len(removable(all)) > 0:
			s.t.Errorf("seed %d: garbage left: %d versions of %s, which is hidden", s.seed, len(removable(all)), name)
		}
	}
	for path, name := range s.tips {
		if name != "" && len(s.world.store.Versions(prefix.Object(gctest.OID(name)))) == 0 {
			s.t.Errorf("seed %d: lost: the tip of %s needs %s, of which no version is left", s.seed, path, name)
		}
	}
	if s.versions.abandoned > time.Minute {
		return
	}
	before := s.versions.last.Add(-s.versions.abandoned - 2*second)
	for _, root := range []string{prefix.Meta(), prefix.Stagings()} {
		for _, key := range s.world.store.VersionedKeys(root) {
			all := s.world.store.Versions(key)
			for i, v := range all[:len(all)-1] {
				if all[i+1].LastModified.Before(before) && v.VersionID != objectstore.NullVersion {
					s.t.Errorf("seed %d: garbage left: a version of %s", s.seed, key)
				}
			}
		}
	}
}

// removable are those versions of a hidden object that go by their IDs. The one named
// NullVersion can be written over, so it stays, and so does the marker that hides it.
func removable(all []objectstore.Version) []objectstore.Version {
	null := func(v objectstore.Version) bool { return v.VersionID == objectstore.NullVersion }
	if slices.ContainsFunc(all, null) {
		all = all[:len(all)-1]
	}
	return slices.DeleteFunc(slices.Clone(all), null)
}
