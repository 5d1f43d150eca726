package sessions

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
	"github.com/lfs-operator/lfs-operator/internal/storesession"
)

// FromWebIdentity assumes the role of the storage, by the token of the pod's own
// ServiceAccount, and with sessions that can do no more than the pod has to, as those of
// an issuer: its own prefix, and to read what it adopts, where that is not nil. by names
// the transport: it differs for another one.
func FromWebIdentity(st serverconfig.Storage, adopts *serverconfig.AdoptFrom, tokenFile string, transport http.RoundTripper, by string) Source {
	return &fromWebIdentity{
		grant: grantOf(st, adopts), by: by,
		sts: &STS{
			Endpoint: st.WebIdentity.STS, Region: st.Region, RoleARN: st.WebIdentity.RoleARN,
			Duration: storesession.DefaultDuration, Transport: transport, Token: TokenFile(tokenFile),
		},
	}
}

type fromWebIdentity struct {
	sts   *STS
	grant storesession.Grant
	by    string
}

// grantOf is what a pod has to do.
func grantOf(st serverconfig.Storage, adopts *serverconfig.AdoptFrom) storesession.Grant {
	g := storesession.Grant{Bucket: st.Bucket, Prefix: st.Prefix, CreateBucket: st.CreateBucket}
	if e := st.Encryption; e != nil && e.Type == serverconfig.EncryptionKMS {
		g.KMSKey = storesession.KMSKey(st.WebIdentity.RoleARN, e.KMSKeyID)
	}
	if adopts != nil && *adopts != (serverconfig.AdoptFrom{Bucket: st.Bucket, Prefix: st.Prefix}) {
		g.Read = &storesession.Source{Bucket: adopts.Bucket, Prefix: adopts.Prefix}
	}
	return g
}

// Name implements Source.
func (f *fromWebIdentity) Name() string {
	return fmt.Sprintf("%s %s %s %s", f.sts.Endpoint, f.sts.RoleARN, f.grant.OwnPolicy(), f.by)
}

// Ask implements Source. Where no policy can name the prefix, since * stands for
// anything there, the session may do all that the role may.
func (f *fromWebIdentity) Ask(ctx context.Context) (*storesession.Answer, error) {
	assume := func(policy string) (Session, error) {
		return f.sts.Assume(ctx, objectstore.Credentials{}, "", policy)
	}
	if f.grant.Bound() == nil {
		answer, err := three(f.grant, assume)
		return &answer, err
	}
	s, err := assume("")
	return &storesession.Answer{
		Own: s.Session, Upload: s.Session, Download: s.Session, ExpiresIn: int64(s.Left / time.Second),
	}, err
}

// three makes the sessions of a grant.
func three(grant storesession.Grant, assume func(policy string) (Session, error)) (answer storesession.Answer, err error) {
	for policy, into := range map[string]*storesession.Session{
		grant.OwnPolicy(): &answer.Own, grant.UploadPolicy(): &answer.Upload, grant.DownloadPolicy(): &answer.Download,
	} {
		s, err := assume(policy)
		if err != nil {
			return answer, err
		}
		*into = s.Session
		if left := int64(s.Left / time.Second); answer.ExpiresIn == 0 || left < answer.ExpiresIn {
			answer.ExpiresIn = left
		}
	}
	return answer, nil
}
