package harness

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Kubectl runs kubectl and returns its output.
func (e *Env) Kubectl(ctx context.Context, args ...string) (string, error) {
	return Run(ctx, "kubectl", args...)
}

// Apply applies manifests given as text.
func (e *Env) Apply(ctx context.Context, manifests string) error {
	_, err := runIn(ctx, "", nil, manifests, "kubectl", "apply", "-f", "-")
	return err
}

// Namespace makes a namespace that enforces the restricted Pod Security level.
func (e *Env) Namespace(ctx context.Context, name string) error {
	return e.Apply(ctx, fmt.Sprintf(`apiVersion: v1
kind: Namespace
metadata: {name: %s, labels: {pod-security.kubernetes.io/enforce: restricted}}
`, name))
}

// DevServices brings up the S3 store and the Git server that stand in for the
// ones that a platform has. A cluster that does not get images as the local one
// does is told by STORE_IMG and GIT_IMG where to get them.
func (e *Env) DevServices(ctx context.Context) error {
	for _, service := range []struct{ file, image, env string }{
		{"store.yaml", "localhost/lfs-operator-teststore:dev", "STORE_IMG"},
		{"git.yaml", "localhost/lfs-operator-gitserver:dev", "GIT_IMG"},
	} {
		manifests, err := os.ReadFile(filepath.Join(e.Root, "hack/dev", service.file))
		if err != nil {
			return err
		}
		text := string(manifests)
		if image := os.Getenv(service.env); image != "" {
			text = strings.ReplaceAll(text, service.image, image)
		}
		if err := e.Apply(ctx, text); err != nil {
			return err
		}
	}
	return e.rollout(ctx, "store", "deployment/store", "git", "deployment/git")
}

// Install installs the operator from its one manifest file, as a user would.
func (e *Env) Install(ctx context.Context) error {
	if _, err := e.Kubectl(ctx, "apply", "--server-side", "-f", filepath.Join(e.Root, "dist/install.yaml")); err != nil {
		return err
	}
	if _, err := e.Kubectl(ctx, "wait", "--for=condition=Established", "crd/lfsrepositories.lfs-operator.dev", "--timeout=60s"); err != nil {
		return err
	}
	return e.rollout(ctx, OperatorNamespace, "deployment/lfs-operator-manager")
}

// rollout waits for pairs of namespace and object.
func (e *Env) rollout(ctx context.Context, pairs ...string) error {
	for i := 0; i < len(pairs); i += 2 {
		if _, err := e.Kubectl(ctx, "-n", pairs[i], "rollout", "status", pairs[i+1], "--timeout=120s"); err != nil {
			return fmt.Errorf("%w\n%s", err, e.Describe(ctx, pairs[i]))
		}
	}
	return nil
}

// Describe says what a person would look at when something does not come up.
func (e *Env) Describe(ctx context.Context, namespace string) string {
	var b strings.Builder
	for _, args := range [][]string{
		{"get", "pods,jobs,lfsrepositories", "-o", "wide"},
		{"get", "events", "--sort-by=.metadata.creationTimestamp"},
		{"logs", "--all-containers", "--prefix", "--tail=20", "-l", "app.kubernetes.io/managed-by=lfs-operator"},
	} {
		out, err := e.Kubectl(ctx, append([]string{"-n", namespace}, args...)...)
		if err != nil {
			out += err.Error()
		}
		b.WriteString(out + "\n")
	}
	return b.String()
}

// Condition of an object's status.
type Condition struct {
	Type, Status, Reason, Message string
	ObservedGeneration            int64
}

// Status is the part of an LFSRepository's status that the steps look at.
type Status struct {
	URL        string
	Conditions []Condition
	Usage      *struct {
		Objects int64
		Size    string
	}
	Location *struct{ Endpoint, Bucket, Prefix string }
	Server   *struct{ Name, Next, Previous string }
	GC       *struct {
		LastHandledRequest string
		LastRun            *struct {
			ID, Mode, Outcome, Message        string
			Kept, Condemned, Deleted, Orphans int64
			DeletedSize                       string
		}
	}
	ObservedGeneration int64
}

