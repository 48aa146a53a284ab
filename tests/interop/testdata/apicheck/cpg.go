package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"

	"github.com/corosync-go/corosync/libcorosync-go/conn"
	"github.com/corosync-go/corosync/libcorosync-go/cpg"
	"github.com/corosync-go/corosync/libcorosync-go/cserr"
)

// member is a client that writes down what it sees.
type member struct {
	*cpg.Client
	log      []string
	messages [][]byte
	count    int
	keep     bool     // whole payloads
	numbers  []uint32 // the first bytes of payloads otherwise
}

func join(ctx context.Context, s *suite, pid, flags uint32) *member {
	m := &member{keep: true}
	c, err := cpg.Dial(ctx, cpg.Options{PID: pid, Flags: flags, Callbacks: cpg.Callbacks{
		Deliver: func(group []byte, node, pid uint32, payload []byte) {
			m.count++
			if !m.keep {
				m.numbers = append(m.numbers, binary.LittleEndian.Uint32(payload))
			} else {
				m.messages = append(m.messages, bytes.Clone(payload))
				m.log = append(m.log, fmt.Sprintf("message %s %d:%d %d", group, node, pid, len(payload)))
			}
		},
		Confchg: func(group []byte, members, left, joined []cpg.Address) {
			m.log = append(m.log, fmt.Sprintf("confchg %s %v left %v joined %v", group, members, left, joined))
		},
		TotemConfchg: func(ring cpg.RingID, members []uint32) {
			m.log = append(m.log, fmt.Sprintf("totem %d %v", ring.NodeID, members))
		},
	}})
	if !s.ok("dial", err) {
		return nil
	}
	m.Client = c
	return m
}

func (m *member) expect(ctx context.Context, s *suite, what string, want ...string) {
	s.until(ctx, what, m, func() bool { return len(m.log) >= len(want) })
	for i := range min(len(want), len(m.log)) {
		same(s, what, m.log[i], want[i])
	}
	m.log = nil
}

