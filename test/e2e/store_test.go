//go:build e2e

package e2e

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/lfs-operator/lfs-operator/test/harness"
)

const (
	serverNamespace = "e2e-servers"
	adminStore      = "e2e-standard"
	sharedBucket    = "e2e-shared"
)

// newAdminStore makes the store of the two tenants.
func newAdminStore(t *testing.T) {
	t.Helper()
	newStore(t, adminStore, serverNamespace, sharedBucket, "  limits: {maxKeepVersions: 10}\n")
}

// newStore makes what an administrator makes: a namespace for servers, the store's
// Secret there, and a store with this spec beside what all have. It is for namespaces
// with the label lfs=yes.
func newStore(t *testing.T, name, namespace, bucket, spec string) {
	t.Helper()
	t.Cleanup(func() {
		_, err := env.Kubectl(context.Background(), "delete", "lfsstore", name, "--ignore-not-found")
		if err != nil {
			t.Error(err)
		}
		endNamespace(t, namespace)
	})
	noError(t, env.Namespace(t.Context(), namespace))
	noError(t, env.Apply(t.Context(), fmt.Sprintf(`apiVersion: v1
kind: Secret
metadata: {name: store-credentials, namespace: %[1]s}
stringData: {AWS_ACCESS_KEY_ID: %[2]s, AWS_SECRET_ACCESS_KEY: %[3]s}
---
apiVersion: lfs-operator.dev/v1alpha1
kind: LFSStore
metadata: {name: %[4]s}
spec:
  endpoint: %[5]s
  publicEndpoint: %[6]s
  serverNamespace: %[1]s
  credentialsSecretRef: {name: store-credentials}
  bucket: %[7]s
  createBuckets: true
  allowedNamespaces: {from: Selector, selector: {matchLabels: {lfs: "yes"}}}
  defaults: {gc: {mode: Delete, gracePeriod: 1s, quarantine: 1s}}
%[8]s`, namespace, harness.StoreAccessKey, harness.StoreSecretKey, name, harness.StoreInternal, env.StoreURL, bucket, spec)))
	kubectl(t, "wait", "lfsstore/"+name, "--for=condition=Ready", "--timeout=90s")
}

// tenant makes a repository called models in the administrator's store.
func tenant(t *testing.T, namespace, spec string) *harness.Repository {
	t.Helper()
	r := prepareRepository(t, harness.Repository{
		Name: "models", Namespace: namespace, Store: adminStore, ServerNamespace: serverNamespace, Bucket: sharedBucket, Spec: spec,
	})
	kubectl(t, "label", "namespace", namespace, "lfs=yes")
	noError(t, r.Apply(t.Context()))
	return r
}

