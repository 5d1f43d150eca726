//go:build e2e

package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/lfs-operator/lfs-operator/internal/layout"
	"github.com/lfs-operator/lfs-operator/test/harness"
)

// tally counts for the bars what must be 0.
type tally struct {
	t     *testing.T
	name  string
	wrong int
	of    int
}

func (c *tally) check(ok bool, format string, args ...any) {
	c.t.Helper()
	c.of++
	if !ok {
		c.wrong++
		c.t.Errorf(format, args...)
	}
}

func (c *tally) print() { c.t.Logf("%s=%d of %d", c.name, c.wrong, c.of) }

// tenantBreaches: what A tries against B with what A has, in a real cluster. The
// matrix of all routes and dialects is in internal/lfsserver, that of the API
// server in controllers.
func tenantBreaches(t *testing.T, a, b *harness.Repository, oidA, oidB string) {
	c := &tally{t: t, name: "tenant-breaches"}
	defer c.print()
	mine := client(t, a)
	theirs := mine
	theirs.url = b.LFSURL()
	for _, operation := range []string{"download", "upload"} {
		got := theirs.batch(operation, object{OID: oidB, Size: 64 << 10})
		c.check(got.status == http.StatusUnauthorized, "%s with A's token at B's server: %d %s", operation, got.status, got.body)
	}
	got := mine.batch("download", object{OID: oidB, Size: 64 << 10})
	c.check(got.status == http.StatusOK && got.Objects[0].Error != nil && got.Objects[0].Error.Code == http.StatusNotFound,
		"B's OID at A's server: %d %s", got.status, got.body)
	for _, path := range []string{"/" + b.Namespace + "/", "/" + a.Namespace + "/../" + b.Namespace + "/", "/" + a.Namespace + "/..%2f" + b.Namespace + "/"} {
		crossed := mine
		crossed.url = strings.Replace(a.LFSURL(), "/"+a.Namespace+"/", path, 1)
		got := crossed.batch("download", object{OID: oidB, Size: 64 << 10})
		c.check(got.status == http.StatusNotFound, "%s at A's server: %d %s", path, got.status, got.body)
	}

	// A's link to the store, bent to B's object.
	link, err := url.Parse(mine.batch("download", object{OID: oidA, Size: 64 << 10}).only().Actions["download"].Href)
	noError(t, err)
	book.learn(link.Query().Get("X-Amz-Signature"), "the signature of a presigned URL")
	link.Path = "/" + sharedBucket + "/" + layout.Prefix(status(t, b).Location.Prefix).Object(oidB)
	for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodDelete} {
		req, err := http.NewRequestWithContext(t.Context(), method, link.String(), bytes.NewReader([]byte("x")))
		noError(t, err)
		resp, err := http.DefaultClient.Do(req)
		noError(t, err)
		resp.Body.Close()
		c.check(resp.StatusCode == http.StatusForbidden, "A's signature for %s of B's object: %s", method, resp.Status)
	}
	serversAreApart(t, c, a, b)
}

// serversAreApart: accounts of the pods, of A's namespace and of the servers',
// may reach no Secret anywhere.
func serversAreApart(t *testing.T, c *tally, a, b *harness.Repository) {
	var accounts []string
	for _, namespace := range []string{a.Namespace, serverNamespace} {
		for _, name := range strings.Fields(kubectl(t, "-n", namespace, "get", "serviceaccounts", "-o", "jsonpath={.items[*].metadata.name}")) {
			accounts = append(accounts, "system:serviceaccount:"+namespace+":"+name)
		}
	}
	for _, account := range accounts {
		for _, namespace := range []string{a.Namespace, b.Namespace, serverNamespace, harness.OperatorNamespace} {
			for _, verb := range []string{"get", "list", "create", "delete"} {
				c.check(canI(t, account, namespace, verb, "secrets") == "no", "may %s %s Secrets in %s?", account, verb, namespace)
			}
			c.check(canI(t, account, namespace, "get", "lfsrepositories.lfs-operator.dev") == "no", "may %s get LFSRepositories in %s?", account, namespace)
		}
	}
}

