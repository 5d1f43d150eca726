package scan

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"

	"golang.org/x/crypto/ssh/knownhosts"

	"github.com/lfs-operator/lfs-operator/internal/gc/uploadpack"
	"github.com/lfs-operator/lfs-operator/internal/serverstatus"
)

// Check lists the refs of every entry, reading nothing else, and says what it
// found. It waits for at most the context's deadline per list of entries.
func Check(ctx context.Context, entries []Entry) []serverstatus.HistoryCheckEntry {
	var out []serverstatus.HistoryCheckEntry
	for _, e := range entries {
		n, err := check(ctx, e)
		out = append(out, outcome(e, n, err))
	}
	return out
}

func check(ctx context.Context, e Entry) (int, error) {
	s, err := open(e)
	if err != nil {
		return 0, err
	}
	defer s.close()
	adv, err := s.list(ctx)
	if err != nil {
		return 0, err
	}
	return len(adv.refs), nil
}

// outcome turns the result for an entry into what the operator shows.
func outcome(e Entry, refs int, err error) serverstatus.HistoryCheckEntry {
	out := serverstatus.HistoryCheckEntry{Name: e.Name, OK: err == nil, Reason: serverstatus.ReasonHistoryReadable}
	if err == nil {
		if refs == 0 {
			out.Reason = serverstatus.ReasonHistoryEmpty
			out.Message = SafeURL(e.URL) + " has no refs yet; nothing is deleted while the history names no object"
		}
		return out
	}
	reason, remedy := classify(e, err)
	out.Reason = reason
	out.Message = fmt.Sprintf("%s. %s", strings.TrimRight(e.wrap(err).Error(), "."), remedy)
	return out
}

// classify names the kind of failure and the remedy.
func classify(e Entry, err error) (reason, remedy string) {
	secret := "the entry's Secret (secretRef)"
	if e.SecretName != "" {
		secret = fmt.Sprintf("Secret %q", e.SecretName)
	}
	var unknown *knownhosts.KeyError
	var netErr net.Error
	switch {
	case errors.Is(err, errSecret):
		return serverstatus.ReasonHistoryRefused, "Complete " + secret + "."
	case errors.As(err, &unknown), strings.Contains(err.Error(), "knownhosts:"):
		return serverstatus.ReasonHistoryRefused,
			"The host's key is not the one in known_hosts of " + secret + ": compare it with what the host publishes."
	case errors.Is(err, uploadpack.ErrRefused), strings.Contains(err.Error(), "unable to authenticate"):
		return serverstatus.ReasonHistoryRefused, "Check the credentials in " + secret + "; they need to read the repository."
	case errors.Is(err, uploadpack.ErrNotFound):
		return serverstatus.ReasonHistoryNotFound,
			"Check the URL; some hosts also answer so when the credentials in " + secret + " may not see the repository."
	case errors.Is(err, errURL), errors.Is(err, errShallow), errors.Is(err, errFormat):
		return serverstatus.ReasonHistoryInvalid, "Change the entry's url."
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &netErr), isNet(err), overloaded(err):
		return serverstatus.ReasonHistoryUnreachable,
			"Check the host, its certificate (ca.crt) and that the network policy lets the job out."
	}
	return serverstatus.ReasonHistoryInvalid, "Check that the URL is that of a complete Git repository."
}

func isNet(err error) bool {
	for _, text := range []string{"dial tcp", "connection refused", "no such host", "tls:", "x509:", "EOF"} {
		if strings.Contains(err.Error(), text) {
			return true
		}
	}
	return false
}

// overloaded says whether the server may answer otherwise in a while.
func overloaded(err error) bool {
	var status *uploadpack.StatusError
	return errors.As(err, &status) && (status.Code >= 500 || status.Code == http.StatusTooManyRequests)
}
