package transfer

import (
	"encoding/json"
	"slices"
	"strconv"
)

// Encoder is what actions may be, beside any value for encoding/json: those of a
// large batch are most of what a server writes.
type Encoder interface {
	// AppendJSON appends the value as encoding/json would write it, but for
	// characters that only matter inside of HTML.
	AppendJSON(b []byte) []byte
}

var (
	_ Encoder = (*basicActions)(nil)
	_ Encoder = (*proposalActions)(nil)
	_ Encoder = (*supersetActions)(nil)
)

// AppendJSON implements Encoder.
func (a *basicActions) AppendJSON(b []byte) []byte {
	b = append(b, '{')
	first := true
	for _, f := range [...]struct {
		name   string
		action *Action
	}{{`"upload":`, a.Upload}, {`"download":`, a.Download}, {`"verify":`, a.Verify}} {
		if f.action == nil {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b = append(b, f.name...)
		b = f.action.AppendJSON(b)
	}
	return append(b, '}')
}

// AppendJSON implements Encoder.
func (a *Action) AppendJSON(b []byte) []byte { return append(a.appendMembers(append(b, '{')), '}') }

func (a *Action) appendMembers(b []byte) []byte {
	b = append(b, `"href":`...)
	b = AppendString(b, a.Href)
	if len(a.Header) > 0 {
		b = append(b, `,"header":`...)
		b = a.Header.AppendJSON(b)
	}
	if a.ExpiresIn != 0 {
		b = append(b, `,"expires_in":`...)
		b = strconv.AppendInt(b, a.ExpiresIn, 10)
	}
	return b
}

// AppendJSON implements Encoder.
func (a *proposalActions) AppendJSON(b []byte) []byte {
	return append(a.appendMembers(append(b, '{')), '}')
}

// AppendJSON implements Encoder.
func (a *supersetActions) AppendJSON(b []byte) []byte {
	b = append(b, `{"upload":`...)
	b = a.Upload.AppendJSON(b)
	return append(a.appendMembers(append(b, ',')), '}')
}

func (a *proposalActions) appendMembers(b []byte) []byte {
	if len(a.Parts) > 0 {
		b = append(b, `"parts":[`...)
		for i := range a.Parts {
			if i > 0 {
				b = append(b, ',')
			} else {
				b = slices.Grow(b, len(a.Parts)*(len(a.Parts[0].Href)+perPart))
			}
			b = a.Parts[i].AppendJSON(b)
		}
		b = append(b, `],`...)
	}
	b = append(b, `"verify":`...)
	b = a.Verify.AppendJSON(b)
	b = append(b, `,"abort":`...)
	return a.Abort.AppendJSON(b)
}

// perPart is about what a part takes beside its link, in bytes.
const perPart = 100

// AppendJSON implements Encoder.
func (p *partAction) AppendJSON(b []byte) []byte {
	b = append(b, `{"href":`...)
	b = AppendString(b, p.Href)
	b = append(b, `,"pos":`...)
	b = strconv.AppendInt(b, p.Pos, 10)
	b = append(b, `,"size":`...)
	b = strconv.AppendInt(b, p.Size, 10)
	b = append(b, `,"method":`...)
	b = AppendString(b, p.Method)
	b = append(b, `,"expires_in":`...)
	b = strconv.AppendInt(b, p.ExpiresIn, 10)
	if p.WantDigest != "" {
		b = append(b, `,"want_digest":`...)
		b = AppendString(b, p.WantDigest)
	}
	return append(b, '}')
}

// AppendJSON implements Encoder.
func (a *verifyAction) AppendJSON(b []byte) []byte {
	b = a.Action.appendMembers(append(b, '{'))
	b = append(b, `,"params":`...)
	return append(a.Params.AppendJSON(b), '}')
}

// AppendJSON implements Encoder.
func (a *abortAction) AppendJSON(b []byte) []byte {
	b = a.Action.appendMembers(append(b, '{'))
	b = append(b, `,"method":`...)
	return append(AppendString(b, a.Method), '}')
}

// plain are the bytes that a JSON string holds as they are.
var plain = func() (t [256]bool) {
	for c := ' '; c <= '~'; c++ {
		t[c] = c != '"' && c != '\\'
	}
	return t
}()

// AppendString appends a JSON string. What is not plain ASCII is left to
// encoding/json.
func AppendString(b []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		if !plain[s[i]] {
			quoted, err := json.Marshal(s)
			if err != nil {
				panic(err) // a string always can be
			}
			return append(b, quoted...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}
