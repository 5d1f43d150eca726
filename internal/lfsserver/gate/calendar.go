package gate

import "time"

const (
	// perSecond parts of a second are told apart, for as long as anybody is told to
	// stay away.
	perSecond = 64
	parts     = (int(latest/time.Second) + 2) * perSecond
)

// calendar says how many were told to come back when, so that as many come at any
// time. A time to come back has whole seconds, and a client comes at the same part of
// a second as it went: were all told the time that is right for them, those who are
// sent away within a moment would come back within a moment, and nobody after them.
type calendar struct {
	booked [parts]int32
	// past is the first part that may hold bookings.
	past int
}

// book chooses whole seconds from now, from first to last of them, after which the
// fewest come. now is since the start of the calendar, last at most latest.
func (c *calendar) book(now, first, last time.Duration) time.Duration {
	at := int(now / (time.Second / perSecond))
	c.turn(at)
	best := c.in(at, first)
	for s := first; s <= last; s += time.Second {
		if part := c.in(at, s); *part < *best {
			best, first = part, s
		}
	}
	*best++
	return (first + time.Second - 1).Truncate(time.Second)
}

// in is the part that lies so long, in whole seconds begun, after another.
func (c *calendar) in(at int, after time.Duration) *int32 {
	seconds := int((after + time.Second - 1) / time.Second)
	return &c.booked[(at+seconds*perSecond)%parts]
}

// turn forgets what lies before now.
func (c *calendar) turn(now int) {
	c.past = max(c.past, now-parts)
	for ; c.past < now; c.past++ {
		c.booked[c.past%parts] = 0
	}
}
