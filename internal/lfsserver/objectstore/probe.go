package objectstore

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/layout"
	"github.com/lfs-operator/lfs-operator/internal/serverstatus"
)

// Probe finds out what the store does by trying it, under the prefix's own
// probe keys, which are removed afterwards. An error means that the store could
// not be asked; a capability that is lacking is no error.
func Probe(ctx context.Context, s *S3, signer *URLSigner, prefix layout.Prefix) (serverstatus.Capabilities, error) {
	p := &probe{s3: s, signer: signer, dir: prefix.Probe() + strings.ToLower(rand.Text()) + "/"}
	defer p.cleanUp(ctx)
	var caps serverstatus.Capabilities
	var err error
	if caps.Unencrypted, err = p.unencrypted(ctx); err != nil {
		return caps, err
	}
	if caps.ConditionalWrites, err = p.conditionalWrites(ctx); err != nil {
		return caps, err
	}
	caps.Versioned = p.versioned
	caps.Browsers = p.browsers(ctx)
	if caps.ForgedWrites, err = p.forgedWrites(ctx); err != nil {
		return caps, err
	}
	sound, err := p.unsignedHeaders(ctx, &caps)
	if err != nil || !sound {
		return caps, err
	}
	if caps.SignedChecksum, err = p.signedChecksum(ctx); err != nil {
		return caps, err
	}
	if caps.QuerySHA256, err = p.querySHA256(ctx); err != nil {
		return caps, err
	}
	caps.PresignExpiry, err = p.presignExpiry(ctx)
	return caps, err
}

// Lacks names, for people, each capability that is missing and without which no
// repository can be served; empty when none is.
func Lacks(c serverstatus.Capabilities) []string {
	var out []string
	if !c.SignedChecksum {
		out = append(out, "it stores an upload whose content does not match its signed x-amz-checksum-sha256, "+
			"or obeys headers that were not signed, so wrong content could be kept under an object's name")
	}
	if !c.ConditionalWrites {
		out = append(out, "it ignores If-None-Match or If-Match on PUT, "+
			"so two repositories could claim one prefix and garbage collection could not be made safe")
	}
	if !c.PresignExpiry {
		out = append(out, "it accepts presigned requests after their expiry, so every link that was ever given out stays valid")
	}
	if c.Unencrypted {
		out = append(out, "it stores objects without the encryption that the field encryption asks for, "+
			"so either the store has to be set up for that (a KMS and a key) or the field to be removed")
	}
	return out
}

// probe remembers what it may have written.
type probe struct {
	s3        *S3
	signer    *URLSigner
	dir       string
	written   []Info
	versioned bool
	// date is the store's clock, near enough.
	date time.Time
}

const (
	probeRight = "lfs-operator: what was promised"
	probeWrong = "lfs-operator: something else..."
)

// conditionalWrites tries both conditions, each where it holds and where not.
func (p *probe) conditionalWrites(ctx context.Context) (bool, error) {
	key := p.dir + "condition"
	first, ok, err := p.put(ctx, key, "1", Condition{IfAbsent: true})
	if err != nil || !ok {
		return false, err
	}
	for _, step := range []struct {
		cond Condition
		want bool
	}{
		{Condition{IfAbsent: true}, false},
		{Condition{IfMatch: "00000000000000000000000000000000"}, false},
		{Condition{IfMatch: first.ETag}, true},
	} {
		if _, ok, err = p.put(ctx, key, "2", step.cond); err != nil || ok != step.want {
			return false, err
		}
	}
	return true, nil
}

// put reports whether the store took it. A store that does not know the header
// (400, 501) has answered as well.
func (p *probe) put(ctx context.Context, key, body string, cond Condition) (Info, bool, error) {
	info, err := p.s3.Put(ctx, key, strings.NewReader(body), int64(len(body)), cond)
	var f *Fault
	switch {
	case err == nil:
		p.written = append(p.written, info)
		p.date = info.Date
		p.versioned = info.VersionID != "" && info.VersionID != "null"
		return info, true, nil
	case errors.Is(err, ErrPreconditionFailed):
		return info, false, nil
	case errors.As(err, &f) && (f.Status == http.StatusNotImplemented || f.Status == http.StatusBadRequest):
		return info, false, nil
	}
	return info, false, err
}

