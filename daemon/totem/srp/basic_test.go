package srp

import (
	"testing"
	"time"
)

func TestSingleton(t *testing.T) {
	w := newWorld(t, 1, 1)
	w.logf = t.Logf
	w.node(1).boot()
	w.runUntilFormed(time.Second)
	id := w.node(1).send(100)
	w.runFor(time.Second)
	h := w.hists[0].events
	if last := h[len(h)-1]; last.msg != id {
		t.Fatalf("last event is %+v", last)
	}
	if s := w.node(1).m.Ring().String(); s != "1.5" {
		t.Fatalf("ring %s", s)
	}
}

func TestFormationOfFive(t *testing.T) {
	w := newWorld(t, 1, 5)
	w.logf = t.Logf
	for _, n := range w.nodes {
		n.boot()
	}
	w.runUntilFormed(5 * time.Second)
	for _, n := range w.nodes {
		for range 100 {
			n.send(1000)
		}
	}
	w.runFor(time.Second)
	for _, h := range w.hists {
		n := 0
		for _, e := range h.events {
			if e.config == nil {
				n++
			}
		}
		if n != 500 {
			t.Errorf("node %d delivered %d messages", h.id, n)
		}
	}
}
