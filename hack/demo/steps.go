package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/lfs-operator/lfs-operator/test/harness"
)

const (
	namespace = "team-a"
	name      = "models"
	// nodePort is where the demo exposes the LFS server on the node.
	nodePort = 30880
	gitRepo  = "models.git"
	versions = 8
)

type demo struct {
	*harness.Env
	dir string

	credentials string
	work        *harness.WorkTree
	// commits of the file that has versions, oldest first, and its OIDs.
	commits, oids []string
}

// applySample applies config/samples as it is but for what differs from place
// to place: addresses, and the shortest limits, so that one need not wait a week.
func (d *demo) applySample(ctx context.Context) error {
	if err := d.Namespace(ctx, namespace); err != nil {
		return err
	}
	if err := d.forget(ctx); err != nil {
		return err
	}
	overlay := filepath.Join(d.dir, "overlay")
	if err := os.MkdirAll(overlay, 0o755); err != nil {
		return err
	}
	samples, err := filepath.Rel(overlay, filepath.Join(d.Root, "config/samples"))
	if err != nil {
		return err
	}
	kustomization := fmt.Sprintf(`resources: [%s]
patches:
- target: {kind: LFSRepository, name: %s}
  patch: |
    - {op: replace, path: /spec/storage/endpoint, value: "%s"}
    - {op: replace, path: /spec/storage/publicEndpoint, value: "%s"}
    - {op: replace, path: /spec/history/0/url, value: "%s/%s"}
    - {op: replace, path: /spec/exposure/endpoints, value: [{host: "%s:%d", scheme: http}]}
    - {op: add, path: /spec/keepVersions, value: 5}
    - {op: add, path: /spec/gc, value: {mode: Delete, gracePeriod: 1s, quarantine: 1s, deleteLimit: "50%%"}}
- target: {kind: Secret, name: store-credentials}
  patch: |
    - {op: replace, path: /stringData, value: {AWS_ACCESS_KEY_ID: "%s", AWS_SECRET_ACCESS_KEY: "%s"}}
`, samples, name, harness.StoreInternal, d.StoreURL, d.GitURL, gitRepo, d.Host, nodePort, harness.StoreAccessKey, harness.StoreSecretKey)
	if err := os.WriteFile(filepath.Join(overlay, "kustomization.yaml"), []byte(kustomization), 0o644); err != nil {
		return err
	}
	if _, err := d.Kubectl(ctx, "apply", "-k", overlay); err != nil {
		return err
	}
	return d.ExposeNodePort(ctx, namespace, name, nodePort)
}

// forget removes what an earlier demo left, so that it can be shown again.
func (d *demo) forget(ctx context.Context) error {
	_, err := d.Kubectl(ctx, "-n", namespace, "delete", "lfsrepository", name, "--ignore-not-found", "--timeout=60s")
	if err != nil {
		return err
	}
	return d.EnsureGitRepository(ctx, gitRepo)
}

func (d *demo) waitReady(ctx context.Context) error {
	start := time.Now()
	st, err := d.WaitReady(ctx, namespace, name, 2*time.Minute)
	if err != nil {
		return err
	}
	d.Say("  Ready %.1f s later: %s", time.Since(start).Seconds(), st.URL)
	d.credentials, err = d.SecretKey(ctx, namespace, name+"-lfs-access", "git-credentials")
	return err
}

func (d *demo) push(ctx context.Context) error {
	_, st, err := d.Repository(ctx, namespace, name)
	if err != nil {
		return err
	}
	w, err := harness.NewWorkTree(ctx, filepath.Join(d.dir, "work"), d.credentials)
	if err != nil {
		return err
	}
	d.work = w
	if err := w.All(ctx,
		[]string{"config", "-f", ".lfsconfig", "lfs.url", st.URL},
		[]string{"remote", "add", "origin", d.GitURL + "/" + gitRepo},
		[]string{"lfs", "track", "*.safetensors", "*.bin", "*.ckpt"},
	); err != nil {
		return err
	}
	seed := uint64(time.Now().UnixNano())
	for file, size := range map[string]int64{"base.safetensors": 150e6, "tokenizer.bin": 30e6, "vision/encoder.bin": 24e6} {
		if _, err := w.WriteRandom(file, size, seed+uint64(size)); err != nil {
			return err
		}
	}
	if err := w.WriteFile("README.md", "# Models\n\nWeights in Git LFS, text in Git.\n"); err != nil {
		return err
	}
	for v := 1; v <= versions; v++ {
		oid, err := w.WriteRandom("adapter.ckpt", 2e6, seed+uint64(v))
		if err != nil {
			return err
		}
		commit, err := w.Commit(ctx, fmt.Sprintf("Adapter, version %d", v))
		if err != nil {
			return err
		}
		d.oids, d.commits = append(d.oids, oid), append(d.commits, commit)
	}
	start := time.Now()
	if _, err := w.Git(ctx, "push", "-q", "--force", "origin", "main"); err != nil {
		return err
	}
	d.Say("  11 objects, 220 MB, pushed in %.1f s", time.Since(start).Seconds())
	return nil
}

