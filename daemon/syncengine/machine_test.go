package syncengine

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/corosync-go/corosync/daemon/logsys"
	"github.com/corosync-go/corosync/daemon/totem"
)

// drain prints and clears the outputs of m.
func drain(m *Machine) string {
	var b strings.Builder
	for _, o := range m.Outputs() {
		switch o.Kind {
		case Multicast:
			var in message
			if err := in.parse(o.Msg, false); err != nil {
				fmt.Fprintf(&b, "bad message: %v\n", err)
				continue
			}
			if in.id == msgBarrier {
				fmt.Fprintf(&b, "barrier %v\n", in.ring)
			} else {
				fmt.Fprintf(&b, "build %v %v\n", in.ring, in.services)
			}
		case Init:
			fmt.Fprintf(&b, "init %d trans %v members %v ring %v\n", o.Service.ID, o.Transitional, o.Members, o.Ring)
		case Schedule:
			b.WriteString("schedule\n")
		case Cancel:
			b.WriteString("cancel\n")
		case Run:
			fmt.Fprintf(&b, "run %d\n", o.Service.ID)
		case Activate:
			fmt.Fprintf(&b, "activate %d\n", o.Service.ID)
		case Abort:
			fmt.Fprintf(&b, "abort %d\n", o.Service.ID)
		case Complete:
			b.WriteString("complete\n")
		}
	}
	m.ClearOutputs()
	return b.String()
}

func expect(t *testing.T, m *Machine, step string, want ...string) {
	t.Helper()
	got := drain(m)
	w := strings.Join(want, "\n")
	if w != "" {
		w += "\n"
	}
	if got != w {
		t.Fatalf("%s:\ngot\n%swant\n%s", step, got, w)
	}
}

func machine(t *testing.T) *Machine {
	return New(logsys.ToTest(t, logsys.Notice).Logger("SYNC"))
}

var (
	ring5 = totem.RingID{Rep: 1, Seq: 5}
	ring9 = totem.RingID{Rep: 1, Seq: 9}
	local = []Service{{2, "cpg", true}, {0, "cmap", true}}
)

func build(ring totem.RingID, ids ...int32) []byte {
	var s []Service
	for _, id := range ids {
		s = append(s, Service{ID: id})
	}
	return appendServiceBuild(nil, ring, s)
}

// TestTwoNodes is a whole synchronisation of a node with services 0 and 2 beside one with 0, 2 and 5.
func TestTwoNodes(t *testing.T) {
	m := machine(t)
	m.SaveTransitional([]totem.NodeID{3, 1})
	m.Start(ring5, []totem.NodeID{1, 2}, local)
	expect(t, m, "start", "build 1.5 [0 2]",
		"init 0 trans [1] members [1 2] ring 1.5", "init 2 trans [1] members [1 2] ring 1.5")
	m.Deliver(1, build(ring5, 0, 2), false)
	m.Deliver(1, build(ring5, 0, 2), false)
	m.Deliver(2, build(ring9, 0, 2), false) // another ring
	m.Deliver(3, build(ring5, 0, 2), false) // no member
	expect(t, m, "own build")
	m.Deliver(2, build(ring5, 0, 2, 5), false)
	expect(t, m, "both builds", "schedule")
	m.TokenSent()
	expect(t, m, "token", "run 0")
	m.Processed(false)
	expect(t, m, "not done", "schedule")
	m.Deliver(2, appendBarrier(nil, ring5), false) // the other is ahead
	expect(t, m, "early barrier")
	m.TokenSent()
	m.Processed(true)
	expect(t, m, "done", "run 0", "barrier 1.5")
	m.Deliver(1, appendBarrier(nil, ring9), false)
	expect(t, m, "old barrier")
	m.Deliver(1, appendBarrier(nil, ring5), false)
	expect(t, m, "barriers", "activate 0", "schedule")
	m.TokenSent()
	m.Processed(true)
	m.Deliver(1, appendBarrier(nil, ring5), false)
	expect(t, m, "second", "run 2", "barrier 1.5")
	m.Deliver(2, appendBarrier(nil, ring5), false)
	expect(t, m, "second barriers", "activate 2", "schedule")
	// Service 5 is only the other's: one barrier and nothing else.
	m.TokenSent()
	expect(t, m, "external", "barrier 1.5")
	m.Deliver(2, appendBarrier(nil, ring5), false)
	m.Deliver(1, appendBarrier(nil, ring5), false)
	expect(t, m, "external barriers", "activate 5", "complete")
	if m.Running() {
		t.Error("still running")
	}
	m.Deliver(1, appendBarrier(nil, ring5), false)
	m.Deliver(2, build(ring5, 0), false)
	m.TokenSent()
	m.Processed(true)
	m.Abort()
	expect(t, m, "after completion")
}

