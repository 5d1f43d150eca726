package uploadpack

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// errProtocol is an answer that the protocol does not know.
var errProtocol = fmt.Errorf("%w: malformed answer", ErrNotGit)

// maxPacket is the largest a packet may be (gitprotocol-common, "pkt-line Format").
const maxPacket = 65520

// packets reads pkt-lines. A packet is valid until the next one.
type packets struct {
	r   *bufio.Reader
	buf []byte
}

// next returns a packet; flush is true for a flush packet.
func (p *packets) next() (data []byte, flush bool, err error) {
	var head [4]byte
	if _, err := io.ReadFull(p.r, head[:]); err != nil {
		return nil, false, err
	}
	n, err := strconv.ParseUint(string(head[:]), 16, 32)
	switch {
	case err != nil, n > maxPacket, n > 0 && n < 4:
		return nil, false, errProtocol
	case n == 0:
		return nil, true, nil
	}
	if p.buf == nil {
		p.buf = make([]byte, maxPacket)
	}
	data = p.buf[:n-4]
	if _, err := io.ReadFull(p.r, data); err != nil {
		return nil, false, io.ErrUnexpectedEOF
	}
	if text, ok := bytes.CutPrefix(data, []byte("ERR ")); ok {
		return nil, false, remoteError(text)
	}
	return data, false, nil
}

// remoteError is what a server says of a failure, cut to a readable length.
func remoteError(text []byte) error {
	const longest = 300
	text = bytes.TrimSpace(bytes.ToValidUTF8(text, []byte("?")))
	return fmt.Errorf("the server says: %s", text[:min(len(text), longest)])
}

func appendPacket(b []byte, format string, args ...any) []byte {
	line := fmt.Sprintf(format, args...)
	return append(b, fmt.Sprintf("%04x%s", len(line)+4, line)...)
}

const flushPacket = "0000"

// sideband takes the pack out of packets that hold other things as well.
type sideband struct {
	packets
	rest []byte
}

// Read returns data of the first band. Progress is dropped, and an error of the
// server ends it.
func (s *sideband) Read(b []byte) (int, error) {
	for len(s.rest) == 0 {
		data, flush, err := s.next()
		switch {
		case flush:
			return 0, io.EOF
		case errors.Is(err, io.EOF):
			return 0, io.ErrUnexpectedEOF
		case err != nil:
			return 0, err
		case len(data) == 0:
			return 0, errProtocol
		}
		switch data[0] {
		case 1:
			s.rest = data[1:]
		case 2:
		case 3:
			return 0, remoteError(data[1:])
		default:
			return 0, errProtocol
		}
	}
	n := copy(b, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}
