package loop

import (
	"math/rand/v2"
	"slices"
	"sort"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/corosync-go/corosync/daemon/clock"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var _ clock.Turns = (*Loop)(nil)

func newLoop(t *testing.T) *Loop {
	t.Helper()
	l, err := New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l
}

func turn(t *testing.T, l *Loop, block bool) {
	t.Helper()
	if err := l.RunOnce(block); err != nil {
		t.Fatal(err)
	}
}

func pipe(t *testing.T) (r, w int) {
	t.Helper()
	var p [2]int
	if err := unix.Pipe2(p[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(p[0]); unix.Close(p[1]) })
	return p[0], p[1]
}

func TestPriorityOrder(t *testing.T) {
	l := newLoop(t)
	var got []string
	for _, c := range []struct {
		name string
		prio Priority
	}{{"low", Low}, {"high", High}, {"medium", Medium}} {
		r, w := pipe(t)
		if _, err := l.Watch(r, Readable, c.prio, func(uint32) { got = append(got, c.name) }); err != nil {
			t.Fatal(err)
		}
		unix.Write(w, []byte{1})
	}
	turn(t, l, true)
	if want := []string{"high", "medium", "low"}; !slices.Equal(got, want) {
		t.Fatalf("got %v, want %v", got, want)
	}
}

func TestEarly(t *testing.T) {
	l := newLoop(t)
	var got []string
	for _, c := range []struct {
		name string
		prio Priority
	}{{"high", High}, {"first", Medium}, {"second", Medium}, {"low", Low}} {
		r, w := pipe(t)
		if _, err := l.Watch(r, Readable, c.prio, func(uint32) { got = append(got, c.name) }); err != nil {
			t.Fatal(err)
		}
		unix.Write(w, []byte{1})
	}
	l.Early(func() bool { return len(got) == 0 })
	turn(t, l, true)
	if want := []string{"first", "high", "second", "low"}; !slices.Equal(got, want) {
		t.Fatalf("got %v, want %v", got, want)
	}
}

// A handler that removes another descriptor of the same turn, whose number and slot are then used anew.
func TestRemoveWithinTurn(t *testing.T) {
	l := newLoop(t)
	r1, w1 := pipe(t)
	r2, w2 := pipe(t)
	var second *Watch
	stale := 0
	fresh := 0
	if _, err := l.Watch(r1, Readable, High, func(uint32) {
		second.Remove()
		second.Remove()
		if _, err := l.Watch(r2, Readable, Low, func(uint32) { fresh++ }); err != nil {
			t.Error(err)
		}
		var b [1]byte
		unix.Read(r1, b[:])
	}); err != nil {
		t.Fatal(err)
	}
	var err error
	if second, err = l.Watch(r2, Readable, Low, func(uint32) { stale++ }); err != nil {
		t.Fatal(err)
	}
	unix.Write(w1, []byte{1})
	unix.Write(w2, []byte{1})
	turn(t, l, true)
	if stale != 0 || fresh != 0 {
		t.Fatalf("after the removal: stale %d, fresh %d calls", stale, fresh)
	}
	turn(t, l, true)
	if stale != 0 || fresh != 1 {
		t.Fatalf("a turn later: stale %d, fresh %d calls", stale, fresh)
	}
}

func TestDescriptorsBeforeTimers(t *testing.T) {
	l := newLoop(t)
	r, w := pipe(t)
	var got []string
	l.After(0, func() { got = append(got, "timer") })
	l.Next(func() { got = append(got, "next") })
	l.OnTurnEnd(func() { got = append(got, "end") })
	if err := l.Post(func() { got = append(got, "posted") }); err != nil {
		t.Fatal(err)
	}
	l.Watch(r, Readable, Low, func(uint32) { got = append(got, "readable") })
	unix.Write(w, []byte{1})
	turn(t, l, false)
	if want := []string{"readable", "timer", "next", "posted", "end"}; !slices.Equal(got, want) {
		t.Fatalf("got %v, want %v", got, want)
	}
}

func TestNextWaitsForNextTurn(t *testing.T) {
	l := newLoop(t)
	n := 0
	var again func()
	again = func() { n++; l.Next(again) }
	l.Next(again)
	for want := 1; want <= 3; want++ {
		turn(t, l, true)
		if n != want {
			t.Fatalf("ran %d times in %d turns", n, want)
		}
	}
}

func TestPostFromOtherGoroutines(t *testing.T) {
	l := newLoop(t)
	const each, routines = 500, 4
	seen := make([]int, routines)
	total := 0
	var wg sync.WaitGroup
	for r := range routines {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := range each {
				if err := l.Post(func() {
					if seen[r] != i {
						t.Errorf("goroutine %d: function %d ran as number %d", r, i, seen[r])
					}
					seen[r]++
					if total++; total == each*routines {
						l.Stop()
					}
				}); err != nil {
					t.Error(err)
				}
			}
		}()
	}
	if err := l.Run(); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	if total != each*routines {
		t.Fatalf("ran %d of %d", total, each*routines)
	}
	if err := l.Post(func() {}); err != ErrStopped {
		t.Fatalf("Post after Stop: %v", err)
	}
}

