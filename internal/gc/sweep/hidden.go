package sweep

import (
	"context"
	"slices"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/gc/plan"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
)

// maxKeys bounds what one run looks at of each kind, and the memory for it; the
// next run goes on.
const maxKeys = 20_000

// hidden are objects whose latest version is a delete marker: somebody deleted them
// without naming a version. They are absent for every reader, and their content
// still lies in the bucket.
type hidden struct {
	// oids, and what the plan decided about them; empty where no history names one.
	oids map[string]plan.Action
	// uploading are those of which an upload is under way.
	uploading map[string]bool
}

// keepsVersions finds out whether there are versions to look at: by the probe of
// this run, else by what the store said of the last report, which every run writes.
func (r *run) keepsVersions(ctx context.Context) bool {
	if r.Versions == nil {
		return false
	}
	if r.caps.ConditionalWrites {
		return r.caps.Versioned
	}
	info, err := r.bucket.Head(ctx, r.prefix.GCReport())
	return err == nil && info.VersionID != "" && info.VersionID != objectstore.NullVersion
}

// findHidden lists them, so that the plan can be asked about them.
func (r *run) findHidden(ctx context.Context) {
	r.hidden = hidden{oids: map[string]plan.Action{}}
	if !r.keepsVersions(ctx) {
		return
	}
	for v, err := range r.Versions.ListVersions(ctx, r.prefix.Objects()) {
		if err != nil {
			r.noVersions(err)
			return
		}
		oid, ok := r.prefix.OIDOf(v.Key)
		if ok && v.Latest && v.Marker && len(r.hidden.oids) < maxKeys {
			r.hidden.oids[oid] = ""
		}
	}
}

// decided hears of every decision of the plan.
func (r *run) decided(d plan.Decision) {
	if _, ok := r.hidden.oids[d.OID]; ok {
		r.hidden.oids[d.OID] = d.Action
		if d.Reason == plan.Locked {
			r.hidden.oids[d.OID] = plan.Keep // absent, but not forgotten
		}
	}
	if r.Explain != nil {
		r.Explain(d)
	}
}

// forgotten are the hidden objects that nothing needs, with how long each must have
// been hidden before it goes. What history needs stays: it is the only copy, and comes
// back when its marker is removed. Orphans wait as those do that are there.
func (r *run) forgotten() map[string]time.Duration {
	out := map[string]time.Duration{}
	named := r.plan.History.Versions+r.plan.History.Pins > 0
	var needed []string
	for oid, action := range r.hidden.oids {
		switch {
		case r.hidden.uploading[oid]:
		case action == plan.Miss:
			needed = append(needed, oid)
		case action == plan.Ignore:
			out[oid] = r.policy.Quarantine
		case action == "" && named && r.policy.OrphanAfter > 0:
			out[oid] = max(r.policy.OrphanAfter, r.policy.Quarantine)
		}
	}
	if len(needed) > 0 {
		slices.Sort(needed)
		r.note("history needs %d objects that are hidden by delete markers; remove the markers to have them back. The first: %s",
			len(needed), r.prefix.Object(needed[0]))
		r.report.Versions.Needed = needed[:min(len(needed), 20)]
	}
	return out
}
