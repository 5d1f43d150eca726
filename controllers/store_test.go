package controllers

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lfs-operator/lfs-operator/api/v1alpha1"
	"github.com/lfs-operator/lfs-operator/internal/desired"
	"github.com/lfs-operator/lfs-operator/internal/serverstatus"
)

// newStoreWorld has a namespace of the administrator's beside the tenant's, and
// a store that the tenant may use.
func newStoreWorld(t *testing.T, change ...func(*v1alpha1.LFSStore)) (*world, *v1alpha1.LFSStore) {
	t.Helper()
	w := newWorldOf(t, "servers")
	store := &v1alpha1.LFSStore{
		ObjectMeta: metav1.ObjectMeta{Name: w.ns},
		Spec: v1alpha1.LFSStoreSpec{
			Endpoint:             "http://store.example:9000",
			ServerNamespace:      w.others[0],
			CredentialsSecretRef: &v1alpha1.LocalReference{Name: "admin-credentials"},
			Bucket:               "shared",
			AllowedNamespaces:    &v1alpha1.AllowedNamespaces{From: v1alpha1.NamespacesAll},
		},
	}
	for _, f := range change {
		f(store)
	}
	if err := w.c.Create(t.Context(), store); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.c.Delete(background, store) })
	return w, store
}

// inStore makes a repository lie in the world's store.
func inStore(w *world) func(*v1alpha1.LFSRepository) {
	return func(r *v1alpha1.LFSRepository) {
		r.Spec.Storage, r.Spec.Bucket = nil, ""
		r.Spec.StoreRef = &v1alpha1.StoreReference{Name: w.ns}
	}
}

func (w *world) changeStore(edit func(*v1alpha1.LFSStore)) {
	w.t.Helper()
	store := &v1alpha1.LFSStore{}
	if err := w.c.Get(w.t.Context(), client.ObjectKey{Name: w.ns}, store); err != nil {
		w.t.Fatal(err)
	}
	before := store.DeepCopy()
	edit(store)
	if err := w.c.Patch(w.t.Context(), store, client.MergeFrom(before)); err != nil {
		w.t.Fatal(err)
	}
}

// apart are the objects of a repository in the administrator's namespace.
func apart(base string) map[string]client.Object {
	return map[string]client.Object{
		"configmap":           named(&corev1.ConfigMap{}, base+"-lfs"),
		"serviceaccount":      named(&corev1.ServiceAccount{}, base+"-lfs"),
		"deployment":          named(&appsv1.Deployment{}, base+"-lfs"),
		"service":             named(&corev1.Service{}, base+"-lfs"),
		"networkpolicy":       named(&networkingv1.NetworkPolicy{}, base+"-lfs"),
		"poddisruptionbudget": named(&policyv1.PodDisruptionBudget{}, base+"-lfs"),
		"keys secret":         named(&corev1.Secret{}, base+"-lfs-keys"),
	}
}

func beside(repo *v1alpha1.LFSRepository) map[string]client.Object {
	all := children(repo)
	for _, elsewhere := range []string{"deployment", "poddisruptionbudget", "keys secret"} {
		delete(all, elsewhere)
	}
	return all
}

func (w *world) exists(namespace string, o client.Object) error {
	return w.c.Get(w.t.Context(), client.ObjectKey{Namespace: namespace, Name: o.GetName()}, o)
}

