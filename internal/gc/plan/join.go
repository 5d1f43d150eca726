package plan

import (
	"fmt"
	"iter"

	"github.com/lfs-operator/lfs-operator/internal/gc/index"
)

// join walks over three streams sorted by OID side by side.
func join(objects iter.Seq2[Object, error], verdicts iter.Seq2[verdict, error], entries []index.Entry, each func(subject)) error {
	nextObject, stop := iter.Pull2(ordered(objects, func(o Object) string { return o.OID }))
	defer stop()
	nextVerdict, stop2 := iter.Pull2(ordered(verdicts, func(v verdict) string { return v.oid }))
	defer stop2()
	o, err, moreO := nextObject()
	if err != nil {
		return err
	}
	v, err, moreV := nextVerdict()
	if err != nil {
		return err
	}
	for moreO || moreV || len(entries) > 0 {
		s := subject{oid: least(o.OID, moreO, v.oid, moreV, entries)}
		if len(entries) > 0 && entries[0].OID == s.oid {
			s.entry, entries = &entries[0], entries[1:]
		}
		object, verdict := o, v
		if moreO && o.OID == s.oid {
			s.object = &object
			if o, err, moreO = nextObject(); err != nil {
				return err
			}
		}
		if moreV && v.oid == s.oid {
			s.verdict = &verdict
			if v, err, moreV = nextVerdict(); err != nil {
				return err
			}
		}
		each(s)
	}
	return nil
}

func least(o string, moreO bool, v string, moreV bool, entries []index.Entry) string {
	oid := ""
	for _, c := range []struct {
		oid string
		ok  bool
	}{{o, moreO}, {v, moreV}} {
		if c.ok && (oid == "" || c.oid < oid) {
			oid = c.oid
		}
	}
	if len(entries) > 0 && (oid == "" || entries[0].OID < oid) {
		oid = entries[0].OID
	}
	return oid
}

// ordered turns a stream that is not sorted into an error: joined, it would make
// live objects look unnamed.
func ordered[T any](in iter.Seq2[T, error], key func(T) string) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		last := ""
		for v, err := range in {
			if err == nil && key(v) <= last {
				err = fmt.Errorf("listing is not sorted: %s after %s", key(v), last)
			}
			if err == nil {
				last = key(v)
			}
			if !yield(v, err) || err != nil {
				return
			}
		}
	}
}
