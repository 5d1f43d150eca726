package controllers

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/lfs-operator/lfs-operator/api/v1alpha1"
)

// RegisterMetrics adds the operator's own metrics to controller-runtime's.
func RegisterMetrics(cache client.Reader) error {
	return metrics.Registry.Register(&collector{client: cache})
}

// collector counts LFSRepositories by condition when Prometheus asks. It counts
// and does not name them, so that thousands cost no more series than ten.
type collector struct{ client client.Reader }

var repositoriesDesc = prometheus.NewDesc("lfs_operator_repositories",
	"Number of LFSRepositories by condition, its status and its reason.",
	[]string{"condition", "status", "reason"}, nil)

// Describe names the one metric.
func (c *collector) Describe(ch chan<- *prometheus.Desc) { ch <- repositoriesDesc }

// Collect counts from the informer's cache.
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	var list v1alpha1.LFSRepositoryList
	if err := c.client.List(context.Background(), &list, client.UnsafeDisableDeepCopy); err != nil {
		return // the cache is not there yet
	}
	counts := map[[3]string]float64{}
	for i := range list.Items {
		for _, condition := range list.Items[i].Status.Conditions {
			counts[[3]string{condition.Type, string(condition.Status), condition.Reason}]++
		}
	}
	for key, n := range counts {
		ch <- prometheus.MustNewConstMetric(repositoriesDesc, prometheus.GaugeValue, n, key[:]...)
	}
}
