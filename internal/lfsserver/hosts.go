package lfsserver

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/objectstore"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
)

// endpoint is one host that clients use, and the store as those clients reach it.
type endpoint struct {
	// base of links to this server: scheme://host.
	base   string
	signer *objectstore.URLSigner
}

// hostTable finds the endpoint of a request by its Host header. Only listed
// hosts are answered: links are built from that header, and a client must not
// be sent wherever somebody's header says.
type hostTable struct {
	byHost map[string]*endpoint
	names  []string
}

func newHostTable(cfg *serverconfig.Config, keys objectstore.KeySource, now func() time.Time) (hostTable, error) {
	t := hostTable{byHost: map[string]*endpoint{}}
	st := cfg.Storage
	for _, e := range cfg.Endpoints {
		store := cmp.Or(e.StoreEndpoint, st.PublicEndpoint, st.Endpoint)
		se, err := objectstore.EndpointFor(st, store)
		if err != nil {
			return t, fmt.Errorf("endpoint %s: %w", e.Host, err)
		}
		host := objectstore.StripDefaultPort(e.Scheme, strings.ToLower(e.Host))
		ep := &endpoint{base: e.Scheme + "://" + host, signer: objectstore.NewURLSignerFrom(se, keys, now)}
		t.names = append(t.names, host)
		for _, name := range []string{host, host + defaultPort(e.Scheme)} {
			if _, taken := t.byHost[name]; !taken {
				t.byHost[name] = ep
			}
		}
	}
	return t, nil
}

func defaultPort(scheme string) string {
	if scheme == "https" {
		return ":443"
	}
	return ":80"
}

// find returns the endpoint of a Host header, nil where it is not listed.
func (t hostTable) find(host string) *endpoint { return t.byHost[strings.ToLower(host)] }
