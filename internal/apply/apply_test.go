package apply

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/lfs-operator/lfs-operator/test/assets"
)

var apiServer struct {
	once   sync.Once
	env    *envtest.Environment
	config *rest.Config
	err    error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if apiServer.env != nil {
		if err := apiServer.env.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, "stopping the API server:", err)
		}
	}
	os.Exit(code)
}

// fixture is a namespace with an owner and an Applier whose writes are counted.
// The fake client answers applies wrongly, so this is a real API server.
type fixture struct {
	t      *testing.T
	c      client.Client
	a      *Applier
	writes *writer
	owner  *corev1.ConfigMap
}

type writer struct {
	client.Writer
	applies, deletes int
}

func (w *writer) Patch(ctx context.Context, o client.Object, patch client.Patch, opts ...client.PatchOption) error {
	if patch.Type() == types.ApplyPatchType {
		w.applies++
	}
	return w.Writer.Patch(ctx, o, patch, opts...)
}

func (w *writer) Delete(ctx context.Context, o client.Object, opts ...client.DeleteOption) error {
	w.deletes++
	return w.Writer.Delete(ctx, o, opts...)
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	apiServer.once.Do(func() {
		// Its default is too short for a machine that builds other packages meanwhile.
		apiServer.env = &envtest.Environment{BinaryAssetsDirectory: assets.KubeAssets(t), ControlPlaneStartTimeout: 2 * time.Minute}
		apiServer.config, apiServer.err = apiServer.env.Start()
	})
	if apiServer.err != nil {
		t.Fatalf("starting the API server: %v", apiServer.err)
	}
	c, err := client.New(apiServer.config, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "apply-"}}
	if err := c.Create(t.Context(), ns); err != nil {
		t.Fatal(err)
	}
	owner := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: ns.Name, Name: "owner"}}
	if err := c.Create(t.Context(), owner); err != nil {
		t.Fatal(err)
	}
	w := &writer{Writer: c}
	return &fixture{t: t, c: c, writes: w, owner: owner, a: &Applier{Writer: w, Cache: c, Direct: c}}
}

var labels = map[string]string{"of": "owner"}

// configMap is a wanted object of the owner.
func (f *fixture) configMap(name, value string) *corev1ac.ConfigMapApplyConfiguration {
	return corev1ac.ConfigMap(name, f.owner.Namespace).
		WithLabels(labels).
		WithOwnerReferences(metav1ac.OwnerReference().WithAPIVersion("v1").WithKind("ConfigMap").
			WithName(f.owner.Name).WithUID(f.owner.UID).WithController(true)).
		WithData(map[string]string{"key": value})
}

func (f *fixture) apply(set ...runtime.ApplyConfiguration) error {
	return f.a.Apply(f.t.Context(), f.owner, set)
}

func (f *fixture) get(name string) *corev1.ConfigMap {
	f.t.Helper()
	m := &corev1.ConfigMap{}
	if err := f.c.Get(f.t.Context(), client.ObjectKey{Namespace: f.owner.Namespace, Name: name}, m); err != nil {
		f.t.Fatal(err)
	}
	return m
}

// TestApplyOnce: the same set again is no request at all; what changed, on either
// side, is applied again.
func TestApplyOnce(t *testing.T) {
	f := newFixture(t)
	for i, step := range []struct {
		what   string
		before func()
		value  string
		want   int
	}{
		{what: "new", value: "1", want: 1},
		{what: "the same", value: "1", want: 1},
		{what: "changed by us", value: "2", want: 2},
		{what: "the same", value: "2", want: 2},
		{what: "changed by somebody", value: "2", want: 3, before: func() {
			m := f.get("child")
			m.Data["key"] = "theirs"
			if err := f.c.Update(t.Context(), m); err != nil {
				t.Fatal(err)
			}
		}},
		{what: "deleted by somebody", value: "2", want: 4, before: func() {
			if err := f.c.Delete(t.Context(), f.get("child")); err != nil {
				t.Fatal(err)
			}
		}},
		{what: "forgotten", value: "2", want: 5, before: func() { f.a.Forget(f.owner.UID) }},
	} {
		if step.before != nil {
			step.before()
		}
		if err := f.apply(f.configMap("child", step.value)); err != nil {
			t.Fatalf("%d, %s: %v", i, step.what, err)
		}
		if f.writes.applies != step.want {
			t.Errorf("%d, %s: %d applies, want %d", i, step.what, f.writes.applies, step.want)
		}
		if got := f.get("child").Data["key"]; got != step.value {
			t.Errorf("%d, %s: value %q, want %q", i, step.what, got, step.value)
		}
	}
}

