package controllers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/testr"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/lfs-operator/lfs-operator/api/v1alpha1"
	"github.com/lfs-operator/lfs-operator/test/assets"
	"github.com/lfs-operator/lfs-operator/test/manifests"
)

// apiServer is the one API server of this package, started by the first test
// that asks for it.
var apiServer struct {
	once   sync.Once
	env    *envtest.Environment
	config *rest.Config
	err    error
}

func TestMain(m *testing.M) {
	ctrl.SetLogger(logr.Discard())
	reportDelay = 500 * time.Millisecond
	leftLag = 300 * time.Millisecond
	movedFor = time.Hour      // see endMove
	recheck = 2 * time.Second // longer than a pause that counts as settled
	code := m.Run()
	if apiServer.env != nil {
		if err := apiServer.env.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, "stopping the API server:", err)
		}
	}
	os.Exit(code)
}

// restConfig returns how to reach the API server.
func restConfig(t *testing.T) *rest.Config {
	t.Helper()
	apiServer.once.Do(func() {
		apiServer.env = &envtest.Environment{
			BinaryAssetsDirectory: assets.KubeAssets(t),
			CRDDirectoryPaths: []string{
				filepath.Join(assets.Root(t), "config", "crd", "bases"),
				filepath.Join("testdata", "crds"),
			},
			ErrorIfCRDPathMissing: true,
			// Its default is too short for a machine that builds other packages meanwhile.
			ControlPlaneStartTimeout: 2 * time.Minute,
		}
		// Owner references of children must be allowed by the RBAC that we ship.
		apiServer.env.ControlPlane.GetAPIServer().Configure().Append("enable-admission-plugins", "OwnerReferencesPermissionEnforcement")
		if apiServer.config, apiServer.err = apiServer.env.Start(); apiServer.err == nil {
			apiServer.err = install(apiServer.config, assets.Root(t))
		}
	})
	if apiServer.err != nil {
		t.Fatalf("starting the API server: %v", apiServer.err)
	}
	config := rest.CopyConfig(apiServer.config)
	config.QPS = -1
	return config
}

// operatorConfig is how the operator reaches the API server: with the
// permissions that we ship, and no more.
func operatorConfig(t *testing.T) *rest.Config {
	t.Helper()
	return configOf(t, operatorUser)
}

// configOf is how a user reaches the API server.
func configOf(t *testing.T, user string) *rest.Config {
	t.Helper()
	config := restConfig(t)
	config.Impersonate.UserName = user
	return config
}

const operatorUser = "the-operator"

// install makes what config/rbac holds for the operator, whose user has its permissions.
func install(config *rest.Config, root string) error {
	c, err := client.New(config, client.Options{})
	if err != nil {
		return err
	}
	rbac := filepath.Join(root, "config", "rbac")
	return errors.Join(
		manifests.InstallRoles(background, c, filepath.Join(rbac, "role.yaml"), operatorUser),
		manifests.Install(background, c, filepath.Join(rbac, "reviewers.yaml")),
	)
}

func testScheme(t *testing.T) *runtime.Scheme {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	return scheme
}

// testLogger writes to the test's log, when asked for by LOG=1.
func testLogger(t *testing.T) logr.Logger {
	if os.Getenv("LOG") == "" {
		return logr.Discard()
	}
	return testr.NewWithOptions(t, testr.Options{Verbosity: 1})
}

// namespaceFor turns a test's name into one that Kubernetes takes.
func namespaceFor(t *testing.T) string {
	name := strings.ToLower(strings.NewReplacer("/", "-", "_", "-", " ", "-").Replace(t.Name()))
	return fmt.Sprintf("%s-%d", strings.Trim(name[:min(len(name), 55)], "-"), namespaces.Add(1))
}

// namespaces counts, so that a test can be run several times.
var namespaces atomic.Int32

// background outlives the test's own context, for its cleanup.
var background = context.Background()
