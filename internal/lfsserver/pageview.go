package lfsserver

import (
	"cmp"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/gc/plan"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/auth"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/page"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/transfer"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
	"github.com/lfs-operator/lfs-operator/internal/serverstatus"
)

// view is what everybody may see. The URL is that of the host that was asked, or
// of the preferred one where somebody came another way (a port-forward).
func (s *Server) view(c *call) (page.View, error) {
	host, err := c.endpoint()
	if err != nil {
		if len(c.hosts.names) == 0 {
			return page.View{}, err
		}
		host = c.hosts.find(c.hosts.names[0])
	}
	r := c.config.Repository
	v := page.View{
		Namespace: r.Namespace, Name: r.Name, Base: host.base, URL: host.base + root(r), Path: root(r), Version: s.options.Version,
		AccessSecret: r.Name + "-lfs-access", Public: c.rules.AnonymousRead, Ready: s.serving(c) == nil,
		MultipartThreshold: cmp.Or(c.config.Multipart.ThresholdBytes, transfer.DefaultThreshold),
	}
	if k := c.config.Access.Kubernetes; k != nil {
		v.ServiceAccountAudience = k.Audience
	}
	for _, issuer := range c.config.Access.JWT {
		v.Issuers = append(v.Issuers, page.Issuer{Name: issuer.Name, OIDC: issuer.URL != "", Audiences: issuer.Audiences})
	}
	if !v.Ready {
		v.Notice = "Nothing can be pushed or pulled right now."
	}
	return v, nil
}

// inside is what only those see who may download; url is the endpoint's.
func (s *Server) inside(c *call, id auth.Identity, url string) *page.Inside {
	cfg, state := c.config, s.monitor.State()
	in := &page.Inside{
		Usage: s.usage.Last(), Quota: cfg.Policy.QuotaBytes,
		Threshold: cfg.Policy.ThresholdBytes, KeepVersions: cfg.Policy.KeepVersions, Suffixes: cfg.Policy.SuffixRules,
		Policy: settingsTable(cfg), Rules: gcRules(cfg), GitAttributes: gitAttributes(cfg.Policy),
		LFSConfig: lfsConfig(url), Locks: s.pageLocks(c, id), GCMode: cfg.GC.Mode, GC: state.GC,
	}
	in.History = histories(cfg, state.History)
	for _, e := range cfg.Endpoints {
		in.Endpoints = append(in.Endpoints, e.Scheme+"://"+e.Host+root(cfg.Repository))
	}
	return in
}

// histories are those that are listed now, with what was last found of them.
func histories(cfg *serverconfig.Config, last *serverstatus.HistoryCheck) []serverstatus.HistoryCheckEntry {
	out := make([]serverstatus.HistoryCheckEntry, len(cfg.History))
	for i, listed := range cfg.History {
		out[i] = serverstatus.HistoryCheckEntry{Name: listed.Name, Reason: "not looked at yet"}
		if last == nil {
			continue
		}
		for _, found := range last.Entries {
			if found.Name == listed.Name {
				out[i] = found
			}
		}
	}
	return out
}

// settingsTable is the policy for people, each value with its source.
func settingsTable(cfg *serverconfig.Config) []page.Setting {
	p, m, gc := cfg.Policy, cfg.Multipart, cfg.GC
	quota := page.Setting{Value: "none"}
	if p.QuotaBytes > 0 {
		quota = size(p.QuotaBytes)
	}
	table := []page.Setting{
		named("Threshold", "threshold", size(p.ThresholdBytes)),
		named("Versions kept", "keepVersions", text(strconv.Itoa(int(p.KeepVersions)))),
		named("Quota", "quota", quota),
		named("Split uploads above", "multipart.threshold", size(cmp.Or(m.ThresholdBytes, transfer.DefaultThreshold))),
		named("Size of a part", "multipart.partSize", size(cmp.Or(m.PartSizeBytes, transfer.DefaultPartSize))),
		named("Garbage collection", "gc.mode", text(map[string]string{serverconfig.GCDelete: "deletes"}[gc.Mode], "dry run")),
		named("Runs at", "gc.schedule", text(gc.Schedule, "not said")),
		named("Young objects stay", "gc.gracePeriod", period(gc.GracePeriod)),
		named("In quarantine for", "gc.quarantine", period(gc.Quarantine)),
		named("Objects in no history", "gc.orphanAfter", text(period(gc.OrphanAfter).Value, "reported, never deleted")),
		named("A run deletes at most", "gc.deleteLimit", text(fmt.Sprintf("%d %% of the objects", gc.DeleteLimitPercent))),
	}
	for i := range table {
		table[i].Source = sourceInWords(p.Sources[table[i].Field])
	}
	return table
}

func named(name, field string, s page.Setting) page.Setting {
	s.Name, s.Field = name, field
	return s
}

func size(n int64) page.Setting {
	return page.Setting{Value: page.Bytes(n), Exact: fmt.Sprintf("%d bytes", n)}
}

// text is the first value that says something.
func text(values ...string) page.Setting { return page.Setting{Value: cmp.Or(values...)} }

// period is a Go duration in words; one that is none stays as it is.
func period(s string) page.Setting {
	d, err := time.ParseDuration(s)
	if err != nil {
		return text(s)
	}
	return page.Setting{Value: page.Duration(d), Exact: s}
}

func sourceInWords(source string) string {
	switch source {
	case serverconfig.SourceRepository:
		return "repository"
	case serverconfig.SourceStore:
		return "store"
	case serverconfig.SourceMerged:
		return "merged"
	}
	return "built in"
}

// gcRules as garbage collection itself words them; none where it would not run.
func gcRules(cfg *serverconfig.Config) []string {
	p, err := plan.FromConfig(cfg)
	if err != nil {
		return nil
	}
	var out []string
	for _, r := range p.Rules {
		out = append(out, r.Text)
	}
	return out
}

// forgetBrowsers takes back what allowBrowsers said: no other origin has any
// business with the page.
func forgetBrowsers(h http.Header) {
	h.Del("Access-Control-Allow-Origin")
	h.Del("Access-Control-Expose-Headers")
}
