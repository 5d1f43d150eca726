package sessions

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync/atomic"
	"time"

	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
	"github.com/lfs-operator/lfs-operator/internal/storesession"
)

// STS asks a store for sessions (AWS Security Token Service API reference,
// "AssumeRole" and "AssumeRoleWithWebIdentity"). Safe for concurrent use.
type STS struct {
	// Endpoint is http(s)://host[:port].
	Endpoint string
	// Region that requests are signed for.
	Region string
	// RoleARN to assume; empty where the store knows no roles.
	RoleARN string
	// Token, where set, is a token of the pod's ServiceAccount, by which the role is
	// assumed instead of by a key.
	Token func() (string, error)
	// Duration that is asked for. Where the store makes none as long, the longest
	// that it makes is found by trying.
	Duration time.Duration
	// Transport is the connection pool.
	Transport http.RoundTripper

	// granted is the duration that the store was last seen to agree to.
	granted atomic.Int64
}

// Session is a temporary key and what is left of it.
type Session struct {
	storesession.Session
	Left time.Duration
}

const (
	// askWithin bounds one request.
	askWithin = 15 * time.Second
	// MinDuration is what the API allows at least.
	MinDuration = 15 * time.Minute
)

// shorter are the durations that are tried where a store refuses a longer one:
// roles of AWS have a limit between 1 and 12 hours.
var shorter = []time.Duration{12 * time.Hour, 8 * time.Hour, 4 * time.Hour, 2 * time.Hour, time.Hour, MinDuration}

// Assume makes a session of the key, or by the Token, that can do no more than the
// policy says; empty: all that the key or the role may. name shows in the store's own
// audit log, where a Token does not name itself there. Errors hold no secret.
func (s *STS) Assume(ctx context.Context, key objectstore.Credentials, name, policy string) (Session, error) {
	want := s.Duration
	if g := time.Duration(s.granted.Load()); g > 0 && g < want {
		want = g
	}
	for {
		got, err := s.assume(ctx, key, name, policy, want)
		if err == nil {
			s.granted.Store(int64(want))
			return got, nil
		}
		next := nextShorter(want)
		if !tooLong(err) || next == 0 {
			return got, fmt.Errorf("%s: %w", s.call(), plain(err))
		}
		want = next
	}
}

// nextShorter is 0 when there is none.
func nextShorter(than time.Duration) time.Duration {
	for _, d := range shorter {
		if d < than {
			return d
		}
	}
	return 0
}

// call names what is asked for.
func (s *STS) call() string {
	if s.Token != nil {
		return fmt.Sprintf("AssumeRoleWithWebIdentity of %s at %s", s.RoleARN, s.Endpoint)
	}
	return "AssumeRole at " + s.Endpoint
}

func (s *STS) assume(ctx context.Context, key objectstore.Credentials, name, policy string, d time.Duration) (Session, error) {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	dated := &dated{next: s.Transport, at: time.Now()}
	v, err := s.provider(dated, key, name, policy, int(d/time.Second)).RetrieveWithCredContext(&credentials.CredContext{Context: ctx})
	switch {
	case err != nil:
		return Session{}, err
	case v.AccessKeyID == "" || v.SecretAccessKey == "" || v.SessionToken == "":
		return Session{}, errors.New("the store's answer holds no session")
	}
	return Session{
		Session: storesession.Session{AccessKeyID: v.AccessKeyID, SecretAccessKey: v.SecretAccessKey, SessionToken: v.SessionToken},
		Left:    v.Expiration.Sub(dated.at),
	}, nil
}

// provider makes one session.
func (s *STS) provider(through http.RoundTripper, key objectstore.Credentials, name, policy string, seconds int) credentials.Provider {
	// A token must go nowhere else.
	client := &http.Client{Transport: through, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	if s.Token == nil {
		return &credentials.STSAssumeRole{
			Client: client, STSEndpoint: s.Endpoint,
			Options: credentials.STSAssumeRoleOptions{
				AccessKey: key.AccessKeyID, SecretKey: key.SecretAccessKey, SessionToken: key.SessionToken,
				Policy: policy, Location: s.Region, DurationSeconds: seconds,
				RoleARN: s.RoleARN, RoleSessionName: name,
			},
		}
	}
	return &credentials.STSWebIdentity{
		Client: client, STSEndpoint: s.Endpoint, RoleARN: s.RoleARN, Policy: policy,
		GetWebIDTokenExpiry: func() (*credentials.WebIdentityToken, error) {
			token, err := s.Token()
			return &credentials.WebIdentityToken{Token: token, Expiry: seconds}, err
		},
	}
}

// dated notes the store's clock: by it, and no other, the session ends.
type dated struct {
	next http.RoundTripper
	at   time.Time
}

func (d *dated) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := d.next.RoundTrip(req)
	if err == nil {
		if at, perr := http.ParseTime(resp.Header.Get("Date")); perr == nil {
			d.at = at
		}
	}
	return resp, err
}

// tooLong is true where the store's answer is about the duration: AWS says
// ValidationError, MinIO InvalidParameterValue.
func tooLong(err error) bool {
	var refused credentials.ErrorResponse
	if !errors.As(err, &refused) {
		return false
	}
	code := refused.STSError.Code
	return (code == "ValidationError" || code == "InvalidParameterValue") &&
		strings.Contains(strings.ToLower(refused.STSError.Message), "duration")
}

// plain is the error with the store's code and without the request.
func plain(err error) error {
	var refused credentials.ErrorResponse
	if !errors.As(err, &refused) {
		return errors.New(objectstore.PlainCause(err))
	}
	code, said := refused.STSError.Code, objectstore.PlainCause(errors.New(aToken.ReplaceAllString(err.Error(), "(token)")))
	if passing[code] {
		return fmt.Errorf("%s: %s", code, said)
	}
	return fmt.Errorf("%w: %s: %s", ErrRefused, code, said)
}

// aToken is what begins like a JSON Web Token: a store might repeat what it was sent.
var aToken = regexp.MustCompile(`eyJ[A-Za-z0-9_.=-]+`)

// ErrRefused: the store has answered, and gives no session.
var ErrRefused = errors.New("the store refuses")

// passing are answers that say nothing of who asks (AWS Security Token Service API
// reference, "Common Error Types" and "AssumeRoleWithWebIdentity").
var passing = map[string]bool{
	"": true, "InternalError": true, "InternalFailure": true, "ServiceUnavailable": true, "Throttling": true, "ThrottlingException": true,
	"IDPCommunicationError": true, "STSNotInitialized": true, "UpstreamError": true,
}
