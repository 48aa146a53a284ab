package stats

import "time"

// maxMisses is how many late turns of the loop are remembered.
const maxMisses = 10

// scheduleMisses are the latest late turns, newest first.
type scheduleMisses struct {
	n    int
	list [maxMisses]miss
}

type miss struct {
	at    uint64 // ms since the epoch
	delay float32
}

var missNames = [maxMisses]string{"0.", "1.", "2.", "3.", "4.", "5.", "6.", "7.", "8.", "9."}

func (s *scheduleMisses) read(o *Out) {
	for i := range s.n {
		if o.Under(missNames[i]) {
			o.Uint64("timestamp", s.list[i].at)
			o.Float("delay", s.list[i].delay)
		}
	}
}

func (s *scheduleMisses) clear() { *s = scheduleMisses{} }

// ScheduleMiss records a turn of the loop that came too late: at is the time of
// day, delay the time since the turn before.
func (r *Registry) ScheduleMiss(at time.Time, delay time.Duration) {
	s := &r.misses
	copy(s.list[1:], s.list[:maxMisses-1])
	s.list[0] = miss{uint64(at.UnixMilli()), float32(float64(delay) / float64(time.Millisecond))}
	s.n = min(s.n+1, maxMisses)
}
