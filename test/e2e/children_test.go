//go:build e2e

package e2e

import (
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/lfs-operator/lfs-operator/api/v1alpha1"
	"github.com/lfs-operator/lfs-operator/internal/desired"
	"github.com/lfs-operator/lfs-operator/test/harness"
)

// child is what the tests look at of any object.
type child struct {
	Metadata struct {
		UID             string
		Labels          map[string]string
		OwnerReferences []struct {
			Kind, Name, UID string
			Controller      bool
		}
	}
}

// children of a repository but for Secrets; the Deployment is last because the
// others can be taken away without stopping the server.
func children(name string) []string {
	return []string{
		"configmap/" + name + "-lfs", "serviceaccount/" + name + "-lfs", "service/" + name + "-lfs",
		"networkpolicy/" + name + "-lfs", "poddisruptionbudget/" + name + "-lfs", "cronjob/" + name + "-lfs-gc",
		"deployment/" + name + "-lfs",
	}
}

// TestChildren: what an LFSRepository becomes, whose it is, and that it comes back.
func TestChildren(t *testing.T) {
	t.Parallel()
	r := readyRepository(t, harness.Repository{Name: "kids", Spec: "  access: {tokens: [{name: ci, scope: Write}]}\n"})
	uid := kubectl(t, "-n", r.Namespace, "get", "lfsrepository", r.Name, "-o", "jsonpath={.metadata.uid}")

	t.Run("exist, owned and labelled", func(t *testing.T) {
		secrets := []string{
			"secret/kids-lfs-access", "secret/kids-lfs-token-ci", "secret/kids-lfs-keys",
			"secret/" + desired.ScanSecretName(&v1alpha1.LFSRepository{ObjectMeta: metav1.ObjectMeta{Name: r.Name, UID: types.UID(uid)}}),
		}
		for _, what := range append(children(r.Name), secrets...) {
			c := get[child](t, r.Namespace, what)
			if c == nil {
				t.Errorf("%s is not there", what)
				continue
			}
			if len(c.Metadata.OwnerReferences) != 1 || c.Metadata.OwnerReferences[0].UID != uid || !c.Metadata.OwnerReferences[0].Controller {
				t.Errorf("%s: owners %+v, want the LFSRepository as controller", what, c.Metadata.OwnerReferences)
			}
			for label, want := range map[string]string{
				"lfs-operator.dev/repository": r.Name, "lfs-operator.dev/repository-uid": uid,
				"app.kubernetes.io/managed-by": "lfs-operator", "app.kubernetes.io/instance": r.Name,
			} {
				if got := c.Metadata.Labels[label]; got != want {
					t.Errorf("%s: label %s=%q, want %q", what, label, got, want)
				}
			}
			if c.Metadata.Labels["app.kubernetes.io/component"] == "" {
				t.Errorf("%s has no label app.kubernetes.io/component", what)
			}
		}
	})

	t.Run("pods are restricted and bounded", func(t *testing.T) {
		// The namespace enforces the restricted level; without the label this would show nothing.
		if level := kubectl(t, "get", "namespace", r.Namespace, "-o", `jsonpath={.metadata.labels.pod-security\.kubernetes\.io/enforce}`); level != "restricted" {
			t.Fatalf("the namespace enforces %q", level)
		}
		pods := serverPods(t, r)
		if len(pods) != 1 || pods[0].Status.Phase != "Running" {
			t.Fatalf("pods %+v, want one that runs", pods)
		}
		for _, c := range pods[0].Spec.Containers {
			for _, resource := range []string{"cpu", "memory"} {
				if c.Resources.Requests[resource] == "" {
					t.Errorf("container %s requests no %s", c.Name, resource)
				}
			}
			if c.Resources.Limits["memory"] == "" {
				t.Errorf("container %s has no limit of memory", c.Name)
			}
		}
	})

	t.Run("no shell in the image", func(t *testing.T) {
		pod := serverPods(t, r)[0].Metadata.Name
		for _, shell := range []string{"sh", "/bin/sh", "bash", "/bin/busybox", "dash"} {
			_, err := env.Kubectl(t.Context(), "-n", r.Namespace, "exec", pod, "--", shell, "-c", "true")
			if err == nil {
				t.Errorf("%s runs", shell)
			} else if !strings.Contains(err.Error(), "no such file") && !strings.Contains(err.Error(), "not found") {
				t.Errorf("%s does not run, but not because it is missing: %v", shell, err)
			}
		}
	})

	t.Run("come back when deleted", func(t *testing.T) {
		for _, what := range children(r.Name) {
			before := get[child](t, r.Namespace, what)
			if before == nil {
				t.Errorf("%s is not there", what)
				continue
			}
			kubectl(t, "-n", r.Namespace, "delete", what, "--wait=false")
			until(t, 2*time.Minute, what+" comes back", func() (bool, string) {
				now := get[child](t, r.Namespace, what)
				return now != nil && now.Metadata.UID != before.Metadata.UID, "still missing"
			})
		}
		waitReady(t, r, readyLimit)
		pushOne(t, r, workTree(t, r))
	})

	t.Run("drift is undone", func(t *testing.T) {
		kubectl(t, "-n", r.Namespace, "patch", "service", "kids-lfs", "--type=merge", "-p", `{"spec":{"selector":{"app.kubernetes.io/component":"stolen"}}}`)
		until(t, 2*time.Minute, "the Service's selector comes back", func() (bool, string) {
			got := kubectl(t, "-n", r.Namespace, "get", "service", "kids-lfs", "-o", `jsonpath={.spec.selector.app\.kubernetes\.io/component}`)
			return got == "server", got
		})
	})
}