// TestAdminStore: two tenants with one store push, pull and collect garbage; they
// see neither each other nor the store's key; limits and stops are the
// administrator's; what is deleted is gone from the administrator's namespace.
func TestAdminStore(t *testing.T) {
	t.Parallel()
	newAdminStore(t)
	a := tenant(t, "e2e-store-a", "")
	b := tenant(t, "e2e-store-b", "  deletionPolicy: Delete\n")
	waitReady(t, a, readyLimit)
	waitReady(t, b, readyLimit)
	capabilities := kubectl(t, "get", "lfsstore", adminStore, "-o",
		"jsonpath={.status.probe.capabilities.signedChecksum} {.status.probe.capabilities.conditionalWrites} {.status.probe.capabilities.sts}")
	if capabilities != "Yes Yes No" {
		t.Errorf("the store's capabilities are %q", capabilities)
	}

	wa, wb := workTree(t, a), workTree(t, b)
	oidA := pushOne(t, a, wa)
	oidB := pushOne(t, b, wb)
	cloneIsSame(t, a, wa)
	cloneIsSame(t, b, wb)
	if !stored(t, a, oidA) || !stored(t, b, oidB) || stored(t, a, oidB) {
		t.Error("the objects do not lie where they belong")
	}
	t.Run("apart", func(t *testing.T) { tenantBreaches(t, a, b, oidA, oidB) })
	t.Run("key", func(t *testing.T) { keyStaysWithAdmin(t, a) })
	t.Run("alias", func(t *testing.T) { aliasResolves(t, b) })

	run, err := env.RunGC(t.Context(), a.Namespace, a.Name, "models-by-hand")
	noError(t, err)
	wantRun(t, run, harness.GCRun{Mode: "Delete", Kept: 1})
	t.Run("restricted", func(t *testing.T) {
		podsAreRestricted(t, a.Namespace, serverNamespace, harness.OperatorNamespace)
	})
	t.Run("hidden", func(t *testing.T) {
		secretsStayHidden(t, a.Namespace, b.Namespace, serverNamespace, harness.OperatorNamespace)
	})

	t.Run("limits", func(t *testing.T) {
		patch(t, a, `{"keepVersions":11}`)
		_, err := env.WaitCondition(t.Context(), a.Namespace, a.Name, "Ready", "False", "LimitExceeded", 3*time.Minute)
		noError(t, err)
		pushOne(t, a, wa) // what ran before keeps running
		patch(t, a, `{"keepVersions":10}`)
		waitReady(t, a, reloadLimit)
	})
	t.Run("read-only", func(t *testing.T) { storeIsReadOnly(t, a, wa) })

	kubectl(t, "-n", b.Namespace, "delete", "lfsrepository", b.Name, "--timeout=120s")
	if left := keys(t, sharedBucket, b.Namespace+"/"); len(left) != 0 {
		t.Errorf("left in the bucket: %q", left)
	}
	for _, kind := range []string{"deployments", "services", "configmaps", "serviceaccounts", "jobs", "secrets", "networkpolicies", "poddisruptionbudgets"} {
		left := kubectl(t, "-n", serverNamespace, "get", kind, "-l", "lfs-operator.dev/repository-namespace="+b.Namespace, "-o", "name")
		if left != "" {
			t.Errorf("left in the administrator's namespace: %s", left)
		}
	}
	cloneIsSame(t, a, wa)
}

// keyStaysWithAdmin: nothing in the tenant's namespace, Secrets included, holds
// the store's key.
func keyStaysWithAdmin(t *testing.T, r *harness.Repository) {
	all := kubectl(t, "-n", r.Namespace, "get", "secrets,configmaps,pods,cronjobs,jobs,services", "-o", "yaml")
	for _, form := range []string{harness.StoreSecretKey, base64.StdEncoding.EncodeToString([]byte(harness.StoreSecretKey)), harness.StoreAccessKey} {
		if strings.Contains(all, form) {
			t.Error("the store's key stands in the tenant's namespace")
		}
	}
	if pods := kubectl(t, "-n", r.Namespace, "get", "pods", "-l", "app.kubernetes.io/component=server", "-o", "name"); pods != "" {
		t.Errorf("servers run beside the tenant: %s", pods)
	}
}

// aliasResolves: the name beside the tenant leads to the server. A scan that is
// sent there for Git history is told by the server that there is none.
func aliasResolves(t *testing.T, r *harness.Repository) {
	url := fmt.Sprintf("http://%s-lfs.%s.svc.cluster.local/%s/%s.git", r.Name, r.Namespace, r.Namespace, r.Name)
	patch(t, r, fmt.Sprintf(`{"history":[{"name":"alias","url":%q}]}`, url))
	until(t, 2*time.Minute, "the server answers the scan", func() (bool, string) {
		c := status(t, r).Condition("HistoryReadable")
		if c == nil || c.Status != "False" {
			return false, fmt.Sprintf("%+v", c)
		}
		return c.Reason == "HistoryNotFound" || c.Reason == "HistoryCredentialsRefused", c.Reason + ": " + c.Message
	})
}

// storeIsReadOnly: the administrator stops uploads to all repositories at once.
func storeIsReadOnly(t *testing.T, r *harness.Repository, w *harness.WorkTree) {
	set := func(value bool, want int) {
		t.Helper()
		kubectl(t, "patch", "lfsstore", adminStore, "--type=merge", "-p", fmt.Sprintf(`{"spec":{"readOnly":%t}}`, value))
		until(t, reloadLimit, "uploads follow the store", func() (bool, string) {
			got := client(t, r).batch("upload", object{OID: strings.Repeat("a", 64), Size: 1})
			return got.status == want, got.body
		})
	}
	set(true, http.StatusForbidden)
	cloneIsSame(t, r, w)
	set(false, http.StatusOK)
	pushOne(t, r, w)
}
