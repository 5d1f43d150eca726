package main

import (
	"errors"
	"flag"
	"log/slog"
	"os"
	"slices"
	"strings"

	"github.com/lfs-operator/lfs-operator/internal/desired"
)

// flags of the operator. What the Deployment knows about itself comes by
// environment variables.
type flags struct {
	serverImage     string
	namespace       string
	clusterDomain   string
	watchNamespaces string
	metricsAddress  string
	probeAddress    string
	pprofAddress    string
	leaderElect     bool
	concurrency     int
	verbosity       int
	serverLogLevel  string
	networkPolicies string
	userNamespaces  bool
}

func defineFlags(set *flag.FlagSet) *flags {
	f := &flags{}
	set.StringVar(&f.serverImage, "server-image", os.Getenv("SERVER_IMAGE"),
		"Image of the LFS server and its jobs: the operator's own. Default: $SERVER_IMAGE.")
	set.StringVar(&f.namespace, "namespace", os.Getenv("POD_NAMESPACE"),
		"Namespace of the operator itself. Default: $POD_NAMESPACE.")
	set.StringVar(&f.clusterDomain, "cluster-domain", clusterDomain("/etc/resolv.conf"),
		"Domain that the names of Services end in. Default: as in /etc/resolv.conf.")
	set.StringVar(&f.watchNamespaces, "watch-namespaces", "",
		"Namespaces to look after, separated by commas. Default: all.")
	set.StringVar(&f.metricsAddress, "metrics-bind-address", ":8080", "Address of the metrics endpoint; 0 for none.")
	set.StringVar(&f.probeAddress, "health-probe-bind-address", ":8081", "Address of the health probes.")
	set.StringVar(&f.pprofAddress, "pprof-bind-address", "", "Address of Go's profiles, for whoever looks where time and memory go. Default: none.")
	set.BoolVar(&f.leaderElect, "leader-elect", true, "Have one of several operators work at a time.")
	set.IntVar(&f.concurrency, "concurrency", 8, "LFSRepositories to reconcile at the same time.")
	set.IntVar(&f.verbosity, "v", 0, "Verbosity of the log: 0 what an operator needs to know, 1 every write, 4 to 7 for debugging.")
	set.StringVar(&f.serverLogLevel, "server-log-level", "", "Log level of servers and jobs: debug, info, warn or error. Default: info.")
	set.StringVar(&f.networkPolicies, "network-policies", string(desired.NetworkPoliciesBoth),
		"NetworkPolicies of servers and jobs: Both directions, Ingress only, or None.")
	set.BoolVar(&f.userNamespaces, "user-namespaces", false, "Give every pod of a server or job a user namespace (hostUsers: false). All nodes must be able to.")
	return f
}

func (f *flags) validate() error {
	switch {
	case f.serverImage == "":
		return errors.New("--server-image or $SERVER_IMAGE must name the image of the LFS server")
	case f.namespace == "":
		return errors.New("--namespace or $POD_NAMESPACE must name the operator's own namespace")
	case !slices.Contains([]string{"", "debug", "info", "warn", "error"}, f.serverLogLevel):
		return errors.New("--server-log-level must be debug, info, warn or error")
	case !slices.Contains([]desired.NetworkPolicies{desired.NetworkPoliciesBoth, desired.NetworkPoliciesIngress, desired.NetworkPoliciesNone}, desired.NetworkPolicies(f.networkPolicies)):
		return errors.New("--network-policies must be Both, Ingress or None")
	}
	return nil
}

// maxVerbosity: from 8 on the Kubernetes client writes the bodies of its requests
// into the log, and with them what is in Secrets.
const maxVerbosity = 7

// logLevel of the operator's log.
func (f *flags) logLevel() slog.Level { return slog.Level(-min(f.verbosity, maxVerbosity)) }

// namespaces to watch; none means all.
func (f *flags) namespaces() []string {
	var out []string
	for n := range strings.SplitSeq(f.watchNamespaces, ",") {
		if n = strings.TrimSpace(n); n != "" {
			out = append(out, n)
		}
	}
	return out
}

// clusterDomain reads the cluster's domain from the search list that the kubelet
// writes for pods: "NAMESPACE.svc.DOMAIN svc.DOMAIN DOMAIN".
func clusterDomain(resolvConf string) string {
	const usual = "cluster.local"
	b, err := os.ReadFile(resolvConf)
	if err != nil {
		return usual
	}
	for line := range strings.Lines(string(b)) {
		fields := strings.Fields(line)
		if len(fields) == 0 || fields[0] != "search" {
			continue
		}
		for _, f := range fields[1:] {
			if domain, ok := strings.CutPrefix(f, "svc."); ok {
				return strings.TrimSuffix(domain, ".")
			}
		}
	}
	return usual
}
