// Package v1alpha1 holds the kinds that people write: LFSRepository, a Git LFS
// endpoint with a bucket, a policy and garbage collection of its own, and
// LFSStore, an object store that an administrator hands out to namespaces.
//
// Files named *_types.go hold fields only; *_funcs.go hold the pure getters.
// The package imports no client and no controller, so that other programs can
// use it as it is.
//
// +kubebuilder:object:generate=true
// +kubebuilder:ac:generate=true
// +kubebuilder:ac:output:package="applyconfiguration"
// +groupName=lfs-operator.dev
package v1alpha1
