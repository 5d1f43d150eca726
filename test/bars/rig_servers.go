package main

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/derive"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
	"github.com/lfs-operator/lfs-operator/internal/serverstatus"
)

// Tokens of the servers that are measured.
const (
	writeToken  = "lfs_write-token-of-the-bars"
	statusToken = "status-token-of-the-bars"
)

// authorization of a client that may write.
var authorization = "Basic " + base64.StdEncoding.EncodeToString([]byte("bars:"+writeToken))

// target is a server under measurement.
type target struct {
	*program
	// url is the LFS API's root: what a client has as lfs.url.
	url string
	// auth is the Authorization header, empty where none is asked for.
	auth string
	// bucket that holds its objects.
	bucket string
}

// lfsServer is our server with its mounted files.
type lfsServer struct {
	target
	config       serverconfig.Config
	dir          string
	admin        string
	listen, args []string
}

// newServer starts lfs-server on a new bucket and waits until it can serve. change
// may be nil.
func (r *rig) newServer(ctx context.Context, change func(*serverconfig.Config)) (*lfsServer, error) {
	st, err := r.store(ctx)
	if err != nil {
		return nil, err
	}
	s := &lfsServer{dir: filepath.Join(r.dir, fmt.Sprintf("server-%d", len(r.running)))}
	for range 2 {
		addr, err := freePort()
		if err != nil {
			return nil, err
		}
		s.listen = append(s.listen, addr)
	}
	s.admin = "http://" + s.listen[1]
	if s.bucket, err = st.newBucket(ctx); err != nil {
		return nil, err
	}
	s.config = barsConfig(st, s.listen[0], s.bucket)
	if change != nil {
		change(&s.config)
	}
	if err := s.writeFiles(st); err != nil {
		return nil, err
	}
	s.auth = authorization
	s.url = fmt.Sprintf("http://%s/%s/%s.git/info/lfs", s.listen[0], s.config.Repository.Namespace, s.config.Repository.Name)
	s.args = []string{r.bin("lfs-server"), "serve", "--config", filepath.Join(s.dir, "config.yaml"),
		"--keys-dir", filepath.Join(s.dir, "keys"), "--credentials-dir", filepath.Join(s.dir, "credentials"),
		"--listen", s.listen[0], "--admin-listen", s.listen[1], "--drain-delay", "0"}
	return s, r.start(ctx, s)
}

// start runs the server's process and waits until it can serve; after a stop it is
// a restart, with nothing but what stands in the bucket.
func (r *rig) start(ctx context.Context, s *lfsServer) (err error) {
	if s.program, err = r.launch(ctx, "lfs-server", nil, s.args...); err != nil {
		return err
	}
	return s.await(30*time.Second, "the store is ready", s.ready)
}

func (s *lfsServer) ready() bool {
	req, err := http.NewRequest(http.MethodGet, s.admin+serverstatus.Path, nil)
	if err != nil {
		return false
	}
	req.Header.Set("Authorization", "Bearer "+statusToken)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	var st serverstatus.Status
	return json.NewDecoder(resp.Body).Decode(&st) == nil && st.Store.Ready
}

// barsConfig is what the operator would render, with the built-in policy.
func barsConfig(st *store, host, bucket string) serverconfig.Config {
	return serverconfig.Config{
		Repository: serverconfig.Repository{Namespace: "bars", Name: "models", UID: "bars", Generation: 1},
		Storage: serverconfig.Storage{
			Endpoint: st.endpoint, PublicEndpoint: st.endpoint, Region: st.region,
			Bucket: bucket, Prefix: "bars/", CredentialsName: "s3",
		},
		Endpoints: []serverconfig.Endpoint{{Scheme: "http", Host: host}},
		Access: serverconfig.Access{Tokens: []serverconfig.Token{
			{Name: "default", Scope: serverconfig.ScopeWrite, SHA256: serverconfig.TokenHash(writeToken)},
		}},
		StatusTokenHash: serverconfig.TokenHash(statusToken),
		GC:              serverconfig.GC{Mode: serverconfig.GCDryRun, GracePeriod: "168h", Quarantine: "168h", DeleteLimitPercent: 50},
		Policy:          serverconfig.Policy{ThresholdBytes: 5e6, KeepVersions: 5},
		Multipart:       serverconfig.Multipart{ThresholdBytes: 100e6, PartSizeBytes: 50e6, Dialect: "Auto"},
	}
}

// writeFiles writes what would be mounted into a pod.
func (s *lfsServer) writeFiles(st *store) error {
	key := sha256.Sum256([]byte("signing key of the bars"))
	s.config.SigningKeys = []serverconfig.SigningKey{{ID: "k1", Fingerprint: derive.Fingerprint(key[:]), Signs: true}}
	raw, err := serverconfig.Marshal(&s.config)
	if err != nil {
		return err
	}
	for name, content := range map[string]string{
		"config.yaml": string(raw), "keys/k1": string(key[:]),
		"credentials/" + serverconfig.KeyAccessKeyID: st.access, "credentials/" + serverconfig.KeySecretAccessKey: st.secret,
	} {
		path := filepath.Join(s.dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// newReference starts the reference server on a new bucket of the same store.
func (r *rig) newReference(ctx context.Context) (*target, error) {
	st, err := r.store(ctx)
	if err != nil {
		return nil, err
	}
	addr, err := freePort()
	if err != nil {
		return nil, err
	}
	t := &target{url: "http://" + addr}
	if t.bucket, err = st.newBucket(ctx); err != nil {
		return nil, err
	}
	t.program, err = r.launch(ctx, "reference", nil, r.bin("benchtool"), "refserver", "-listen", addr,
		"-endpoint", st.endpoint, "-bucket", t.bucket, "-ak", st.access, "-sk", st.secret, "-region", st.region)
	if err != nil {
		return nil, err
	}
	return t, t.await(10*time.Second, "listening", func() bool {
		c, err := net.Dial("tcp", addr)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
}
