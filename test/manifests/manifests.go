// Package manifests reads the YAML that the project ships, and installs it for tests
// that run no kubectl.
package manifests

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Read returns the objects of a file, in its order.
func Read(path string) ([]*unstructured.Unstructured, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var out []*unstructured.Unstructured
	for docs := yaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(raw))); ; {
		doc, err := docs.Read()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		doc, err = yaml.ToJSON(doc)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		if string(doc) == "null" { // comments alone
			continue
		}
		o := &unstructured.Unstructured{}
		if err := o.UnmarshalJSON(doc); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		out = append(out, o)
	}
}

// Install makes the objects of files. What is there already stays as it is.
func Install(ctx context.Context, c client.Client, paths ...string) error {
	for _, path := range paths {
		objects, err := Read(path)
		if err != nil {
			return err
		}
		for _, o := range objects {
			if err := c.Create(ctx, o); err != nil && !apierrors.IsAlreadyExists(err) {
				return fmt.Errorf("%s: %w", path, err)
			}
		}
	}
	return nil
}

// InstallRoles makes the ClusterRoles of a file, and the Roles in namespaces that are
// there, and gives them all to a user.
func InstallRoles(ctx context.Context, c client.Client, path, user string) error {
	objects, err := Read(path)
	if err != nil {
		return err
	}
	subjects := []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: user}}
	for _, role := range objects {
		meta := metav1.ObjectMeta{Name: role.GetName(), Namespace: role.GetNamespace()}
		ref := rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: role.GetKind(), Name: role.GetName()}
		var binding client.Object = &rbacv1.ClusterRoleBinding{ObjectMeta: meta, RoleRef: ref, Subjects: subjects}
		if meta.Namespace != "" {
			binding = &rbacv1.RoleBinding{ObjectMeta: meta, RoleRef: ref, Subjects: subjects}
		}
		err := c.Create(ctx, role)
		if meta.Namespace != "" && apierrors.IsNotFound(err) {
			continue
		}
		if err := errors.Join(err, c.Create(ctx, binding)); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	return nil
}
