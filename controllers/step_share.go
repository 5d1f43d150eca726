package controllers

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/lfs-operator/lfs-operator/api/v1alpha1"
	"github.com/lfs-operator/lfs-operator/internal/apply"
	"github.com/lfs-operator/lfs-operator/internal/desired"
)

// Each repository writes its own key of a shared server's ConfigMap, and no other:
// by a patch of that key, so that nobody has to know what all of them say. The
// ConfigMap itself is the store's. That what is written stays is seen where it counts,
// by what the server says that it has loaded: a watch would wake every repository of
// a server for the change of one.

// shared is what was last written for a repository into a ConfigMap.
type shared struct {
	// configMap is its UID, hash the configuration; empty: taken out.
	configMap types.UID
	hash      string
	at        time.Time
}

var configMapKind = corev1.SchemeGroupVersion.WithKind("ConfigMap")

// share gives shared servers the repository's configuration.
func (r *LFSRepositoryReconciler) share(ctx context.Context, p *pass) error {
	mem := r.memory.of(p.key(), p.repo.UID)
	for _, name := range p.repo.Placement().Shared() {
		config, wanted := p.set.Shared[name]
		if !wanted {
			if err := r.leave(ctx, p, name); err != nil {
				return err
			}
			continue
		}
		live, err := r.sharedConfigMap(ctx, p, name)
		if err != nil {
			return err
		}
		if live == nil {
			if p.again(time.Second); name == p.in.Clients {
				p.await(fmt.Sprintf("the shared server %s is being made", name), time.Second)
			}
			continue
		}
		if done := mem.shared[name]; done.configMap == live.UID && done.hash == config.Hash {
			wait := done.at.Add(recheck).Sub(p.now)
			if !p.behind(name, config.Hash) {
				continue
			}
			if wait > 0 { // mounted files lag
				p.again(wait)
				continue
			}
		}
		if err := r.writeShared(ctx, live, desired.SharedFile(p.live), &config.Rendered); err != nil {
			if err := r.sortErrors(p, apply.Classify(refOf(live), client.IgnoreNotFound(err))); err != nil {
				return err
			}
			p.again(time.Second)
			continue
		}
		mem.shared[name] = shared{configMap: live.UID, hash: config.Hash, at: p.now}
	}
	return nil
}

// behind is true when a server said last that it works by something else.
func (p *pass) behind(server, hash string) bool {
	for _, a := range p.answers {
		if pod := p.pod(a.Target.Name); pod != nil && pod.Labels[desired.LabelInstance] == server && !upToDate(a, hash) {
			return true
		}
	}
	return false
}

// leave takes the repository out of a shared server; out of its own one it goes with
// the Deployment. It is done once for each ConfigMap.
func (r *LFSRepositoryReconciler) leave(ctx context.Context, p *pass, name string) error {
	if name == "" || name == v1alpha1.ServerOwn {
		return nil
	}
	live, err := r.sharedConfigMap(ctx, p, name)
	if live == nil || err != nil {
		return err // the server is gone, and with it all that it had
	}
	mem := r.memory.of(p.key(), p.repo.UID)
	if done, known := mem.shared[name]; known && done.configMap == live.UID && done.hash == "" {
		return nil
	}
	if err := r.writeShared(ctx, live, desired.SharedFile(p.live), nil); client.IgnoreNotFound(err) != nil {
		return err
	}
	mem.shared[name] = shared{configMap: live.UID, at: p.now}
	return nil
}

// sharedConfigMap is that of a shared server, nil where there is none yet. One that is
// not the store's is left alone.
func (r *LFSRepositoryReconciler) sharedConfigMap(ctx context.Context, p *pass, name string) (*metav1.PartialObjectMetadata, error) {
	live := &metav1.PartialObjectMetadata{}
	live.SetGroupVersionKind(configMapKind)
	err := r.Get(ctx, client.ObjectKey{Namespace: p.in.Server().Namespace, Name: name}, live)
	if err != nil || live.DeletionTimestamp != nil || live.Labels[desired.LabelInstance] != name || live.Labels[desired.LabelComponent] != desired.ComponentShared {
		return nil, client.IgnoreNotFound(err)
	}
	live.SetGroupVersionKind(configMapKind)
	return live, nil
}

