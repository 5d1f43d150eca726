package main

import (
	"context"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/gc/gctest"
	"github.com/lfs-operator/lfs-operator/internal/layout"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
)

// gcSweep measures two sweeps of a store with a million objects: one condemns
// what is superseded, one deletes it.
func gcSweep(ctx context.Context, r *rig) error {
	shares, err := gcShares()
	if err != nil {
		return err
	}
	for i, share := range shares {
		h := gctest.FullHistory.Share(share)
		worst, err := r.sweeps(ctx, h)
		if err != nil {
			return err
		}
		shareBar("gc-sweep-rss-mib", share, i == len(shares)-1, worst)
	}
	return nil
}

func (r *rig) sweeps(ctx context.Context, h gctest.History) (worst float64, err error) {
	dir, err := r.history(ctx, h)
	if err != nil {
		return 0, err
	}
	st, err := r.store(ctx)
	if err != nil {
		return 0, err
	}
	oids, err := gcObjects(h)
	if err != nil {
		return 0, err
	}
	full, err := crowd(st, layout.Prefix("bars/"), oids)
	if err != nil {
		return 0, err
	}
	defer full.Close()
	s, err := r.newServer(ctx, func(c *serverconfig.Config) { gcConfig(dir)(c) })
	if err != nil {
		return 0, err
	}
	defer s.stop()
	s.config.Storage.Endpoint = full.URL
	if err := s.writeFiles(st); err != nil {
		return 0, err
	}
	for _, run := range []string{"condemn", "delete"} {
		// Limits of a second, by a clock of whole seconds.
		time.Sleep(3500 * time.Millisecond)
		if _, err := r.job(ctx, s, "scan", "--run", run); err != nil {
			return 0, err
		}
		sweep, err := r.job(ctx, s, "sweep", "--run", run)
		if err != nil {
			return 0, err
		}
		r.say("sweep (%s) of %d objects: %.1f s, %.0f MiB\n%s", run, len(oids), sweep.seconds, sweep.mib, sweep.out)
		worst = max(worst, sweep.mib)
		bar(fmt.Sprintf("gc-sweep-%s-s-at-%d-objects", run, len(oids)), sweep.seconds)
	}
	return worst, nil
}

// crowd is the store as if it held all these objects: listing them is answered
// here, and so is deleting them. Everything else is the store's own.
func crowd(st *store, prefix layout.Prefix, oids []string) (*httptest.Server, error) {
	u, err := url.Parse(st.endpoint)
	if err != nil {
		return nil, err
	}
	proxy := &httputil.ReverseProxy{Rewrite: func(p *httputil.ProxyRequest) {
		p.SetURL(u)
		p.Out.Host = p.In.Host // it is signed
	}}
	gone := make([]bool, len(oids))
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		q := req.URL.Query()
		_, key, _ := strings.Cut(strings.TrimPrefix(req.URL.Path, "/"), "/")
		oid, isObject := prefix.OIDOf(key)
		switch {
		case q.Get("list-type") == "2" && q.Get("prefix") == prefix.Objects():
			list(w, prefix, oids, gone, q)
		case isObject && req.Method == http.MethodDelete:
			if i, ok := slices.BinarySearch(oids, oid); ok {
				gone[i] = true
			}
			w.WriteHeader(http.StatusNoContent)
		default:
			proxy.ServeHTTP(w, req)
		}
	})), nil
}

// list answers ListObjectsV2.
func list(w http.ResponseWriter, prefix layout.Prefix, oids []string, gone []bool, q url.Values) {
	const page = 1000
	from, _ := strconv.Atoi(q.Get("continuation-token"))
	type content struct {
		Key, LastModified, ETag string
		Size                    int64
	}
	answer := struct {
		XMLName               xml.Name `xml:"ListBucketResult"`
		IsTruncated           bool
		NextContinuationToken string `xml:",omitempty"`
		KeyCount              int
		Contents              []content
	}{}
	for ; from < len(oids) && answer.KeyCount < page; from++ {
		if !gone[from] {
			answer.KeyCount++
			answer.Contents = append(answer.Contents, content{Key: prefix.Object(oids[from]),
				LastModified: "2020-01-01T00:00:00.000Z", ETag: `"d41d8cd98f00b204e9800998ecf8427e"`, Size: 10})
		}
	}
	if from < len(oids) {
		answer.IsTruncated, answer.NextContinuationToken = true, strconv.Itoa(from)
	}
	w.Header().Set("Content-Type", "application/xml")
	_ = xml.NewEncoder(w).Encode(answer)
}
