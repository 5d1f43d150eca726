package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/lfs-operator/lfs-operator/test/harness"
)

// gatewayMode is a way for the bytes, on a repository of its own. The name of one is
// the beginning of the other's, so that a route by characters would mix them up.
type gatewayMode struct {
	name, repository, spec string
}

var gatewayModes = []gatewayMode{
	{name: "proxy", repository: "data", spec: "  transfer: Proxy\n"},
	{name: "direct", repository: "data-direct", spec: "  transfer: Direct\n"},
}

const (
	// gatewayRounds that count; one before them warms caches.
	gatewayRounds = 3
	// gatewayPatience with one command, after which it has failed.
	gatewayPatience = 10 * time.Minute
	gatewayFile     = "data.bin"
)

// gatewaySize is GATEWAY_SIZE, or 1 GiB.
func gatewaySize() (int64, error) {
	q, err := resource.ParseQuantity(cmp.Or(os.Getenv("GATEWAY_SIZE"), "1Gi"))
	if err != nil || q.Value() < 1<<20 {
		return 0, fmt.Errorf("GATEWAY_SIZE=%s: want a size of 1Mi or more", os.Getenv("GATEWAY_SIZE"))
	}
	return q.Value(), nil
}

// gatewayRepository is reached by a gateway, and past it.
type gatewayRepository struct {
	*gatewayStage
	mode gatewayMode
	repo *harness.Repository
	work *harness.WorkTree
	// oid of what lies in the work tree, and seed of what comes next.
	oid  string
	seed uint64
}

// newRepository makes one that its gateway has accepted.
func (s *gatewayStage) newRepository(ctx context.Context, m gatewayMode, port int) (*gatewayRepository, error) {
	repo, err := s.env.NewRepository(ctx, harness.Repository{
		Namespace: "exposed", Name: m.repository, Bucket: "exposed-" + m.repository, NodePort: port, Spec: m.spec,
	})
	if err != nil {
		return nil, err
	}
	if err := repo.Apply(ctx); err != nil {
		return nil, err
	}
	exposure := fmt.Sprintf(`{"spec":{"exposure":{"endpoints":[{"host":%q},{"host":%q,"scheme":"http"}],"httpRoute":{"parentRefs":[{"name":"main","namespace":%q}]}}}}`,
		gatewayHost, repo.Host(), gatewayNamespace)
	if _, err := s.env.Kubectl(ctx, "-n", repo.Namespace, "patch", "lfsrepository", repo.Name, "--type=merge", "-p", exposure); err != nil {
		return nil, err
	}
	for _, kind := range []string{"Ready", "Exposed"} {
		if _, err := s.env.WaitCondition(ctx, repo.Namespace, repo.Name, kind, "True", "", 2*time.Minute); err != nil {
			return nil, err
		}
	}
	r := &gatewayRepository{gatewayStage: s, mode: m, repo: repo, seed: uint64(time.Now().UnixNano())}
	if r.work, err = repo.WorkTree(ctx, filepath.Join(s.dir, m.name)); err != nil {
		return nil, err
	}
	return r, r.admit(ctx, r.work)
}

// admit gives a work tree the credentials for both ways.
func (r *gatewayRepository) admit(ctx context.Context, w *harness.WorkTree) error {
	line, err := r.repo.Credentials(ctx)
	if err != nil {
		return err
	}
	return w.SetCredentials(line)
}

// path of the repository on every host.
func (r *gatewayRepository) path() string { return "/" + r.repo.Namespace + "/" + r.repo.Name }

// measure compares pushes and pulls through the gateway with those straight to the
// Service. Which goes first alternates.
func (r *gatewayRepository) measure(ctx context.Context) error {
	ratios := map[string][]float64{}
	for round := range gatewayRounds + 1 {
		for _, what := range []struct {
			name string
			do   func(context.Context, string) (float64, error)
		}{{"push", r.push}, {"pull", r.pull}} {
			ratio, err := r.compare(ctx, what.name, round%2 == 1, what.do)
			if err != nil {
				return err
			}
			if round > 0 && ratio > 0 {
				ratios[what.name] = append(ratios[what.name], ratio)
			}
		}
		if err := r.clear(ctx); err != nil {
			return err
		}
	}
	for _, name := range []string{"push", "pull"} {
		if len(ratios[name]) > 0 {
			bar(fmt.Sprintf("gateway-%s-%s-ratio", r.mode.name, name), median(ratios[name]))
		}
	}
	return nil
}

