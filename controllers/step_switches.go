package controllers

import (
	"context"
	"fmt"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lfs-operator/lfs-operator/api/v1alpha1"
	"github.com/lfs-operator/lfs-operator/internal/desired"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
)

// switches bring to a repository what the administrator has stopped in the whole
// store, while nothing else of its manifest or its store is taken: its server runs
// on by the configuration before, and read-only must not wait until the tenant has
// mended a manifest.
func (r *LFSRepositoryReconciler) switches(ctx context.Context, p *pass, store *v1alpha1.LFSStore) error {
	if p.repo.Status.Location == nil || store == nil || !r.Watched(store.Spec.ServerNamespace) {
		return nil // no server was ever made
	}
	in := desired.Inputs{Repository: p.live, Store: store, Install: r.Install, Location: *p.repo.Status.Location}
	if store.SuspendsGC() {
		if err := r.suspendCronJob(ctx, p, in.Tenant()); err != nil {
			return err
		}
	}
	return r.switchConfig(ctx, p, in)
}

// switchConfig changes these two values in the configurations that are in force.
func (r *LFSRepositoryReconciler) switchConfig(ctx context.Context, p *pass, in desired.Inputs) error {
	r.fillServers(&in, p.repo.Placement())
	at := in.Server()
	// A pass of its own, so that conditions say what the steps found, and no more.
	look := &pass{live: p.live, repo: p.repo, now: p.now, in: in}
	look.set.Shared = map[string]desired.SharedConfig{}
	own, err := r.switchedConfig(ctx, in, desired.ServerName(at.Base), desired.ConfigFile, func(live *corev1.ConfigMap) bool { return r.Applier.Owns(p.live, live) })
	if err != nil {
		return err
	}
	changed := own != nil
	if changed {
		set := []runtime.ApplyConfiguration{desired.ServerConfigMap(in, own)}
		if err := r.sortErrors(p, r.Applier.Apply(ctx, p.live, set)); err != nil {
			return err
		}
		look.set.ConfigHash = serverconfig.Hash(own)
	}
	for _, server := range in.Shared {
		rendered, err := r.switchedConfig(ctx, in, server.Name, desired.SharedFile(p.live), func(*corev1.ConfigMap) bool { return true })
		if err != nil || rendered == nil {
			return err
		}
		live, err := r.sharedConfigMap(ctx, look, server.Name)
		if err != nil || live == nil {
			return err
		}
		if err := r.writeShared(ctx, live, desired.SharedFile(p.live), new(string(rendered))); err != nil {
			return client.IgnoreNotFound(err)
		}
		changed, look.set.Shared[server.Name] = true, desired.SharedConfig{Hash: serverconfig.Hash(rendered)}
	}
	if !changed {
		return nil
	}
	if err := r.observe(ctx, look); err != nil {
		return err
	}
	return r.nudge(ctx, look)
}

// switchedConfig is a configuration that is in force, with the two values as they are
// to be; nil where there is nothing to change.
func (r *LFSRepositoryReconciler) switchedConfig(ctx context.Context, in desired.Inputs, name, file string, ours func(*corev1.ConfigMap) bool) ([]byte, error) {
	live := &corev1.ConfigMap{}
	err := r.Applier.Direct.Get(ctx, client.ObjectKey{Namespace: in.Server().Namespace, Name: name}, live)
	if err != nil || !ours(live) || live.Data[file] == "" {
		return nil, client.IgnoreNotFound(err)
	}
	config, err := serverconfig.Parse([]byte(live.Data[file]))
	if err != nil {
		return nil, nil //nolint:nilerr // what cannot be read, the server does not go by either
	}
	if config.Policy.ReadOnly == in.Store.Spec.ReadOnly && config.GC.Suspended == in.SuspendsGC() {
		return nil, nil
	}
	config.Policy.ReadOnly, config.GC.Suspended = in.Store.Spec.ReadOnly, in.SuspendsGC()
	return serverconfig.Marshal(config)
}

// suspendCronJob keeps scans from being started. They begin again with the next
// manifest that is taken.
func (r *LFSRepositoryReconciler) suspendCronJob(ctx context.Context, p *pass, at desired.Place) error {
	live := &metav1.PartialObjectMetadata{}
	live.SetGroupVersionKind(batchv1.SchemeGroupVersion.WithKind("CronJob"))
	err := r.Applier.Direct.Get(ctx, client.ObjectKey{Namespace: at.Namespace, Name: desired.GCName(at.Base)}, live)
	if err != nil || !r.Applier.Owns(p.live, live) {
		return client.IgnoreNotFound(err)
	}
	patch := fmt.Appendf(nil, `{"metadata":{"uid":%q},"spec":{"suspend":true}}`, live.UID)
	return client.IgnoreNotFound(r.Patch(ctx, live, client.RawPatch(types.MergePatchType, patch), client.FieldOwner(fieldManager)))
}
