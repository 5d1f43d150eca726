package main

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"

	"github.com/lfs-operator/lfs-operator/api/v1alpha1"
	"github.com/lfs-operator/lfs-operator/internal/derive"
	"github.com/lfs-operator/lfs-operator/internal/desired"
)

// barsWorkers is the operator's own default of --concurrency, and how many work
// wherever something is done for many.
const barsWorkers = 8

// inParallel does something n times with as many workers as the operator has.
func inParallel(n int, do func(i int) error) error {
	next, failed := make(chan int), make(chan error, barsWorkers)
	var workers sync.WaitGroup
	for range barsWorkers {
		workers.Go(func() {
			for i := range next {
				if err := do(i); err != nil {
					failed <- err
					return
				}
			}
		})
	}
	var err error
	for i := 0; i < n && err == nil; i++ {
		select {
		case next <- i:
		case err = <-failed:
		}
	}
	close(next)
	workers.Wait()
	select {
	case late := <-failed:
		return late
	default:
		return err
	}
}

// bareLoop applies the objects of all repositories as plainly as client-go can: the
// measure of what the API server itself takes for them.
type bareLoop struct {
	client *dynamic.DynamicClient
	master *derive.Master
}

func newBareLoop(config *rest.Config) (*bareLoop, error) {
	master, err := derive.NewMaster(make([]byte, derive.MasterKeySize))
	if err != nil {
		return nil, err
	}
	c, err := dynamic.NewForConfig(config)
	return &bareLoop{client: c, master: master}, err
}

// objects that the operator makes of a repository, Secrets among them.
func (b *bareLoop) objects(repo *v1alpha1.LFSRepository, store *v1alpha1.LFSStore) ([]*unstructured.Unstructured, error) {
	uid := string(repo.UID)
	id, key := b.master.SigningKey(uid, 1)
	in := desired.Inputs{
		Repository: repo, Store: store, Location: store.Place(repo),
		Policy:  v1alpha1.ResolvePolicy(repo, store.PolicyDefaults()),
		Install: desired.Install{Image: "lfs-operator:bars", OperatorNamespace: "lfs-operator-system", ClusterDomain: "cluster.local"},
		Credentials: desired.Credentials{
			StatusToken: b.master.StatusToken(uid), ScanToken: b.master.ScanToken(uid),
			SigningKeys: []desired.SigningKey{{ID: id, Key: key, Signs: true}},
			Tokens:      []desired.Token{{Name: desired.DefaultToken, Scope: v1alpha1.ScopeWrite, Generation: 1, Value: b.master.Token(uid, desired.DefaultToken, 1)}},
		},
	}
	set, err := desired.Objects(in)
	if err != nil {
		return nil, err
	}
	var all []any
	for _, s := range desired.Secrets(in) {
		s.Object.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"}
		all = append(all, s.Object)
	}
	for _, group := range [][]any{anys(set.Base), anys(set.Workloads), anys(set.Rest)} {
		all = append(all, group...)
	}
	var out []*unstructured.Unstructured
	for _, o := range all {
		raw, err := json.Marshal(o)
		if err != nil {
			return nil, err
		}
		u := &unstructured.Unstructured{}
		if err := json.Unmarshal(raw, &u.Object); err != nil {
			return nil, err
		}
		unstructured.RemoveNestedField(u.Object, "metadata", "creationTimestamp")
		out = append(out, u)
	}
	return out, nil
}

func anys[T any](list []T) []any {
	out := make([]any, 0, len(list))
	for _, v := range list {
		out = append(out, v)
	}
	return out
}

// resources by kind, of all that a repository becomes.
var resources = map[string]schema.GroupVersionResource{
	"Secret":              corev1.SchemeGroupVersion.WithResource("secrets"),
	"ConfigMap":           corev1.SchemeGroupVersion.WithResource("configmaps"),
	"ServiceAccount":      corev1.SchemeGroupVersion.WithResource("serviceaccounts"),
	"Service":             corev1.SchemeGroupVersion.WithResource("services"),
	"Deployment":          {Group: "apps", Version: "v1", Resource: "deployments"},
	"CronJob":             {Group: "batch", Version: "v1", Resource: "cronjobs"},
	"NetworkPolicy":       {Group: "networking.k8s.io", Version: "v1", Resource: "networkpolicies"},
	"PodDisruptionBudget": {Group: "policy", Version: "v1", Resource: "poddisruptionbudgets"},
}

// apply applies everything once, and says how many objects that were and how many
// seconds it took. What is to be sent has been made before.
func (b *bareLoop) apply(ctx context.Context, repos []v1alpha1.LFSRepository, store *v1alpha1.LFSStore) (children int, seconds float64, err error) {
	sets := make([][]*unstructured.Unstructured, len(repos))
	for i := range repos {
		if sets[i], err = b.objects(&repos[i], store); err != nil {
			return 0, 0, err
		}
		children += len(sets[i])
	}
	start := time.Now()
	err = inParallel(len(repos), func(i int) error {
		for _, o := range sets[i] {
			resource, known := resources[o.GetKind()]
			if !known {
				return fmt.Errorf("%s: add its resource to test/bars/scalebare.go", o.GetKind())
			}
			_, err := b.client.Resource(resource).Namespace(o.GetNamespace()).
				Apply(ctx, o.GetName(), o, metav1.ApplyOptions{FieldManager: "bars", Force: true})
			if err != nil {
				return err
			}
		}
		return nil
	})
	return children, time.Since(start).Seconds(), err
}
