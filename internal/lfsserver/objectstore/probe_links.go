package objectstore

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"maps"
	"net/http"
	"strings"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/serverstatus"
)

// unsignedHeaders finds out whether links need the guard (guard.go), and is false
// where even that does not help.
func (p *probe) unsignedHeaders(ctx context.Context, caps *serverstatus.Capabilities) (sound bool, err error) {
	caps.ObeysUnsigned, err = p.obeysUnsigned(ctx)
	if err != nil || !caps.ObeysUnsigned {
		return true, err
	}
	p.signer = p.signer.Guarded()
	again, err := p.obeysUnsigned(ctx)
	return !again, err
}

// obeysUnsigned uploads wrong bytes with headers that would have the store accept
// them.
func (p *probe) obeysUnsigned(ctx context.Context) (bool, error) {
	source := p.dir + "source"
	if _, ok, err := p.put(ctx, source, probeWrong, Condition{}); err != nil || !ok {
		return false, err
	}
	for name, forged := range map[string]map[string]string{
		"copy":      {guardCopy: "/" + p.s3.bucket + "/" + source},
		"algorithm": {guardAlgorithm: "CRC32", "x-amz-checksum-crc32": crc32Of(probeWrong)},
	} {
		links := []func(string) (string, map[string]string, error){p.checksumLink, p.queryLink}
		if p.s3.encryption.Algorithm != "" {
			links = links[:1] // there are none of the other kind
		}
		for _, link := range links {
			key := fmt.Sprintf("%sforged-%s-%t", p.dir, name, p.signer.guarded)
			u, header, err := link(key)
			if err != nil {
				return false, err
			}
			maps.Copy(header, forged)
			if stored, err := p.upload(ctx, key, u, probeWrong, header); err != nil || stored {
				return stored, err
			}
		}
	}
	return false, nil
}

// checksumLink and queryLink upload probeRight and nothing else.
func (p *probe) checksumLink(key string) (string, map[string]string, error) {
	sum := sha256.Sum256([]byte(probeRight))
	return p.signer.PresignPut(key, sum[:], int64(len(probeRight)), time.Minute)
}

func (p *probe) queryLink(key string) (string, map[string]string, error) {
	sum := sha256.Sum256([]byte(probeRight))
	u, err := p.signer.PresignPutQuery(key, sum[:], time.Minute)
	return u, map[string]string{}, err
}

// forgedWrites uploads in chunks that nobody signed, by a link whose signature is
// none.
func (p *probe) forgedWrites(ctx context.Context) (bool, error) {
	key := p.dir + "chunks"
	u, _, err := p.checksumLink(key)
	if err != nil {
		return false, err
	}
	u = u[:len(u)-hexSHA256Len] + strings.Repeat("0", hexSHA256Len)
	sum := crc32Of(probeWrong)
	body := fmt.Sprintf("%x\r\n%s\r\n0\r\nx-amz-checksum-crc32:%s\r\n\r\n", len(probeWrong), probeWrong, sum)
	return p.upload(ctx, key, u, body, map[string]string{
		"x-amz-content-sha256":                "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
		"x-amz-decoded-content-length":        fmt.Sprint(len(probeWrong)),
		http.CanonicalHeaderKey(guardTrailer): "x-amz-checksum-crc32",
	})
}

// hexSHA256Len is the length of a signature, which ends a link.
const hexSHA256Len = 2 * sha256.Size

// crc32Of is the value of x-amz-checksum-crc32.
func crc32Of(body string) string {
	return base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE([]byte(body))))
}
