package lfsserver_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/lfs-operator/lfs-operator/internal/lfsserver/lfstest"
	"github.com/lfs-operator/lfs-operator/internal/lfsserver/stream"
	"github.com/lfs-operator/lfs-operator/internal/serverconfig"
	"github.com/lfs-operator/lfs-operator/test/assets"
)

// path is one way for content to come in: a client, and the answer that it gets.
// Whoever adds a dialect adds a line to uploadPaths, and its faults are tested.
type path struct {
	ask ask
	// dialect of the configuration, empty for Auto.
	dialect string
	// size of the objects in bytes.
	size int
	// config changes the server's configuration; nil for none.
	config func(*serverconfig.Config)
	// needs says whether stores with these capabilities get this answer at all;
	// nil for all.
	needs func(s *lfstest.Server) bool
	// pieces are the links of an answer.
	pieces func(t *testing.T, a *actions, size int64) []piece
	// finish says that all is there and returns the status.
	finish func(t *testing.T, a *actions, o lfstest.Object) int
}

// piece is a range of an object and the link that takes it.
type piece struct {
	pos, size int64
	method    string
	link      lfstest.Action
}

// twoParts is the size of an object that is uploaded in two.
const twoParts = partSize + 12

// aboveThreshold is a size that all servers of splitting split, into one part.
const aboveThreshold = 1<<20 + 1

// uploadPaths of all dialects.
var uploadPaths = map[string]path{
	"basic": {
		ask: ask{agent: agentGit, transfers: []string{"basic"}}, size: 1000,
		pieces: single, finish: verifyWith(agentGit),
	},
	"bare": {
		ask: ask{agent: agentHF, transfers: []string{"basic", "multipart"}}, size: 1000,
		needs:  func(s *lfstest.Server) bool { return s.Status().Store.Capabilities.QuerySHA256 },
		pieces: single, finish: verifyWith(agentHF),
	},
	"huggingface": {
		ask: ask{agent: agentHF, transfers: []string{"basic", "multipart"}}, dialect: "HuggingFace", size: twoParts,
		pieces: inHeader(), finish: complete(agentHF),
	},
	"huggingface by git-lfs": {
		ask: ask{agent: agentGit, transfers: []string{"ssh", "multipart", "basic"}}, size: twoParts,
		pieces: inHeader(), finish: complete(agentScript),
	},
	"kohakuhub": {
		ask: ask{agent: agentScript, transfers: []string{"basic"}}, dialect: "KohakuHub", size: twoParts,
		pieces: inHeader("upload_id"),
		finish: func(t *testing.T, a *actions, o lfstest.Object) int {
			resp, _ := send(t, http.MethodPost, a.Verify.Href, agentScript, "", o)
			return resp.StatusCode
		},
	},
	"proposal": {
		ask: ask{agent: "client/1", transfers: []string{"basic", "multipart"}}, dialect: "Proposal", size: twoParts,
		pieces: inParts, finish: verifyParams,
	},
	"giftless": {
		ask: ask{agent: agentScript, transfers: []string{"multipart-basic"}}, size: twoParts,
		pieces: inParts, finish: verifyParams,
	},
	"superset as Hugging Face": {
		ask: ask{agent: agentHF, transfers: []string{"basic", "multipart"}}, size: twoParts,
		pieces: inHeader(), finish: complete(agentHF),
	},
	"superset as proposal": {
		ask: ask{agent: "client/1", transfers: []string{"basic", "multipart"}}, size: twoParts,
		pieces: inParts, finish: verifyParams,
	},
	"tus": {
		ask: ask{agent: agentGit, transfers: []string{"tus", "basic"}}, size: twoParts,
		pieces: byTus, finish: verifyWith(agentGit),
	},
	"tus, one part": {
		ask: ask{agent: agentGit, transfers: []string{"tus", "basic"}}, size: aboveThreshold + 1,
		pieces: byTus, finish: verifyWith(agentGit),
	},
	"basic above one PUT": {
		ask: ask{agent: agentGit, transfers: []string{"basic"}}, size: stream.PartSize + 12,
		config: func(c *serverconfig.Config) { c.Storage.MaxPutBytes = partSize },
		pieces: single, finish: verifyWith(agentGit),
	},
	"proxied basic": {
		ask: ask{agent: agentGit, transfers: []string{"basic"}}, size: 1000, config: proxied,
		pieces: single, finish: verifyWith(agentGit),
	},
	"proxied bare": {
		ask: ask{agent: agentHF, transfers: []string{"basic", "multipart"}}, size: 1000, config: proxied,
		pieces: single, finish: verifyWith(agentHF),
	},
	"proxied superset as Hugging Face": {
		ask: ask{agent: agentHF, transfers: []string{"basic", "multipart"}}, size: twoParts, config: proxied,
		pieces: inHeader(), finish: complete(agentHF),
	},
	"proxied giftless": {
		ask: ask{agent: agentScript, transfers: []string{"multipart-basic"}}, size: twoParts, config: proxied,
		pieces: inParts, finish: verifyParams,
	},
	"superset, one part": {
		ask: ask{agent: agentHF, transfers: []string{"basic", "multipart"}}, size: 1000,
		needs:  func(s *lfstest.Server) bool { return !s.Status().Store.Capabilities.QuerySHA256 },
		pieces: inHeader(), finish: complete(agentHF),
	},
}

