package sim

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// Summary adds up runs.
type Summary struct {
	Seeds                  int
	Simulated              time.Duration
	Sent, Delivered, Rings int
	Faults                 map[string]int
	Violations             map[string]int
	// Excused is what C's rules have broken in the CRules runs with nodes that follow them.
	Excused map[string]int
	CRules  int
	Failed  []uint64
	// Slowest is the healing that took the largest part of its bound.
	Slowest     float64
	SlowestSeed uint64
}

// Add adds a run.
func (s *Summary) Add(r *Result) {
	if s.Faults == nil {
		s.Faults, s.Violations, s.Excused = map[string]int{}, map[string]int{}, map[string]int{}
	}
	s.Seeds++
	s.Simulated += r.Simulated
	s.Sent += r.Sent
	s.Delivered += r.Delivered
	s.Rings += r.Rings
	for k, n := range r.Faults {
		s.Faults[k] += n
	}
	for _, v := range r.Violations {
		s.Violations[v.Property]++
	}
	if len(r.Plan.CRules) > 0 {
		s.CRules++
	}
	for k, n := range r.Excused {
		s.Excused[k] += n
	}
	if len(r.Violations) > 0 {
		s.Failed = append(s.Failed, r.Seed)
	}
	if part := float64(r.Healing) / float64(r.Bound); part > s.Slowest {
		s.Slowest, s.SlowestSeed = part, r.Seed
	}
}

// RunSeeds makes the runs of n seeds, workers at a time, and adds them up in their order; each is handed to fn, which may be
// nil. It stops when ten have failed.
func RunSeeds(first, n uint64, workers int, fn func(*Result)) *Summary {
	var (
		sum  Summary
		mu   sync.Mutex
		next = first
		stop bool
		done = map[uint64]*Result{}
		turn = first // whose result is due
		wg   sync.WaitGroup
	)
	work := func() {
		defer wg.Done()
		for {
			mu.Lock()
			seed := next
			if stop || seed-first >= n {
				mu.Unlock()
				return
			}
			next++
			mu.Unlock()
			r := Run(seed, Options{LogLevel: -1})
			mu.Lock()
			done[seed] = r
			for done[turn] != nil && !stop {
				r := done[turn]
				delete(done, turn)
				turn++
				sum.Add(r)
				if fn != nil {
					fn(r)
				}
				stop = len(sum.Failed) >= 10
			}
			mu.Unlock()
		}
	}
	for range max(workers, 1) {
		wg.Add(1)
		go work()
	}
	wg.Wait()
	return &sum
}

// Table is a text of the sum; real is the time that it took.
func (s *Summary) Table(real time.Duration) string {
	var b strings.Builder
	line := func(name string, format string, args ...any) {
		fmt.Fprintf(&b, "%-28s %s\n", name, fmt.Sprintf(format, args...))
	}
	line("seeds", "%d", s.Seeds)
	line("simulated hours", "%.2f", s.Simulated.Hours())
	if real > 0 {
		line("simulated per CPU second", "%.0f s", float64(s.Simulated)/float64(real))
	}
	line("configurations installed", "%d", s.Rings)
	line("messages sent", "%d", s.Sent)
	line("messages delivered", "%d", s.Delivered)
	line("slowest healing", "%.0f %% of its bound (seed %d)", 100*s.Slowest, s.SlowestSeed)
	total := 0
	for _, n := range s.Faults {
		total += n
	}
	line("faults", "%d", total)
	for _, k := range sortedKeys(s.Faults) {
		line("  "+k, "%d", s.Faults[k])
	}
	line("runs with C's rules", "%d", s.CRules)
	for _, k := range sortedKeys(s.Excused) {
		line("  break "+k, "%d", s.Excused[k])
	}
	total = 0
	for _, n := range s.Violations {
		total += n
	}
	line("violations", "%d in %d seeds", total, len(s.Failed))
	for _, k := range sortedKeys(s.Violations) {
		line("  "+k, "%d", s.Violations[k])
	}
	return b.String()
}

func sortedKeys(m map[string]int) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