func TestAborts(t *testing.T) {
	for _, tt := range []struct {
		name string
		to   func(m *Machine)
		want []string
	}{
		{"while listing services", func(m *Machine) {}, nil},
		{"in process", func(m *Machine) { m.Deliver(1, build(ring5, 0, 2), false) }, []string{"cancel", "abort 0"}},
		{"in barrier", func(m *Machine) {
			m.Deliver(1, build(ring5, 0, 2), false)
			m.TokenSent()
			m.Processed(true)
		}, []string{"abort 0"}},
		{"in the second service", func(m *Machine) {
			m.Deliver(1, build(ring5, 0, 2), false)
			m.TokenSent()
			m.Processed(true)
			m.Deliver(1, appendBarrier(nil, ring5), false)
		}, []string{"cancel", "abort 2"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := machine(t)
			m.Start(ring5, []totem.NodeID{1}, local)
			tt.to(m)
			drain(m)
			m.Abort()
			expect(t, m, "abort", tt.want...)
			m.Abort()
			expect(t, m, "second abort")
			// Messages of the old ring come late and change nothing, even for ring id zero.
			m.Deliver(1, build(ring5, 0, 2), false)
			m.Deliver(1, appendBarrier(nil, ring5), false)
			m.Deliver(1, appendBarrier(nil, totem.RingID{}), false)
			m.TokenSent()
			expect(t, m, "late messages")
			m.Start(ring9, []totem.NodeID{1}, local)
			m.Deliver(1, appendBarrier(nil, ring5), false)
			drain(m)
			m.Deliver(1, build(ring9, 0, 2), false)
			expect(t, m, "next ring", "schedule")
		})
	}
}

func TestNoServices(t *testing.T) {
	m := machine(t)
	m.Start(ring5, []totem.NodeID{7}, nil)
	expect(t, m, "start", "build 1.5 []")
	m.Deliver(7, build(ring5), false)
	expect(t, m, "build", "complete")
}

// TestListBound: ids of other nodes are bounded, and a second list of the same member adds nothing that grows.
func TestListBound(t *testing.T) {
	m := machine(t)
	m.Start(ring5, []totem.NodeID{1, 2, 3}, local)
	for k := range int32(3) {
		ids := make([]int32, MaxServices)
		for i := range ids {
			ids[i] = k*1000 + int32(i)
		}
		m.Deliver(totem.NodeID(2+k%2), build(ring5, ids...), false)
	}
	if len(m.services) != MaxServices {
		t.Errorf("%d services", len(m.services))
	}
}

// The bytes are those of a SERVICE_BUILD and a BARRIER captured from corosync 3.1.7.
func TestGolden(t *testing.T) {
	head, _ := hex.DecodeString("01000000000000002802000000000000" + "010000000500000000000000" + "00000000" +
		"04000000000000000000000002000000" + "0300000005000000")
	golden := append(head, make([]byte, serviceBuildSize-len(head))...)
	if b := build(ring5, 0, 2, 3, 5); !bytes.Equal(b, golden) {
		t.Errorf("SERVICE_BUILD\n% x\nwant\n% x", b[:64], golden[:64])
	}
	golden, _ = hex.DecodeString("00000000000000002000000000000000" + "010000000500000000000000" + "00000000")
	if b := appendBarrier(nil, ring5); !bytes.Equal(b, golden) {
		t.Errorf("BARRIER % x", b)
	}
}

func TestParseErrors(t *testing.T) {
	full := build(ring5, 1, 2)
	var m message
	for n := range full {
		if err := m.parse(full[:n], false); !errors.Is(err, errShort) {
			t.Fatalf("%d bytes: %v", n, err)
		}
	}
	for _, n := range []int32{-1, MaxServices + 1} {
		b := bytes.Clone(full)
		binary.NativeEndian.PutUint32(b[32:], uint32(n))
		if err := m.parse(b, false); !errors.Is(err, errCount) {
			t.Errorf("count %d: %v", n, err)
		}
	}
	b := bytes.Clone(full)
	b[0] = 2
	if err := m.parse(b, false); !errors.Is(err, errUnknown) {
		t.Errorf("unknown id: %v", err)
	}
}

func FuzzDeliver(f *testing.F) {
	f.Add(build(ring5, 0, 2), false)
	f.Add(appendBarrier(nil, ring5), true)
	f.Fuzz(func(t *testing.T, b []byte, foreign bool) {
		m := New(logsys.ToFunc(logsys.Emerg, nil, func(logsys.Record) {}).Logger("SYNC"))
		m.Start(ring5, []totem.NodeID{1, 2}, local)
		m.Deliver(1, build(ring5, 0, 2), false)
		for range 3 {
			m.Deliver(2, b, foreign)
			m.TokenSent()
			m.Processed(true)
		}
		if len(m.services) > MaxServices {
			t.Fatal("list too long")
		}
	})
}
