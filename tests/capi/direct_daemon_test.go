//go:build linux

package capi

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/corosync-go/corosync/libcorosync-go/ring"
)

// qbEnd is the daemon's end of libqb's rings.
type qbEnd struct{ d *direct }

func (q qbEnd) request() ([]byte, int) {
	r := q.d.open(0, ring.Reader)
	head, tail, err := r.Peek()
	if err != nil {
		return nil, q.d.told()
	}
	msg := append(slices.Clone(head), tail...)
	r.Consume()
	return msg, q.d.told()
}

func (q qbEnd) reply(msg []byte) []byte { return q.put(1, msg) }
func (q qbEnd) event(msg []byte) []byte { return q.put(2, msg) }

func (q qbEnd) put(which int, msg []byte) []byte {
	q.d.t.Helper()
	_, err := q.d.open(which, ring.Writer).Write(msg)
	if errors.Is(err, ring.ErrFull) {
		return nil
	}
	if err != nil {
		q.d.t.Fatal(err)
	}
	return msg
}

func (q qbEnd) dropReply() error {
	r := q.d.open(1, ring.Reader)
	_, _, err := r.PeekTaken()
	if err == nil {
		r.Reclaim()
	}
	return err
}

func (q qbEnd) oldestEvent() ([]byte, func()) {
	q.d.t.Helper()
	r := q.d.open(2, ring.Reader)
	head, tail, err := r.Peek()
	if errors.Is(err, ring.ErrEmpty) {
		return nil, nil
	}
	if err != nil {
		q.d.t.Fatal(err)
	}
	return append(slices.Clone(head), tail...), r.Consume
}

// The control buffer of coroipc, and sizes.
const (
	coroRead, coroWrite, coroWork, coroDispatch, coroRequest, coroResponse, coroClosed = 0, 4, 16, 48, 80, 112, 144

	coroSizeAt, coroLeast, coroSpare = 8, 24, 9
	coroEventBytes                   = 8192
)

// coroEnd is that of the buffers of coroipc.
type coroEnd struct{ d *direct }

func newDirectCoro(t *testing.T, prog string) *direct {
	t.Helper()
	d := &direct{t: t, max: longMax}
	d.daemon = coroEnd{d}
	dir, argv := t.TempDir(), []string{}
	for i, size := range []int{os.Getpagesize(), 12288, 12288, coroEventBytes} {
		p := filepath.Join(dir, fmt.Sprint(i))
		d.coro[i] = mapFile(t, p, size)
		argv = append(argv, p)
	}
	d.renew()
	d.start(prog, append(argv, fmt.Sprint(longMax))...)
	return d
}

// renew makes the control buffer as a client makes it.
func (d *direct) renew() {
	clear(d.coro[0])
	for _, at := range []int{coroWork, coroDispatch, coroRequest, coroResponse} {
		d.sem(at).Init()
	}
}

func (d *direct) sem(at int) ring.Sem {
	s, ok := ring.SemAt(d.coro[0], at)
	if !ok {
		d.t.Fatal("no semaphore")
	}
	return s
}

func (c coroEnd) request() ([]byte, int) {
	told := 0
	for ; c.d.sem(coroWork).Try(); told++ {
	}
	if !c.d.sem(coroRequest).Try() {
		return nil, told
	}
	if word(c.d.coro[2], coroSizeAt) != 0 {
		c.d.t.Error("the length of the last answer is still there")
	}
	return slices.Clone(c.d.coro[1][:word(c.d.coro[1], coroSizeAt)]), told
}

// withSize gives a message its length, where there is room for that.
func withSize(msg []byte) []byte {
	if len(msg) >= coroSizeAt+4 {
		setWord(msg, coroSizeAt, uint32(len(msg)))
	}
	return msg
}

func (c coroEnd) reply(msg []byte) []byte {
	clear(c.d.coro[2][:coroLeast])
	copy(c.d.coro[2], withSize(msg))
	setWord(c.d.coro[2], coroSizeAt, uint32(len(msg))) // one that is too short even for that
	c.d.sem(coroResponse).Post()
	return msg
}

func (c coroEnd) dropReply() error { return nil }

// at is an offset that C has left in the control buffer.
func (c coroEnd) at(off int) int { return int(word(c.d.coro[0], off)) }

func (c coroEnd) event(msg []byte) []byte {
	ring, write := c.d.coro[3], c.at(coroWrite)
	free := (c.at(coroRead)-write+len(ring)-1)%len(ring) + 1
	if len(msg) < coroLeast || len(msg) > free-coroSpare {
		return nil
	}
	n := copy(ring[write:], withSize(msg))
	copy(ring, msg[n:])
	setWord(c.d.coro[0], coroWrite, uint32((write+(len(msg)+7)&^7)%len(ring)))
	c.d.sem(coroDispatch).Post()
	return msg
}

