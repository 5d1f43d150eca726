package gate

import "slices"

// line of one principal's requests that were sent away, by what they are known by.
type line struct {
	held map[uint64]place
	// ages says how many are held since when, those who came first before others.
	ages []age
}

// age of so many places: the second in which they were first asked for.
type age struct {
	since uint32
	count int
}

// before returns how many came before a second, and how many in it.
func (l *line) before(since uint32) (before, same int) {
	for _, a := range l.ages {
		if a.since >= since {
			if a.since == since {
				same = a.count
			}
			break
		}
		before += a.count
	}
	return before, same
}

// join adds a place.
func (l *line) join(id uint64, held place) {
	l.held[id] = held
	i, found := l.find(held.since)
	if !found {
		l.ages = slices.Insert(l.ages, i, age{since: held.since})
	}
	l.ages[i].count++
}

// leave removes a place that is held.
func (l *line) leave(id uint64) {
	i, _ := l.find(l.held[id].since)
	delete(l.held, id)
	if l.ages[i].count--; l.ages[i].count == 0 {
		l.ages = slices.Delete(l.ages, i, i+1)
	}
}

func (l *line) find(since uint32) (i int, found bool) {
	return slices.BinarySearchFunc(l.ages, since, func(a age, since uint32) int { return int(a.since) - int(since) })
}
