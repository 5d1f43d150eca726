package lfsserver

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/lfs-operator/lfs-operator/internal/serverstatus"
)

// gcMetrics are about the last run of garbage collection, as its report in the
// bucket has it. Without a run there are none: a zero would look like one.
type gcMetrics struct{ last func() *serverstatus.GCReport }

// gcGauge is one figure of a report.
type gcGauge struct {
	desc  *prometheus.Desc
	value func(*serverstatus.GCReport) float64
}

func newGCGauge(name, help string, value func(*serverstatus.GCReport) float64) gcGauge {
	return gcGauge{prometheus.NewDesc("lfs_server_gc_last_"+name, help, nil, nil), value}
}

var gcGauges = []gcGauge{
	newGCGauge("run_timestamp_seconds", "When the last run of garbage collection ended.",
		func(r *serverstatus.GCReport) float64 { return float64(r.FinishedAt.Unix()) }),
	newGCGauge("duration_seconds", "How long its sweep took.",
		func(r *serverstatus.GCReport) float64 { return r.FinishedAt.Sub(r.StartedAt).Seconds() }),
	newGCGauge("success", "1 when it succeeded, 0 when it failed or a guard stopped it.",
		func(r *serverstatus.GCReport) float64 {
			if r.Outcome == serverstatus.GCSucceeded {
				return 1
			}
			return 0
		}),
	newGCGauge("kept_objects", "Objects that it kept.", func(r *serverstatus.GCReport) float64 { return float64(r.Kept) }),
	newGCGauge("condemned_objects", "Objects in quarantine when it ended.",
		func(r *serverstatus.GCReport) float64 { return float64(r.Condemned) }),
	newGCGauge("deleted_objects", "Objects that it deleted.", func(r *serverstatus.GCReport) float64 { return float64(r.Deleted) }),
	newGCGauge("deleted_bytes", "Bytes that it deleted.", func(r *serverstatus.GCReport) float64 { return float64(r.DeletedBytes) }),
	newGCGauge("orphan_objects", "Objects that no listed history names.",
		func(r *serverstatus.GCReport) float64 { return float64(r.Orphans) }),
	newGCGauge("orphan_bytes", "Their bytes.", func(r *serverstatus.GCReport) float64 { return float64(r.OrphanBytes) }),
}

// Describe implements prometheus.Collector.
func (gcMetrics) Describe(out chan<- *prometheus.Desc) {
	for _, g := range gcGauges {
		out <- g.desc
	}
}

// Collect implements prometheus.Collector.
func (m gcMetrics) Collect(out chan<- prometheus.Metric) {
	last := m.last()
	if last == nil {
		return
	}
	for _, g := range gcGauges {
		out <- prometheus.MustNewConstMetric(g.desc, prometheus.GaugeValue, g.value(last))
	}
}
