package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	appsv1ac "k8s.io/client-go/applyconfigurations/apps/v1"

	"github.com/lfs-operator/lfs-operator/api/v1alpha1"
	"github.com/lfs-operator/lfs-operator/internal/derive"
	"github.com/lfs-operator/lfs-operator/internal/desired"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
	"github.com/lfs-operator/lfs-operator/internal/serverstatus"
)

// smallRepositories of one LFSStore share servers, the built-in number at each.
const smallRepositories = 100

// smallFootprint is what the servers of small-repositories-100-rss-mib weigh that
// have nothing to do: each repository has answered a batch, and then nobody asked for
// a while. Configurations, keys and flags are those that the operator makes; the
// figure is the sum of the kernel's counts (VmRSS).
func smallFootprint(ctx context.Context, r *rig) error {
	st, err := r.store(ctx)
	if err != nil {
		return err
	}
	m, err := newSmall(ctx, st)
	if err != nil {
		return err
	}
	var servers []*smallServer
	defer func() {
		for _, s := range servers {
			s.stop()
		}
	}()
	per := int(v1alpha1.DefaultRepositoriesPerServer)
	for first := 0; first < smallRepositories; first += per {
		s, err := m.start(ctx, r, len(servers), first, min(per, smallRepositories-first))
		if err != nil {
			return err
		}
		servers = append(servers, s)
	}
	for _, s := range servers {
		if err := s.useAll(ctx); err != nil {
			return err
		}
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(idleFor):
	}
	sum := 0.0
	for i, s := range servers {
		mib, err := s.rss()
		if err != nil {
			return err
		}
		r.say("server %d has %d repositories and weighs %.1f MiB", i, len(s.repositories), mib)
		sum += mib
	}
	bar(fmt.Sprintf("small-repositories-%d-rss-mib", smallRepositories), sum)
	return nil
}

// small is the LFSStore, as its administrator has written it.
type small struct {
	store  *v1alpha1.LFSStore
	master *derive.Master
	s3     *store
}

// smallServer is one shared server.
type smallServer struct {
	*program
	api, admin   string
	repositories []smallRepository
}

type smallRepository struct{ root, host, token, status string }

func newSmall(ctx context.Context, st *store) (*small, error) {
	bucket, err := st.newBucket(ctx)
	if err != nil {
		return nil, err
	}
	master, err := derive.NewMaster(make([]byte, derive.MasterKeySize))
	return &small{master: master, s3: st, store: &v1alpha1.LFSStore{
		ObjectMeta: metav1.ObjectMeta{Name: "bars", UID: "bars"},
		Spec: v1alpha1.LFSStoreSpec{
			Endpoint: st.endpoint, Region: st.region, ServerNamespace: "lfs-servers", Bucket: bucket,
			CredentialsSecretRef: &v1alpha1.LocalReference{Name: "s3"},
			Server:               &v1alpha1.StoreServer{Shared: &v1alpha1.SharedServers{}},
		},
	}}, err
}

// start mounts what the operator makes, and runs the server as its pod would.
func (m *small) start(ctx context.Context, r *rig, index, first, count int) (*smallServer, error) {
	name := desired.SharedName(m.store, index)
	_, key := m.master.SharedKey(string(m.store.UID), name)
	server := desired.SharedServer{Name: name, Key: key}
	dir, s := filepath.Join(r.dir, name), &smallServer{}
	files := map[string]string{
		"keys/key": string(key),
		"credentials/" + serverconfig.KeyAccessKeyID: m.s3.access, "credentials/" + serverconfig.KeySecretAccessKey: m.s3.secret,
	}
	for i := range count {
		repo, in := m.repository(first + i)
		config, err := desired.SharedServerConfig(in, server)
		if err != nil {
			return nil, err
		}
		files["repositories/"+desired.SharedFile(in.Repository)] = config.Rendered
		s.repositories = append(s.repositories, repo)
	}
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return nil, err
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			return nil, err
		}
	}
	var ports []string
	for range 3 {
		addr, err := freePort()
		if err != nil {
			return nil, err
		}
		ports = append(ports, addr)
	}
	s.api, s.admin = ports[0], ports[1]
	cmdline := append([]string{"env"}, m.environment(server)...)
	cmdline = append(cmdline, r.bin("lfs-server"), "serve", "--repositories-dir", filepath.Join(dir, "repositories"),
		"--keys-dir", filepath.Join(dir, "keys"), "--credentials-dir", filepath.Join(dir, "credentials"),
		"--listen", s.api, "--admin-listen", s.admin, "--metrics-listen", ports[2])
	var err error
	s.program, err = r.launch(ctx, "shared-server", nil, cmdline...)
	return s, err
}

