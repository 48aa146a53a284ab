package simloop

import (
	"slices"
	"testing"
	"time"

	"github.com/corosync-go/corosync/daemon/clock"
)

var _ clock.Turns = (*Node)(nil)

func TestOrderAndTime(t *testing.T) {
	w := New()
	n := w.NewNode()
	start := n.Now()
	var got []string
	add := func(s string) func() { return func() { got = append(got, s) } }
	n.After(2*time.Millisecond, add("2ms"))
	n.After(time.Millisecond, add("1ms first"))
	n.After(time.Millisecond, add("1ms second"))
	n.After(time.Millisecond, add("stopped")).Stop()
	n.Next(add("now"))
	a := n.NewAlarm(add("alarm"))
	a.Set(start.Add(5 * time.Millisecond))
	a.Set(start.Add(3 * time.Millisecond))
	w.RunFor(10 * time.Millisecond)
	if want := []string{"now", "1ms first", "1ms second", "2ms", "alarm"}; !slices.Equal(got, want) {
		t.Fatalf("got %q", got)
	}
	if d := n.Now().Sub(start); d != 10*time.Millisecond {
		t.Fatalf("%v have passed", d)
	}
}

func TestPauseAndKill(t *testing.T) {
	w := New()
	n := w.NewNode()
	count, ends := 0, 0
	n.OnTurnEnd(func() { ends++ })
	n.After(time.Millisecond, func() { count++ })
	n.Pause()
	w.RunFor(time.Second)
	if count != 0 || ends != 0 {
		t.Fatal("a paused node made a turn")
	}
	n.Resume()
	w.RunFor(0)
	if count != 1 || ends != 1 {
		t.Fatalf("after the pause: %d calls, %d turn ends", count, ends)
	}
	n.After(time.Millisecond, func() { count++ })
	n.Kill()
	w.RunFor(time.Second)
	if count != 1 {
		t.Fatal("a dead node made a turn")
	}
}

// A timer that came due during a pause and is stopped by what is handled first afterwards is not called.
func TestStopAfterPause(t *testing.T) {
	w := New()
	n := w.NewNode()
	var got []string
	stopped := n.After(time.Millisecond, func() { got = append(got, "stopped") })
	moved := n.NewAlarm(func() { got = append(got, "moved") })
	moved.Set(n.Now().Add(time.Millisecond))
	n.After(2*time.Millisecond, func() { got = append(got, "timer") })
	n.Pause()
	w.After(3*time.Millisecond, func() {
		n.Input(func() {
			got = append(got, "input")
			stopped.Stop()
			moved.Set(n.Now().Add(time.Second))
		})
	})
	w.RunFor(10 * time.Millisecond)
	n.Resume()
	w.RunFor(10 * time.Millisecond)
	if want := []string{"input", "timer"}; !slices.Equal(got, want) {
		t.Fatalf("got %q", got)
	}
	w.RunFor(2 * time.Second)
	if len(got) != 3 {
		t.Fatalf("got %q", got)
	}
}

func TestRunUntil(t *testing.T) {
	w := New()
	n := w.NewNode()
	hit := false
	n.After(time.Minute, func() { hit = true })
	if w.RunUntil(time.Second, func() bool { return hit }) {
		t.Fatal("reached too early")
	}
	if !w.RunUntil(time.Hour, func() bool { return hit }) {
		t.Fatal("not reached")
	}
}

// A node that comes late does so for inputs and timers, and never early.
func TestLate(t *testing.T) {
	w := New()
	n := w.NewNode()
	n.SetLate(func() time.Duration { return 5 * time.Millisecond })
	var at []time.Duration
	start := n.Now()
	note := func() { at = append(at, n.Now().Sub(start)) }
	n.Next(note)
	n.Input(note)
	n.After(time.Millisecond, note)
	w.RunFor(time.Second)
	if want := []time.Duration{TurnTime, 5 * time.Millisecond, 6 * time.Millisecond}; !slices.Equal(at, want) {
		t.Fatalf("got %v", at)
	}
}
