package lfsserver

import (
	"net/http"
	"runtime"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/batch"
	"github.com/lfs-operator/lfs-operator/internal/serverstatus"
)

// metrics of one server, in a registry of the caller's. Labels are few and
// closed: never an OID, a path or a client.
type metrics struct {
	// registry is what /metrics shows; nil where another shows them.
	registry   prometheus.Gatherer
	requests   *prometheus.CounterVec
	durations  *prometheus.HistogramVec
	objects    *prometheus.CounterVec
	batches    *prometheus.CounterVec
	proofs     *prometheus.HistogramVec
	storeCalls *prometheus.CounterVec
	storeTimes *prometheus.HistogramVec
	// storeMeters by storeAnswer.
	storeMeters sync.Map
	reloads     prometheus.Counter
	relayed     *prometheus.CounterVec
}

// processMetrics are about the program, whatever it serves.
func processMetrics(reg prometheus.Registerer, version string) {
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "lfs_server_build_info", Help: "Always 1; version and Go version in the labels.",
		ConstLabels: prometheus.Labels{"version": version, "goversion": runtime.Version()},
	})
	info.Set(1)
	reg.MustRegister(info, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
}

// newMetrics registers them. storeReady and usage are asked at each scrape.
func newMetrics(reg prometheus.Registerer, storeReady func() bool, usage func() *serverstatus.Usage) *metrics {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "lfs_server_requests_total", Help: "Requests by route, operation and HTTP status.",
		}, []string{"route", "operation", "code"}),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "lfs_server_request_duration_seconds", Help: "Time from a request's header to the end of its answer.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 20},
		}, []string{"route"}),
		objects: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "lfs_server_objects_total", Help: "Objects in batches by operation and answer.",
		}, []string{"operation", "answer"}),
		batches: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "lfs_server_batches_total", Help: "Answered batches by operation and the transfer dialect that was chosen.",
		}, []string{"operation", "dialect"}),
		proofs: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "lfs_server_upload_finish_seconds", Help: "Time to finish a multipart upload, with the proof of its content, by outcome.",
			Buckets: []float64{.05, .25, 1, 5, 15, 60, 300, 1800},
		}, []string{"outcome"}),
		storeCalls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "lfs_server_store_requests_total", Help: "Requests to the object store by call and HTTP status; code 0 where none came.",
		}, []string{"call", "code"}),
		storeTimes: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "lfs_server_store_request_duration_seconds", Help: "Time until the object store's answer begins.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"call"}),
		relayed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "lfs_server_relayed_bytes_total", Help: "Bytes of objects that went through the server: up to the store, or down from it.",
		}, []string{"direction"}),
		reloads: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "lfs_server_config_reload_failures_total", Help: "Configurations that could not be loaded.",
		}),
	}
	ready := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "lfs_server_store_ready", Help: "1 while requests can be served from the object store.",
	}, func() float64 {
		if storeReady() {
			return 1
		}
		return 0
	})
	held := func(name, help string, value func(*serverstatus.Usage) int64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 {
			if u := usage(); u != nil {
				return float64(value(u))
			}
			return 0
		})
	}
	reg.MustRegister(m.requests, m.durations, m.objects, m.batches, m.proofs, m.storeCalls, m.storeTimes, m.reloads, m.relayed, ready,
		held("lfs_server_stored_objects", "Objects that the repository holds, as last counted.",
			func(u *serverstatus.Usage) int64 { return u.Objects }),
		held("lfs_server_stored_bytes", "Bytes that the repository holds, as last counted.",
			func(u *serverstatus.Usage) int64 { return u.Bytes }))
	return m
}

// metricsHandler shows metrics.
func metricsHandler(g prometheus.Gatherer) http.Handler {
	return promhttp.HandlerFor(g, promhttp.HandlerOpts{DisableCompression: true})
}

func (m *metrics) observeRequest(info *requestInfo, status int, d time.Duration) {
	m.requests.WithLabelValues(info.route, info.operation, strconv.Itoa(status)).Inc()
	m.durations.WithLabelValues(info.route).Observe(d.Seconds())
}

func (m *metrics) observeObjects(operation string, resp *batch.Response) {
	m.batches.WithLabelValues(operation, resp.Dialect).Inc()
	for outcome, n := range resp.Outcomes() {
		m.objects.WithLabelValues(operation, string(outcome)).Add(float64(n))
	}
}

func (m *metrics) observeFinish(outcome string, d time.Duration) {
	m.proofs.WithLabelValues(outcome).Observe(d.Seconds())
}

// storeAnswer is what store calls are counted by.
type storeAnswer struct {
	call   string
	status int
}

// storeMeters are the metrics of one kind of answer, looked up once: a batch may
// make a thousand calls.
type storeMeters struct {
	count prometheus.Counter
	times prometheus.Observer
}

// observeStore is an objectstore.Observer.
func (m *metrics) observeStore(call string, d time.Duration, status int) {
	kind := storeAnswer{call, status}
	known, ok := m.storeMeters.Load(kind)
	if !ok {
		known = storeMeters{m.storeCalls.WithLabelValues(call, strconv.Itoa(status)), m.storeTimes.WithLabelValues(call)}
		m.storeMeters.Store(kind, known)
	}
	meters := known.(storeMeters)
	meters.count.Inc()
	meters.times.Observe(d.Seconds())
}

func (m *metrics) reloadFailed() { m.reloads.Inc() }
