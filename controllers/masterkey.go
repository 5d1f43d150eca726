package controllers

import (
	"context"
	"crypto/rand"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lfs-operator/lfs-operator/internal/derive"
	"github.com/lfs-operator/lfs-operator/internal/desired"
)

// The Secret that holds the operator's key, in the operator's own namespace. It
// is the one Secret that the operator reads. Whoever loses it gets new tokens
// and keys for every repository; back it up.
const (
	MasterKeySecret = "lfs-operator-key"
	masterKeyField  = "key"
)

// +kubebuilder:rbac:groups="",namespace=lfs-operator-system,resources=secrets,verbs=get;create
// +kubebuilder:rbac:groups=coordination.k8s.io,namespace=lfs-operator-system,resources=leases,verbs=get;create;update

// Leader election tells by events of the old API who leads.
//
// +kubebuilder:rbac:groups="",namespace=lfs-operator-system,resources=events,verbs=create;patch

// LoadMaster reads the operator's key, and makes one where there is none. Of
// several operators that start at the same time one makes it and all use it.
func LoadMaster(ctx context.Context, c client.Client, namespace string) (*derive.Master, error) {
	key := client.ObjectKey{Namespace: namespace, Name: MasterKeySecret}
	secret := &corev1.Secret{}
	err := c.Get(ctx, key, secret)
	if apierrors.IsNotFound(err) {
		if err := createMaster(ctx, c, key); err != nil {
			return nil, err
		}
		err = c.Get(ctx, key, secret)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the operator's key from Secret %s: %w", key, err)
	}
	master, err := derive.NewMaster(secret.Data[masterKeyField])
	if err != nil {
		return nil, fmt.Errorf("Secret %s, field %q: %w; restore it from a backup, or delete it to get a new one (all tokens change)", key, masterKeyField, err)
	}
	return master, nil
}

func createMaster(ctx context.Context, c client.Client, key client.ObjectKey) error {
	raw := make([]byte, derive.MasterKeySize)
	if _, err := rand.Read(raw); err != nil {
		return err
	}
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: key.Namespace,
			Name:      key.Name,
			Labels:    map[string]string{desired.LabelName: desired.ManagedBy},
		},
		Data: map[string][]byte{masterKeyField: raw},
	}
	if err := c.Create(ctx, secret); client.IgnoreAlreadyExists(err) != nil {
		return fmt.Errorf("creating the operator's key in Secret %s: %w", key, err)
	}
	return nil
}