// signedChecksum uploads as a client would: wrong bytes, no checksum header,
// then the right thing.
func (p *probe) signedChecksum(ctx context.Context) (bool, error) {
	key := p.dir + "checksum"
	sum := sha256.Sum256([]byte(probeRight))
	u, header, err := p.signer.PresignPut(key, sum[:], int64(len(probeRight)), time.Minute)
	if err != nil {
		return false, err
	}
	for _, step := range []struct {
		body   string
		header map[string]string
		want   bool
	}{{probeWrong, header, false}, {probeRight, nil, false}, {probeRight, header, true}} {
		stored, err := p.upload(ctx, key, u, step.body, step.header)
		if err != nil {
			return false, err
		}
		if stored != step.want {
			return false, nil
		}
	}
	return true, nil
}

// querySHA256 uploads as a client without headers would, wrong bytes first.
func (p *probe) querySHA256(ctx context.Context) (bool, error) {
	if p.s3.encryption.Algorithm != "" {
		return false, nil // such a link cannot ask for it
	}
	key := p.dir + "query"
	sum := sha256.Sum256([]byte(probeRight))
	u, err := p.signer.PresignPutQuery(key, sum[:], time.Minute)
	if err != nil {
		return false, err
	}
	wrong, err := p.upload(ctx, key, u, probeWrong, nil)
	if err != nil || wrong {
		return false, err
	}
	return p.upload(ctx, key, u, probeRight, nil)
}

// upload sends one presigned PUT and then looks for the object, because a
// refusal that stores the bytes anyway is none.
func (p *probe) upload(ctx context.Context, key, url, body string, header map[string]string) (bool, error) {
	status, version, err := p.send(ctx, http.MethodPut, url, body, header)
	if err != nil {
		return false, err
	}
	info, err := p.s3.Head(ctx, key)
	if errors.Is(err, ErrNotFound) {
		if status < 300 {
			return false, fmt.Errorf("%w: an upload was answered with %d and not stored", ErrUnavailable, status)
		}
		return false, nil
	}
	if err != nil {
		return false, err
	}
	info.VersionID = version
	p.written = append(p.written, info)
	return true, nil
}

// presignExpiry deletes with a URL that expired an hour ago.
func (p *probe) presignExpiry(ctx context.Context) (bool, error) {
	key := p.dir + "expiry"
	if _, ok, err := p.put(ctx, key, "still here", Condition{}); err != nil || !ok {
		return false, err
	}
	at := p.date
	if at.IsZero() {
		at = p.signer.now()
	}
	u, err := p.signer.PresignDelete(key, "", at.Add(-time.Hour), time.Minute)
	if err != nil {
		return false, err
	}
	if _, _, err := p.send(ctx, http.MethodDelete, u, "", nil); err != nil {
		return false, err
	}
	_, err = p.s3.Head(ctx, key)
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// send returns the status and the version that was made.
func (p *probe) send(ctx context.Context, method, url, body string, header map[string]string) (int, string, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader([]byte(body)))
	if err != nil {
		return 0, "", fault("probe", "", err)
	}
	for k, v := range header {
		req.Header.Set(k, v)
	}
	resp, err := p.s3.Do(req, "probe")
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10))
	if resp.StatusCode >= 500 && resp.StatusCode != http.StatusNotImplemented {
		return 0, "", statusFault("probe", "", resp.StatusCode)
	}
	return resp.StatusCode, resp.Header.Get("x-amz-version-id"), nil
}

// cleanUp removes what was written, and what probes that were killed left, even
// when the probe's own time is up.
func (p *probe) cleanUp(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	for _, o := range p.written {
		_ = p.s3.Delete(ctx, o.Key, o.VersionID)
	}
	root := p.dir[:strings.LastIndexByte(strings.TrimSuffix(p.dir, "/"), '/')+1]
	for o, err := range p.s3.List(ctx, root, "") {
		if err != nil {
			return
		}
		if !p.date.IsZero() && o.LastModified.Before(p.date.Add(-time.Hour)) {
			_ = p.s3.Delete(ctx, o.Key, "")
		}
	}
}
