package monitor

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
	"github.com/lfs-operator/lfs-operator/internal/serverstatus"
)

// reprobe is how often a store that works is asked again what it can do: stores
// are upgraded, and put behind proxies.
const reprobe = time.Hour

// checks are asked in this order; the first problem is the one reported.
func (m *Monitor) checks() []func(context.Context, *Target) *Problem {
	return []func(context.Context, *Target) *Problem{
		fromFiles,
		session,
		m.claim,
		m.probe,
	}
}

// fromFiles: what mounted files say needs no store.
func fromFiles(_ context.Context, t *Target) *Problem { return t.Problem }

// session: without one the store would only say that it does not know us.
func session(_ context.Context, t *Target) *Problem {
	if t.Session == nil {
		return nil
	}
	return t.Session()
}

// claim finds out in one request whether the store answers, takes our
// credentials, has the bucket, and whether the prefix is ours.
func (m *Monitor) claim(ctx context.Context, t *Target) *Problem {
	owner := t.Owner
	owner.ClaimedAt = m.now().UTC().Truncate(time.Second)
	if m.claimed != t.Revision {
		m.ownerETag = ""
	}
	etag, err := objectstore.Claim(ctx, t.Store, t.Prefix, owner, m.ownerETag)
	if errors.Is(err, objectstore.ErrBucketMissing) && t.Storage.CreateBucket {
		if err = t.Store.CreateBucket(ctx); err == nil {
			// Not every store knows such rules, and only browsers need them.
			if err := t.Store.AllowBrowsers(ctx); err != nil {
				m.log.Info("browsers cannot upload to the bucket, since the store takes no CORS rule", "bucket", t.Storage.Bucket, "error", err)
			}
			etag, err = objectstore.Claim(ctx, t.Store, t.Prefix, owner, "")
		}
	}
	if err != nil {
		return explain(t, err)
	}
	m.claimed, m.ownerETag = t.Revision, etag
	return nil
}

// probe asks what the store can do, once per revision and hour.
func (m *Monitor) probe(ctx context.Context, t *Target) *Problem {
	if m.capabilities == nil || m.probed != t.Revision || m.now().Sub(m.probedAt) > reprobe {
		caps, err := objectstore.Probe(ctx, t.Store, t.Signer, t.Prefix)
		if err != nil {
			return explain(t, err)
		}
		if caps.ForgedWrites && (m.capabilities == nil || !m.capabilities.ForgedWrites) {
			m.log.Warn("the store takes uploads that nobody signed: whoever holds a link can write anything; upgrade the store, or keep requests with x-amz-content-sha256: STREAMING-UNSIGNED-PAYLOAD-TRAILER from it",
				"endpoint", t.Storage.Endpoint)
		}
		m.capabilities, m.probed, m.probedAt = &caps, t.Revision, m.now()
	}
	p := incapable(t, *m.capabilities)
	if p != nil {
		// Asked again at the next look: somebody may be upgrading it.
		m.probedAt = time.Time{}
	}
	return p
}

// incapable says what the store lacks and cannot do without.
func incapable(t *Target, caps serverstatus.Capabilities) *Problem {
	lacks := objectstore.Lacks(caps)
	if len(lacks) == 0 {
		return nil
	}
	return &Problem{serverstatus.ReasonStoreIncapable, fmt.Sprintf(
		"The store at %s cannot hold this repository: %s. Use a store that does this, or upgrade it.",
		t.Storage.Endpoint, strings.Join(lacks, "; and "))}
}