// writeShared sets one key of exactly that ConfigMap; nil takes it out.
func (r *LFSRepositoryReconciler) writeShared(ctx context.Context, live *metav1.PartialObjectMetadata, file string, content *string) error {
	patch, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"uid": live.UID}, "data": map[string]*string{file: content},
	})
	if err != nil {
		return err
	}
	target := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Namespace: live.Namespace, Name: live.Name}}
	target.SetGroupVersionKind(configMapKind)
	return r.Patch(ctx, target, client.RawPatch(types.MergePatchType, patch), client.FieldOwner(fieldManager))
}

func refOf(o *metav1.PartialObjectMetadata) apply.Ref {
	return apply.Ref{GroupVersionKind: o.GroupVersionKind(), NamespacedName: client.ObjectKeyFromObject(o)}
}

// observeShared reads the pods of the shared servers that serve the repository, or
// will, or did.
func (r *LFSRepositoryReconciler) observeShared(ctx context.Context, p *pass) error {
	at := p.in.Server()
	for _, name := range p.repo.Placement().Shared() {
		var pods corev1.PodList
		if err := r.List(ctx, &pods, client.InNamespace(at.Namespace), client.MatchingFields{byOwner: name}); err != nil {
			return err
		}
		p.pods = append(p.pods, pods.Items...)
	}
	return nil
}

// deploymentOf is that of a server, nil while there is none.
func (r *LFSRepositoryReconciler) deploymentOf(ctx context.Context, p *pass, server string) (*appsv1.Deployment, error) {
	if server == v1alpha1.ServerOwn {
		return r.ownDeployment(ctx, p)
	}
	deployment := &appsv1.Deployment{}
	err := r.Get(ctx, client.ObjectKey{Namespace: p.in.Server().Namespace, Name: server}, deployment)
	if err != nil || deployment.Labels[desired.LabelComponent] != desired.ComponentShared {
		return nil, client.IgnoreNotFound(err)
	}
	return deployment, nil
}

// podsOf are the pods of a server that are not on their way out.
func (p *pass) podsOf(server string) []corev1.Pod {
	return slices.DeleteFunc(p.anyPodsOf(server), func(pod corev1.Pod) bool { return pod.DeletionTimestamp != nil })
}

// anyPodsOf are the pods of a server that have not ended.
func (p *pass) anyPodsOf(server string) []corev1.Pod {
	instance := server
	if server == v1alpha1.ServerOwn {
		instance = p.in.Server().Base
	}
	var out []corev1.Pod
	for _, pod := range p.pods {
		if isServer(&pod) && pod.Labels[desired.LabelInstance] == instance &&
			pod.Status.Phase != corev1.PodFailed && pod.Status.Phase != corev1.PodSucceeded {
			out = append(out, pod)
		}
	}
	return out
}

// hashFor is the configuration that a server is to have loaded.
func (p *pass) hashFor(server string) string {
	if server == v1alpha1.ServerOwn {
		return p.set.ConfigHash
	}
	return p.set.Shared[server].Hash
}

// makeSharedKey creates the Secret of a shared server, unless it is there.
func makeSharedKey(ctx context.Context, c client.Client, store *v1alpha1.LFSStore, server desired.SharedServer) error {
	err := c.Create(ctx, desired.SharedSecret(store, server), client.FieldOwner(fieldManager))
	return client.IgnoreAlreadyExists(err)
}

// sharers are the repositories that a shared server's object concerns.
func (r *LFSRepositoryReconciler) sharers(ctx context.Context, o client.Object) []reconcile.Request {
	if o.GetLabels()[desired.LabelComponent] != desired.ComponentShared {
		return nil
	}
	name := o.GetLabels()[desired.LabelInstance]
	return r.repositories(ctx, "", func(repo *v1alpha1.LFSRepository) bool {
		return repo.Status.Server != nil && slices.Contains(repo.Status.Server.Shared(), name)
	})
}

// cameOrWent lets no update through.
func cameOrWent() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(event.UpdateEvent) bool { return false }}
}

// sharedServers lists the shared servers that any repository of a store names.
func (r *LFSStoreReconciler) sharedServers(ctx context.Context, store string) ([]string, int, error) {
	var list v1alpha1.LFSRepositoryList
	if err := r.List(ctx, &list, client.UnsafeDisableDeepCopy); err != nil {
		return nil, 0, fmt.Errorf("listing LFSRepositories: %w", err)
	}
	names, repositories := map[string]bool{}, 0
	for i := range list.Items {
		if storeOf(&list.Items[i]) != store {
			continue
		}
		shared := list.Items[i].Placement().Shared()
		for _, name := range shared {
			names[name] = true
		}
		repositories += min(1, len(shared))
	}
	return slices.Sorted(maps.Keys(names)), repositories, nil
}
