package main

import (
	"context"
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
	fs.StringVar(&o.credentialsDir, "credentials-dir", env("LFS_CREDENTIALS_DIR", serverconfig.StoreCredentialsDir), "`folder` with the object store's credentials")
	fs.StringVar(&o.caFile, "ca-file", env("LFS_CA_FILE", serverconfig.StoreCAFile), "certificate authority of the object store")
	fs.StringVar(&out, "answer-file", serverconfig.ProbeAnswerFile, "`file` to write the answer to")
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
	to, err := o.connect(&serverconfig.Config{Storage: st})
	if errors.Is(err, errCredentials) {
		return serverstatus.Store{Reason: serverstatus.ReasonCredentialsMissing, Message: fmt.Sprintf(
			"In namespace %q: %v. Create or correct the Secret.", st.CredentialsNamespace, err)}, nil
	}
	if err != nil {
		return serverstatus.Store{}, err
	}
	found := monitor.Try(ctx, &monitor.Target{Store: to.bucket, Signer: to.signer, Prefix: to.prefix, Storage: st})
	if found.Ready {
		found.Sessions, err = o.probeSessions(ctx, st)
	}
	return found, err
}

// probeSessions is nil where nobody wants to know.
func (o storeOptions) probeSessions(ctx context.Context, st serverconfig.Storage) (*serverstatus.SessionProbe, error) {
	raw := os.Getenv(serverconfig.EnvSessionsConfig)
	key, ok := o.credentials()
	if raw == "" || !ok {
		return nil, nil
	}
	cfg, err := serverconfig.ParseIssuer([]byte(raw))
	if err != nil {
		return nil, err
	}
	roots, err := o.roots(st.CA)
	if err != nil {
		return nil, err
	}
	endpoint, err := objectstore.EndpointFor(st, st.Endpoint)
	if err != nil {
		return nil, err
	}
	found := sessions.Probe(ctx, newSTS(cfg, roots), key, endpoint, st.Prefix)
	found.Message = found.Message[:min(len(found.Message), maxProbeMessage/2)]
	return &found, nil
}