// explain says what is wrong and what to do.
func explain(t *Target, err error) *Problem {
	s := t.Storage
	var other *objectstore.OwnedByOtherError
	switch {
	case errors.As(err, &other):
		return &Problem{serverstatus.ReasonPrefixInUse, fmt.Sprintf(
			"Prefix %q of bucket %q belongs to LFSRepository %s/%s (uid %s). Choose another bucket or prefix.",
			s.Prefix, s.Bucket, other.Owner.Namespace, other.Owner.Name, other.Owner.UID)}
	case errors.Is(err, objectstore.ErrAdopting):
		return &Problem{serverstatus.ReasonAdopting, fmt.Sprintf(
			"The objects under prefix %q of bucket %q are being proven; they are served when that is done.", s.Prefix, s.Bucket)}
	case errors.Is(err, objectstore.ErrForeignObjects):
		return &Problem{serverstatus.ReasonPrefixNotOurs, fmt.Sprintf(
			"Prefix %q of bucket %q holds objects that no repository has claimed (%v). Choose an empty prefix; what lies here can be adopted into it by spec.adoptFrom of a new LFSRepository.",
			s.Prefix, s.Bucket, err)}
	case errors.Is(err, objectstore.ErrBucketMissing):
		return &Problem{serverstatus.ReasonBucketMissing, fmt.Sprintf(
			"Bucket %q does not exist at %s. Create it, or set createBucket: true.", s.Bucket, s.Endpoint)}
	case errors.Is(err, objectstore.ErrEncryptionRefused):
		return &Problem{serverstatus.ReasonEncryptionRefused, fmt.Sprintf(
			"The store at %s does not encrypt as the field encryption asks for, %s (%s). Set up encryption and the key in the store, correct kmsKeyID, or remove the field.",
			s.Endpoint, s.Encryption, objectstore.Cause(err))}
	case errors.Is(err, objectstore.ErrDenied) && s.Sessions != nil:
		return &Problem{serverstatus.ReasonCredentialsRefused, fmt.Sprintf(
			"The store at %s refuses the session that it made for prefix %q of bucket %q (%s). Check that %s may list, read, write and delete there, and has not been taken away.",
			s.Endpoint, s.Prefix, s.Bucket, objectstore.Cause(err), sessionsOf(s))}
	case errors.Is(err, objectstore.ErrDenied) && s.WebIdentity != nil:
		return &Problem{serverstatus.ReasonCredentialsRefused, fmt.Sprintf(
			"The store at %s refuses the session of role %s (%s). Check that the role may list, read, write and delete in bucket %q, under prefix %q.",
			s.Endpoint, s.WebIdentity.RoleARN, objectstore.Cause(err), s.Bucket, s.Prefix)}
	case errors.Is(err, objectstore.ErrDenied):
		return &Problem{serverstatus.ReasonCredentialsRefused, fmt.Sprintf(
			"The store at %s refuses the credentials of Secret %q (%s). Check its keys, and that they may list, read, write and delete in bucket %q.",
			s.Endpoint, s.CredentialsName, objectstore.Cause(err), s.Bucket)}
	}
	return &Problem{serverstatus.ReasonStoreUnreachable, fmt.Sprintf(
		"The store at %s cannot be used: %s. Check the endpoint, and that network policies let the server reach it.",
		s.Endpoint, objectstore.Cause(err))}
}

// sessionsOf is what the issuer makes sessions of.
func sessionsOf(s serverconfig.Storage) string {
	if s.CredentialsName == "" {
		return "the store's role"
	}
	return fmt.Sprintf("the key of Secret %q", s.CredentialsName)
}

// NoWebIdentity says why the role could not be assumed: refused by who makes the
// sessions, or something on the way there.
func NoWebIdentity(s serverconfig.Storage, refused bool, cause string) *Problem {
	w := s.WebIdentity
	if !refused {
		return &Problem{serverstatus.ReasonSessionMissing, fmt.Sprintf(
			"No session with the store at %s: %s. Check webIdentity.stsEndpoint (%s), and that network policies let pods reach it.", s.Endpoint, cause, w.STS)}
	}
	return &Problem{serverstatus.ReasonWebIdentityRefused, fmt.Sprintf(
		"%s does not let ServiceAccount %s assume role %s: %s. Let the role's trust policy admit the subject system:serviceaccount:%s with audience %s, "+
			"and make the issuer of the cluster's tokens known there as an OpenID Connect provider.",
		w.STS, w.ServiceAccount, w.RoleARN, cause, strings.Replace(w.ServiceAccount, "/", ":", 1), w.Audience)}
}