// TestPlacement: the server runs in the administrator's namespace, the tenant
// gets a name for it and tokens, and what somebody deletes comes back.
func TestPlacement(t *testing.T) {
	w, store := newStoreWorld(t)
	w.create("models", inStore(w))
	repo := w.ready("models")
	at := serverOf(repo)
	if at.Namespace != w.others[0] || at.Base == "models" {
		t.Fatalf("the server is at %+v", at)
	}
	for what, o := range apart(at.Base) {
		if err := w.exists(at.Namespace, o); err != nil {
			t.Errorf("%s of the server: %v", what, err)
		} else if len(o.GetOwnerReferences()) != 0 || o.GetLabels()[v1alpha1.LabelRepositoryNamespace] != w.ns {
			t.Errorf("%s has owners %v, labels %v", what, o.GetOwnerReferences(), o.GetLabels())
		}
	}
	for what, o := range beside(repo) {
		if err := w.exists(w.ns, o); err != nil {
			t.Errorf("%s beside the tenant: %v", what, err)
		} else if !metav1.IsControlledBy(o, repo) {
			t.Errorf("%s has owners %v", what, o.GetOwnerReferences())
		}
	}
	for _, what := range []string{"deployment", "keys secret"} {
		if err := w.exists(w.ns, children(repo)[what]); !apierrors.IsNotFound(err) {
			t.Errorf("%s stands beside the tenant (%v)", what, err)
		}
	}
	want := store.Place(repo)
	if *repo.Status.Location != want {
		t.Errorf("location is %+v, want %+v", *repo.Status.Location, want)
	}
	if !strings.HasPrefix(repo.Status.URL, "http://models-lfs."+w.ns+".svc.") {
		t.Errorf("URL is %s", repo.Status.URL)
	}
	alias := &corev1.Service{}
	w.fetch(alias, "models-lfs")
	if alias.Spec.ExternalName != at.Base+"-lfs."+at.Namespace+".svc.cluster.local" {
		t.Errorf("the Service is a name for %q", alias.Spec.ExternalName)
	}
	deployment := named(&appsv1.Deployment{}, at.Base+"-lfs")
	if err := errorsOf(w.exists(at.Namespace, deployment), w.c.Delete(t.Context(), deployment)); err != nil {
		t.Fatal(err)
	}
	w.eventually("the Deployment comes back", func() string {
		if err := w.exists(at.Namespace, named(&appsv1.Deployment{}, at.Base+"-lfs")); err != nil {
			return err.Error()
		}
		return ""
	})
	w.ready("models")
}

func errorsOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// TestTwoTenants: repositories of one name lie apart, and the end of one leaves
// the other's alone.
func TestTwoTenants(t *testing.T) {
	w, _ := newStoreWorld(t)
	w.create("models", inStore(w))
	w.create("data", inStore(w))
	first, second := w.ready("models"), w.ready("data")
	if a, b := serverOf(first), serverOf(second); a == b || first.Status.Location.Prefix == second.Status.Location.Prefix {
		t.Fatalf("both are at %v, prefix %s", a, first.Status.Location.Prefix)
	}
	if err := w.c.Delete(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	w.gone("models")
	w.allGone(serverOf(first))
	for what, o := range apart(serverOf(second).Base) {
		if err := w.exists(w.others[0], o); err != nil {
			t.Errorf("%s of the other: %v", what, err)
		}
	}
}

// allGone waits until nothing of a repository is left in a place.
func (w *world) allGone(at desired.Place) {
	w.t.Helper()
	for what, o := range apart(at.Base) {
		w.eventually(what+" is gone", func() string {
			if err := w.exists(at.Namespace, o); !apierrors.IsNotFound(err) {
				return "still there"
			}
			return ""
		})
	}
}

// TestStoreNotUsable: a store that is not there and one that is not allowed look
// the same, nothing is made, and all is well as soon as it is allowed.
func TestStoreNotUsable(t *testing.T) {
	w, store := newStoreWorld(t, func(s *v1alpha1.LFSStore) {
		s.Spec.AllowedNamespaces = &v1alpha1.AllowedNamespaces{
			From: v1alpha1.NamespacesSelector, Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"lfs": "yes"}},
		}
	})
	w.create("models", inStore(w))
	w.create("data", inStore(w), func(r *v1alpha1.LFSRepository) { r.Spec.StoreRef.Name = "nowhere" })
	var messages []string
	for _, name := range []string{"models", "data"} {
		repo := w.wait(name, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonStoreNotUsable)
		message := meta.FindStatusCondition(repo.Status.Conditions, v1alpha1.ConditionReady).Message
		messages = append(messages, strings.Replace(message, fmt.Sprintf("LFSStore %q", repo.Spec.StoreRef.Name), "LFSStore", 1))
		if strings.Contains(message, store.Spec.Endpoint) || strings.Contains(message, store.Spec.Bucket) || repo.Status.Location != nil {
			t.Errorf("the tenant learns of the store: %s %+v", message, repo.Status.Location)
		}
	}
	if messages[0] != messages[1] {
		t.Errorf("the messages tell whether it exists: %q", messages)
	}
	var made corev1.ConfigMapList
	if err := w.c.List(t.Context(), &made, client.InNamespace(w.others[0]), client.HasLabels{v1alpha1.LabelRepository}); err != nil || len(made.Items) != 0 {
		t.Errorf("%d ConfigMaps were made (%v)", len(made.Items), err)
	}
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: w.ns}}
	label := func(patch string) {
		t.Helper()
		if err := w.c.Patch(t.Context(), namespace, client.RawPatch(types.MergePatchType, []byte(patch))); err != nil {
			t.Fatal(err)
		}
	}
	label(`{"metadata":{"labels":{"lfs":"yes"}}}`)
	repo := w.ready("models")

	// What runs is left as it is when the namespace is no longer let in.
	label(`{"metadata":{"labels":{"lfs":null}}}`)
	w.wait("models", v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonStoreNotUsable)
	if err := w.exists(w.others[0], named(&appsv1.Deployment{}, serverOf(repo).Base+"-lfs")); err != nil {
		t.Errorf("the server is gone: %v", err)
	}
	// But for what stops the whole store.
	w.changeStore(func(s *v1alpha1.LFSStore) { s.Spec.ReadOnly = true })
	w.eventually("read-only reaches it", func() string {
		if !w.server.loadedAt(serverOf(repo)).Policy.ReadOnly {
			return "not yet"
		}
		return ""
	})
}

