package controllers

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lfs-operator/lfs-operator/api/v1alpha1"
)

// spy is the operator's client. It counts passes and writes, and looks at every
// status before it is written.
type spy struct {
	client.Client
	t *testing.T

	mu    sync.Mutex
	gets  int
	lags  int
	calls int // that are not yet answered
	wrote []string
	// newest version of each LFSRepository that was written.
	newest map[types.UID]string
	// fails, where set, answers writes instead of the API server.
	fails func(what string) error
}

func newSpy(t *testing.T) *spy { return &spy{t: t, newest: map[types.UID]string{}} }

// passes is the number of reconciles: each begins by reading its LFSRepository.
func (s *spy) passes() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.gets
}

// late is how many of the passes found that the cache lags behind the operator's last
// write. How many that are is the machine's affair.
func (s *spy) late() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lags
}

// busy is true while the operator waits for an answer.
func (s *spy) busy() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls > 0
}

// call counts one that begins; the answer ends it.
func (s *spy) call() (answered func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.calls--
	}
}

// writes are all requests but reads.
func (s *spy) writes() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.wrote)
}

func (s *spy) write(verb string, o any) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := fmt.Sprintf("%T", o)
	if named, ok := o.(interface{ GetName() string }); ok {
		name += " " + named.GetName()
	}
	s.wrote = append(s.wrote, verb+" "+name)
	if s.fails != nil {
		return s.fails(verb + " " + name)
	}
	return nil
}

// failing lets writes fail from now on.
func (s *spy) failing(fails func(what string) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fails = fails
}

func (s *spy) Get(ctx context.Context, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
	defer s.call()()
	err := s.Client.Get(ctx, key, o, opts...)
	if repo, ok := o.(*v1alpha1.LFSRepository); ok {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.gets++
		if newest := s.newest[repo.UID]; newest != "" && older(repo.ResourceVersion, newest) {
			s.lags++
		}
	}
	return err
}

func older(a, b string) bool {
	order, err := resourceversion.CompareResourceVersion(a, b)
	return err == nil && order < 0
}

func (s *spy) Create(ctx context.Context, o client.Object, opts ...client.CreateOption) error {
	verb := "create"
	if options := (&client.CreateOptions{}).ApplyOptions(opts); len(options.DryRun) > 0 {
		verb = "try"
	}
	defer s.call()()
	if err := s.write(verb, o); err != nil {
		return err
	}
	return s.Client.Create(ctx, o, opts...)
}

func (s *spy) Delete(ctx context.Context, o client.Object, opts ...client.DeleteOption) error {
	defer s.call()()
	if err := s.write("delete", o); err != nil {
		return err
	}
	return s.Client.Delete(ctx, o, opts...)
}

func (s *spy) Patch(ctx context.Context, o client.Object, patch client.Patch, opts ...client.PatchOption) error {
	verb := "patch"
	if patch.Type() == types.ApplyPatchType {
		verb = "apply"
	}
	defer s.call()()
	if err := s.write(verb, o); err != nil {
		return err
	}
	return s.Client.Patch(ctx, o, patch, opts...)
}

func (s *spy) Apply(ctx context.Context, o runtime.ApplyConfiguration, opts ...client.ApplyOption) error {
	defer s.call()()
	if err := s.write("apply", o); err != nil {
		return err
	}
	return s.Client.Apply(ctx, o, opts...)
}

func (s *spy) Status() client.SubResourceWriter { return statusSpy{s.Client.Status(), s} }

type statusSpy struct {
	client.SubResourceWriter
	s *spy
}

func (w statusSpy) Update(ctx context.Context, o client.Object, opts ...client.SubResourceUpdateOption) error {
	defer w.s.call()()
	if err := w.s.write("status", o); err != nil {
		return err
	}
	repo, ok := o.(*v1alpha1.LFSRepository)
	if ok {
		checkInvariants(w.s.t, repo)
	}
	err := w.SubResourceWriter.Update(ctx, o, opts...)
	if ok && err == nil {
		w.s.mu.Lock()
		defer w.s.mu.Unlock()
		w.s.newest[repo.UID] = repo.ResourceVersion
	}
	return err
}

// checkInvariants holds for every status that is ever written.
func checkInvariants(t *testing.T, repo *v1alpha1.LFSRepository) {
	t.Helper()
	conditions := repo.Status.Conditions
	ready := meta.FindStatusCondition(conditions, v1alpha1.ConditionReady)
	if ready == nil {
		t.Errorf("%s: a status without Ready", repo.Name)
		return
	}
	stalled := meta.FindStatusCondition(conditions, v1alpha1.ConditionStalled)
	reconciling := meta.FindStatusCondition(conditions, v1alpha1.ConditionReconciling)
	complain := func(format string, args ...any) {
		t.Helper()
		t.Errorf("%s: %s%s", repo.Name, fmt.Sprintf(format, args...), describe(repo))
	}
	if stalled != nil && ready.Status != metav1.ConditionFalse {
		complain("Stalled while Ready is %s", ready.Status)
	}
	if stalled != nil && reconciling != nil {
		complain("Stalled and Reconciling at once")
	}
	if reconciling != nil && ready.Status == metav1.ConditionTrue {
		complain("Reconciling while Ready")
	}
	for _, c := range conditions {
		abnormal := c.Type == v1alpha1.ConditionStalled || c.Type == v1alpha1.ConditionReconciling
		switch {
		case c.ObservedGeneration > repo.Generation:
			complain("%s has observed generation %d of %d", c.Type, c.ObservedGeneration, repo.Generation)
		case abnormal && c.Status != metav1.ConditionTrue:
			complain("%s is there and not True", c.Type)
		case c.Reason == "" || c.Message == "":
			complain("%s has no reason or no message", c.Type)
		}
	}
	if repo.Status.ObservedGeneration > repo.Generation {
		complain("observedGeneration %d of %d", repo.Status.ObservedGeneration, repo.Generation)
	}
	if store := meta.FindStatusCondition(conditions, v1alpha1.ConditionStoreReady); ready.Status == metav1.ConditionTrue && (store == nil || store.Status != metav1.ConditionTrue) {
		complain("Ready without StoreReady")
	}
}
