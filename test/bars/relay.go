package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"hash"
	"io"
	"net"
	"net/http"
	"time"
)

// relay sends what is PUT to it on to one link, and answers GET with what another
// gives. It hashes the bytes of both, and does nothing else: the least that a proxy
// with a proof of content can cost.
func relay(ctx context.Context, listen, put, get string) error {
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := sha256.New()
		link, body := get, io.Reader(http.NoBody)
		if r.Method == http.MethodPut {
			link, body = put, r.Body
		}
		if err := relayOne(w, r, link, io.TeeReader(body, h), h); err != nil {
			panic(http.ErrAbortHandler)
		}
	})}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func relayOne(w http.ResponseWriter, r *http.Request, link string, body io.Reader, h hash.Hash) error {
	req, err := http.NewRequestWithContext(r.Context(), r.Method, link, body)
	if err != nil {
		return err
	}
	if req.ContentLength = r.ContentLength; r.ContentLength <= 0 {
		req.Body = nil
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	w.WriteHeader(resp.StatusCode)
	_, err = io.Copy(w, io.TeeReader(resp.Body, h))
	return err
}
