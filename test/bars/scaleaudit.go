package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lfs-operator/lfs-operator/test/harness"
)

// scaleWrites is what the operator wrote within some time.
type scaleWrites struct {
	// writes of objects, events, and writes that were only tried (dry runs).
	writes, events, dryRuns int
	// besides are writes that are for no repository, but for the operator itself or
	// its LFSStore.
	besides int
	// each by verb and resource, writes and all.
	each map[string]int
}

// operatorWrites reads what the operator wrote since then from the audit log. The
// lease of leader election belongs to no repository.
func (c *scaleCluster) operatorWrites(since time.Time) (scaleWrites, error) {
	w := scaleWrites{each: map[string]int{}}
	f, err := os.Open(c.auditLog)
	if err != nil {
		return w, err
	}
	defer f.Close()
	seen := 0
	lines := bufio.NewScanner(f)
	for lines.Buffer(nil, 1<<20); lines.Scan(); seen++ {
		var e struct {
			auditEvent
			RequestURI string
		}
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			return w, err
		}
		if e.User.Username != scaleUser || e.Stage != "ResponseComplete" || e.ObjectRef.Resource == "leases" || e.RequestReceivedTimestamp.Before(since) {
			continue
		}
		what := strings.TrimSuffix(e.Verb+" "+e.ObjectRef.Resource+"/"+e.ObjectRef.Subresource, "/")
		switch {
		case forNoRepository(e.auditEvent):
			w.besides++
			what += " (besides)"
		case strings.Contains(e.RequestURI, "dryRun="):
			w.dryRuns++
			what += " (dry run)"
		case e.ObjectRef.Resource == "events":
			w.events++
		default:
			w.writes++
		}
		w.each[what]++
	}
	if seen == 0 {
		return w, errors.New("the audit log is empty: nothing was counted")
	}
	return w, lines.Err()
}

// total of all that the API server was asked to change.
func (w scaleWrites) total() int { return w.writes + w.events + w.dryRuns + w.besides }

// forNoRepository is true of what the operator does once: its key, the LFSStore with
// what tries it out, and events of those. No LFSRepository is in the namespaces of
// these, nor called so.
func forNoRepository(e auditEvent) bool {
	o := e.ObjectRef
	return o.Resource == "lfsstores" || o.Namespace == harness.OperatorNamespace ||
		strings.HasPrefix(o.Name, "lfs-probe-") || o.Resource == "events" && o.Namespace == metav1.NamespaceDefault
}

// String lists them, the most frequent first.
func (w scaleWrites) String() string {
	names := slices.SortedFunc(maps.Keys(w.each), func(a, b string) int { return w.each[b] - w.each[a] })
	var out []string
	for _, name := range names {
		out = append(out, fmt.Sprintf("%d %s", w.each[name], name))
	}
	return strings.Join(out, ", ")
}
