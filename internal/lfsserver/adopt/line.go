package adopt

import (
	"context"
	"sync"
)

// maxAhead bounds how many keys may be done before an earlier one is: one large
// object must not make the rest pile up in memory.
const maxAhead = 4096

// line hands on what many work on in any order, in the order in which it came.
type line struct {
	hand func(outcome)
	room chan struct{}

	mu    sync.Mutex
	last  int64             // place that was given last, guarded by mu
	next  int64             // place whose turn it is, guarded by mu
	ahead map[int64]outcome // done before their turn, guarded by mu
}

func newLine(hand func(outcome)) *line {
	return &line{hand: hand, room: make(chan struct{}, maxAhead), next: 1, ahead: map[int64]outcome{}}
}

// join gives the next place, when there is room.
func (l *line) join(ctx context.Context) (int64, error) {
	select {
	case l.room <- struct{}{}:
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last++
	return l.last, nil
}

// leave says what came of a place.
func (l *line) leave(place int64, o outcome) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ahead[place] = o
	for {
		o, done := l.ahead[l.next]
		if !done {
			return
		}
		delete(l.ahead, l.next)
		l.next++
		l.hand(o)
		<-l.room
	}
}
