package serverconfig

import "time"

// What gc.quarantine must cover (docs/concepts/gc.md, "times").
const (
	// AnswerWithin is R: servers answer a batch within this time of reading garbage
	// collection's index.
	AnswerWithin = 10 * time.Second
	// LongestLink is A: no link lives longer, its transfer included.
	LongestLink = 12 * time.Hour
	// RememberedFor is how long a server remembers that an object is there.
	RememberedFor = 5 * time.Minute
	// UsualPush is what is taken for P, the time from a push's last upload to its
	// ref. Only the tenant knows better.
	UsualPush = time.Hour
	// SafeQuarantine is what a quarantine must be longer than.
	SafeQuarantine = AnswerWithin + LongestLink + RememberedFor + UsualPush
)