// secretsStayHidden looks for every secret of the run wherever people can look who
// may not read Secrets, in logs at debug level and in metrics too.
func secretsStayHidden(t *testing.T, namespaces ...string) {
	c := &tally{t: t, name: "secret-leaks"}
	defer c.print()
	for _, namespace := range namespaces {
		noError(t, book.learnSecrets(t.Context(), namespace))
	}
	for _, namespace := range namespaces {
		err := book.checkNamespace(t.Context(), namespace)
		c.check(err == nil, "%v", err)
		for _, pod := range strings.Fields(kubectl(t, "-n", namespace, "get", "pods", "-o", "jsonpath={.items[?(@.status.phase=='Running')].metadata.name}",
			"-l", "app.kubernetes.io/component in (server,manager)")) {
			port := metricsPort(t, namespace, pod)
			metrics := kubectl(t, "get", "--raw", fmt.Sprintf("/api/v1/namespaces/%s/pods/%s:%s/proxy/metrics", namespace, pod, port))
			found := book.find(metrics)
			c.check(strings.Contains(metrics, "# HELP") && len(found) == 0, "the metrics of %s/%s hold %q", namespace, pod, found)
		}
	}
	stores := kubectl(t, "get", "lfsstores", "-o", "yaml")
	c.check(book.find(stores) == nil, "LFSStores hold %q", book.find(stores))
}

// metricsPort is the port called metrics or admin.
func metricsPort(t *testing.T, namespace, pod string) string {
	t.Helper()
	return kubectl(t, "-n", namespace, "get", "pod", pod, "-o",
		`jsonpath={.spec.containers[0].ports[?(@.name=="metrics")].containerPort}{.spec.containers[0].ports[?(@.name=="admin")].containerPort}`)
}

// podsAreRestricted: the namespaces enforce the level, nothing was refused by it,
// and the pods go beyond it where they can.
func podsAreRestricted(t *testing.T, namespaces ...string) {
	c := &tally{t: t, name: "pss-violations"}
	defer c.print()
	for _, namespace := range namespaces {
		level := kubectl(t, "get", "namespace", namespace, "-o", `jsonpath={.metadata.labels.pod-security\.kubernetes\.io/enforce}`)
		c.check(level == "restricted", "%s enforces %q", namespace, level)
		events := kubectl(t, "-n", namespace, "get", "events", "-o", "jsonpath={.items[*].message}")
		c.check(!strings.Contains(events, "violates PodSecurity"), "in %s pods were refused: %s", namespace, events)
		var pods struct{ Items []restrictedPod }
		noError(t, json.Unmarshal([]byte(kubectl(t, "-n", namespace, "get", "pods", "-o", "json")), &pods))
		c.check(len(pods.Items) > 0, "no pods in %s", namespace)
		for _, p := range pods.Items {
			own := p.Metadata.Namespace + "/" + p.Metadata.Name
			c.check(p.Metadata.Namespace == harness.OperatorNamespace || p.Spec.AutomountServiceAccountToken != nil && !*p.Spec.AutomountServiceAccountToken,
				"%s has a token mounted", own)
			for _, container := range append(p.Spec.InitContainers, p.Spec.Containers...) {
				s := container.SecurityContext
				c.check(s.ReadOnlyRootFilesystem && s.AllowPrivilegeEscalation != nil && !*s.AllowPrivilegeEscalation, "%s: container %s: %+v", own, container.Name, s)
			}
		}
	}
}

// restrictedPod is what can be seen of a pod's rights.
type restrictedPod struct {
	Metadata struct{ Namespace, Name string }
	Spec     struct {
		AutomountServiceAccountToken *bool
		InitContainers, Containers   []restrictedContainer
	}
}

type restrictedContainer struct {
	Name            string
	SecurityContext struct {
		ReadOnlyRootFilesystem   bool
		AllowPrivilegeEscalation *bool
	}
}