// start runs a server for the path, or returns nil where its store makes the server
// answer otherwise.
func (p path) start(t *testing.T, opts ...lfstest.Option) *lfstest.Server {
	t.Helper()
	opts = append([]lfstest.Option{lfstest.WithConfig(p.configure)}, opts...)
	s := lfstest.Start(t, assets.SharedStore(t), opts...)
	if p.needs != nil && !p.needs(s) {
		return nil
	}
	return s
}

// configure makes a server give the answer.
func (p path) configure(c *serverconfig.Config) {
	split(c, p.dialect)
	if p.config != nil {
		p.config(c)
	}
}

// splitting splits whatever is above 1 MiB, and lets a second principal write.
func splitting(dialect string) lfstest.Option {
	return lfstest.WithConfig(func(c *serverconfig.Config) { split(c, dialect) })
}

func split(c *serverconfig.Config, dialect string) {
	c.Multipart = serverconfig.Multipart{ThresholdBytes: aboveThreshold - 1, PartSizeBytes: partSize, Dialect: dialect}
	other := c.Access.Tokens[0]
	other.Name, other.SHA256 = "other", serverconfig.TokenHash(otherToken)
	c.Access.Tokens = append(c.Access.Tokens, other)
}

// proxied makes a server whose clients cannot reach the store: the endpoint that
// they would be sent to does not exist.
func proxied(c *serverconfig.Config) {
	c.Transfer = serverconfig.TransferProxy
	c.Storage.PublicEndpoint = "http://store.invalid"
}

// byTus are two requests of an upload by tus, or one. Whoever begins anew throws
// away what an upload of the same principal has left.
func byTus(t *testing.T, a *actions, size int64) (pieces []piece) {
	if resp := tus(t, http.MethodDelete, a.Upload.Href, nil); resp.StatusCode != http.StatusNoContent {
		t.Fatalf("DELETE: %s", resp.Status)
	}
	for pos := int64(0); pos < size; pos += partSize {
		pieces = append(pieces, piece{pos, min(partSize, size-pos), http.MethodPatch, lfstest.Action{Href: a.Upload.Href, Header: map[string]string{
			"Tus-Resumable": "1.0.0", "Content-Type": "application/offset+octet-stream", "Upload-Offset": strconv.FormatInt(pos, 10),
		}}})
	}
	return pieces
}

// single is the one link of an upload that is not split.
func single(_ *testing.T, a *actions, size int64) []piece {
	return []piece{{size: size, method: http.MethodPut, link: *a.Upload}}
}

// inHeader are the links of Hugging Face's form.
func inHeader(more ...string) func(*testing.T, *actions, int64) []piece {
	return func(t *testing.T, a *actions, size int64) []piece {
		chunk, urls := chunks(t, a.Upload, more...)
		var pieces []piece
		for i, u := range urls {
			pos := int64(i) * chunk
			pieces = append(pieces, piece{pos, min(chunk, size-pos), http.MethodPut, lfstest.Action{Href: u}})
		}
		return pieces
	}
}

// inParts are the links of the proposal's form.
func inParts(_ *testing.T, a *actions, _ int64) (pieces []piece) {
	for _, p := range a.Parts {
		pieces = append(pieces, piece{p.Pos, p.Size, p.Method, p.Action})
	}
	return pieces
}

// complete is the last request of Hugging Face's clients.
func complete(agent string) func(*testing.T, *actions, lfstest.Object) int {
	return func(t *testing.T, a *actions, o lfstest.Object) int {
		resp, _ := send(t, http.MethodPost, a.Upload.Href, agent, "", map[string]any{"oid": o.OID})
		return resp.StatusCode
	}
}

// verifyWith is git-lfs's last request.
func verifyWith(agent string) func(*testing.T, *actions, lfstest.Object) int {
	return func(t *testing.T, a *actions, o lfstest.Object) int {
		resp, _ := send(t, http.MethodPost, a.Verify.Href, agent, a.Verify.Header["Authorization"], o)
		return resp.StatusCode
	}
}

// verifyParams is the proposal's.
func verifyParams(t *testing.T, a *actions, o lfstest.Object) int {
	status, _ := a.verify(t, o)
	return status
}

// at is the answer with all links to the server moved to a replica of it.
func (a *actions) at(from, to *lfstest.Server) *actions {
	move := func(l *lfstest.Action) { l.Href = strings.Replace(l.Href, from.URL, to.URL, 1) }
	moved := *a
	if a.Upload != nil {
		up := *a.Upload
		move(&up)
		moved.Upload = &up
	}
	if a.Verify != nil {
		verify := *a.Verify
		move(&verify.Action)
		moved.Verify = &verify
	}
	moved.Parts = append(moved.Parts[:0:0], a.Parts...)
	for i := range moved.Parts {
		move(&moved.Parts[i].Action)
	}
	return &moved
}
