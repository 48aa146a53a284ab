package sim

import (
	"testing"
	"time"
)

// fiveNodes is a cluster of five with a client on each, a message every half a second from each of them, and a fault every
// three seconds.
func fiveNodes(d time.Duration) Plan {
	p := quiet(5)
	p.Seed, p.Trouble, p.FaultEvery, p.FaultFor = 1, d, 3*time.Second, time.Second
	p.ClientStep, p.SpyEvery, p.Burst = 500*time.Millisecond, time.Second, 1
	p.Leave, p.Die = 0.01, 0.01
	p.Rough = p.Calm
	p.Rough.Loss, p.Rough.Duplicate = 0.05, 0.05
	p.Faults = map[string]float64{}
	for _, k := range kinds {
		p.Faults[k.name] = k.weight
	}
	return p
}

// BenchmarkFiveNodes says how many simulated seconds pass in one of the processor, checks and judgement included.
func BenchmarkFiveNodes(b *testing.B) {
	var simulated time.Duration
	start := cpuTime(b)
	for b.Loop() {
		r := RunPlan(fiveNodes(time.Minute), Options{LogLevel: -1})
		for _, v := range r.Violations {
			b.Error(v)
		}
		simulated += r.Simulated
	}
	b.ReportMetric(float64(simulated)/float64(cpuTime(b)-start), "simulated-s/cpu-s")
}