func (c coroEnd) oldestEvent() ([]byte, func()) {
	if c.d.sem(coroDispatch).Value() == 0 {
		return nil, nil
	}
	ring, read := c.d.coro[3], c.at(coroRead)
	rest := append(slices.Clone(ring[read:]), ring[:read]...)
	n := int(word(rest, coroSizeAt))
	return rest[:n], func() {
		c.d.sem(coroDispatch).Try()
		setWord(c.d.coro[0], coroRead, uint32((read+(n+7)&^7)%len(ring)))
	}
}

// coroRefuses: what is not plainly good is left to the core, with all as it was.
func coroRefuses(t *testing.T, d *direct) {
	get := requestLine(operations(t)[cmapGet], [3]uint64{1}, []byte("k"), nil)
	longest := fmt.Sprintf("mcast 1 %d 5", longMax-40)
	event := func() { d.daemon.event(bytes.Repeat([]byte{1}, 100)) }
	reply := func() { d.daemon.reply(make([]byte, 100)) }
	for _, c := range []struct {
		name    string
		setup   func()
		mem     int
		off     int
		value   uint32
		command string
		want    int
	}{
		{"request after the end", nil, 0, coroClosed, 1, get, ask},
		{"mcast after the end", nil, 0, coroClosed, 1, "mcast 1 10 5", ask},
		{"unknown", nil, 0, coroClosed, 0, "request 767 0 0 0 . .", ask},
		{"longest", nil, 0, coroClosed, 0, longest, 0},
		{"too long", nil, 0, coroClosed, 0, fmt.Sprintf("mcast 1 %d 5", longMax-39), ask},
		{"answer too short", reply, 2, coroSizeAt, coroLeast - 1, "discard", ask},
		{"no answer", reply, 2, coroSizeAt, 0, "discard", ask},
		{"answer too long", reply, 2, coroSizeAt, 12289, "discard", ask},
		{"answer far too long", reply, 2, coroSizeAt, 1<<32 - 1, "discard", ask},
		{"event too short", event, 3, coroSizeAt, coroLeast - 1, "events 1 1 4096", ask},
		{"event too long", event, 3, coroSizeAt, coroEventBytes - coroSpare + 1, "events 1 1 4096", ask},
		{"event far too long", event, 3, coroSizeAt, 1<<32 - 1, "events 1 1 4096", ask},
		{"cursor at the end", event, 0, coroRead, coroEventBytes, "events 1 1 4096", ask},
		{"cursor far away", event, 0, coroRead, 1<<32 - 8, "events 1 1 4096", ask},
		{"cursor between", event, 0, coroRead, 4, "events 1 1 4096", ask},
		{"nothing but the end", event, 0, coroClosed, 1, "events 1 1 4096", again},
	} {
		for i := range d.coro {
			clear(d.coro[i])
		}
		d.renew()
		if c.setup != nil {
			c.setup()
		}
		setWord(d.coro[c.mem], c.off, c.value)
		before := [4][]byte{}
		for i := range d.coro {
			before[i] = slices.Clone(d.coro[i])
		}
		got := d.do("%s", c.command)[0]
		if c.command == "discard" {
			d.sem(coroResponse).Post() // which the program has taken
		}
		same := true
		for i := range before {
			same = same && bytes.Equal(before[i], d.coro[i])
		}
		if got != c.want || same == (got == 0) {
			t.Errorf("%s: %d, want %d; unchanged %v", c.name, got, c.want, same)
		}
	}
}

// coroHostile is directHostile over coroipc.
func coroHostile(t *testing.T, d *direct) {
	rnd := rand.New(rand.NewSource(7))
	offsets := []int{coroRead, coroWrite, 8, coroWork, coroWork + 4, coroDispatch, coroRequest, coroResponse, coroClosed}
	good := 0
	for range 10000 {
		service := 1 + rnd.Intn(cfgService)
		switch rnd.Intn(6) {
		case 0:
			setWord(d.coro[0], offsets[rnd.Intn(len(offsets))], []uint32{0, 1, 8, coroEventBytes - 8, coroEventBytes, 1 << 31, rnd.Uint32()}[rnd.Intn(7)])
		case 1:
			mem := d.coro[2+rnd.Intn(2)]
			setWord(mem, 4*rnd.Intn(100), []uint32{0, 24, 200, coroEventBytes - 9, 12288, 12289, rnd.Uint32()}[rnd.Intn(7)])
		case 2: // all as it was, so that good messages come too
			d.renew()
			d.daemon.event(anyEvent(service, rnd))
			d.daemon.reply(make([]byte, 100))
		default:
			good += d.anything(rnd, service)
		}
	}
	if good == 0 {
		t.Error("nothing was ever good")
	}
}
