package storesession_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/lfs-operator/lfs-operator/internal/storesession"
)

func keyOf(seed byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))
}

var grant = storesession.Grant{
	Store: "uid", ServiceAccount: "lfs-servers/models-lfs", Bucket: "shared", Prefix: "team-a/models-1/",
}

// TestGrant: what is signed comes back, and nothing that was not signed does.
func TestGrant(t *testing.T) {
	key := keyOf(1)
	public := key.Public().(ed25519.PublicKey)
	signed, err := storesession.Sign(grant, key)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := storesession.Sign(grant, key); err != nil || again != signed {
		t.Errorf("the same grant has other bytes (%v): a configuration would change each time", err)
	}
	if got, err := storesession.Verify(signed, public); err != nil || got != grant {
		t.Errorf("%+v %v, want %+v", got, err, grant)
	}
	parts := strings.Split(signed, ".")
	for name, bad := range map[string]string{
		"another key's":   mustSign(t, grant, keyOf(2)),
		"cut":             signed[:len(signed)-5],
		"no signature":    parts[0] + "." + parts[1] + ".",
		"other algorithm": "eyJhbGciOiJub25lIn0." + parts[1] + ".",
		"empty":           "",
		"no JWS":          "grant",
	} {
		if _, err := storesession.Verify(bad, public); !errors.Is(err, storesession.ErrBadGrant) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func mustSign(t *testing.T, g storesession.Grant, key ed25519.PrivateKey) string {
	t.Helper()
	signed, err := storesession.Sign(g, key)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

// TestUnbindable: no grant is signed whose policy would mean more than its prefix.
func TestUnbindable(t *testing.T) {
	for name, change := range map[string]func(*storesession.Grant){
		"no prefix":           func(g *storesession.Grant) { g.Prefix = "" },
		"no slash":            func(g *storesession.Grant) { g.Prefix = "team-a" },
		"a slash before":      func(g *storesession.Grant) { g.Prefix = "/team-a/" },
		"a star":              func(g *storesession.Grant) { g.Prefix = "team-*/" },
		"a question mark":     func(g *storesession.Grant) { g.Prefix = "team-?/" },
		"a variable":          func(g *storesession.Grant) { g.Prefix = "${aws:username}/" },
		"a star for a bucket": func(g *storesession.Grant) { g.Bucket = "*" },
		"no bucket":           func(g *storesession.Grant) { g.Bucket = "" },
		"more than one key":   func(g *storesession.Grant) { g.KMSKey = "arn:aws:kms:*:1:key/*" },
		"all to be read":      func(g *storesession.Grant) { g.Read = &storesession.Source{Bucket: "shared"} },
		"a star to be read":   func(g *storesession.Grant) { g.Read = &storesession.Source{Bucket: "shared", Prefix: "old*/"} },
		"a bucket of stars":   func(g *storesession.Grant) { g.Read = &storesession.Source{Bucket: "*", Prefix: "old/"} },
		"more than AWS takes": func(g *storesession.Grant) {
			g.Read = &storesession.Source{Bucket: "shared", Prefix: strings.Repeat("p", 800) + "/"}
		},
		"nobody": func(g *storesession.Grant) { g.ServiceAccount = "" },
	} {
		g := grant
		change(&g)
		if _, err := storesession.Sign(g, keyOf(1)); !errors.Is(err, storesession.ErrBadGrant) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestReadOnly: what is to be adopted can be read by the own session, and nothing else
// of it be done by anybody.
func TestReadOnly(t *testing.T) {
	g := grant
	g.Read = &storesession.Source{Bucket: "archive", Prefix: "old/"}
	var p struct {
		Statement []struct {
			Action   []string
			Resource string
		}
	}
	if err := json.Unmarshal([]byte(g.OwnPolicy()), &p); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range p.Statement {
		if strings.Contains(s.Resource, "archive") {
			got = append(got, strings.Join(s.Action, " ")+" "+s.Resource)
		}
	}
	if want := []string{"s3:GetObject arn:aws:s3:::archive/old/*", "s3:ListBucket arn:aws:s3:::archive"}; !slices.Equal(got, want) {
		t.Errorf("of the source: %v, want %v", got, want)
	}
	if strings.Contains(g.UploadPolicy()+g.DownloadPolicy(), "archive") {
		t.Error("links reach the source")
	}
}

// TestPolicies: AWS takes a session policy of at most 2048 characters.
func TestPolicies(t *testing.T) {
	g := grant
	g.Bucket, g.Prefix, g.CreateBucket = strings.Repeat("b", 63), strings.Repeat("p", 200)+"/", true
	if strings.Contains(g.OwnPolicy()+g.UploadPolicy()+g.DownloadPolicy(), "kms:") {
		t.Error("a policy of a store without keys names them")
	}
	id := "arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
	for want, got := range map[string]string{"": storesession.KMSKey("", id) + storesession.KMSKey("arn:minio:iam:us-east-1::role/x", id), id: storesession.KMSKey("arn:aws:iam::1:role/lfs", id), "*": storesession.KMSKey("arn:aws:iam::1:role/lfs", "alias/lfs")} {
		if got != want {
			t.Errorf("the key is %q in policies, want %q", got, want)
		}
	}
	g.KMSKey = id
	for _, p := range []string{g.OwnPolicy(), g.UploadPolicy(), g.DownloadPolicy()} {
		if !strings.Contains(p, `"Resource":"`+id+`","Condition":{"StringLike":{"kms:ViaService":["s3.*"]}}`) || !strings.Contains(p, "kms:Decrypt") {
			t.Errorf("no right to the key: %s", p)
		}
		if strings.Contains(p, "s3:PutObject") != strings.Contains(p, "kms:GenerateDataKey") {
			t.Errorf("who puts needs data keys, and nobody else: %s", p)
		}
		if !json.Valid([]byte(p)) || len(p) > 2048 {
			t.Errorf("%d characters: %s", len(p), p)
		}
	}
}
