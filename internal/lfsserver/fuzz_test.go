package lfsserver

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
)

// FuzzFind: no path but one of this repository leads anywhere, and what stands behind
// a route is nothing but the end of the path.
func FuzzFind(f *testing.F) {
	ours := serverconfig.Repository{Namespace: "team-a", Name: "models"}
	for _, p := range []string{
		"", "/", "//", root(ours), root(ours) + "/objects/batch", "/team-a/models/objects/batch",
		"/api/models/team-a/models/preupload/main", "/datasets/team-a/models.git/info/lfs/complete/token",
		"/api/api/team-a/models", "/team-a/models.git.git/info/lfs/verify", "/models/team-a/models/../../x",
	} {
		f.Add(p)
	}
	f.Fuzz(func(t *testing.T, path string) {
		rt, tail := find(path, ours)
		if rt == nil {
			if tail != "" {
				t.Errorf("%q leads nowhere, with %q behind it", path, tail)
			}
			return
		}
		if !strings.Contains(path, "team-a/models") || !strings.HasSuffix(path, rt.path+tail) {
			t.Errorf("%q leads to %s with %q", path, rt.name, tail)
		}
		if tail != "" && !strings.HasSuffix(rt.path, "/") {
			t.Errorf("%q: %s takes nothing behind it, and gets %q", path, rt.name, tail)
		}
		other := serverconfig.Repository{Namespace: "team-b", Name: "models"}
		if wrong, _ := find(strings.ReplaceAll(path, "team-b", ""), other); wrong != nil {
			t.Errorf("%q leads to another repository", path)
		}
	})
}

// FuzzHost: links are made for listed hosts alone, whatever a Host header says.
func FuzzHost(f *testing.F) {
	for _, h := range []string{"", "lfs.example.com", "LFS.example.com:443", "lfs.example.com:80", "lfs.example.com.evil", "evil@lfs.example.com", "[::1]:8080"} {
		f.Add(h)
	}
	table, err := newHostTable(&serverconfig.Config{
		Storage:   serverconfig.Storage{Endpoint: "http://store", Region: "r", Bucket: "b"},
		Endpoints: []serverconfig.Endpoint{{Scheme: "https", Host: "lfs.example.com"}, {Scheme: "http", Host: "inside.svc:8080"}},
	}, objectstore.Static(objectstore.Credentials{}), time.Now)
	if err != nil {
		f.Fatal(err)
	}
	listed := map[string]string{
		"lfs.example.com": "https://lfs.example.com", "lfs.example.com:443": "https://lfs.example.com",
		"inside.svc:8080": "http://inside.svc:8080", "inside.svc:8080:80": "http://inside.svc:8080",
	}
	f.Fuzz(func(t *testing.T, host string) {
		base := ""
		if e := table.find(host); e != nil {
			base = e.base
		}
		if want := listed[strings.ToLower(host)]; base != want {
			t.Errorf("host %q: links to %q, want %q", host, base, want)
		}
	})
}

// FuzzDigest: what a Digest header claims is a digest of its algorithm, or refused.
func FuzzDigest(f *testing.F) {
	sum := base64.StdEncoding.EncodeToString(make([]byte, 32))
	for _, h := range []string{"", "sha-256=" + sum, "SHA-256=" + sum + ",md5=x", "sha-512=" + sum, "sha-256", ",,=,", "sha-256==" + sum} {
		f.Add(h)
	}
	f.Fuzz(func(t *testing.T, header string) {
		digests, err := parseDigests([]string{header})
		if err != nil {
			if len(digests) > 0 || len(err.Error()) > 200 {
				t.Errorf("%q: %d digests and %v", header, len(digests), err)
			}
			return
		}
		for _, d := range digests {
			if len(d.want) != d.hash.Size() {
				t.Errorf("%q: a digest of %d bytes", header, len(d.want))
			}
		}
	})
}