// TestDefaultStorePicked: without a word the newest default is taken, and kept.
func TestDefaultStorePicked(t *testing.T) {
	w, store := newStoreWorld(t)
	w.create("models", inStore(w), func(r *v1alpha1.LFSRepository) { r.Spec.StoreRef = nil })
	w.wait("models", v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonStoreNotUsable)
	mark := func(value string) {
		w.changeStore(func(s *v1alpha1.LFSStore) { s.Annotations = map[string]string{v1alpha1.AnnotationDefaultStore: value} })
	}
	mark("true")
	if repo := w.ready("models"); repo.Status.Location.Store != store.Name {
		t.Errorf("lies in %q", repo.Status.Location.Store)
	}
	mark("false")
	w.change("models", func(r *v1alpha1.LFSRepository) { r.Spec.KeepVersions = ptr.To[int32](3) })
	w.ready("models")
}

// TestPolicyFollowsStore: a default of the store reaches its repositories, and
// what stops all of them does too.
func TestPolicyFollowsStore(t *testing.T) {
	w, _ := newStoreWorld(t)
	w.create("models", inStore(w), func(r *v1alpha1.LFSRepository) { r.Spec.SuffixRules = []string{".repo"} })
	w.ready("models")
	w.changeStore(func(s *v1alpha1.LFSStore) {
		s.Spec.Defaults = &v1alpha1.StoreDefaults{KeepVersions: ptr.To[int32](9), SuffixRules: []string{".store"}}
		s.Spec.ReadOnly = true
		s.Spec.GC = &v1alpha1.StoreGC{Suspend: true}
	})
	w.eventually("the server has the new policy", func() string {
		repo := w.get("models")
		config := w.server.loadedAt(serverOf(repo))
		if config == nil || config.Policy.KeepVersions != 9 || !config.Policy.ReadOnly || !slices.Contains(config.Policy.SuffixRules, ".store") {
			return describe(repo)
		}
		return ""
	})
	w.eventually("status shows where it comes from", func() string {
		p := w.get("models").Status.Policy
		if p.KeepVersions.Source != v1alpha1.SourceStore || p.SuffixRules.Source != v1alpha1.SourceMerged {
			return fmt.Sprintf("%+v, %s", p.KeepVersions, p.SuffixRules.Source)
		}
		return ""
	})
	// The server may load its configuration before the CronJob is applied, and a
	// status that was written meanwhile is no sign of it either.
	c := &batchv1.CronJob{}
	w.eventually("the CronJob stops", func() string {
		if w.fetch(c, "models-lfs-gc"); !*c.Spec.Suspend {
			return "it goes on"
		}
		return ""
	})
	if config := w.server.loadedAt(serverOf(w.get("models"))); !config.GC.Suspended {
		t.Error("runs that are under way do not hear of it")
	}
	w.wait("models", v1alpha1.ConditionGarbageCollected, metav1.ConditionFalse, v1alpha1.ReasonSuspended)
	w.changeStore(func(s *v1alpha1.LFSStore) { s.Spec.GC = nil })
	w.settled()
	if w.fetch(c, "models-lfs-gc"); !*c.Spec.Suspend {
		t.Error("garbage collection deletes in a store that is read-only")
	}
	w.changeStore(func(s *v1alpha1.LFSStore) { s.Spec.ReadOnly = false })
	w.wait("models", v1alpha1.ConditionGarbageCollected, metav1.ConditionUnknown, reasonNeverRan)
	w.eventually("the CronJob goes on", func() string {
		if w.fetch(c, "models-lfs-gc"); *c.Spec.Suspend {
			return "it does not"
		}
		return ""
	})
}

