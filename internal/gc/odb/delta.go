package odb

import "errors"

var errDelta = errors.New("malformed delta")

// varint reads a size as deltas hold it: seven bits a byte, the lowest first.
func varint(b []byte) (n uint64, rest []byte, ok bool) {
	for i, c := range b {
		if i > 9 {
			break
		}
		n |= uint64(c&0x7f) << (7 * i)
		if c&0x80 == 0 {
			return n, b[i+1:], true
		}
	}
	return 0, nil, false
}

// applyDelta rebuilds an object from its base (gitformat-pack, "Deltified
// representation").
func applyDelta(base, delta []byte) ([]byte, error) {
	from, delta, ok := varint(delta)
	size, delta, ok2 := varint(delta)
	if !ok || !ok2 || from != uint64(len(base)) {
		return nil, errDelta
	}
	if size > maxObject {
		return nil, errTooLarge
	}
	out := make([]byte, 0, size)
	for len(delta) > 0 {
		op := delta[0]
		delta = delta[1:]
		if op&0x80 == 0 { // the next op bytes are new
			n := int(op)
			if n == 0 || n > len(delta) {
				return nil, errDelta
			}
			out, delta = append(out, delta[:n]...), delta[n:]
			continue
		}
		var off, n uint64
		for i := range 7 {
			if op&(1<<i) == 0 {
				continue
			}
			if len(delta) == 0 {
				return nil, errDelta
			}
			if i < 4 {
				off |= uint64(delta[0]) << (8 * i)
			} else {
				n |= uint64(delta[0]) << (8 * (i - 4))
			}
			delta = delta[1:]
		}
		if n == 0 {
			n = 0x10000
		}
		if off+n > uint64(len(base)) || uint64(len(out))+n > size {
			return nil, errDelta
		}
		out = append(out, base[off:off+n]...)
	}
	if uint64(len(out)) != size {
		return nil, errDelta
	}
	return out, nil
}
