package lfsserver

import (
	"net/http"
	"slices"
	"strings"

	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
)

// route is one thing that clients can ask for, under the repository's root.
type route struct {
	// name in logs and metrics.
	name string
	// path below the root; a final "/" takes everything beneath.
	path string
	// bare: also reached without "info/lfs", as giftless's client asks.
	bare bool
	// hub: reached only as /api/{kind}/{namespace}/{name}/…, where Hugging Face's
	// and KohakuHub's clients look for what is no LFS.
	hub bool
	// query: a JSON Web Token may stand in the query as "jwt", as giftless's
	// clients send it to the routes that giftless has too.
	query bool
	// methods that are answered; any where empty.
	methods []string
	// options, where set, adds to the answer to OPTIONS.
	options func(http.Header)
	handle  func(*Server, *call) error
}

// routes of the API, all of them.
var routes = []route{
	{name: "batch", path: "objects/batch", bare: true, query: true, methods: []string{http.MethodPost}, handle: (*Server).batch},
	{name: "verify", path: "verify", query: true, methods: []string{http.MethodPost}, handle: (*Server).verify},
	{name: "verify", path: "verify/", methods: []string{http.MethodPost}, handle: (*Server).verify},
	{name: "complete", path: "complete", methods: []string{http.MethodPost}, handle: (*Server).complete},
	{name: "complete", path: "complete/", methods: []string{http.MethodPost, http.MethodGet}, handle: (*Server).complete},
	{name: "abort", path: "uploads/", methods: []string{http.MethodDelete}, handle: (*Server).abort},
	{name: "parts", path: "parts/", methods: []string{http.MethodPut}, handle: (*Server).putPart},
	{name: "content", path: "content/", methods: []string{http.MethodGet, http.MethodHead, http.MethodPut}, handle: (*Server).content},
	{name: "tus", path: "tus/", methods: tusMethods, options: tusOptions, handle: (*Server).tus},
	{name: "locks", path: "locks", methods: []string{http.MethodGet, http.MethodPost}, handle: (*Server).locks},
	{name: "locks", path: "locks/verify", methods: []string{http.MethodPost}, handle: (*Server).verifyLocks},
	{name: "locks", path: "locks/", methods: []string{http.MethodPost}, handle: (*Server).unlock},
	{name: "gc", path: "gc", methods: []string{http.MethodGet, http.MethodPost}, handle: (*Server).gc},
	{name: "page", path: "", bare: true, methods: []string{http.MethodGet, http.MethodHead, http.MethodPost}, handle: (*Server).page},
	{name: "gitattributes", path: ".gitattributes", methods: []string{http.MethodGet, http.MethodHead}, handle: (*Server).gitattributes},
	{name: "lfsconfig", path: ".lfsconfig", methods: []string{http.MethodGet, http.MethodHead}, handle: (*Server).lfsconfig},
	{name: "preupload", path: "preupload/", hub: true, methods: []string{http.MethodPost}, handle: (*Server).preupload},
	{name: "settings", path: "settings/lfs", hub: true, methods: []string{http.MethodGet, http.MethodPut}, handle: (*Server).settings},
	{name: "settings", path: "settings", hub: true, methods: []string{http.MethodPut}, handle: (*Server).settings},
}

// call is a request to a route with the snapshot that it began with.
type call struct {
	*snapshot
	*route
	w http.ResponseWriter
	r *http.Request
	// tail is what stands behind the route's path, where that ends in "/".
	tail string
	// info is for the log and the metrics.
	info *requestInfo
}

// apiHandler answers clients.
func (s *Server) apiHandler() http.Handler {
	return s.instrument(func(w http.ResponseWriter, r *http.Request) error {
		s.requests.Add(1)
		c := &call{snapshot: s.current.Load(), w: w, r: r, info: about(r)}
		rt, tail := find(r.URL.Path, c.config.Repository)
		if rt == nil {
			return errNoRoute
		}
		c.route, c.info.route, c.tail = rt, rt.name, tail
		allowBrowsers(w.Header())
		if r.Method == http.MethodOptions {
			return preflight(w, rt)
		}
		if len(rt.methods) > 0 && !slices.Contains(rt.methods, r.Method) {
			return &statusError{
				status: http.StatusMethodNotAllowed, message: "method not allowed",
				header: http.Header{"Allow": {strings.Join(rt.methods, ", ")}},
			}
		}
		return rt.handle(s, c)
	})
}

// kinds that Hugging Face's clients put before a repository.
var kinds = []string{"models", "datasets", "spaces"}

// apiPrefix is what KohakuHub's clients put before a repository.
const apiPrefix = "/api"

// place is where a path leads in a repository.
type place struct {
	// below is the rest of the path.
	below string
	// api and kind stood before the repository, lfs ("info/lfs") behind it.
	api, kind, lfs bool
}

// locate finds the repository in a path; ok is false for any other repository.
func locate(path string, repo serverconfig.Repository) (p place, ok bool) {
	if after, found := strings.CutPrefix(path, apiPrefix+"/"); found && repo.Namespace != apiPrefix[1:] {
		path, p.api = after, true
	}
	rest := strings.TrimPrefix(path, "/")
	if kind, after, found := strings.Cut(rest, "/"); found && slices.Contains(kinds, kind) && repo.Namespace != kind {
		rest, p.kind = after, true
	}
	if rest, ok = strings.CutPrefix(rest, repo.Namespace+"/"+repo.Name); !ok {
		return p, false
	}
	rest = strings.TrimPrefix(rest, ".git")
	rest, slash := strings.CutPrefix(rest, "/")
	if !slash && rest != "" {
		return p, false
	}
	if rest == "info/lfs" {
		rest += "/"
	}
	p.below, p.lfs = strings.CutPrefix(rest, "info/lfs/")
	return p, true
}

// at says whether the route is reached from there.
func (rt *route) at(p place) bool {
	if rt.hub {
		return p.api && p.kind && !p.lfs
	}
	return p.lfs || rt.bare
}

// find returns the route of a path with what stands behind it, nil for any other
// path and for any other repository: whoever asks for one learns nothing about
// it.
func find(path string, repo serverconfig.Repository) (rt *route, tail string) {
	p, ok := locate(path, repo)
	if !ok {
		return nil, ""
	}
	for i := range routes {
		rt := &routes[i]
		tail, ok := strings.CutPrefix(p.below, rt.path)
		if !ok || (tail != "" && !strings.HasSuffix(rt.path, "/")) {
			continue
		}
		if rt.at(p) {
			return rt, tail
		}
	}
	return nil, ""
}

// root is the path under which clients find the repository.
func root(repo serverconfig.Repository) string {
	return "/" + repo.Namespace + "/" + repo.Name + ".git/info/lfs"
}
