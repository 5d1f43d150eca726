package controllers

import (
	"context"
	"fmt"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lfs-operator/lfs-operator/api/v1alpha1"
	"github.com/lfs-operator/lfs-operator/internal/desired"
)

// CacheOptions bound what the operator's informers hold: objects with our label,
// in the namespaces given (none: all), without what no step looks at.
func CacheOptions(namespaces []string) cache.Options {
	ours := labels.SelectorFromSet(labels.Set{desired.LabelManagedBy: desired.ManagedBy})
	opts := cache.Options{
		ReaderFailOnMissingInformer: true,
		DefaultTransform:            cache.TransformStripManagedFields(),
		DefaultLabelSelector:        ours, // HTTPRoutes: a kind that the cluster may not know cannot stand below
		ByObject: map[client.Object]cache.ByObject{
			&v1alpha1.LFSRepository{}: {Label: labels.Everything()},
			&v1alpha1.LFSStore{}:      {Label: labels.Everything()},

			&appsv1.Deployment{}: {Label: ours, Transform: stripDeployment},
			&corev1.Pod{}:        {Label: ours, Transform: stripPod},
			&batchv1.Job{}:       {Label: ours, Transform: stripJob},
		},
	}
	namespace := &metav1.PartialObjectMetadata{}
	namespace.SetGroupVersionKind(namespaceKind)
	opts.ByObject[namespace] = cache.ByObject{Label: labels.Everything(), Transform: stripNamespace}
	for _, o := range metadataOnly() {
		opts.ByObject[o] = cache.ByObject{Label: ours, Transform: cache.TransformStripManagedFields()}
	}
	if len(namespaces) > 0 {
		opts.DefaultNamespaces = map[string]cache.Config{}
		for _, n := range slices.Compact(slices.Sorted(slices.Values(namespaces))) {
			opts.DefaultNamespaces[n] = cache.Config{}
		}
	}
	return opts
}

// byOwner is an index of the informers' objects by the UID of the LFSRepository or
// LFSStore that they belong to, and the name of a server that many share. A namespace
// of servers holds those of thousands, and each pass asks for its own.
const byOwner = "owner"

func indexByOwner(ctx context.Context, indexer client.FieldIndexer, kind schema.GroupVersionKind) error {
	var o client.Object
	switch kind {
	case deploymentKind:
		o = &appsv1.Deployment{}
	case podKind:
		o = &corev1.Pod{}
	case jobKind:
		o = &batchv1.Job{}
	case desired.HTTPRouteKind:
		o = &httpRoute{}
	default:
		partial := &metav1.PartialObjectMetadata{}
		partial.SetGroupVersionKind(kind)
		o = partial
	}
	err := indexer.IndexField(ctx, o, byOwner, func(o client.Object) []string {
		labels := o.GetLabels()
		var owners []string
		for _, label := range []string{v1alpha1.LabelRepositoryUID, v1alpha1.LabelStoreUID} {
			if uid := labels[label]; uid != "" {
				owners = append(owners, uid)
			}
		}
		if labels[desired.LabelComponent] == desired.ComponentShared {
			owners = append(owners, labels[desired.LabelInstance])
		}
		return owners
	})
	if err != nil {
		return fmt.Errorf("indexing %s: %w", kind.Kind, err)
	}
	return nil
}

// stripNamespace keeps the labels, which stores select by.
func stripNamespace(o any) (any, error) {
	if n, ok := o.(*metav1.PartialObjectMetadata); ok {
		n.ManagedFields, n.Annotations = nil, nil
	}
	return o, nil
}

func stripDeployment(o any) (any, error) {
	if d, ok := o.(*appsv1.Deployment); ok {
		d.ManagedFields = nil
		d.Spec.Template = corev1.PodTemplateSpec{}
	}
	return o, nil
}

func stripPod(o any) (any, error) {
	if p, ok := o.(*corev1.Pod); ok {
		p.ManagedFields = nil
		p.Spec = corev1.PodSpec{NodeName: p.Spec.NodeName}
	}
	return o, nil
}

func stripJob(o any) (any, error) {
	if j, ok := o.(*batchv1.Job); ok {
		j.ManagedFields = nil
		j.Spec.Template = corev1.PodTemplateSpec{}
	}
	return o, nil
}

// metadataReader reads metadata from the cache. That of Deployments and HTTPRoutes,
// which are cached for their status, is taken from there instead of a second informer.
type metadataReader struct{ client.Reader }

// Get reads the metadata of one object.
func (m metadataReader) Get(ctx context.Context, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
	partial, ok := o.(*metav1.PartialObjectMetadata)
	if !ok {
		return m.Reader.Get(ctx, key, o, opts...)
	}
	var whole client.Object
	switch partial.Kind {
	case deploymentKind.Kind:
		whole = &appsv1.Deployment{}
	case desired.HTTPRouteKind.Kind:
		whole = &httpRoute{}
	default:
		return m.Reader.Get(ctx, key, o, opts...)
	}
	if err := m.Reader.Get(ctx, key, whole, opts...); err != nil {
		return err
	}
	partial.ObjectMeta = meta.AsPartialObjectMetadata(whole).ObjectMeta
	return nil
}

// List reads the metadata of many objects.
func (m metadataReader) List(ctx context.Context, o client.ObjectList, opts ...client.ListOption) error {
	partial, ok := o.(*metav1.PartialObjectMetadataList)
	if !ok {
		return m.Reader.List(ctx, o, opts...)
	}
	var whole client.ObjectList
	switch partial.Kind {
	case deploymentKind.Kind + "List":
		whole = &appsv1.DeploymentList{}
	case desired.HTTPRouteKind.Kind + "List":
		whole = &httpRouteList{}
	default:
		return m.Reader.List(ctx, o, opts...)
	}
	if err := m.Reader.List(ctx, whole, opts...); err != nil {
		return err
	}
	return meta.EachListItem(whole, func(item runtime.Object) error {
		o, err := meta.Accessor(item)
		if err == nil {
			partial.Items = append(partial.Items, *meta.AsPartialObjectMetadata(o))
		}
		return err
	})
}
