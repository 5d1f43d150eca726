// Command bars measures the figures that the project promises and prints one
// line each: "bar NAME VALUE". Nothing in it is written down beforehand.
//
//	bars slice [PART…]   apply-to-ready, push ratio, footprint, steady state; needs a cluster
//	bars transfers [PART…]   the transfers against a reference server; needs no cluster
//	bars access [PART…]   locks, identities, load; needs no cluster
//	bars gc [PART…]   garbage collection at scale; needs no cluster
//	bars stores [PART…]   what keeps tenants apart; some parts need a cluster
//	bars availability [PART…]   pushes and pulls while pods and stores come and go; needs a cluster
//	bars gateway   pushes and pulls through a Gateway API implementation; needs a cluster
//	bars scale [PART…]   the operator with thousands of repositories; needs no cluster
//	bars relay LISTEN PUT GET   a bare relay between two links and whoever asks
//	bars time NAME COMMAND…   how long a command takes, in seconds
//
// Progress goes to standard error, so that standard output holds only bars.
package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"github.com/go-logr/logr"
	ctrl "sigs.k8s.io/controller-runtime"
)

func main() {
	ctrl.SetLogger(logr.Discard()) // what is measured says for itself what went wrong
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := fmt.Errorf("usage: bars slice [PART…] | bars transfers [PART…] | bars access [PART…] | bars gc [PART…] | bars stores [PART…] | bars scale [PART…] | bars time NAME COMMAND…")
	switch {
	case len(os.Args) > 1 && os.Args[1] == "slice":
		err = slice(ctx, os.Args[2:])
	case len(os.Args) > 1 && os.Args[1] == "transfers":
		err = transfers(ctx, os.Args[2:])
	case len(os.Args) > 1 && os.Args[1] == "access":
		err = access(ctx, os.Args[2:])
	case len(os.Args) > 1 && os.Args[1] == "gc":
		err = gc(ctx, os.Args[2:])
	case len(os.Args) > 1 && os.Args[1] == "stores":
		err = stores(ctx, os.Args[2:])
	case len(os.Args) > 1 && os.Args[1] == "availability":
		err = availability(ctx, os.Args[2:])
	case len(os.Args) > 1 && os.Args[1] == "gateway":
		err = measureInCluster(ctx, []part{gatewayPart}, os.Args[2:])
	case len(os.Args) > 1 && os.Args[1] == "scale":
		err = scale(ctx, os.Args[2:])
	case len(os.Args) == 5 && os.Args[1] == "relay":
		err = relay(ctx, os.Args[2], os.Args[3], os.Args[4])
	case len(os.Args) > 3 && os.Args[1] == "time":
		err = timeCommand(ctx, os.Args[2], os.Args[3:])
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "bars: %v\n", err)
		os.Exit(1)
	}
}

// bar prints one figure.
func bar(name string, value any) {
	if f, ok := value.(float64); ok {
		value = fmt.Sprintf("%.2f", f)
	}
	fmt.Printf("bar %s %v\n", name, value)
}

// median of an odd or even number of figures.
func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	n := len(v)
	if n%2 == 1 {
		return v[n/2]
	}
	return (v[n/2-1] + v[n/2]) / 2
}

// timeCommand runs a command, its output on standard error, and prints how many
// seconds it took. A command that fails has no figure.
func timeCommand(ctx context.Context, name string, command []string) error {
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	start := time.Now()
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	bar(name, time.Since(start).Seconds())
	return nil
}
