package lfsserver_test

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/lfstest"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
	"github.com/lfs-operator/lfs-operator/test/assets"
)

// BenchmarkCachedIdentity measures what an identity costs that is remembered,
// over a request of nobody, in microseconds: "make bars-access" prints the worse
// of the two sources. Requests take turns, so that whatever else runs on the
// machine is in both; of each the median counts.
func BenchmarkCachedIdentity(b *testing.B) {
	k, key := newCluster(b), newRSA(b, "k1")
	k.serviceAccount("ci")
	k.grant("ci", "pull", "models")
	f := newForge(b, key)
	opts := append(k.admitting(), f.trusting(rule("Read", "sub=*"))...)
	s := lfstest.Start(b, assets.SharedStore(b), append(opts, lfstest.WithConfig(func(c *serverconfig.Config) { c.Access.AnonymousRead = true }))...)
	for name, secret := range map[string]string{"serviceaccount": k.token("ci", audience), "jwt": sign(b, key, f.job("refs/heads/main"))} {
		b.Run(name, func(b *testing.B) {
			nobody, somebody := askTimes(b, s, secret)
			b.ReportMetric(float64(somebody-nobody)/float64(time.Microsecond), "overhead-us")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// askTimes returns the medians without credentials and with them.
func askTimes(b *testing.B, s *lfstest.Server, secret string) (nobody, somebody time.Duration) {
	b.Helper()
	var times [2][]time.Duration
	for i := range 4000 {
		req, err := http.NewRequestWithContext(b.Context(), http.MethodGet, s.Root()+"/.gitattributes", http.NoBody)
		if err != nil {
			b.Fatal(err)
		}
		if i%2 == 1 {
			req.Header.Set("Authorization", "Bearer "+secret)
		}
		start := time.Now()
		resp, _ := s.Do(req)
		took := time.Since(start)
		if resp.StatusCode != http.StatusOK {
			b.Fatalf("status %d", resp.StatusCode)
		}
		times[i%2] = append(times[i%2], took)
	}
	for _, t := range times {
		slices.Sort(t)
	}
	return times[0][len(times[0])/2], times[1][len(times[1])/2]
}
