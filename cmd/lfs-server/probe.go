package main

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/monitor"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/sessions"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
	"github.com/lfs-operator/lfs-operator/internal/serverstatus"
)

// probeTimeout ends a probe whose store hangs.
const probeTimeout = 45 * time.Second

// maxProbeMessage keeps the answer within the 4096 bytes that a pod's status
// takes of it.
const maxProbeMessage = 2048

// probeStore tries what an LFSStore can do, and leaves the answer for the
// operator, which holds no key of any store. To find something wrong is no
// failure of the probe.
func probeStore(ctx context.Context, args []string, stdout io.Writer) error {
	var o storeOptions
	var out string
	fs := flag.NewFlagSet("lfs-server probe", flag.ContinueOnError)
	o.registerSecrets(fs)
	fs.StringVar(&out, "answer-file", serverconfig.TerminationMessageFile, "`file` to write the answer to")
	if err := parse(fs, args); err != nil {
		return err
	}
	raw := os.Getenv(serverconfig.EnvProbeConfig)
	if raw == "" {
		return usageError{errors.New(serverconfig.EnvProbeConfig + " must hold the configuration; the operator sets it")}
	}
	cfg, err := serverconfig.Parse([]byte(raw))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	found, err := o.probe(ctx, cfg.Storage)
	if err != nil {
		return err
	}
	found.CheckedAt = time.Now().UTC()
	found.Message = found.Message[:min(len(found.Message), maxProbeMessage)]
	answer, err := json.Marshal(found)
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "%s\n", answer)
	return os.WriteFile(out, answer, 0o600)
}

func (o storeOptions) probe(ctx context.Context, st serverconfig.Storage) (serverstatus.Store, error) {
	roots, err := o.roots(st.CA)
	if err != nil {
		return unready(credentialsMissing(st, err)), nil
	}
	sts, err := o.probedSTS(roots)
	if err != nil {
		return serverstatus.Store{}, err
	}
	key, problem := o.probeKey(ctx, st, sts)
	if problem != nil {
		return unready(problem), nil
	}
	to, err := o.connectWith(&serverconfig.Config{Storage: st}, objectstore.Static(key))
	if err != nil {
		return serverstatus.Store{}, err
	}
	found := monitor.Try(ctx, &monitor.Target{Store: to.bucket, Signer: to.signer, Prefix: to.prefix, Storage: st})
	if !found.Ready || sts == nil {
		return found, nil
	}
	endpoint, err := objectstore.EndpointFor(st, st.Endpoint)
	if err != nil {
		return found, err
	}
	bound := sessions.Probe(ctx, sts, key, endpoint, st.Prefix)
	bound.Message = bound.Message[:min(len(bound.Message), maxProbeMessage/2)]
	found.Sessions = &bound
	return found, nil
}

// probedSTS is nil where nobody wants to know whether the store makes sessions.
func (o storeOptions) probedSTS(roots *x509.CertPool) (*sessions.STS, error) {
	raw := os.Getenv(serverconfig.EnvSessionsConfig)
	if raw == "" {
		return nil, nil
	}
	cfg, err := serverconfig.ParseIssuer([]byte(raw))
	if err != nil {
		return nil, err
	}
	return o.newSTS(cfg, roots), nil
}

// probeKey is the store's key, or a session of its role without any bounds.
func (o storeOptions) probeKey(ctx context.Context, st serverconfig.Storage, sts *sessions.STS) (objectstore.Credentials, *monitor.Problem) {
	if st.WebIdentity == nil || sts == nil {
		key, err := o.storeKey()
		if err != nil {
			return objectstore.Credentials{}, credentialsMissing(st, fmt.Errorf("secret %q %w", st.CredentialsName, err))
		}
		return objectstore.Credentials(key), nil
	}
	s, err := sts.Assume(ctx, objectstore.Credentials{}, "", "")
	if err != nil {
		return objectstore.Credentials{}, monitor.NoWebIdentity(st, errors.Is(err, sessions.ErrRefused), err.Error())
	}
	return sessions.CredentialsOf(s.Session), nil
}

func credentialsMissing(st serverconfig.Storage, err error) *monitor.Problem {
	return &monitor.Problem{Reason: serverstatus.ReasonCredentialsMissing, Message: fmt.Sprintf(
		"In namespace %q: %v. Create or correct the Secret.", st.CredentialsNamespace, err)}
}

func unready(p *monitor.Problem) serverstatus.Store {
	return serverstatus.Store{Reason: p.Reason, Message: p.Message}
}
