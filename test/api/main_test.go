// Package api tests the custom resource definition against a real API server:
// which manifests it takes, what it says to the others, and what it shows.
package api

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/json"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/yaml"

	"github.com/lfs-operator/lfs-operator/test/assets"
	"github.com/lfs-operator/lfs-operator/test/manifests"
)

// server is the one API server of this package, started by the first test that
// asks for it, because only a test can say that its programs are missing.
var server struct {
	once   sync.Once
	env    *envtest.Environment
	config *rest.Config
	err    error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if server.env != nil {
		if err := server.env.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, "stopping the API server:", err)
		}
	}
	os.Exit(code)
}

// restConfig returns how to reach the API server.
func restConfig(t *testing.T) *rest.Config {
	t.Helper()
	server.once.Do(func() {
		server.env = &envtest.Environment{
			BinaryAssetsDirectory: assets.KubeAssets(t),
			CRDDirectoryPaths:     []string{filepath.Join(assets.Root(t), "config", "crd", "bases")},
			ErrorIfCRDPathMissing: true,
			// Its default is too short for a machine that builds other packages meanwhile.
			ControlPlaneStartTimeout: 2 * time.Minute,
		}
		server.config, server.err = server.env.Start()
	})
	if server.err != nil {
		t.Fatalf("starting the API server: %v", server.err)
	}
	return server.config
}

// newClient returns a client of the API server that changes nothing it is given.
func newClient(t *testing.T) client.Client {
	t.Helper()
	c, err := client.New(restConfig(t), client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// create makes obj for the length of the test.
func create(t *testing.T, c client.Client, obj client.Object) {
	t.Helper()
	if err := c.Create(t.Context(), obj); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := client.IgnoreNotFound(c.Delete(context.Background(), obj)); err != nil {
			t.Error(err)
		}
	})
}

// manifest reads a manifest of testdata.
func manifest(t *testing.T, name string) *unstructured.Unstructured {
	t.Helper()
	return shipped(t, filepath.Join("testdata", name))[0]
}

// shipped reads the objects of a file.
func shipped(t *testing.T, path string) []*unstructured.Unstructured {
	t.Helper()
	objects, err := manifests.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	return objects
}

// parse reads one YAML document.
func parse(t *testing.T, b []byte) *unstructured.Unstructured {
	t.Helper()
	b, err := yaml.YAMLToJSON(b)
	if err != nil {
		t.Fatal(err)
	}
	u := &unstructured.Unstructured{}
	// Not encoding/json: whole numbers must be int64, as the client has them.
	if err := json.Unmarshal(b, &u.Object); err != nil {
		t.Fatal(err)
	}
	return u
}
