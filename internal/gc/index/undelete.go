package index

import (
	"context"
	"fmt"

	"github.com/lfs-operator/lfs-operator/internal/layout"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
)

// Undelete brings objects back from quarantine, just as a client does that asks
// for them in an upload batch: it leaves a marker for each, and the next sweep
// takes them off the index. all names every condemned object. It returns what
// became of each, by OID, in words for people.
func Undelete(ctx context.Context, b objectstore.Bucket, p layout.Prefix, oids []string, all bool) (map[string]string, error) {
	v, err := NewGuard(b, p).Begin(ctx)
	if err != nil {
		return nil, err
	}
	if all {
		oids = v.oidsIn(Condemned)
	}
	out := map[string]string{}
	for _, oid := range oids {
		switch v.State(oid) {
		case Condemned:
			if err := v.Rescue(ctx, oid); err != nil {
				return out, err
			}
			out[oid] = "brought back: the next run takes it out of quarantine"
		case Deleting:
			out[oid] = "is being deleted at this moment: too late, unless the run leaves it; ask again in a minute"
		default:
			out[oid] = "is not in quarantine"
		}
	}
	return out, nil
}

// oidsIn lists the objects in a state.
func (v View) oidsIn(s State) []string {
	var out []string
	for i, state := range v.states {
		if state == s {
			out = append(out, fmt.Sprintf("%x", v.oids[32*i:32*i+32]))
		}
	}
	return out
}