func TestPostIsBounded(t *testing.T) {
	l := newLoop(t)
	for range MaxPosted {
		if err := l.Post(func() {}); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Post(func() {}); err != ErrBusy {
		t.Fatalf("got %v", err)
	}
	turn(t, l, true)
	if err := l.Post(func() {}); err != nil {
		t.Fatal(err)
	}
}

func TestSleepEndsAtDeadline(t *testing.T) {
	for _, name := range []string{"epoll_pwait2", "timerfd"} {
		t.Run(name, func(t *testing.T) {
			l := newLoop(t)
			if name == "timerfd" {
				if err := l.poll.openTimer(); err != nil {
					t.Fatal(err)
				}
			} else if l.poll.timerFD >= 0 {
				t.Skip("the kernel has no epoll_pwait2")
			}
			fired := false
			const d = 1500 * time.Microsecond
			at := l.Now().Add(d)
			l.NewAlarm(func() { fired = true }).Set(at)
			for !fired {
				turn(t, l, true)
			}
			if late := l.Now().Sub(at); late < 0 {
				t.Fatalf("fired %v early", -late)
			}
		})
	}
}

func TestHeapAgainstSort(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		var h timerHeap
		type want struct {
			at    clock.Instant
			order uint64
			id    int
		}
		pending := map[int]want{}
		timers := make([]*timer, 60)
		var got []int
		for i := range timers {
			timers[i] = &timer{heap: &h, index: -1, fn: func() { got = append(got, i) }}
		}
		for range 300 {
			i := rnd.IntN(len(timers))
			if rnd.IntN(4) == 0 {
				timers[i].Stop()
				delete(pending, i)
				continue
			}
			at := clock.Instant(1 + rnd.IntN(20))
			timers[i].Set(at)
			pending[i] = want{at, timers[i].order, i}
		}
		limit := clock.Instant(rnd.IntN(25))
		var list []want
		for _, w := range pending {
			if w.at <= limit {
				list = append(list, w)
			}
		}
		sort.Slice(list, func(a, b int) bool {
			return list[a].at < list[b].at || list[a].at == list[b].at && list[a].order < list[b].order
		})
		var ids []int
		for _, w := range list {
			ids = append(ids, w.id)
		}
		h.expire(limit)
		if !slices.Equal(got, ids) {
			t.Fatalf("fired %v, want %v", got, ids)
		}
		if len(h.list) != len(pending)-len(list) {
			t.Fatalf("%d left, want %d", len(h.list), len(pending)-len(list))
		}
	}
}

func TestRearmDoesNotAllocate(t *testing.T) {
	l := newLoop(t)
	a := l.NewAlarm(func() {})
	other := l.NewAlarm(func() {})
	other.Set(l.Now().Add(time.Hour))
	next := func() {}
	n := testing.AllocsPerRun(100, func() {
		a.Set(l.Now().Add(time.Minute))
		l.Next(next)
		if err := l.RunOnce(true); err != nil {
			t.Fatal(err)
		}
	})
	if n != 0 {
		t.Fatalf("%v allocations a turn", n)
	}
}