// TestFieldsAreGivenUp: a field that is no longer wanted goes; one that somebody
// else has set stays.
func TestFieldsAreGivenUp(t *testing.T) {
	f := newFixture(t)
	if err := f.apply(f.configMap("child", "1").WithData(map[string]string{"old": "x"})); err != nil {
		t.Fatal(err)
	}
	m := f.get("child")
	m.Data["theirs"] = "y"
	if err := f.c.Update(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	if err := f.apply(f.configMap("child", "1")); err != nil {
		t.Fatal(err)
	}
	got := f.get("child").Data
	if _, old := got["old"]; old || got["theirs"] != "y" || got["key"] != "1" {
		t.Errorf("data is %v", got)
	}
}

// TestForeignIsLeftAlone: whatever is not the owner's is an error and stays as
// it is; the others are applied.
func TestForeignIsLeftAlone(t *testing.T) {
	f := newFixture(t)
	yes := true
	for name, tc := range map[string]struct {
		owners   []metav1.OwnerReference
		leftover bool
	}{
		"nobody":   {},
		"somebody": {owners: []metav1.OwnerReference{{APIVersion: "v1", Kind: "ConfigMap", Name: "other", UID: "1", Controller: &yes}}},
		"earlier":  {owners: []metav1.OwnerReference{{APIVersion: "v1", Kind: "ConfigMap", Name: "owner", UID: "1", Controller: &yes}}, leftover: true},
		"not-controller": {owners: []metav1.OwnerReference{
			{APIVersion: "v1", Kind: "ConfigMap", Name: "owner", UID: f.owner.UID},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			theirs := &corev1.ConfigMap{
				ObjectMeta: metav1.ObjectMeta{Namespace: f.owner.Namespace, Name: name, OwnerReferences: tc.owners},
				Data:       map[string]string{"key": "theirs"},
			}
			if err := f.c.Create(t.Context(), theirs); err != nil {
				t.Fatal(err)
			}
			err := f.apply(f.configMap(name, "ours"), f.configMap(name+"-beside", "ours"))
			var foreign *ForeignError
			if !errors.As(err, &foreign) || foreign.Ref.String() != "ConfigMap/"+name || foreign.Leftover != tc.leftover {
				t.Fatalf("error is %v, want one about ConfigMap/%s, leftover %t", err, name, tc.leftover)
			}
			if got := f.get(name); got.ResourceVersion != theirs.ResourceVersion {
				t.Errorf("the foreign object became %v", got.Data)
			}
			f.get(name + "-beside")
		})
	}
}

// TestRefused: the API server's word comes back, and which object it is about.
func TestRefused(t *testing.T) {
	f := newFixture(t)
	bad := f.configMap("child", "1").WithLabels(map[string]string{"not a label!": "x"})
	err := f.apply(bad)
	var refused *RefusedError
	if !errors.As(err, &refused) || refused.Ref.Name != "child" {
		t.Errorf("error is %v, want a refusal of child", err)
	}
}

// TestPrune: what the owner has and no longer wants goes; nobody else's does.
func TestPrune(t *testing.T) {
	f := newFixture(t)
	keep, drop := f.configMap("keep", "1"), f.configMap("drop", "1")
	if err := f.apply(keep, drop); err != nil {
		t.Fatal(err)
	}
	theirs := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: f.owner.Namespace, Name: "theirs", Labels: labels}}
	if err := f.c.Create(t.Context(), theirs); err != nil {
		t.Fatal(err)
	}
	kinds := []schema.GroupVersionKind{corev1.SchemeGroupVersion.WithKind("ConfigMap")}
	for range 2 {
		if err := f.a.Prune(t.Context(), f.owner, f.owner.Namespace, kinds, []runtime.ApplyConfiguration{keep}, client.MatchingLabels(labels)); err != nil {
			t.Fatal(err)
		}
	}
	f.get("keep")
	f.get("theirs")
	err := f.c.Get(t.Context(), client.ObjectKey{Namespace: f.owner.Namespace, Name: "drop"}, &corev1.ConfigMap{})
	if !apierrors.IsNotFound(err) {
		t.Errorf("drop is still there (%v)", err)
	}
	if f.writes.deletes != 1 {
		t.Errorf("%d deletes, want 1", f.writes.deletes)
	}
}