// Condition returns the condition of that type, or nil.
func (s *Status) Condition(kind string) *Condition {
	for i := range s.Conditions {
		if s.Conditions[i].Type == kind {
			return &s.Conditions[i]
		}
	}
	return nil
}

// object is what the steps read of an LFSRepository.
type object struct {
	Metadata struct{ Generation int64 }
	Status   Status
}

// Repository reads an LFSRepository: its generation and status.
func (e *Env) Repository(ctx context.Context, namespace, name string) (generation int64, status *Status, err error) {
	out, err := e.Kubectl(ctx, "-n", namespace, "get", "lfsrepository", name, "-o", "json")
	if err != nil {
		return 0, nil, err
	}
	var o object
	if err := json.Unmarshal([]byte(out), &o); err != nil {
		return 0, nil, err
	}
	return o.Metadata.Generation, &o.Status, nil
}

// WatchRepository calls see with an LFSRepository as it is, and again after every
// change, until see returns true. It fails with see's last reason when the time
// is over. One kubectl does it all: on two cores, asking again and again would
// slow down what is being waited for.
func (e *Env) WatchRepository(ctx context.Context, namespace, name string, limit time.Duration, what string, see func(generation int64, st *Status) (done bool, why string)) error {
	watch, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var why string
	for {
		done, err := watchRepository(watch, namespace, name, func(o *object) bool {
			done, w := see(o.Metadata.Generation, &o.Status)
			why = w
			return done
		})
		switch {
		case done:
			return nil
		case watch.Err() != nil:
			return fmt.Errorf("not within %s: %s (last: %s)\n%s", limit, what, strings.TrimSpace(why), e.Describe(context.WithoutCancel(ctx), namespace))
		case err != nil:
			why = err.Error()
		}
		select { // the API server may have gone away for a moment
		case <-watch.Done():
		case <-time.After(300 * time.Millisecond):
		}
	}
}

// watchRepository follows one "kubectl get --watch" until see returns true.
func watchRepository(ctx context.Context, namespace, name string, see func(*object) bool) (done bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	// By selector and not by name: of an object that is named, kubectl swallows
	// what happens between its first answer and the watch.
	cmd := exec.CommandContext(ctx, "kubectl", "-n", namespace, "get", "lfsrepositories",
		"--field-selector", "metadata.name="+name, "-o", "json", "--watch")
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		cancel()
		return false, err
	}
	defer func() {
		cancel()
		_ = cmd.Wait()
	}()
	for d := json.NewDecoder(out); ; {
		var o object
		if err := d.Decode(&o); err != nil {
			return false, fmt.Errorf("kubectl get --watch: %w %s", err, errs.String())
		}
		if see(&o) {
			return true, nil
		}
	}
}

// WaitCondition waits until a condition has the status (and the reason, where
// given) for the object's current generation.
func (e *Env) WaitCondition(ctx context.Context, namespace, name, kind, status, reason string, limit time.Duration) (*Status, error) {
	var last *Status
	what := fmt.Sprintf("%s/%s %s=%s %s", namespace, name, kind, status, reason)
	err := e.WatchRepository(ctx, namespace, name, limit, what, func(generation int64, st *Status) (bool, string) {
		last = st
		c := st.Condition(kind)
		if c == nil {
			return false, fmt.Sprintf("%+v", st.Conditions)
		}
		return c.Status == status && c.ObservedGeneration == generation && (reason == "" || c.Reason == reason), fmt.Sprintf("%+v", *c)
	})
	return last, err
}

// WaitReady waits until an LFSRepository is Ready for its current generation.
func (e *Env) WaitReady(ctx context.Context, namespace, name string, limit time.Duration) (*Status, error) {
	return e.WaitCondition(ctx, namespace, name, "Ready", "True", "", limit)
}

// SecretKey reads one key of a Secret.
func (e *Env) SecretKey(ctx context.Context, namespace, name, key string) (string, error) {
	out, err := e.Kubectl(ctx, "-n", namespace, "get", "secret", name, "-o", "jsonpath={.data."+strings.ReplaceAll(key, ".", `\.`)+"}")
	if err != nil {
		return "", err
	}
	b, err := base64.StdEncoding.DecodeString(out)
	return string(b), err
}
