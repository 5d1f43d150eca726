package sessions

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
	"github.com/lfs-operator/lfs-operator/internal/serverstatus"
	"github.com/lfs-operator/lfs-operator/internal/storesession"
)

// Probe finds out by trying whether a store makes sessions that are bound to a
// prefix: one that can work under its own prefix of the endpoint's bucket, and
// nowhere else in it. What a store lacks is no error.
func Probe(ctx context.Context, sts *STS, key objectstore.Credentials, e objectstore.Endpoint, prefix string) serverstatus.SessionProbe {
	p := &probe{sts: sts, key: key, endpoint: e, grant: storesession.Grant{Bucket: e.Bucket, Prefix: prefix + "sessions/"}}
	if e.Encryption.UsesKMS() {
		p.grant.KMSKey = storesession.KMSKey(sts.RoleARN, e.Encryption.KMSKeyID)
	}
	if err := p.run(ctx); err != nil {
		return serverstatus.SessionProbe{Message: err.Error()}
	}
	return serverstatus.SessionProbe{Bound: true, Seconds: sts.granted.Load() / int64(time.Second)}
}

type probe struct {
	sts      *STS
	key      objectstore.Credentials
	endpoint objectstore.Endpoint
	grant    storesession.Grant
}

func (p *probe) run(ctx context.Context) error {
	admin, err := p.open(p.key)
	if err != nil {
		return err
	}
	name := strings.ToLower(rand.Text())
	inside, outside := p.grant.Prefix+name, strings.TrimSuffix(p.grant.Prefix, "/")+"-outside/"+name
	defer func() {
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		_ = admin.Delete(end, inside, "")
		_ = admin.Delete(end, outside, "")
	}()
	for _, o := range []string{inside, outside} {
		if err := put(ctx, admin, o); err != nil {
			return err
		}
	}
	for _, check := range []struct {
		policy string
		try    func(context.Context, *objectstore.S3, string, string) error
	}{
		{p.grant.OwnPolicy(), tryOwn}, {p.grant.UploadPolicy(), tryUpload}, {p.grant.DownloadPolicy(), tryDownload},
	} {
		s, err := p.sts.Assume(ctx, p.key, "lfs-operator-probe", check.policy)
		if err != nil {
			return err
		}
		bucket, err := p.open(CredentialsOf(s.Session))
		if err != nil {
			return err
		}
		if err := check.try(ctx, bucket, inside, outside); err != nil {
			return err
		}
	}
	return nil
}

func (p *probe) open(c objectstore.Credentials) (*objectstore.S3, error) {
	return objectstore.NewS3(p.endpoint, c, p.sts.Transport, nil)
}

// tryOwn works as a server does.
func tryOwn(ctx context.Context, b *objectstore.S3, inside, outside string) error {
	if err := errors.Join(allowed("put", put(ctx, b, inside)), allowed("get", get(ctx, b, inside)),
		allowed("list", list(ctx, b, inside)), allowed("delete", b.Delete(ctx, inside, ""))); err != nil {
		return err
	}
	// Whether an object is there must be told from whether it may be asked for.
	if _, err := b.Head(ctx, inside); !errors.Is(err, objectstore.ErrNotFound) {
		return fmt.Errorf("a session bound to a prefix is not told that an object is missing under it (%s)", cause(err))
	}
	return errors.Join(refused("get", get(ctx, b, outside)), refused("put", put(ctx, b, outside)),
		refused("delete", b.Delete(ctx, outside, "")),
		refused("list", list(ctx, b, outside)), refused("list all of the bucket with", list(ctx, b, "")))
}

// tryUpload and tryDownload work as links do.
func tryUpload(ctx context.Context, b *objectstore.S3, inside, outside string) error {
	return errors.Join(allowed("put", put(ctx, b, inside)),
		refused("get with a key for uploads", get(ctx, b, inside)), refused("put", put(ctx, b, outside)))
}

func tryDownload(ctx context.Context, b *objectstore.S3, inside, outside string) error {
	return errors.Join(allowed("get", get(ctx, b, inside)),
		refused("put with a key for downloads", put(ctx, b, inside)), refused("get", get(ctx, b, outside)))
}

func put(ctx context.Context, b *objectstore.S3, key string) error {
	const body = "lfs-operator"
	_, err := b.Put(ctx, key, strings.NewReader(body), int64(len(body)), objectstore.Condition{})
	return err
}

func get(ctx context.Context, b *objectstore.S3, key string) error {
	body, _, err := b.Get(ctx, key, "")
	if err == nil {
		err = body.Close()
	}
	return err
}

func list(ctx context.Context, b *objectstore.S3, prefix string) error {
	for _, err := range b.List(ctx, prefix, "") {
		return err
	}
	return nil
}

func allowed(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("a session bound to a prefix may not %s under it: %s", what, objectstore.Cause(err))
}

// refused wants the store to say that this is not allowed, and nothing else.
func refused(what string, err error) error {
	var f *objectstore.Fault
	switch {
	case errors.As(err, &f) && f.Status == http.StatusForbidden:
		return nil
	case err == nil:
		return fmt.Errorf("the store lets a session %s what its policy forbids, so it does not bind sessions to a prefix", what)
	}
	return fmt.Errorf("whether a session may %s what its policy forbids could not be found out: %s", what, objectstore.Cause(err))
}

func cause(err error) string {
	if err == nil {
		return "it finds one"
	}
	return objectstore.Cause(err)
}
