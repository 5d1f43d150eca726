package page

import (
	"fmt"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
)

// Bytes in a unit that people read: powers of 1024 where the number is whole in
// those (64 MiB), else powers of 1000, as sizes on disks are said.
func Bytes(n int64) string {
	if n < 0 {
		return "unknown"
	}
	text := humanize.Bytes(uint64(n))
	if n >= 1<<20 && n%(1<<20) == 0 {
		text = humanize.IBytes(uint64(n))
	}
	return strings.Replace(text, ".0 ", " ", 1)
}

// Duration in whole days or hours where it is that, in seconds where it is short.
func Duration(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d >= day && d%day == 0:
		return count(int64(d/day), "day")
	case d >= time.Hour && d%time.Hour == 0:
		return count(int64(d/time.Hour), "hour")
	case d < time.Second:
		return "less than a second"
	}
	return d.Round(time.Second).String()
}

// count of things, of which many have an s.
func count(n int64, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return fmt.Sprintf("%s %s", humanize.Comma(n), thing)
}