func checkCPG(ctx context.Context, s *suite) {
	_, err := cpg.Dial(ctx, cpg.Options{Flags: 2})
	s.is("unknown flag", err, cserr.InvalidParam)
	a, b := join(ctx, s, 101, cpg.DeliverInitialTotemConf), join(ctx, s, 102, 0)
	if a == nil || b == nil {
		return
	}
	s.modes(ctx, a)
	group := []byte("api\x00check")
	s.is("leave before join", a.Leave(ctx, group), cserr.NotExist)
	s.is("join long name", a.Join(ctx, make([]byte, 129)), cserr.NameTooLong)
	s.ok("join", a.Join(ctx, group))
	a.expect(ctx, s, "join", "confchg api\x00check [{1 101 0}] left [] joined [{1 101 1}]", "totem 1 [1 2]")
	s.is("join again", a.Join(ctx, group), cserr.Exist)
	s.ok("join", b.Join(ctx, group))
	b.expect(ctx, s, "second join", "confchg api\x00check [{1 101 0} {1 102 0}] left [] joined [{1 102 1}]")
	a.expect(ctx, s, "second join", "confchg api\x00check [{1 101 0} {1 102 0}] left [] joined [{1 102 1}]")

	s.ok("mcast", b.Mcast(ctx, cpg.Agreed, []byte("he"), nil, []byte("llo")))
	for _, m := range []*member{a, b} {
		m.expect(ctx, s, "message", "message api\x00check 1:102 5")
		same(s, "payload", string(m.messages[0]), "hello")
		m.messages = nil
	}
	s.ok("empty message", a.Mcast(ctx, cpg.Agreed))
	b.expect(ctx, s, "empty message", "message api\x00check 1:101 0")
	buf := a.Alloc(100)
	s.ok("buffer", a.McastBuffer(ctx, cpg.Agreed, buf, 50))
	b.expect(ctx, s, "buffer", "message api\x00check 1:101 50")
	a.expect(ctx, s, "own", "message api\x00check 1:101 0", "message api\x00check 1:101 50")
	a.messages, b.messages = nil, nil

	// Longer than one request: cut into pieces and put together again.
	for _, n := range []int{cpg.MaxAtomic, cpg.MaxAtomic + 1, 3<<20 + 7} {
		big := make([]byte, n)
		for i := range big {
			big[i] = byte(i * 7 >> 3)
		}
		sent := make(chan error, 1)
		go func() { sent <- mcast(ctx, a, big[:n/3], big[n/3:]) }()
		want := fmt.Sprintf("message api\x00check 1:101 %d", n)
		a.expect(ctx, s, "big message", want)
		b.expect(ctx, s, "big message", want)
		s.ok("big message", <-sent)
		same(s, "big message", len(b.messages) == 1 && bytes.Equal(b.messages[0], big), true)
		a.messages, b.messages = nil, nil
	}
	checkFlood(ctx, s, a, b)

	members, err := b.Members(ctx, group)
	s.ok("members", err)
	same(s, "members", len(members), 2)
	members, err = b.Members(ctx, []byte("api"))
	s.ok("members of none", err)
	same(s, "members of none", len(members), 0)
	node, err := b.LocalNode(ctx)
	s.ok("local node", err)
	same(s, "local node", node, 1)
	var found []string
	for d, err := range a.Walk(ctx, cpg.OneGroup, group) {
		s.ok("iterate", err)
		found = append(found, fmt.Sprintf("%q %d:%d", d.Group, d.NodeID, d.PID))
	}
	same(s, "iteration", fmt.Sprint(found), `["api\x00check" 1:101 "api\x00check" 1:102]`)
	_, err = a.Iterate(ctx, cpg.OneGroup, nil)
	s.is("iterate without group", err, cserr.InvalidParam)
	names, err := a.Iterate(ctx, cpg.NameOnly, nil)
	if s.ok("iterate names", err) {
		d, err := names.Next(ctx)
		s.ok("next", err)
		same(s, "name", d, cpg.Description{Group: string(group)})
		_, err = names.Next(ctx)
		s.is("end", err, cserr.NoSections)
		s.ok("close iteration", names.Close(ctx))
		s.is("close again", names.Close(ctx), cserr.Library)
	}

	s.ok("leave", b.Leave(ctx, group))
	a.expect(ctx, s, "leave", "confchg api\x00check [{1 101 0}] left [{1 102 2}] joined []")
	s.ok("close", b.Close(ctx))
	s.is("close again", b.Close(ctx), cserr.BadHandle)
	s.ok("close", a.Close(ctx))
	s.is("use after close", a.Join(ctx, group), cserr.BadHandle)
}

// mcast sends when flow control allows it.
func mcast(ctx context.Context, m *member, parts ...[]byte) error {
	for {
		err := m.Mcast(ctx, cpg.Agreed, parts...)
		if cserr.From(err) != cserr.TryAgain {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// checkFlood sends faster than the ring takes, so that flow control shows, and
// wants every message back in order.
func checkFlood(ctx context.Context, s *suite, a, b *member) {
	const total = 2000
	a.keep, b.keep = false, false
	a.count, b.count = 0, 0
	body := make([]byte, 50000)
	refused := 0
	for i := range uint32(total) {
		binary.LittleEndian.PutUint32(body, i)
		for {
			err := a.Mcast(ctx, cpg.Agreed, body)
			if err == nil {
				break
			}
			if cserr.From(err) != cserr.TryAgain {
				s.errorf("flood: %v", err)
				return
			}
			refused++
			s.ok("dispatch", a.Dispatch(ctx, conn.All))
			s.ok("dispatch", b.Dispatch(ctx, conn.All))
		}
	}
	s.until(ctx, "flood", a, func() bool { return a.count >= total })
	s.until(ctx, "flood", b, func() bool { return b.count >= total })
	same(s, "delivered", fmt.Sprint(a.count, b.count), fmt.Sprint(total, total))
	for i, n := range b.numbers {
		if n != uint32(i) {
			s.errorf("message %d is out of order", i)
			break
		}
	}
	if refused == 0 {
		s.errorf("flow control never showed")
	}
	a.keep, b.keep = true, true
}