// TestPruneBehindTheCache: what was applied and is given up before the informer has
// seen it goes all the same, once; an object that took its place stays.
func TestPruneBehindTheCache(t *testing.T) {
	f := newFixture(t)
	f.a.Cache = unseen{f.c}
	if err := f.apply(f.configMap("drop", "1"), f.configMap("replaced", "1")); err != nil {
		t.Fatal(err)
	}
	if err := f.c.Delete(t.Context(), f.get("replaced")); err != nil {
		t.Fatal(err)
	}
	theirs := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: f.owner.Namespace, Name: "replaced"}}
	if err := f.c.Create(t.Context(), theirs); err != nil {
		t.Fatal(err)
	}
	kinds := []schema.GroupVersionKind{corev1.SchemeGroupVersion.WithKind("ConfigMap")}
	for range 2 {
		if err := f.a.Prune(t.Context(), f.owner, f.owner.Namespace, kinds, nil, client.MatchingLabels(labels)); err != nil {
			t.Fatal(err)
		}
	}
	f.get("replaced")
	if err := f.c.Get(t.Context(), client.ObjectKey{Namespace: f.owner.Namespace, Name: "drop"}, &corev1.ConfigMap{}); !apierrors.IsNotFound(err) {
		t.Errorf("drop is still there (%v)", err)
	}
	if f.writes.deletes != 2 {
		t.Errorf("%d deletes, want one of each", f.writes.deletes)
	}
}

// unseen is a cache that has seen nothing yet.
type unseen struct{ client.Reader }

func (u unseen) Get(_ context.Context, key client.ObjectKey, _ client.Object, _ ...client.GetOption) error {
	return apierrors.NewNotFound(schema.GroupResource{}, key.Name)
}

func (u unseen) List(context.Context, client.ObjectList, ...client.ListOption) error { return nil }

// TestFirstApplyTakesNothingOver: an object that the cache does not hold is found by
// the write itself: the owner's is applied again, and somebody else's left alone.
func TestFirstApplyTakesNothingOver(t *testing.T) {
	f := newFixture(t)
	if err := f.apply(f.configMap("child", "1")); err != nil {
		t.Fatal(err)
	}
	theirs := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: f.owner.Namespace, Name: "theirs"}}
	if err := f.c.Create(t.Context(), theirs); err != nil {
		t.Fatal(err)
	}
	f.a.Forget(f.owner.UID)
	f.a.Cache = unseen{f.c}
	err := f.apply(f.configMap("child", "2"), f.configMap("theirs", "2"))
	var foreign *ForeignError
	if !errors.As(err, &foreign) || foreign.Ref.Name != "theirs" {
		t.Errorf("error is %v, want one about theirs", err)
	}
	if got := f.get("child").Data["key"]; got != "2" {
		t.Errorf("the owner's has value %q, want 2", got)
	}
	if got := f.get("theirs"); got.ResourceVersion != theirs.ResourceVersion {
		t.Errorf("theirs became %v", got.Data)
	}
}

// TestLaggingCache: our own write that the informer has not seen yet is no drift.
func TestLaggingCache(t *testing.T) {
	f := newFixture(t)
	if err := f.apply(f.configMap("child", "1")); err != nil {
		t.Fatal(err)
	}
	old := f.get("child")
	if err := f.apply(f.configMap("child", "2")); err != nil {
		t.Fatal(err)
	}
	f.a.Cache = lagging{f.c, old}
	if err := f.apply(f.configMap("child", "2")); err != nil {
		t.Fatal(err)
	}
	if f.writes.applies != 2 {
		t.Errorf("%d applies, want 2", f.writes.applies)
	}
}

// lagging is a cache that still holds an older version.
type lagging struct {
	client.Reader
	old *corev1.ConfigMap
}

func (l lagging) Get(_ context.Context, _ client.ObjectKey, o client.Object, _ ...client.GetOption) error {
	partial, ok := o.(*metav1.PartialObjectMetadata)
	if !ok {
		return errors.New("want metadata")
	}
	partial.ObjectMeta = l.old.ObjectMeta
	return nil
}
