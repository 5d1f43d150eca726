package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/lfs-operator/lfs-operator/test/harness"
)

// misrouted counts the paths of repositories that lead elsewhere, and other paths
// that lead to one of them.
func (s *gatewayStage) misrouted(ctx context.Context, behind []*gatewayRepository) error {
	client, err := s.client()
	if err != nil {
		return err
	}
	wrong := 0
	for _, r := range behind {
		user, err := s.env.SecretKey(ctx, r.repo.Namespace, r.repo.Name+"-lfs-access", "username")
		if err != nil {
			return err
		}
		password, err := s.env.SecretKey(ctx, r.repo.Namespace, r.repo.Name+"-lfs-access", "password")
		if err != nil {
			return err
		}
		if err := knowsPods(ctx, client, r.path()+".git", user, password); err != nil {
			return err
		}
		// A server answers for its own repository, and knows no token but its own.
		for _, api := range []string{"", "/api"} {
			for _, kind := range []string{"", "/models", "/datasets", "/spaces"} {
				for _, suffix := range []string{".git", ""} {
					path := api + kind + r.path() + suffix
					status, byServer, err := askBatch(ctx, client, path, user, password)
					if err != nil {
						return err
					}
					if status != http.StatusOK || !byServer {
						s.env.Say("%s is answered %d", path, status)
						wrong++
					}
				}
			}
		}
		// Nobody's, although it begins like somebody's.
		for _, path := range []string{r.path()[:len(r.path())-1], r.path() + "x", r.path() + "-", r.path() + ".gitx", "/x" + r.path()} {
			status, byServer, err := askBatch(ctx, client, path, user, password)
			if err != nil {
				return err
			}
			if status != http.StatusNotFound || byServer {
				s.env.Say("%s, which is no repository's, is answered %d", path, status)
				wrong++
			}
		}
	}
	bar("gateway-misrouted", wrong)
	return nil
}

// knowsPods waits for the gateway to hear of the pods behind a route: until then it
// answers that there is nobody.
func knowsPods(ctx context.Context, client *http.Client, path, user, password string) error {
	return harness.Until(ctx, time.Minute, "the gateway knows the pods of "+path, func(ctx context.Context) (bool, string) {
		status, _, err := askBatch(ctx, client, path, user, password)
		return err == nil && status != http.StatusServiceUnavailable, fmt.Sprint(status, err)
	})
}

// client trusts the listener's certificate.
func (s *gatewayStage) client() (*http.Client, error) {
	pem, err := os.ReadFile(s.ca)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no certificate", s.ca)
	}
	return &http.Client{
		Timeout:   time.Minute,
		Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}},
	}, nil
}

// askBatch asks the gateway for an object under a path, and says whether an LFS server
// answered.
func askBatch(ctx context.Context, client *http.Client, path, user, password string) (status int, byServer bool, err error) {
	const media = "application/vnd.git-lfs+json"
	body := fmt.Sprintf(`{"operation":"download","objects":[{"oid":"%064d","size":1}]}`, 1)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+gatewayHost+path+"/info/lfs/objects/batch", bytes.NewBufferString(body))
	if err != nil {
		return 0, false, err
	}
	req.Header.Set("Accept", media)
	req.Header.Set("Content-Type", media)
	req.SetBasicAuth(user, password)
	resp, err := client.Do(req)
	if err != nil {
		return 0, false, err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, strings.HasPrefix(resp.Header.Get("Content-Type"), media), err
}
