// Command kube is a whole Kubernetes in one binary: the control plane, the node
// agents, etcd and kubectl. Which of them runs is decided by the name it is
// called by, so that links named kube-apiserver, etcd, ... stand in for the
// separate programs that envtest and the cluster scripts expect.
//
// One binary because the components share nine tenths of their packages:
// linking them seven times costs minutes and 500 MiB more, and seven processes
// of one file share its pages in memory.
package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	// CronJobs with a timeZone must work on machines without zoneinfo.
	_ "time/tzdata"

	"github.com/spf13/cobra"
	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	kubectl "k8s.io/kubectl/pkg/cmd"
	kubectlutil "k8s.io/kubectl/pkg/cmd/util"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	proxy "k8s.io/kubernetes/cmd/kube-proxy/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"

	// What the components' own main packages register by import.
	_ "k8s.io/client-go/plugin/pkg/client/auth"
	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
)

// components maps each name to what runs under it; args[0] is the name itself.
var components = map[string]func(args []string){
	"etcd":                    etcdmain.Main,
	"kube-apiserver":          command(apiserver.NewAPIServerCommand),
	"kube-controller-manager": command(controllermanager.NewControllerManagerCommand),
	"kube-scheduler":          command(func() *cobra.Command { return scheduler.NewSchedulerCommand() }),
	"kube-proxy":              command(proxy.NewProxyCommand),
	"kubelet":                 command(func() *cobra.Command { return kubelet.NewKubeletCommand(context.Background()) }),
	"kubectl":                 runKubectl,
}

func main() {
	args := os.Args
	run := components[filepath.Base(args[0])]
	if run == nil && len(args) > 1 {
		// Called by its own name: "kube kubectl get nodes".
		args = args[1:]
		run = components[args[0]]
	}
	if run == nil {
		fmt.Fprintf(os.Stderr, "usage: kube COMPONENT [ARGS]\ncomponents: %v\n", slices.Sorted(maps.Keys(components)))
		os.Exit(2)
	}
	// The components parse os.Args themselves.
	os.Args = args
	run(args)
}

// command defers building a component's command until it is the one to run:
// some constructors register flags and metrics that would clash.
func command(build func() *cobra.Command) func([]string) {
	return func([]string) { os.Exit(cli.Run(build())) }
}

// runKubectl reports errors as kubectl does, with its exit codes and without
// the usage text that cli.Run would add.
func runKubectl([]string) {
	if err := cli.RunNoErrOutput(kubectl.NewDefaultKubectlCommand()); err != nil {
		kubectlutil.CheckErr(err)
	}
}
