package gate_test

import (
	"container/heap"
	"sync"
	"time"
)

// machine stands in for one whose cores all who work on it share, each getting the
// same part. It takes simulated time only.
type machine struct {
	mu    sync.Mutex
	tasks tasks
	// done is the work that each task has got that has been there from the start, as
	// of at.
	done time.Duration
	at   time.Time
	next *time.Timer
}

// task ends when the machine has done so much for each.
type task struct {
	end   time.Duration
	ended chan struct{}
}

// work returns when so much work is done.
func (m *machine) work(d time.Duration) {
	m.mu.Lock()
	m.advance()
	t := task{end: m.done + d, ended: make(chan struct{})}
	heap.Push(&m.tasks, t)
	m.plan()
	m.mu.Unlock()
	<-t.ended
}

// advance does the work of the time that has passed.
func (m *machine) advance() {
	now := time.Now()
	if n := len(m.tasks); n > 0 {
		m.done += now.Sub(m.at) / time.Duration(n)
	}
	m.at = now
	for len(m.tasks) > 0 && m.tasks[0].end <= m.done {
		close(heap.Pop(&m.tasks).(task).ended)
	}
}

// plan wakes up when the next task ends.
func (m *machine) plan() {
	if m.next != nil {
		m.next.Stop()
	}
	if len(m.tasks) == 0 {
		return
	}
	n := int64(len(m.tasks))
	m.next = time.AfterFunc(time.Duration(n*int64(m.tasks[0].end-m.done)+n), func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.advance()
		m.plan()
	})
}

// tasks by their end, for heap.
type tasks []task

func (t tasks) Len() int           { return len(t) }
func (t tasks) Less(i, j int) bool { return t[i].end < t[j].end }
func (t tasks) Swap(i, j int)      { t[i], t[j] = t[j], t[i] }
func (t *tasks) Push(x any)        { *t = append(*t, x.(task)) }

// Pop implements heap.Interface.
func (t *tasks) Pop() any {
	last := (*t)[len(*t)-1]
	*t = (*t)[:len(*t)-1]
	return last
}
