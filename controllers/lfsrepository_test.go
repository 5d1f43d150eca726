package controllers

import (
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lfs-operator/lfs-operator/api/v1alpha1"
	"github.com/lfs-operator/lfs-operator/internal/desired"
)

// children are all objects of a repository called "models".
func children(repo *v1alpha1.LFSRepository) map[string]client.Object {
	return map[string]client.Object{
		"configmap":           named(&corev1.ConfigMap{}, "models-lfs"),
		"serviceaccount":      named(&corev1.ServiceAccount{}, "models-lfs"),
		"deployment":          named(&appsv1.Deployment{}, "models-lfs"),
		"service":             named(&corev1.Service{}, "models-lfs"),
		"networkpolicy":       named(&networkingv1.NetworkPolicy{}, "models-lfs"),
		"poddisruptionbudget": named(&policyv1.PodDisruptionBudget{}, "models-lfs"),
		"cronjob":             named(&batchv1.CronJob{}, "models-lfs-gc"),
		"access secret":       named(&corev1.Secret{}, "models-lfs-access"),
		"keys secret":         named(&corev1.Secret{}, "models-lfs-keys"),
		"scan secret":         named(&corev1.Secret{}, desired.ScanSecretName(repo)),
	}
}

func named(o client.Object, name string) client.Object {
	o.SetName(name)
	return o
}

func TestCreateBringsUpEverything(t *testing.T) {
	w := newWorld(t)
	w.create("models")
	repo := w.ready("models")

	for what, o := range children(repo) {
		if err := w.c.Get(t.Context(), client.ObjectKey{Namespace: w.ns, Name: o.GetName()}, o); err != nil {
			t.Errorf("%s: %v", what, err)
			continue
		}
		if !metav1.IsControlledBy(o, repo) {
			t.Errorf("%s is not owned by the repository: %v", what, o.GetOwnerReferences())
		}
		if o.GetLabels()[v1alpha1.LabelRepositoryUID] != string(repo.UID) {
			t.Errorf("%s has labels %v", what, o.GetLabels())
		}
	}
	wantURL := "http://models-lfs." + w.ns + ".svc.cluster.local/" + w.ns + "/models.git/info/lfs"
	if repo.Status.URL != wantURL {
		t.Errorf("URL is %q, want %q", repo.Status.URL, wantURL)
	}
	if l := repo.Status.Location; l == nil || l.Prefix != w.ns+"/models-"+string(repo.UID)+"/" || l.Bucket != "bucket" {
		t.Errorf("location is %+v", l)
	}
	for _, s := range repo.Status.Secrets {
		if s.UID == "" {
			t.Errorf("Secret %s has no UID in status", s.Name)
		}
	}
	if got := w.events.all(); len(got) != 0 {
		t.Errorf("events are %v, want none: all went well from the start", got)
	}
}