func (d *demo) cloneAndCompare(ctx context.Context) error {
	c, err := harness.Clone(ctx, d.GitURL+"/"+gitRepo, filepath.Join(d.dir, "clone"), d.credentials)
	if err != nil {
		return err
	}
	want, err := d.work.Hashes()
	if err != nil {
		return err
	}
	got, err := c.Hashes()
	if err != nil {
		return err
	}
	if err := harness.SameFiles(want, got); err != nil {
		return err
	}
	d.Say("  %d files, all the same", len(got))
	return nil
}

// condemn starts garbage collection as a person would: by a Job from the CronJob.
func (d *demo) condemn(ctx context.Context) error {
	run, err := d.RunGC(ctx, namespace, name, fmt.Sprintf("%s-gc-%d", name, time.Now().Unix()))
	if err != nil {
		return err
	}
	d.Say("  kept %d, quarantined %d, deleted %d", run.Kept, run.Condemned, run.Deleted)
	if run.Condemned != versions-5 || run.Deleted != 0 {
		return fmt.Errorf("wanted %d objects in quarantine and none deleted: %s", versions-5, run.Message)
	}
	return nil
}

// sweep starts it the other way: by an annotation.
func (d *demo) sweep(ctx context.Context) error {
	run, err := d.RunGCByAnnotation(ctx, namespace, name, fmt.Sprint(time.Now().UnixNano()))
	if err != nil {
		return err
	}
	d.Say("  kept %d, deleted %d (%s)", run.Kept, run.Deleted, run.DeletedSize)
	if run.Deleted != versions-5 {
		return fmt.Errorf("wanted %d objects deleted: %s", versions-5, run.Message)
	}
	return nil
}

func (d *demo) fetchVersions(ctx context.Context) error {
	c, err := harness.Clone(ctx, d.GitURL+"/"+gitRepo, filepath.Join(d.dir, "after-gc"), d.credentials)
	if err != nil {
		return err
	}
	for i, commit := range d.commits {
		kept := i >= versions-5
		_, err := c.Git(ctx, "lfs", "fetch", "origin", commit)
		switch {
		case kept && err != nil:
			return fmt.Errorf("version %d should still be there: %w", i+1, err)
		case !kept && err == nil:
			return fmt.Errorf("version %d should be gone", i+1)
		case kept:
			d.Say("  version %d  %s  there", i+1, d.oids[i][:12])
		default:
			d.Say("  version %d  %s  gone: %s", i+1, d.oids[i][:12], reason(err, d.oids[i]))
		}
	}
	return nil
}

// reason is what git-lfs told the user of that object, said once.
func reason(err error, oid string) string {
	for line := range strings.Lines(err.Error()) {
		if _, text, ok := strings.Cut(line, "["+oid+"] "); ok {
			text, _, _ = strings.Cut(text, ": [410]")
			return strings.TrimSpace(text)
		}
	}
	return strings.TrimSpace(err.Error())
}

func (d *demo) epilogue(ctx context.Context) {
	_, st, err := d.Repository(ctx, namespace, name)
	if err != nil {
		return
	}
	table, err := d.Kubectl(ctx, "-n", namespace, "get", "lfsrepository", name, "-o", "wide")
	if err != nil {
		return
	}
	fmt.Fprintf(d.Log, `
%s
Done. The cluster stays up; go on from here:

  export KUBECONFIG=%s PATH=%s/bin:%s/bin/kube:$PATH
  kubectl -n %s get lfsrepository %s -o wide
  kubectl -n %s describe lfsrepository %s
  kubectl -n %s get secret %s-lfs-access -o jsonpath='{.data.git-credentials}' | base64 -d >> ~/.git-credentials
  git clone %s/%s    # the LFS URL stands in its .lfsconfig: %s

Start garbage collection:  kubectl -n %s create job --from=cronjob/%s-lfs-gc now
Remove everything:         make cluster-down
`, table, os.Getenv("KUBECONFIG"), d.Root, d.Root, namespace, name, namespace, name, namespace, name, d.GitURL, gitRepo, st.URL, namespace, name)
}
