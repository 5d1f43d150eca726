package v1alpha1

import (
	"net/url"
	"strings"
	"time"
)

// SessionMode is the mode that applies.
func (s *LFSStore) SessionMode() StoreSessionMode {
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

// STSEndpoint is where sessions are made: with AWS at a host of its own in each
// region (AWS General Reference, "AWS Security Token Service endpoints and quotas"),
// with others where the store is.
func (s *LFSStore) STSEndpoint() string {
	if s.Spec.Sessions != nil && s.Spec.Sessions.Endpoint != "" {
		return s.Spec.Sessions.Endpoint
	}
	u, err := url.Parse(s.Spec.Endpoint)
	if err != nil {
		return s.Spec.Endpoint
	}
	for _, domain := range []string{"amazonaws.com", "amazonaws.com.cn"} {
		if strings.HasSuffix(u.Hostname(), "."+domain) {
			region := s.Spec.Region
			if region == "" {
				region = DefaultRegion
			}
			return "https://sts." + region + "." + domain
		}
	}
	return s.Spec.Endpoint
}
