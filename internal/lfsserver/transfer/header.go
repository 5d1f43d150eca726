package transfer

import (
	"maps"
	"slices"
)

// Header of an action: a JSON object whose values are strings, since git-lfs
// refuses anything else. It is a list and no map because some hold 10,000 links,
// which one of Hugging Face's clients uses in the order in which they come.
type Header []Field

// Field is one of its members.
type Field struct{ Name, Value string }

// headerOf has the members in the order of their names.
func headerOf(m map[string]string) Header {
	if len(m) == 0 {
		return nil
	}
	h := make(Header, 0, len(m))
	for _, name := range slices.Sorted(maps.Keys(m)) {
		h = append(h, Field{name, m[name]})
	}
	return h
}

// Get returns a member's value, "" where there is none.
func (h Header) Get(name string) string {
	for _, f := range h {
		if f.Name == name {
			return f.Value
		}
	}
	return ""
}

// MarshalJSON implements json.Marshaler.
func (h Header) MarshalJSON() ([]byte, error) { return h.AppendJSON(nil), nil }

// AppendJSON implements Encoder.
func (h Header) AppendJSON(b []byte) []byte {
	const around = len(`"":"",`)
	size := len("{}")
	for _, f := range h {
		size += len(f.Name) + len(f.Value) + around
	}
	b = append(slices.Grow(b, size), '{')
	for i, f := range h {
		if i > 0 {
			b = append(b, ',')
		}
		b = AppendString(b, f.Name)
		b = append(b, ':')
		b = AppendString(b, f.Value)
	}
	return append(b, '}')
}