// environment of the server's container.
func (m *small) environment(server desired.SharedServer) (out []string) {
	for _, o := range desired.SharedServerObjects(m.store, server, desired.Install{Image: "none"}) {
		d, ok := o.(*appsv1ac.DeploymentApplyConfiguration)
		if !ok {
			continue
		}
		for _, e := range d.Spec.Template.Spec.Containers[0].Env {
			out = append(out, *e.Name+"="+*e.Value)
		}
	}
	return out
}

// repository is what the operator knows of the i-th.
func (m *small) repository(i int) (smallRepository, desired.Inputs) {
	repo := &v1alpha1.LFSRepository{
		ObjectMeta: metav1.ObjectMeta{Namespace: fmt.Sprintf("team-%d", i%10), Name: fmt.Sprintf("small-%d", i), UID: types.UID(fmt.Sprintf("uid-%d", i))},
		Spec:       v1alpha1.LFSRepositorySpec{StoreRef: &v1alpha1.StoreReference{Name: m.store.Name}},
	}
	uid := string(repo.UID)
	id, key := m.master.SigningKey(uid, 1)
	in := desired.Inputs{
		Repository: repo, Store: m.store, Policy: v1alpha1.ResolvePolicy(repo, m.store.PolicyDefaults()), Location: m.store.Place(repo),
		Install: desired.Install{ClusterDomain: "cluster.local"},
		Credentials: desired.Credentials{
			StatusToken: m.master.StatusToken(uid), ScanToken: m.master.ScanToken(uid),
			Tokens:      []desired.Token{{Name: desired.DefaultToken, Scope: v1alpha1.ScopeWrite, Generation: 1, Value: m.master.Token(uid, desired.DefaultToken, 1)}},
			SigningKeys: []desired.SigningKey{{ID: id, Key: key, Generation: 1, Signs: true}},
		},
	}
	host := desired.ServiceHosts(repo, in.Install.ClusterDomain)[0]
	return smallRepository{
		root: "/" + repo.Namespace + "/" + repo.Name + ".git/info/lfs", host: host,
		token: in.Credentials.Tokens[0].Value, status: in.Credentials.StatusToken,
	}, in
}

// useAll has each repository answer one batch of a push.
func (s *smallServer) useAll(ctx context.Context) error {
	for _, repo := range s.repositories {
		ready := func() bool {
			status, body := s.ask(ctx, http.MethodGet, "http://"+s.admin+serverstatus.Path, repo.host, repo.status, "")
			return status == http.StatusOK && strings.Contains(body, `"reason":"`+serverstatus.ReasonStoreReady+`"`)
		}
		if err := s.await(60*time.Second, repo.root+" is ready", ready); err != nil {
			return err
		}
		status, body := s.ask(ctx, http.MethodPost, "http://"+s.api+repo.root+"/objects/batch", repo.host, repo.token,
			`{"operation":"upload","transfers":["basic"],"objects":[{"oid":"`+strings.Repeat("a", 64)+`","size":1}]}`)
		if status != http.StatusOK || !strings.Contains(body, `"upload"`) {
			return s.failure(fmt.Errorf("a batch to %s: %d: %s", repo.root, status, body))
		}
	}
	return nil
}

// ask sends one request, and returns status and body of its answer; 0 where none came.
func (s *smallServer) ask(ctx context.Context, method, url, host, token, body string) (int, string) {
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return 0, err.Error()
	}
	req.Host = host
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return 0, err.Error()
	}
	return resp.StatusCode, string(raw)
}