// TestStopReachesRuns: the pod of a run that is under way is made to look at its
// configuration at once when garbage collection is stopped, and not before.
func TestStopReachesRuns(t *testing.T) {
	w, _ := newStoreWorld(t)
	w.create("models", inStore(w))
	repo := w.ready("models")
	labels := desiredLabels(repo)
	labels[desired.LabelComponent] = desired.ComponentSweep
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: serverOf(repo).Namespace, Name: "models-sweep", Labels: labels},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "sweep", Image: "x"}}},
	}
	if err := w.c.Create(t.Context(), pod); err != nil {
		t.Fatal(err)
	}
	pod.Status.Phase = corev1.PodRunning
	if err := w.c.Status().Update(t.Context(), pod); err != nil {
		t.Fatal(err)
	}
	nudged := func() string {
		if err := w.c.Get(t.Context(), client.ObjectKeyFromObject(pod), pod); err != nil {
			t.Fatal(err)
		}
		return pod.Annotations[annotationMounts]
	}
	w.settled()
	if nudged() != "" {
		t.Error("a run was nudged that has the newest configuration")
	}
	w.changeStore(func(s *v1alpha1.LFSStore) { s.Spec.GC = &v1alpha1.StoreGC{Suspend: true} })
	w.eventually("the run is nudged", func() string {
		if nudged() == "" {
			return "not yet"
		}
		return ""
	})
}

// TestLimitExceeded: the condition names field, value and limit; of the change
// nothing is taken, whichever side made it; the way back is open.
func TestLimitExceeded(t *testing.T) {
	w, _ := newStoreWorld(t, func(s *v1alpha1.LFSStore) {
		s.Spec.Limits = &v1alpha1.StoreLimits{MaxKeepVersions: ptr.To[int32](10)}
	})
	w.create("models", inStore(w), func(r *v1alpha1.LFSRepository) { r.Spec.KeepVersions = ptr.To[int32](10) })
	w.ready("models")
	w.change("models", func(r *v1alpha1.LFSRepository) {
		r.Spec.KeepVersions = ptr.To[int32](11)
		r.Spec.Access = &v1alpha1.Access{AnonymousRead: true}
	})
	repo := w.wait("models", v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonLimitExceeded)
	message := meta.FindStatusCondition(repo.Status.Conditions, v1alpha1.ConditionReady).Message
	for _, says := range []string{"spec.keepVersions", "11", "at most 10", "lower it"} {
		if !strings.Contains(message, says) {
			t.Errorf("%q does not say %q", message, says)
		}
	}
	if !conditionTrue(repo, v1alpha1.ConditionStalled) {
		t.Error("not Stalled")
	}
	w.settled()
	if config := w.server.loadedAt(serverOf(repo)); config.Policy.KeepVersions != 10 || config.Access.AnonymousRead {
		t.Errorf("half a change: %+v %+v", config.Policy, config.Access)
	}
	if kept := w.get("models").Status.Policy.KeepVersions.Value; kept != 10 {
		t.Errorf("status.policy shows keepVersions %d, and 10 is in force", kept)
	}
	// What stops the whole store reaches it all the same, and nothing else does.
	for _, stop := range []bool{true, false, true} {
		w.changeStore(func(s *v1alpha1.LFSStore) {
			s.Spec.ReadOnly = stop
			s.Spec.GC = &v1alpha1.StoreGC{Suspend: stop}
			s.Spec.Defaults = &v1alpha1.StoreDefaults{SuffixRules: []string{".store"}}
		})
		w.eventually(fmt.Sprintf("read-only is %t", stop), func() string {
			config := w.server.loadedAt(serverOf(repo))
			if config.Policy.KeepVersions != 10 || config.Access.AnonymousRead || slices.Contains(config.Policy.SuffixRules, ".store") {
				t.Fatalf("half a change: %+v", config.Policy)
			}
			if config.Policy.ReadOnly != stop || config.GC.Suspended != stop {
				return "not yet"
			}
			return ""
		})
	}
	w.eventually("the CronJob stops", func() string {
		c := &batchv1.CronJob{}
		w.fetch(c, "models-lfs-gc")
		if !*c.Spec.Suspend {
			return "it goes on"
		}
		return ""
	})
	w.changeStore(func(s *v1alpha1.LFSStore) {
		s.Spec.Limits.MaxKeepVersions, s.Spec.ReadOnly, s.Spec.GC = ptr.To[int32](20), false, nil
	})
	w.ready("models")
	if config := w.server.loadedAt(serverOf(repo)); config.Policy.KeepVersions != 11 || config.Policy.ReadOnly {
		t.Errorf("the change is not taken: %+v", config.Policy)
	}
	w.changeStore(func(s *v1alpha1.LFSStore) { s.Spec.Limits.MaxKeepVersions = ptr.To[int32](5) })
	w.wait("models", v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonLimitExceeded)
}

