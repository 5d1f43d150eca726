package uploadpack

import (
	"bufio"
	"bytes"
	"errors"
	"io"

	"github.com/lfs-operator/lfs-operator/internal/gc/odb"
)

// agent is how this program names itself. Some hosts answer only who begins so.
const agent = "git/lfs-operator"

// request wants every ref whole, and has nothing yet.
func request(a *Advert, limit int64) []byte {
	caps := ""
	for _, name := range []string{"ofs-delta", "no-progress"} {
		if a.caps.has(name) {
			caps += " " + name
		}
	}
	if band := a.band(); band != "" {
		caps += " " + band
	}
	if a.CanFilter() {
		caps += " filter"
	}
	if a.caps.value("object-format") != "" {
		caps += " object-format=" + string(a.Format)
	}
	if a.caps.value("agent") != "" {
		caps += " agent=" + agent
	}
	var b []byte
	wanted := map[odb.ID]bool{}
	for _, r := range a.Refs {
		if wanted[r.ID] {
			continue
		}
		wanted[r.ID] = true
		b = appendPacket(b, "want %s%s\n", a.Format.Text(r.ID), caps)
		caps = ""
	}
	if a.CanFilter() {
		// "At least n bytes" are left out (git-rev-list, --filter).
		b = appendPacket(b, "filter blob:limit=%d\n", limit)
	}
	return appendPacket(append(b, flushPacket...), "done\n")
}

func (a *Advert) band() string {
	for _, name := range []string{"side-band-64k", "side-band"} {
		if a.caps.has(name) {
			return name
		}
	}
	return ""
}

// answer skips to the pack.
func answer(a *Advert, r *bufio.Reader) (io.Reader, error) {
	p := packets{r: r}
	line, flush, err := p.next()
	switch {
	case errors.Is(err, io.EOF):
		return nil, io.ErrUnexpectedEOF
	case err != nil:
		return nil, err
	case flush || !bytes.HasPrefix(line, []byte("NAK")):
		return nil, errProtocol
	}
	if a.band() == "" {
		return r, nil
	}
	return &sideband{packets: packets{r: r}}, nil
}
