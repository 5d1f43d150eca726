package controllers

import (
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lfs-operator/lfs-operator/api/v1alpha1"
)

// TestForeignObject: what somebody else has made is never touched; the condition
// names it, the others are made, and all is well once it is gone.
func TestForeignObject(t *testing.T) {
	for name, tc := range map[string]struct {
		foreign func(ns string) client.Object
		names   string
		// pods is true when the Deployment is made all the same.
		pods bool
	}{
		"service": {
			foreign: func(ns string) client.Object {
				s := &corev1.Service{Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 80, TargetPort: intstr.FromInt32(80)}}}}
				return place(s, ns, "models-lfs")
			},
			names: "Service/models-lfs", pods: true,
		},
		"configmap": {
			foreign: func(ns string) client.Object { return place(&corev1.ConfigMap{}, ns, "models-lfs") },
			names:   "ConfigMap/models-lfs",
		},
		"secret": {
			foreign: func(ns string) client.Object {
				return place(&corev1.Secret{StringData: map[string]string{"theirs": "yes"}}, ns, "models-lfs-access")
			},
			names: "Secret/models-lfs-access", pods: true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			foreign := tc.foreign(w.ns)
			if err := w.c.Create(t.Context(), foreign); err != nil {
				t.Fatal(err)
			}
			w.create("models")
			repo := w.wait("models", v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonForeignObject)
			message := meta.FindStatusCondition(repo.Status.Conditions, v1alpha1.ConditionReady).Message
			if !strings.Contains(message, tc.names) {
				t.Errorf("the message %q does not name %s", message, tc.names)
			}
			if !conditionTrue(repo, v1alpha1.ConditionStalled) {
				t.Error("not Stalled")
			}
			w.settled()
			for what, o := range children(repo) {
				if o.GetName() == foreign.GetName() && strings.Contains(tc.names, kindOf(o)) {
					continue
				}
				err := w.c.Get(t.Context(), client.ObjectKey{Namespace: w.ns, Name: o.GetName()}, o)
				if workload := what == "deployment" || what == "cronjob"; workload && !tc.pods {
					if !apierrors.IsNotFound(err) {
						t.Errorf("%s is there (%v), and its pods cannot run", what, err)
					}
				} else if err != nil {
					t.Errorf("%s is missing: %v", what, err)
				}
			}
			before := foreign.GetResourceVersion()
			if err := w.c.Get(t.Context(), client.ObjectKeyFromObject(foreign), foreign); err != nil || foreign.GetResourceVersion() != before {
				t.Errorf("the foreign object has changed (%v)", err)
			}
			if n := w.events.count("Warning ForeignObject"); n != 1 {
				t.Errorf("%d events about it, want 1: %v", n, w.events.all())
			}

			if err := w.c.Delete(t.Context(), foreign); err != nil {
				t.Fatal(err)
			}
			w.ready("models")
		})
	}
}

func place(o client.Object, ns, name string) client.Object {
	o.SetNamespace(ns)
	o.SetName(name)
	return o
}

func kindOf(o client.Object) string {
	switch o.(type) {
	case *corev1.Service:
		return "Service"
	case *corev1.ConfigMap:
		return "ConfigMap"
	case *corev1.Secret:
		return "Secret"
	default:
		return "another"
	}
}

// TestDriftIsUndone: whatever somebody changes or deletes comes back.
func TestDriftIsUndone(t *testing.T) {
	w := newWorld(t)
	w.create("models")
	repo := w.ready("models")

	t.Run("spec", func(t *testing.T) {
		d := &appsv1.Deployment{}
		w.fetch(d, "models-lfs")
		d.Spec.Template.Spec.Containers[0].Image = "evil"
		if err := w.c.Update(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		w.eventually("the image comes back", func() string {
			w.fetch(d, "models-lfs")
			if image := d.Spec.Template.Spec.Containers[0].Image; image != "lfs-operator:test" {
				return image
			}
			return ""
		})
	})
	t.Run("data", func(t *testing.T) {
		m := &corev1.ConfigMap{}
		w.fetch(m, "models-lfs")
		m.Data["config.yaml"] = "evil"
		if err := w.c.Update(t.Context(), m); err != nil {
			t.Fatal(err)
		}
		w.eventually("the configuration comes back", func() string {
			w.fetch(m, "models-lfs")
			if m.Data["config.yaml"] == "evil" {
				return "not yet"
			}
			return ""
		})
	})
	t.Run("labels", func(t *testing.T) {
		s := &corev1.Service{}
		w.fetch(s, "models-lfs")
		delete(s.Labels, v1alpha1.LabelRepository)
		delete(s.Labels, "app.kubernetes.io/managed-by")
		if err := w.c.Update(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		w.eventually("the labels come back", func() string {
			w.fetch(s, "models-lfs")
			if s.Labels[v1alpha1.LabelRepository] != "models" {
				return "not yet"
			}
			return ""
		})
	})
	t.Run("deletion", func(t *testing.T) {
		for what, o := range children(repo) {
			if _, secret := o.(*corev1.Secret); secret {
				continue // cannot be seen
			}
			w.fetch(o, o.GetName())
			uid := o.GetUID()
			if err := w.c.Delete(t.Context(), o); err != nil {
				t.Fatal(err)
			}
			w.eventually(what+" comes back", func() string {
				if err := w.c.Get(t.Context(), client.ObjectKey{Namespace: w.ns, Name: o.GetName()}, o); err != nil {
					return err.Error()
				}
				if o.GetUID() == uid {
					return "not yet deleted"
				}
				return ""
			})
		}
	})
	w.ready("models")
}

func (w *world) fetch(o client.Object, name string) {
	w.t.Helper()
	if err := w.c.Get(w.t.Context(), client.ObjectKey{Namespace: w.ns, Name: name}, o); err != nil {
		w.t.Fatal(err)
	}
}

// TestSteadyStateIsSilent: a repository at which nothing happens costs no write
// and no reconcile, however often its server is asked.
func TestSteadyStateIsSilent(t *testing.T) {
	w := newWorld(t)
	w.patiently()
	w.create("models")
	w.ready("models")
	w.settled()
	writes, passes, late := len(w.spy.writes()), w.spy.passes(), w.spy.late()
	t.Logf("until Ready and settled: %d passes, %d writes: %q", passes, writes, w.spy.writes())
	time.Sleep(2 * time.Second) // twenty polls

	if got := w.spy.writes()[writes:]; len(got) != 0 {
		t.Errorf("writes in a steady state: %v", got)
	}
	if got := w.spy.passes() - passes; got != 0 {
		t.Errorf("%d reconciles in a steady state", got)
	}
	if passes-late > 40 {
		t.Errorf("%d reconciles until Ready, of which %d were late", passes, late)
	}
	// Ten children, two statuses, three dry runs.
	if writes > 15 {
		t.Errorf("%d writes until Ready: %v", writes, w.spy.writes())
	}
}
