package scan

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/gc/liveset"
	"github.com/lfs-operator/lfs-operator/internal/pause"
	"github.com/lfs-operator/lfs-operator/internal/serverstatus"
)

// Client reports to the LFS server's admin port.
type Client struct {
	// Server is http://host:port.
	Server string
	// Token is the scan token.
	Token string
	// Patience is how long a server that does not answer is asked again.
	Patience time.Duration
}

// Begin tells the server that the scan of a run starts now. The store stamps the
// record with its own clock, which is the only one that garbage collection
// compares times by.
func (c Client) Begin(ctx context.Context, h liveset.Header) error {
	return c.putJSON(ctx, serverstatus.ScanPath+BeginName(h.Run), Begin{Run: h.Run, Attempt: h.Attempt})
}

// Begin is the record that a scan leaves before it asks for the first ref.
type Begin struct {
	Run     string `json:"run"`
	Attempt string `json:"attempt"`
}

// BeginName is the name of a run's Begin beside its live set.
func BeginName(run string) string { return run + ".begin" }

// LiveSet sends the live set in a file.
func (c Client) LiveSet(ctx context.Context, run string, f *os.File) error {
	st, err := f.Stat()
	if err != nil {
		return err
	}
	return c.put(ctx, serverstatus.ScanPath+run, "application/gzip", st.Size(), func() (io.Reader, error) {
		_, err := f.Seek(0, io.SeekStart)
		// The transport closes what it sends; the file is sent again if need be.
		return io.NopCloser(f), err
	})
}

// HistoryCheck sends which entries can be read.
func (c Client) HistoryCheck(ctx context.Context, check serverstatus.HistoryCheck) error {
	return c.putJSON(ctx, serverstatus.HistoryCheckPath, check)
}

func (c Client) putJSON(ctx context.Context, path string, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return c.put(ctx, path, "application/json", int64(len(b)), func() (io.Reader, error) {
		return bytes.NewReader(b), nil
	})
}

// errAgain marks an answer after which the same request may succeed.
var errAgain = errors.New("try again")

func (c Client) put(ctx context.Context, path, contentType string, size int64, body func() (io.Reader, error)) error {
	deadline := time.Now().Add(c.Patience)
	for rest := time.Second; ; rest = min(2*rest, 15*time.Second) {
		rd, err := body()
		if err != nil {
			return err
		}
		err = c.once(ctx, path, contentType, size, rd)
		if err == nil || !errors.Is(err, errAgain) || time.Now().Add(rest).After(deadline) || pause.For(ctx, rest) != nil {
			return err
		}
	}
}

func (c Client) once(ctx context.Context, path, contentType string, size int64, body io.Reader) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, strings.TrimRight(c.Server, "/")+path, body)
	if err != nil {
		return err
	}
	req.ContentLength = size
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("Authorization", "Bearer "+c.Token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("LFS server: %w (%w)", err, errAgain)
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 1000))
	switch code := resp.StatusCode; {
	case code < 300:
		return nil
	case code == http.StatusUnauthorized || code == http.StatusForbidden:
		return fmt.Errorf("LFS server refuses the scan token: %s", resp.Status)
	case code == http.StatusTooManyRequests || code >= 500:
		return fmt.Errorf("LFS server: %s %s (%w)", resp.Status, text, errAgain)
	default:
		return fmt.Errorf("LFS server: %s %s", resp.Status, text)
	}
}
