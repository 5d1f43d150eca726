package scan

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/lfs-operator/lfs-operator/internal/gc/extsort"
	"github.com/lfs-operator/lfs-operator/internal/gc/liveset"
)

// collector brings what walks find into the live set's order, on disk.
type collector struct {
	versions *extsort.Sorter
	pins     *extsort.Sorter
}

func newCollector(dir string) *collector {
	return &collector{versions: extsort.New(dir, 0), pins: extsort.New(dir, 0)}
}

func (c *collector) close() {
	c.versions.Close()
	c.pins.Close()
}

// version's record: entry, path and OID, then first, generation, last and size
// as big-endian numbers. NUL is in none of the three.
func (c *collector) version(v liveset.Version) error {
	rec := []byte(v.Entry + "\x00" + v.Path + "\x00" + v.OID + "\x00")
	for _, n := range []int64{v.First, v.Gen, v.Last, v.Size} {
		rec = binary.BigEndian.AppendUint64(rec, uint64(n)^signBit)
	}
	return c.versions.Add(rec)
}

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
		return liveset.Version{}, fmt.Errorf("sorting: malformed record")
	}
	n := f[3]
	return liveset.Version{
		Entry: string(f[0]), Path: string(f[1]), OID: string(f[2]),
		First: number(n), Gen: number(n[8:]), Last: number(n[16:]), Size: number(n[24:]),
	}, nil
}

// write streams everything into a live set and counts the pointers of each entry.
func (c *collector) write(w *liveset.Writer, count map[string]int64) error {
	var path []liveset.Version
	for rec, err := range c.versions.Sorted() {
		if err != nil {
			return err
		}
		v, err := decodeVersion(rec)
		if err != nil {
			return err
		}
		if n := len(path); n > 0 && (path[0].Entry != v.Entry || path[0].Path != v.Path) {
			if err := writePath(w, path, count); err != nil {
				return err
			}
			path = path[:0]
		}
		path = merge(path, v)
	}
	if err := writePath(w, path, count); err != nil {
		return err
	}
	return c.writePins(w, count)
}

// merge joins the records of one content of one path: the first has the earliest
// time, since they come sorted.
func merge(path []liveset.Version, v liveset.Version) []liveset.Version {
	if n := len(path); n > 0 && path[n-1].OID == v.OID {
		path[n-1].Last = max(path[n-1].Last, v.Last)
		return path
	}
	return append(path, v)
}

func writePath(w *liveset.Writer, path []liveset.Version, count map[string]int64) error {
	slices.SortFunc(path, newestFirst)
	for _, v := range path {
		count[v.Entry]++
		v.Path = liveset.SafePath(v.Path)
		if err := w.Version(v); err != nil {
			return err
		}
	}
	return nil
}

// newestFirst is the order of a path's versions: by time, then by distance from
// the root, then by OID so that the same history always gives the same order.
func newestFirst(a, b liveset.Version) int {
	switch {
	case a.First != b.First:
		return int(max(-1, min(1, b.First-a.First)))
	case a.Gen != b.Gen:
		return int(max(-1, min(1, b.Gen-a.Gen)))
	}
	return strings.Compare(b.OID, a.OID)
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
			return fmt.Errorf("sorting: malformed record")
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
