package scan

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"strings"

	"github.com/lfs-operator/lfs-operator/internal/gc/extsort"
	"github.com/lfs-operator/lfs-operator/internal/gc/liveset"
)

// collector brings what walks find into the live set's order, on disk.
type collector struct {
	dir      string
	versions *extsort.Sorter
	pins     *extsort.Sorter
}

func newCollector(dir string) *collector {
	return &collector{dir: dir, versions: extsort.New(dir, 0), pins: extsort.New(dir, 0)}
}

func (c *collector) close() {
	c.versions.Close()
	c.pins.Close()
}

// version's record: entry, path and OID, then first, generation, last and size
// as big-endian numbers. NUL is in none of the three.
func (c *collector) version(v liveset.Version) error {
	rec := []byte(v.Entry + "\x00" + v.Path + "\x00" + v.OID + "\x00")
	return c.versions.Add(appendNumbers(rec, v.First, v.Gen, v.Last, v.Size))
}

func appendNumbers(rec []byte, numbers ...int64) []byte {
	for _, n := range numbers {
		rec = binary.BigEndian.AppendUint64(rec, uint64(n)^signBit)
	}
	return rec
}

var errRecord = errors.New("sorting: malformed record")

// signBit makes negative numbers (times before 1970) sort before others.
const signBit = 1 << 63

func (c *collector) pin(p liveset.Pin) error {
	kind := map[string]string{liveset.PinBranch: "0", liveset.PinTag: "1", liveset.PinRef: "2"}[p.Kind]
	rec := []byte(strings.Join([]string{p.OID, kind, p.Kind, p.Ref, p.Entry, p.Path, ""}, "\x00"))
	return c.pins.Add(binary.BigEndian.AppendUint64(rec, uint64(p.Size)^signBit))
}

func number(b []byte) int64 { return int64(binary.BigEndian.Uint64(b) ^ signBit) }

func decodeVersion(rec []byte) (liveset.Version, error) {
	f := bytes.SplitN(rec, []byte{0}, 4)
	if len(f) != 4 || len(f[3]) != 32 {
		return liveset.Version{}, errRecord
	}
	n := f[3]
	return liveset.Version{
		Entry: string(f[0]), Path: string(f[1]), OID: string(f[2]),
		First: number(n), Gen: number(n[8:]), Last: number(n[16:]), Size: number(n[24:]),
	}, nil
}

// write streams everything into a live set and counts the pointers of each entry.
func (c *collector) write(w *liveset.Writer, count map[string]int64) error {
	ordered := extsort.New(c.dir, 0)
	defer ordered.Close()
	if err := c.merge(ordered); err != nil {
		return err
	}
	var of int64
	for rec, err := range ordered.Sorted() {
		if err != nil {
			return err
		}
		v, err := decodeOrdered(rec)
		if err != nil {
			return err
		}
		if v.OID == "" {
			of = v.Of
			continue
		}
		v.Of = of
		count[v.Entry]++
		v.Path = liveset.SafePath(v.Path)
		if err := w.Version(v); err != nil {
			return err
		}
	}
	return c.writePins(w, count)
}

// merge joins the records of one content of one path: the first has the earliest
// time, since they come sorted.
func (c *collector) merge(ordered *extsort.Sorter) error {
	var at liveset.Version
	var of int64
	for rec, err := range c.versions.Sorted() {
		if err != nil {
			return err
		}
		v, err := decodeVersion(rec)
		if err != nil {
			return err
		}
		if at.OID == v.OID && at.Path == v.Path && at.Entry == v.Entry {
			at.Last = max(at.Last, v.Last)
			continue
		}
		if at.OID != "" {
			if err := addOrdered(ordered, at); err != nil {
				return err
			}
			if of++; at.Path != v.Path || at.Entry != v.Entry {
				if err := addCount(ordered, at, of); err != nil {
					return err
				}
				of = 0
			}
		}
		at = v
	}
	c.versions.Close()
	if at.OID == "" {
		return nil
	}
	return errors.Join(addOrdered(ordered, at), addCount(ordered, at, of+1))
}

// addOrdered gives a version a key by which the newest of a path comes first: by
// time, then by distance from the root, then by OID so that the same history
// always gives the same order. Numbers and OID are complemented for that.
func addOrdered(s *extsort.Sorter, v liveset.Version) error {
	oid, err := hex.DecodeString(v.OID)
	if err != nil {
		return err
	}
	for i := range oid {
		oid[i] = ^oid[i]
	}
	rec := appendNumbers([]byte(v.Entry+"\x00"+v.Path+"\x00"+isVersion), ^v.First, ^v.Gen)
	return s.Add(appendNumbers(append(rec, oid...), v.Last, v.Size))
}

// What follows a path in a key: first how many versions it has, then these.
const (
	isCount   = "\x00"
	isVersion = "\x01"
)

func addCount(s *extsort.Sorter, v liveset.Version, of int64) error {
	return s.Add(appendNumbers([]byte(v.Entry+"\x00"+v.Path+"\x00"+isCount), of))
}

func decodeOrdered(rec []byte) (liveset.Version, error) {
	f := bytes.SplitN(rec, []byte{0}, 3)
	const numbers, oid = 8, 32
	if len(f) == 3 && len(f[2]) == 1+numbers {
		return liveset.Version{Entry: string(f[0]), Path: string(f[1]), Of: number(f[2][1:])}, nil
	}
	if len(f) != 3 || len(f[2]) != 1+4*numbers+oid {
		return liveset.Version{}, errRecord
	}
	n := f[2][1:]
	v := liveset.Version{Entry: string(f[0]), Path: string(f[1]), First: ^number(n), Gen: ^number(n[numbers:]),
		Last: number(n[2*numbers+oid:]), Size: number(n[3*numbers+oid:])}
	raw := bytes.Clone(n[2*numbers : 2*numbers+oid])
	for i := range raw {
		raw[i] = ^raw[i]
	}
	v.OID = hex.EncodeToString(raw)
	return v, nil
}

// writePins writes one pin of each object: the first in the order of refs.
func (c *collector) writePins(w *liveset.Writer, count map[string]int64) error {
	last := ""
	for rec, err := range c.pins.Sorted() {
		if err != nil {
			return err
		}
		f := bytes.SplitN(rec, []byte{0}, 7)
		if len(f) != 7 || len(f[6]) != 8 {
			return errRecord
		}
		p := liveset.Pin{
			OID: string(f[0]), Kind: string(f[2]), Ref: liveset.SafePath(string(f[3])), Entry: string(f[4]),
			Path: liveset.SafePath(string(f[5])), Size: number(f[6]),
		}
		count[p.Entry]++
		if p.OID == last {
			continue
		}
		last = p.OID
		if err := w.Pin(p); err != nil {
			return err
		}
	}
	return nil
}
