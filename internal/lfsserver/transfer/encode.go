package transfer

import (
	"encoding/json"
	"maps"
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

var _ Encoder = (*basicActions)(nil)

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
func (a *Action) AppendJSON(b []byte) []byte {
	b = append(b, `{"href":`...)
	b = AppendString(b, a.Href)
	if len(a.Header) > 0 {
		b = append(b, `,"header":`...)
		b = appendMap(b, a.Header)
	}
	if a.ExpiresIn != 0 {
		b = append(b, `,"expires_in":`...)
		b = strconv.AppendInt(b, a.ExpiresIn, 10)
	}
	return append(b, '}')
}

// appendMap appends the members in the order of their names: one of Hugging Face's
// clients uses them in the order in which they come.
func appendMap(b []byte, m map[string]string) []byte {
	var few [4]string
	names := slices.AppendSeq(few[:0], maps.Keys(m))
	slices.Sort(names)
	b = append(b, '{')
	for i, name := range names {
		if i > 0 {
			b = append(b, ',')
		}
		b = AppendString(b, name)
		b = append(b, ':')
		b = AppendString(b, m[name])
	}
	return append(b, '}')
}

// AppendString appends a JSON string. What is not plain ASCII is left to
// encoding/json.
func AppendString(b []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
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
