package main

import (
	"errors"
	"flag"
	"os"
	"strings"
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
	leaderElect     bool
	concurrency     int
	verbosity       int
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
	set.BoolVar(&f.leaderElect, "leader-elect", true, "Have one of several operators work at a time.")
	set.IntVar(&f.concurrency, "concurrency", 8, "LFSRepositories to reconcile at the same time.")
	set.IntVar(&f.verbosity, "v", 0, "Verbosity of the log: 0 what an operator needs to know, 1 every write, 4 and more for debugging.")
	return f
}

func (f *flags) validate() error {
	switch {
	case f.serverImage == "":
		return errors.New("--server-image or $SERVER_IMAGE must name the image of the LFS server")
	case f.namespace == "":
		return errors.New("--namespace or $POD_NAMESPACE must name the operator's own namespace")
	}
	return nil
}

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
