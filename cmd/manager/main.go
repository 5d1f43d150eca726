// Command manager is the operator: it runs the controller of LFSRepositories.
package main

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2" //nolint:depguard // client-go logs through it: it gets our handler
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/lfs-operator/lfs-operator/api/v1alpha1"
	"github.com/lfs-operator/lfs-operator/controllers"
	"github.com/lfs-operator/lfs-operator/internal/desired"
)

func main() {
	f := defineFlags(flag.CommandLine)
	flag.Parse()
	handler := slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: f.logLevel()})
	ctrl.SetLogger(logr.FromSlogHandler(handler))
	klog.SetLoggerWithOptions(logr.FromSlogHandler(handler), klog.ContextualLogger(true))
	if err := run(ctrl.SetupSignalHandler(), f); err != nil {
		ctrl.Log.Error(err, "The operator cannot run")
		os.Exit(1)
	}
}

func run(ctx context.Context, f *flags) error {
	if err := f.validate(); err != nil {
		return err
	}
	config, err := ctrl.GetConfig()
	if err != nil {
		return err
	}
	// The API server's own priority and fairness decides who waits.
	config.QPS = -1
	// Both would spend more on packing what is watched than the way between them costs.
	config.DisableCompression = true
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			return err
		}
	}
	opts, err := options(ctx, f, config, scheme)
	if err != nil {
		return err
	}
	mgr, err := newManager(f, config, scheme)
	if err != nil {
		return err
	}
	if _, err := controllers.Setup(mgr, opts); err != nil {
		return err
	}
	if err := controllers.RegisterMetrics(mgr.GetClient()); err != nil {
		return err
	}
	return mgr.Start(ctx)
}

func options(ctx context.Context, f *flags, config *rest.Config, scheme *runtime.Scheme) (controllers.Options, error) {
	direct, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		return controllers.Options{}, err
	}
	master, err := controllers.LoadMaster(ctx, direct, f.namespace)
	if err != nil {
		return controllers.Options{}, err
	}
	return controllers.Options{
		Master:      master,
		Concurrency: f.concurrency,
		Namespaces:  f.namespaces(),
		Install: desired.Install{
			Image:             f.serverImage,
			OperatorNamespace: f.namespace,
			ClusterDomain:     f.clusterDomain,
			NetworkPolicies:   desired.NetworkPolicies(f.networkPolicies),
			ServerLogLevel:    f.serverLogLevel,
			UserNamespaces:    f.userNamespaces,
		},
	}, nil
}

func newManager(f *flags, config *rest.Config, scheme *runtime.Scheme) (ctrl.Manager, error) {
	mgr, err := ctrl.NewManager(config, ctrl.Options{
		Scheme:                        scheme,
		Cache:                         controllers.CacheOptions(f.namespaces()),
		Metrics:                       metricsserver.Options{BindAddress: f.metricsAddress},
		HealthProbeBindAddress:        f.probeAddress,
		PprofBindAddress:              f.pprofAddress,
		LeaderElection:                f.leaderElect,
		LeaderElectionID:              "lfs-operator.lfs-operator.dev",
		LeaderElectionNamespace:       f.namespace,
		LeaderElectionReleaseOnCancel: true, // run returns as soon as the manager ends
	})
	if err != nil {
		return nil, fmt.Errorf("making the manager: %w", err)
	}
	if err := mgr.AddHealthzCheck("ping", healthz.Ping); err != nil {
		return nil, err
	}
	return mgr, mgr.AddReadyzCheck("ping", healthz.Ping)
}
