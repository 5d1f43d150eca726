// Package report is what a run of garbage collection says of itself: as JSON in
// the bucket, of which the operator shows the short form, and as text for
// people. It holds no secret.
package report

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/lfs-operator/lfs-operator/internal/gc/plan"
	"github.com/lfs-operator/lfs-operator/internal/layout"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/abandoned"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
	"github.com/lfs-operator/lfs-operator/internal/serverstatus"
)

// Report is the whole document; its first level is the short form.
type Report struct {
	serverstatus.GCReport
	// Policy in force, in one line.
	Policy string `json:"policy"`
	// Plan counts what the run found and would do, or did.
	Plan plan.Counts `json:"plan"`
	// Deletes says what became of the objects whose quarantine was over.
	Deletes Deletes `json:"deletes"`
	// Versions says what became of noncurrent ones, where the bucket keeps them.
	Versions Versions `json:"versions,omitzero"`
	// Abandoned is what servers threw away since the report before, because nobody had
	// finished it, and AbandonedTotal what they ever did.
	Abandoned      abandoned.Counts `json:"abandoned"`
	AbandonedTotal abandoned.Counts `json:"abandonedTotal"`
	// Quarantined objects in the index when the run ended.
	Quarantined plan.Count `json:"quarantined"`
	// Named is how many pointers each history entry had when it last had any;
	// a run compares with it to notice a history that is suddenly empty.
	Named map[string]int64 `json:"named"`
	// Notes are lines for people that change nothing.
	Notes []string `json:"notes,omitempty"`
}

// Deletes of a run.
type Deletes struct {
	Done plan.Count `json:"done"`
	// Rescued: asked for at the last moment, kept.
	Rescued int64 `json:"rescued"`
	// Refused by the store, and Unanswered: both stay in quarantine.
	Refused    int64 `json:"refused"`
	Unanswered int64 `json:"unanswered"`
	// Left for the next run because the lease was over.
	Left int64 `json:"left"`
	// LastError explains the last failure.
	LastError string `json:"lastError,omitempty"`
}

// Short fills in the short form from the rest.
func (r *Report) Short() {
	r.Kept = r.Plan.KeptTotal().Objects
	r.Condemned = r.Quarantined.Objects
	r.Deleted, r.DeletedBytes = r.Deletes.Done.Objects, r.Deletes.Done.Bytes
	r.Objects = r.Plan.Objects.Objects - r.Deleted
	r.Orphans, r.OrphanBytes = r.Plan.Orphans.Objects, r.Plan.Orphans.Bytes
}

// Load reads the last report; none at all is an empty one.
func Load(ctx context.Context, b objectstore.Bucket, p layout.Prefix) (Report, error) {
	var r Report
	raw, _, err := objectstore.ReadSmall(ctx, b, p.GCReport(), "", maxReport)
	if errors.Is(err, objectstore.ErrNotFound) {
		return r, nil
	}
	if err != nil {
		return r, fmt.Errorf("reading the last report: %w", err)
	}
	if json.Unmarshal(raw, &r) == nil {
		return r, nil
	}
	// What cannot be read lacks what it remembers, nothing more: the guard against
	// an empty history then starts afresh.
	return Report{}, nil
}

const maxReport = 1 << 20

// Save writes the report.
func Save(ctx context.Context, b objectstore.Bucket, p layout.Prefix, r Report) error {
	text, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return err
	}
	_, err = b.Put(ctx, p.GCReport(), bytes.NewReader(text), int64(len(text)), objectstore.Condition{})
	if err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	return nil
}