// TestSweepFollowsScan: the sweep runs where the store's key is, once for each
// scan that ended well, by its name.
func TestSweepFollowsScan(t *testing.T) {
	w, _ := newStoreWorld(t)
	w.create("models", inStore(w))
	repo := w.ready("models")
	w.change("models", func(r *v1alpha1.LFSRepository) {
		r.Annotations = map[string]string{v1alpha1.AnnotationRunGC: "1"}
	})
	scan := w.job(desired.GCJobName("models", "1"))
	if pod := scan.Spec.Template.Spec; len(pod.InitContainers) != 0 || pod.Containers[0].Name != desired.ContainerScan {
		t.Errorf("the Job beside the tenant runs %+v", pod.Containers)
	}
	at := serverOf(repo)
	sweeps := func() []batchv1.Job {
		var jobs batchv1.JobList
		of := client.MatchingLabels{desired.LabelComponent: desired.ComponentSweep}
		if err := w.c.List(t.Context(), &jobs, client.InNamespace(at.Namespace), of); err != nil {
			t.Fatal(err)
		}
		return jobs.Items
	}
	if found := sweeps(); len(found) != 0 {
		t.Fatalf("%d Jobs before the scan ended", len(found))
	}
	w.finish(scan, batchv1.JobComplete, "")
	sweep := w.jobIn(at.Namespace, desired.SweepJobName(at.Base, scan.Name))
	if env := sweep.Spec.Template.Spec.Containers[0].Env; !slices.ContainsFunc(env, func(e corev1.EnvVar) bool { return e.Name == "LFS_RUN" && e.Value == scan.Name }) {
		t.Errorf("the sweep runs as %+v", env)
	}
	w.finish(sweep, batchv1.JobFailed, "sweep: the store went away")
	failed := w.wait("models", v1alpha1.ConditionGarbageCollected, metav1.ConditionFalse, reasonJob)
	if !strings.Contains(describe(failed), "the store went away") {
		t.Errorf("the sweep's last words are missing: %s", describe(failed))
	}
	w.server.set(func(s *serverstatus.Status) {
		s.GC = &serverstatus.GCReport{ID: scan.Name, Mode: "DryRun", Outcome: serverstatus.GCSucceeded, StartedAt: scan.CreationTimestamp.Time, FinishedAt: scan.CreationTimestamp.Time}
	})
	w.wait("models", v1alpha1.ConditionGarbageCollected, metav1.ConditionTrue, serverstatus.GCSucceeded)
	w.settled()
	if found := sweeps(); len(found) != 1 {
		t.Errorf("%d sweeps of one scan", len(found))
	}
}
