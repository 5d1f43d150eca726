package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/lfs-operator/lfs-operator/test/harness"
)

// Clients outside of the cluster come through a Gateway: a real controller takes the
// HTTPRoutes that the operator makes, and real git-lfs pushes and pulls through it.

// gatewayPart needs a cluster.
var gatewayPart = part{"gateway", throughGateway}

// gatewayApart builds the implementation, which no test waits for, and brings up a
// cluster with it.
func gatewayApart(ctx context.Context, r *rig) error {
	if _, err := gatewaySize(); err != nil {
		return err
	}
	if err := prepareIsolated(ctx); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "hack/images.sh", "gateway")
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("building a Gateway API implementation: %w", err)
	}
	return r.inIsolated(ctx, "gateway")
}

const (
	gatewayNamespace = "gateway"
	// gatewayHost is the listener's, and stands in every route.
	gatewayHost = "lfs.example.com"
	// gatewayPorts are those of nodes that lead past the gateway.
	gatewayPorts = 31600
)

// gatewayStage is a gateway, and the repositories behind it.
type gatewayStage struct {
	env *harness.Env
	dir string
	// size of what is moved, in bytes.
	size int64
	// ca is a PEM file with what signed the listener's certificate.
	ca string
	// failed commands through the gateway, and contents that arrived otherwise than
	// they were sent.
	failed int
}

// throughGateway measures all that is measured of it. Figures of what did not work
// are not printed; that it did not work is.
func throughGateway(ctx context.Context, env *harness.Env, dir string) error {
	size, err := gatewaySize()
	if err != nil {
		return err
	}
	s := &gatewayStage{env: env, dir: dir, size: size}
	if err := s.install(ctx); err != nil {
		return fmt.Errorf("%w\n%s", err, env.Describe(ctx, gatewayNamespace))
	}
	var behind []*gatewayRepository
	for i, m := range gatewayModes {
		r, err := s.newRepository(ctx, m, gatewayPorts+i)
		if err != nil {
			return err
		}
		behind = append(behind, r)
	}
	if err := s.misrouted(ctx, behind); err != nil {
		return err
	}
	for _, r := range behind {
		if err := r.measure(ctx); err != nil {
			return fmt.Errorf("%s: %w", r.mode.name, err)
		}
		if err := r.passed(ctx); err != nil {
			return fmt.Errorf("%s: %w", r.mode.name, err)
		}
	}
	bar("gateway-push-pull-failed", s.failed)
	return nil
}

// install brings up the implementation, with the kinds and the certificate that it
// takes, and a name by which this process finds it.
func (s *gatewayStage) install(ctx context.Context) error {
	s.env.Say("installing a Gateway API implementation")
	built := filepath.Join(s.env.Root, "bin", "images", "gateway")
	if _, err := harness.Run(ctx, filepath.Join(s.env.Root, "bin", "cluster"), "load-image", filepath.Join(built, "gateway.tar")); err != nil {
		return err
	}
	for _, args := range [][]string{
		{"apply", "--server-side", "-f", filepath.Join(built, "crds.yaml")},
		{"wait", "--for=condition=Established", "crd", "--all", "--timeout=60s"},
	} {
		if _, err := s.env.Kubectl(ctx, args...); err != nil {
			return err
		}
	}
	if err := s.env.Namespace(ctx, gatewayNamespace); err != nil {
		return err
	}
	if err := s.certificate(ctx); err != nil {
		return err
	}
	if _, err := s.env.Kubectl(ctx, "apply", "-f", filepath.Join(s.env.Root, "hack", "gateway", "gateway.yaml")); err != nil {
		return err
	}
	if _, err := s.env.Kubectl(ctx, "-n", gatewayNamespace, "rollout", "status", "deployment/traefik", "--timeout=120s"); err != nil {
		return err
	}
	if _, err := s.env.Kubectl(ctx, "-n", gatewayNamespace, "wait", "--for=condition=Programmed", "gateway/main", "--timeout=60s"); err != nil {
		return err
	}
	return s.resolve(ctx)
}

// certificate makes the listener's, and the Secret that holds it.
func (s *gatewayStage) certificate(ctx context.Context) error {
	s.ca = filepath.Join(s.dir, "ca.pem")
	key := filepath.Join(s.dir, "key.pem")
	if err := selfSigned(gatewayHost, s.ca, key); err != nil {
		return err
	}
	// git-lfs looks here first, and this machine may have set it for its own needs.
	if err := os.Setenv("GIT_SSL_CAINFO", s.ca); err != nil {
		return err
	}
	_, err := s.env.Kubectl(ctx, "-n", gatewayNamespace, "create", "secret", "tls", "certificate", "--cert="+s.ca, "--key="+key)
	return err
}

// resolve lets the cluster's name server, which this process asks too, answer for the
// gateway's host.
func (s *gatewayStage) resolve(ctx context.Context) error {
	address, err := s.env.Kubectl(ctx, "-n", gatewayNamespace, "get", "service", "traefik", "-o", "jsonpath={.spec.clusterIP}")
	if err != nil {
		return err
	}
	if _, err := s.env.Kubectl(ctx, "-n", "kube-system", "patch", "configmap", "coredns", "--type=merge",
		"-p", fmt.Sprintf(`{"data":{"hosts":"%s %s\n"}}`, address, gatewayHost)); err != nil {
		return err
	}
	// The file is mounted, and arrives when the kubelet looks again: at once with a
	// new pod.
	if _, err := s.env.Kubectl(ctx, "-n", "kube-system", "rollout", "restart", "deployment/coredns"); err != nil {
		return err
	}
	return harness.Until(ctx, time.Minute, gatewayHost+" has an address", func(ctx context.Context) (bool, string) {
		found, err := net.DefaultResolver.LookupHost(ctx, gatewayHost)
		return err == nil && len(found) == 1 && found[0] == address, fmt.Sprint(found, err)
	})
}
