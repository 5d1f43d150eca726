package liveset

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
)

// Writer writes a live set. The caller sees to the order.
type Writer struct {
	gz       *gzip.Writer
	buf      *bufio.Writer
	enc      *json.Encoder
	versions int64
	pins     int64
}

// NewWriter begins a live set.
func NewWriter(w io.Writer, h Header) (*Writer, error) {
	gz, err := gzip.NewWriterLevel(w, gzip.BestSpeed)
	if err != nil {
		return nil, err
	}
	buf := bufio.NewWriterSize(gz, 64<<10)
	enc := json.NewEncoder(buf)
	enc.SetEscapeHTML(false)
	h.LiveSet = Format
	return &Writer{gz: gz, buf: buf, enc: enc}, enc.Encode(h)
}

// Version adds a version.
func (w *Writer) Version(v Version) error {
	w.versions++
	return w.enc.Encode(v)
}

// Pin adds a pin.
func (w *Writer) Pin(p Pin) error {
	w.pins++
	return w.enc.Encode(p)
}

// Close writes the trailer, after it has filled in its counts. Without it the
// live set stays incomplete.
func (w *Writer) Close(t *Trailer) error {
	t.Complete, t.Versions, t.Pins = true, w.versions, w.pins
	if err := w.enc.Encode(t); err != nil {
		return fmt.Errorf("live set: %w", err)
	}
	if err := w.buf.Flush(); err != nil {
		return fmt.Errorf("live set: %w", err)
	}
	return w.gz.Close()
}
