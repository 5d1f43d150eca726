//go:build e2e

package e2e

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/lfs-operator/lfs-operator/test/harness"
)

const (
	poolStore     = "e2e-pool"
	poolNamespace = "e2e-pool-servers"
	// poolServers are the labels of all servers in poolNamespace, poolShared of those
	// that repositories share.
	poolServers = "app.kubernetes.io/component in (server,shared-server)"
	poolShared  = "app.kubernetes.io/component=shared-server"
	// drainLimit holds the end of a server, or of a repository at one that is shared:
	// after the news has reached it, it drains for up to half a minute.
	drainLimit = reloadLimit + time.Minute
	// moveLimit holds another pod, the minute for which the server before goes on, and
	// its end.
	moveLimit = readyLimit + time.Minute + drainLimit
)

// TestSharedServers: repositories of two tenants are served by one pod and keep apart;
// another one comes and one goes, data and all, without a restart; and when the
// administrator has them share no more, they move while pushes and clones go on.
func TestSharedServers(t *testing.T) {
	t.Parallel()
	newStore(t, poolStore, poolNamespace, poolStore, "  server: {shared: {}}\n")
	serveA, serveB := pooled(t, "pool-a", "", false), pooled(t, "pool-b", "  deletionPolicy: Delete\n", false)
	a, b := serveA(), serveB()
	server := podsOf(t, poolNamespace, poolServers)
	if len(server) != 1 {
		t.Fatalf("two repositories are served by %d pods, want one that they share: %+v", len(server), server)
	}
	oidA, oidB := pushOne(t, a.Repository, a.tree), pushOne(t, b.Repository, b.tree)
	cloneIsSame(t, a.Repository, a.tree)
	cloneIsSame(t, b.Repository, b.tree)
	if !stored(t, a.Repository, oidA) || !stored(t, b.Repository, oidB) || stored(t, a.Repository, oidB) || stored(t, b.Repository, oidA) {
		t.Error("the objects do not lie where they belong")
	}
	refuses(t, a, b, oidB)
	refuses(t, b, a, oidA)

	c := pooled(t, "pool-c", "", true)()
	work(t, c)
	sameServer(t, server)

	prefix := status(t, b.Repository).Location.Prefix
	kubectl(t, "-n", b.Namespace, "delete", "lfsrepository", b.Name, "--wait=false")
	workUntil(t, drainLimit, "the repository is gone", func() (bool, string) {
		return get[child](t, b.Namespace, "lfsrepository/"+b.Name) == nil, "still there"
	}, a)
	if left := keys(t, poolStore, prefix); len(left) != 0 {
		t.Errorf("left in the bucket: %q", left)
	}
	work(t, c)
	sameServer(t, server)

	kubectl(t, "patch", "lfsstore", poolStore, "--type=merge", "-p", `{"spec":{"server":null}}`)
	workUntil(t, moveLimit, "servers of their own, and no other", func() (bool, string) {
		at, ct := status(t, a.Repository).Server, status(t, c.Repository).Server
		shared := podsOf(t, poolNamespace, poolShared)
		return at == nil && ct == nil && len(shared) == 0, fmt.Sprintf("%+v, %+v, %d shared servers", at, ct, len(shared))
	}, a, c)
	if own := podsOf(t, poolNamespace, poolServers); len(own) != 2 {
		t.Errorf("two repositories that do not share have %d servers", len(own))
	}
	waitReady(t, a.Repository, readyLimit)
	waitReady(t, c.Repository, readyLimit)
}

// poolMember is a repository of the store, and a work tree that pushes to it.
type poolMember struct {
	*harness.Repository
	tree *harness.WorkTree
}

// pooled makes a tenant with a repository in the store. What it returns waits until it
// is Ready.
//
// Its clients come through a gateway that leads to the operator's Service, which says
// which server serves: the NodePort of other tests looks for a server of its own. One
// that keeps connections goes on with the server before for as long as that serves;
// one that does not follows the Service at once.
func pooled(t *testing.T, name, spec string, keeps bool) (ready func() *poolMember) {
	t.Helper()
	r := prepareRepository(t, harness.Repository{Name: name, Store: poolStore, ServerNamespace: poolNamespace, Bucket: poolStore, Spec: spec})
	kubectl(t, "label", "namespace", r.Namespace, "lfs=yes")
	l, err := net.Listen("tcp", net.JoinHostPort(env.Host, "0"))
	noError(t, err)
	r.NodePort = l.Addr().(*net.TCPAddr).Port
	gateway := &http.Server{ReadHeaderTimeout: time.Minute}
	t.Cleanup(func() { l.Close(); gateway.Close() })
	noError(t, r.Apply(t.Context()))
	return func() *poolMember {
		t.Helper()
		waitReady(t, r, readyLimit)
		ip := kubectl(t, "-n", poolNamespace, "get", "services", "-o", "jsonpath={.items[*].spec.clusterIP}",
			"-l", "app.kubernetes.io/component=server,lfs-operator.dev/repository-namespace="+r.Namespace)
		gateway.Handler = &httputil.ReverseProxy{Transport: &http.Transport{DisableKeepAlives: !keeps}, Rewrite: func(p *httputil.ProxyRequest) {
			p.SetURL(&url.URL{Scheme: "http", Host: ip})
			p.Out.Host = p.In.Host
		}}
		go func() { _ = gateway.Serve(l) }()
		return &poolMember{Repository: r, tree: workTree(t, r)}
	}
}

// refuses: the token of one opens nothing of the other.
func refuses(t *testing.T, of, at *poolMember, oid string) {
	t.Helper()
	crossed := client(t, of.Repository)
	crossed.url = at.LFSURL()
	for _, operation := range []string{"download", "upload"} {
		if got := crossed.batch(operation, object{OID: oid, Size: 64 << 10}); got.status != http.StatusUnauthorized {
			t.Errorf("%s with the token of %s at %s: %d %s", operation, of.Name, at.Name, got.status, got.body)
		}
	}
}

// work pushes and clones once. None of it may fail.
func work(t *testing.T, members ...*poolMember) {
	t.Helper()
	for _, m := range members {
		pushOne(t, m.Repository, m.tree)
		cloneIsSame(t, m.Repository, m.tree)
	}
}

// workUntil works on and on.
func workUntil(t *testing.T, limit time.Duration, what string, f func() (done bool, why string), members ...*poolMember) {
	t.Helper()
	start, rounds := time.Now(), 0
	until(t, limit, what, func() (bool, string) {
		work(t, members...)
		rounds++
		return f()
	})
	env.Say("  shared: %s after %.1f s, with %d pushes and clones", what, time.Since(start).Seconds(), rounds*len(members))
}

// sameServer: it is still the same pods, and none has restarted.
func sameServer(t *testing.T, before []pod) {
	t.Helper()
	now := podsOf(t, poolNamespace, poolServers)
	if !slices.Equal(podUIDs(before), podUIDs(now)) {
		t.Errorf("pods %v became %v, want the same", podUIDs(before), podUIDs(now))
	}
	for _, p := range now {
		for _, c := range p.Status.ContainerStatuses {
			if c.RestartCount != 0 {
				t.Errorf("pod %s restarted %d times, want none", p.Metadata.Name, c.RestartCount)
			}
		}
	}
}
