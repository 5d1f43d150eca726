package v1alpha1

import (
	"net/url"
	"strings"
	"time"
)

// DefaultTokenAudience is the audience of tokens that roles are assumed by, where none
// is set: the one that AWS expects.
const DefaultTokenAudience = "sts.amazonaws.com"

// TokenAudience is the audience of the token.
func (w *WebIdentity) TokenAudience() string { return orElse(w.Audience, DefaultTokenAudience) }

// SessionMode is the mode that applies. Without a key there are only sessions.
func (s *LFSStore) SessionMode() StoreSessionMode {
	if s.Spec.WebIdentity != nil {
		return SessionsRequired
	}
	if s.Spec.Sessions == nil || s.Spec.Sessions.Mode == "" {
		return SessionsAuto
	}
	return s.Spec.Sessions.Mode
}

// UsesSessions is true when servers are to hold sessions instead of the store's key.
func (s *LFSStore) UsesSessions() bool {
	switch s.SessionMode() {
	case SessionsRequired:
		return true
	case SessionsOff:
		return false
	default:
		return s.Status.Sessions == SessionsActive
	}
}

// SessionDuration is what sessions are asked for; builtIn where nothing is said.
func (s *LFSStore) SessionDuration(builtIn time.Duration) time.Duration {
	if s.Spec.Sessions == nil || s.Spec.Sessions.Duration == nil {
		return builtIn
	}
	return s.Spec.Sessions.Duration.Duration
}

// RoleARN is the role that sessions are made of, empty where the store knows none.
func (s *LFSStore) RoleARN() string {
	switch {
	case s.Spec.WebIdentity != nil:
		return s.Spec.WebIdentity.RoleARN
	case s.Spec.Sessions != nil:
		return s.Spec.Sessions.RoleARN
	}
	return ""
}

// STSEndpoint is where sessions are made.
func (s *LFSStore) STSEndpoint() string {
	explicit := ""
	switch {
	case s.Spec.WebIdentity != nil:
		explicit = s.Spec.WebIdentity.STSEndpoint
	case s.Spec.Sessions != nil:
		explicit = s.Spec.Sessions.Endpoint
	}
	return stsEndpoint(explicit, s.Spec.Endpoint, s.Spec.Region)
}

// STSEndpoint is where the role of WebIdentity is assumed.
func (s *Storage) STSEndpoint() string {
	explicit := ""
	if s.WebIdentity != nil {
		explicit = s.WebIdentity.STSEndpoint
	}
	return stsEndpoint(explicit, s.Endpoint, s.Region)
}

// stsEndpoint is, where none is named, with AWS a host of its own in each region (AWS
// General Reference, "AWS Security Token Service endpoints and quotas"), with others
// where the store is.
func stsEndpoint(explicit, store, region string) string {
	if explicit != "" {
		return explicit
	}
	u, err := url.Parse(store)
	if err != nil {
		return store
	}
	for _, domain := range []string{"amazonaws.com", "amazonaws.com.cn"} {
		if strings.HasSuffix(u.Hostname(), "."+domain) {
			return "https://sts." + orElse(region, DefaultRegion) + "." + domain
		}
	}
	return store
}
