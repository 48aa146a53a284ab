package srp

import (
	"fmt"
	"math/rand"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/corosync-go/corosync/daemon/totem/wire"
)

// TestRandom runs clusters with faults from a seed. SRP_SEED runs one seed, with its log; SRP_SEEDS runs that many.
func TestRandom(t *testing.T) {
	if s := os.Getenv("SRP_SEED"); s != "" {
		seed, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		runRandom(t, seed, t.Logf)
		return
	}
	seeds := 200
	if s, err := strconv.Atoi(os.Getenv("SRP_SEEDS")); err == nil {
		seeds = s
	}
	if testing.Short() {
		seeds /= 10
	}
	for seed := range seeds {
		if !t.Run(fmt.Sprint(seed), func(t *testing.T) { runRandom(t, int64(seed), nil) }) {
			return
		}
	}
}

func runRandom(t *testing.T, seed int64, logf func(string, ...any)) {
	rnd := rand.New(rand.NewSource(seed))
	n := 1 + rnd.Intn(5)
	w := newWorld(t, seed+1, n)
	w.logf = logf
	if logf != nil {
		w.onEvent = func(n *node, e event) {
			if e.config != nil {
				logf("%s %d CONFIG %+v", w.stamp(), n.id, *e.config)
			}
		}
	}
	startSeq := uint32(0)
	switch rnd.Intn(4) {
	case 0:
		startSeq = 0xFFFFFFFF - uint32(rnd.Intn(400))
	case 1:
		startSeq = 0x80000000 - uint32(rnd.Intn(400))
	}
	sendJoin := time.Duration(rnd.Intn(2)*rnd.Intn(80)) * time.Millisecond
	cancel := rnd.Intn(2) == 0
	failRecv := []int{2500, 2500, 20}[rnd.Intn(3)]
	window, perVisit := 1+rnd.Intn(80), 1+rnd.Intn(30)
	w.config = func(c *Config) {
		c.StartSeq = startSeq
		c.SendJoin = sendJoin
		c.CancelTokenHoldOnRetransmit = cancel
		c.WindowSize, c.MaxMessages = window, perVisit
		c.FailRecvConst = failRecv
	}
	// Some nodes do not hear some others, or not their messages.
	deaf := map[[2]*node]int{}
	w.drop = func(from, to *node, frame []byte) bool {
		k := deaf[[2]*node{from, to}]
		return k == 1 || k == 2 && wire.Type(frame[3]) == wire.TypeMcast
	}
	lossMax := []float64{0, 0.01, 0.05, 0.2}[rnd.Intn(4)]
	dupMax := []float64{0, 0.1}[rnd.Intn(2)]
	jitter := 1 + rnd.Int63n(int64([]time.Duration{1, 200 * time.Microsecond, 3 * time.Millisecond}[rnd.Intn(3)]))
	w.delay = func() time.Duration { return 50*time.Microsecond + time.Duration(w.rnd.Int63n(jitter)) }
	w.ackDelay = func() time.Duration { return time.Duration(w.rnd.Int63n(int64(30 * time.Millisecond))) }
	if rnd.Intn(4) == 0 {
		for _, n := range w.nodes {
			n.foreign = rnd.Intn(2) == 0
		}
	}
	defer func() {
		if t.Failed() {
			t.Logf("seed %d: n %d loss %v dup %v jitter %v startSeq %x sendJoin %v window %d/%d", seed, n, lossMax, dupMax,
				time.Duration(jitter), startSeq, sendJoin, window, perVisit)
		}
	}()

	for _, n := range w.nodes {
		n.boot()
		w.runFor(time.Duration(rnd.Int63n(int64(100 * time.Millisecond))))
	}
	w.loss, w.dup = lossMax, dupMax
	for range 30 {
		w.runFor(time.Duration(rnd.Int63n(int64([]time.Duration{time.Millisecond, 20 * time.Millisecond, 400 * time.Millisecond,
			3 * time.Second}[rnd.Intn(4)]))) + 1)
		n := w.nodes[rnd.Intn(len(w.nodes))]
		switch rnd.Intn(14) {
		case 0, 1, 2, 3, 4:
			for _, n := range w.nodes {
				if n.up && n.pauseTo <= w.now {
					for range rnd.Intn(60) {
						n.send(8 + rnd.Intn(testMTU-8))
					}
				}
			}
		case 5:
			if n.up {
				n.crash()
			}
		case 6:
			if n.up {
				n.leave()
			}
		case 7:
			if !n.up {
				n.boot()
			}
		case 8:
			for _, n := range w.nodes {
				n.group = rnd.Intn(2)
			}
		case 9:
			for _, n := range w.nodes {
				n.group = 0
			}
		case 10:
			if n.up {
				n.pauseTo = w.now.Add(time.Duration(rnd.Int63n(int64(4 * time.Second))))
			}
		case 12:
			deaf[[2]*node{n, w.nodes[rnd.Intn(len(w.nodes))]}] = 1 + rnd.Intn(2)
		case 13:
			clear(deaf)
		case 11:
			if n.up && n.pauseTo <= w.now {
				switch rnd.Intn(3) {
				case 0:
					n.m.ForceGather(w.now)
				case 1:
					n.m.InterfaceDown(w.now)
				case 2:
					n.m.InterfaceUp(w.now)
				}
				n.execute()
			}
		}
	}
	clear(deaf)
	for _, n := range w.nodes {
		n.group = 0
		n.pauseTo = min(n.pauseTo, w.now)
		if !n.up {
			n.boot()
		}
	}
	w.loss, w.dup = 0, 0
	w.runUntilFormed(60 * time.Second)
	last := map[uint64]int{}
	for _, n := range w.nodes {
		last[n.send(200)] = 0
	}
	w.runFor(10 * time.Second)
	if !w.formed() {
		t.Errorf("the ring does not stay: %s", w.states())
	}
	for _, h := range w.hists {
		for _, e := range h.events {
			if _, ok := last[e.msg]; ok && e.config == nil {
				last[e.msg]++
			}
		}
	}
	for id, k := range last {
		if k != n {
			t.Errorf("message %x is delivered %d times on %d nodes", id, k, n)
		}
	}
	if err := checkHistories(w.hists, true); err != nil {
		t.Error(err)
	}
}
