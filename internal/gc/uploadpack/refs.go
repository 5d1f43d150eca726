package uploadpack

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"

	"github.com/lfs-operator/lfs-operator/internal/gc/odb"
)

// capabilities as a server lists them: name, or name=value.
type capabilities []string

func (c capabilities) has(name string) bool {
	for _, word := range c {
		if word == name {
			return true
		}
	}
	return false
}

func (c capabilities) value(name string) string {
	for _, word := range c {
		if v, ok := strings.CutPrefix(word, name+"="); ok {
			return v
		}
	}
	return ""
}

// noRefs is the name under which a repository without refs tells its capabilities.
const noRefs = "capabilities^{}"

// readAdvert reads the list of refs up to its flush packet.
func readAdvert(r *bufio.Reader) (*Advert, error) {
	a := &Advert{Format: odb.SHA1}
	p := packets{r: r}
	for first := true; ; first = false {
		line, flush, err := p.next()
		if flush {
			return a, nil
		}
		if err != nil {
			if errors.Is(err, io.EOF) && !first {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
		line = bytes.TrimSuffix(line, []byte("\n"))
		if bytes.HasPrefix(line, []byte("version ")) {
			continue
		}
		if first || a.caps == nil {
			var caps []byte
			line, caps, _ = bytes.Cut(line, []byte{0})
			a.caps = strings.Fields(string(caps))
			if format := a.caps.value("object-format"); format != "" {
				a.Format = odb.Format(format)
			}
		}
		if err := a.add(string(line)); err != nil {
			return nil, err
		}
	}
}

func (a *Advert) add(line string) error {
	hex, name, ok := strings.Cut(line, " ")
	if hex == "shallow" {
		a.Shallow = true
		return nil
	}
	id, valid := a.Format.Parse(hex)
	switch {
	case !ok || !valid:
		return errProtocol
	case name == noRefs, strings.HasSuffix(name, "^{}"):
	default:
		a.Refs = append(a.Refs, Ref{Name: name, ID: id})
	}
	return nil
}