// compare does something through the gateway and straight, and returns the ratio of
// the times; 0 where it failed through the gateway, which is counted.
func (r *gatewayRepository) compare(ctx context.Context, what string, straightFirst bool, do func(context.Context, string) (float64, error)) (float64, error) {
	var through, straight float64
	viaGateway := func() error {
		took, err := do(ctx, "https://"+gatewayHost+r.path()+".git/info/lfs")
		if err == nil {
			through = took
			return nil
		}
		r.failed++
		r.env.Say("%s %s through the gateway failed: %v", r.mode.name, what, err)
		return ctx.Err()
	}
	viaService := func() (err error) {
		straight, err = do(ctx, r.repo.LFSURL())
		return err
	}
	steps := []func() error{viaGateway, viaService}
	if straightFirst {
		steps = []func() error{viaService, viaGateway}
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return 0, fmt.Errorf("%s: %w", what, err)
		}
	}
	if through == 0 {
		return 0, nil
	}
	r.env.Say("%s %s: %.2f s through the gateway, %.2f s straight to the Service", r.mode.name, what, through, straight)
	return through / straight, nil
}

// push sends something new.
func (r *gatewayRepository) push(ctx context.Context, url string) (took float64, err error) {
	r.seed++
	oid, err := r.work.WriteRandom(gatewayFile, r.size, r.seed)
	if err != nil {
		return 0, err
	}
	if _, err := r.work.Commit(ctx, "More"); err != nil {
		return 0, err
	}
	if err := r.work.All(ctx, []string{"config", "lfs.url", url}); err != nil {
		return 0, err
	}
	took, err = seconds(func() error {
		_, err := r.work.GitWithin(ctx, gatewayPatience, "push", "-q", "origin", "main")
		return err
	})
	if err == nil {
		r.oid = oid
	}
	return took, err
}

// pull fetches what was pushed last into a new work tree, and looks at its content.
func (r *gatewayRepository) pull(ctx context.Context, url string) (took float64, err error) {
	dir := filepath.Join(r.dir, r.mode.name+"-pulled")
	defer os.RemoveAll(dir)
	w, err := harness.NewWorkTree(ctx, dir, "")
	if err != nil {
		return 0, err
	}
	if err := errors.Join(r.admit(ctx, w), w.All(ctx, []string{"config", "lfs.url", url})); err != nil {
		return 0, err
	}
	took, err = seconds(func() error {
		_, err := w.GitWithin(ctx, gatewayPatience, "pull", "-q", r.repo.GitURL(), "main")
		return err
	})
	if err != nil {
		return 0, err
	}
	sums, err := w.Hashes()
	if err == nil && sums[gatewayFile] != r.oid {
		err = fmt.Errorf("%s has SHA-256 %s, not %s", gatewayFile, sums[gatewayFile], r.oid)
	}
	return took, err
}

// clear frees the disk of what nobody asks for again.
func (r *gatewayRepository) clear(ctx context.Context) error {
	c, err := r.env.Store()
	if err != nil {
		return err
	}
	errs := []error{os.RemoveAll(filepath.Join(r.work.Dir, ".git", "lfs", "objects"))}
	for o := range c.ListObjects(ctx, r.repo.Bucket, minio.ListObjectsOptions{Recursive: true}) {
		if o.Err != nil {
			return o.Err
		}
		if o.Size == r.size {
			errs = append(errs, c.RemoveObject(ctx, r.repo.Bucket, o.Key, minio.RemoveObjectOptions{}))
		}
	}
	return errors.Join(errs...)
}

// passed makes sure that it was the gateway through which the bytes came, or in
// Direct mode did not come: its log has the size of every body.
func (r *gatewayRepository) passed(ctx context.Context) error {
	out, err := r.env.Kubectl(ctx, "-n", gatewayNamespace, "logs", "deployment/traefik", "--tail=-1")
	if err != nil {
		return err
	}
	var up, down int64
	for line := range strings.SplitSeq(out, "\n") {
		var request struct {
			RequestPath                               string
			RequestContentSize, DownstreamContentSize int64
		}
		if json.Unmarshal([]byte(line), &request) == nil && strings.HasPrefix(request.RequestPath, r.path()+".git/") {
			up, down = max(up, request.RequestContentSize), max(down, request.DownstreamContentSize)
		}
	}
	r.env.Say("%s: the largest bodies that came through the gateway had %d bytes up and %d down", r.mode.name, up, down)
	proxied := strings.Contains(r.mode.spec, "Proxy")
	switch {
	case proxied && (up < r.size || down < r.size):
		return fmt.Errorf("no body of %d bytes came through the gateway, although it is in Proxy mode", r.size)
	case !proxied && (up >= r.size || down >= r.size):
		return fmt.Errorf("a body of %d bytes came through the gateway, although it is in Direct mode", r.size)
	case proxied:
		bar("gateway-largest-body-mib", min(up, down)>>20)
	}
	return nil
}
