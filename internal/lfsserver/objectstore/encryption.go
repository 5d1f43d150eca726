package objectstore

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"

	"github.com/minio/minio-go/v7/pkg/encrypt"

	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
)

// Headers of encryption by the store ("PutObject", Amazon S3 API reference).
const (
	headerEncryption = "x-amz-server-side-encryption"
	headerKMSKeyID   = "x-amz-server-side-encryption-aws-kms-key-id"
)

// The algorithms, as headerEncryption names them.
const (
	algorithmS3  = "AES256"
	algorithmKMS = "aws:kms"
)

// ErrEncryptionRefused: the store does not encrypt as it is asked to, so it stored
// nothing.
var ErrEncryptionRefused = errors.New("the store refuses to encrypt what it is given")

// Encryption is what every write asks the store for. The zero value asks for
// nothing, which leaves it to the bucket's own default.
type Encryption struct {
	// Algorithm as in the header, empty for none.
	Algorithm string
	// KMSKeyID of algorithmKMS; empty for the store's default key.
	KMSKeyID string
}

// encryptionOf a configuration; c may be nil.
func encryptionOf(c *serverconfig.Encryption) (Encryption, error) {
	switch {
	case c == nil:
		return Encryption{}, nil
	case c.Type == serverconfig.EncryptionKMS:
		return Encryption{Algorithm: algorithmKMS, KMSKeyID: c.KMSKeyID}, nil
	case c.Type == serverconfig.EncryptionS3 && c.KMSKeyID == "":
		return Encryption{Algorithm: algorithmS3}, nil
	}
	return Encryption{}, fmt.Errorf("encryption: want %s, or %s with or without kmsKeyID", serverconfig.EncryptionS3, serverconfig.EncryptionKMS)
}

// UsesKMS is true where a key is involved that needs a permission of its own.
func (e Encryption) UsesKMS() bool { return e.Algorithm == algorithmKMS }

// addTo adds the headers that a write carries.
func (e Encryption) addTo(header map[string]string) {
	if e.Algorithm == "" {
		return
	}
	header[headerEncryption] = e.Algorithm
	if e.KMSKeyID != "" {
		header[headerKMSKeyID] = e.KMSKeyID
	}
}

// serverSide is e for minio-go; nil where nothing is asked for.
func (e Encryption) serverSide() (encrypt.ServerSide, error) {
	switch e.Algorithm {
	case algorithmKMS:
		return encrypt.NewSSEKMS(e.KMSKeyID, nil)
	case algorithmS3:
		return encrypt.NewSSE(), nil
	}
	return nil, nil
}

// seen compares with what a HEAD answers. A key that was named by its alias has
// another name there: AWS answers with its ARN, and MinIO makes one.
func (e Encryption) seen(h http.Header) bool {
	if h.Get(headerEncryption) != e.Algorithm {
		return false
	}
	id := h.Get(headerKMSKeyID)
	return e.KMSKeyID == "" || id == e.KMSKeyID || strings.HasSuffix(id, "/"+e.KMSKeyID) || strings.HasSuffix(id, ":"+e.KMSKeyID) ||
		id != "" && strings.Contains(e.KMSKeyID, "alias/")
}

// canonical are the headers as signatures see them, each with its line end.
func (e Encryption) canonical() string {
	if e.Algorithm == "" {
		return ""
	}
	s := headerEncryption + ":" + e.Algorithm + "\n"
	if e.KMSKeyID != "" {
		s += headerKMSKeyID + ":" + e.KMSKeyID + "\n"
	}
	return s
}

// names of the headers in their order.
func (e Encryption) names() []string {
	names := []string{headerEncryption}
	if e.KMSKeyID != "" {
		names = append(names, headerKMSKeyID)
	}
	return names
}

// writeFault is fault for calls that ask for encryption: what the store says to
// them is mostly about that.
func (s *S3) writeFault(op, key string, err error) error {
	err = fault(op, key, err)
	var f *Fault
	if s.encryption.Algorithm == "" || !errors.As(err, &f) || !errors.Is(f.kind, ErrUnavailable) {
		return err
	}
	refused := f.Status == http.StatusBadRequest || f.Status == http.StatusNotImplemented
	if refused || f.Status != 0 && strings.Contains(strings.ToLower(f.Cause), "kms") {
		f.kind = ErrEncryptionRefused
	}
	return err
}

// copyHeader of a copy that holds only while the source has that ETag.
func (s *S3) copyHeader(srcETag string) map[string]string {
	h := maps.Clone(ifSourceIs(srcETag))
	if h == nil {
		h = map[string]string{}
	}
	s.encryption.addTo(h)
	return h
}

// unencrypted writes in each of the ways that objects come to be and looks whether
// any is stored without the encryption that was asked for.
func (p *probe) unencrypted(ctx context.Context) (bool, error) {
	if p.s3.encryption.Algorithm == "" {
		return false, nil
	}
	first := p.dir + "encryption"
	info, err := p.s3.Put(ctx, first, strings.NewReader(probeRight), int64(len(probeRight)), Condition{})
	if err != nil {
		return false, err
	}
	p.date = info.Date
	for key, write := range map[string]func(key string) error{
		first:            func(string) error { return nil },
		first + "-copy":  func(key string) error { return p.s3.Copy(ctx, first, info.ETag, key) },
		first + "-parts": func(key string) error { return p.inParts(ctx, key) },
	} {
		if err := write(key); err != nil {
			return false, err
		}
		encrypted, version, err := p.s3.encrypted(ctx, key)
		p.written = append(p.written, Info{Key: key, VersionID: version})
		if err != nil || !encrypted {
			return !encrypted, err
		}
	}
	return false, nil
}

func (p *probe) inParts(ctx context.Context, key string) error {
	id, err := p.s3.Create(ctx, key)
	if err != nil {
		return err
	}
	part, err := p.s3.PutPart(ctx, key, id, 1, strings.NewReader(probeRight), int64(len(probeRight)))
	if err == nil {
		err = p.s3.Complete(ctx, key, id, []Part{part})
	}
	if err != nil {
		_ = p.s3.Abort(context.WithoutCancel(ctx), key, id)
	}
	return err
}

// encrypted asks whether an object is stored as every write asks for.
func (s *S3) encrypted(ctx context.Context, key string) (yes bool, version string, err error) {
	ctx, _ = withCall(ctx, "head")
	resp, err := s.direct(ctx, http.MethodHead, key, "")
	if err != nil {
		return false, "", fault("head", key, err)
	}
	resp.Body.Close()
	version = resp.Header.Get("x-amz-version-id")
	if resp.StatusCode != http.StatusOK {
		return false, version, statusFault("head", key, resp.StatusCode)
	}
	return s.encryption.seen(resp.Header), version, nil
}
