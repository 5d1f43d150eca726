package lfsserver

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/policy"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
)

// gitattributes is a file ready to be committed: what the suffix rules name goes
// to LFS (gitattributes(5); git-lfs, docs/man/git-lfs-track.adoc). A threshold
// cannot be said there.
func (s *Server) gitattributes(c *call) error {
	if err := s.mayRead(c); err != nil {
		return err
	}
	return writeText(c.w, gitAttributes(c.config.Policy))
}

// lfsconfig is a file ready to be committed: it names this endpoint, under the
// host that the client used (git-lfs, docs/man/git-lfs-config.adoc).
func (s *Server) lfsconfig(c *call) error {
	if err := s.mayRead(c); err != nil {
		return err
	}
	host, err := c.endpoint()
	if err != nil {
		return err
	}
	return writeText(c.w, lfsConfig(host.base+root(c.config.Repository)))
}

// mayRead asks for what a download needs.
func (s *Server) mayRead(c *call) error {
	id, err := s.identify(c)
	if err != nil {
		return err
	}
	return permit(c, id, policy.Download)
}

func gitAttributes(p serverconfig.Policy) string {
	var b strings.Builder
	fmt.Fprintln(&b, "# What belongs in Git LFS by its name. Upper case counts as other names here.")
	if p.ThresholdBytes > 0 {
		fmt.Fprintf(&b, "# Other files of %d bytes and more belong there too: git lfs track --filename FILE\n", p.ThresholdBytes)
	}
	for _, rule := range p.SuffixRules {
		fmt.Fprintf(&b, "*%s filter=lfs diff=lfs merge=lfs -text\n", rule)
	}
	return b.String()
}

func lfsConfig(url string) string { return "[lfs]\n\turl = " + url + "\n" }

// writeText sends a file of text. A browser must not take it for anything else.
func writeText(w http.ResponseWriter, text string) error {
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Length", strconv.Itoa(len(text)))
	_, err := io.WriteString(w, text)
	return err
}
