package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/corosync-go/corosync/libcorosync-go/cserr"
	"github.com/corosync-go/corosync/libcorosync-go/quorum"
	"github.com/corosync-go/corosync/libcorosync-go/votequorum"
)

func checkQuorum(ctx context.Context, s *suite) {
	_, err := quorum.Dial(ctx, quorum.Options{Model: 2})
	s.is("unknown model", err, cserr.InvalidParam)
	for model := range uint32(2) {
		var log []string
		q, err := quorum.Dial(ctx, quorum.Options{Model: model, Callbacks: quorum.Callbacks{
			Notify: func(quorate bool, seq uint64, members []uint32) {
				log = append(log, fmt.Sprint("v0 ", quorate, seq > 0, members))
			},
			Quorum: func(quorate bool, ring quorum.RingID, members []uint32) {
				log = append(log, fmt.Sprint("quorum ", quorate, ring.NodeID, ring.Seq > 0, members))
			},
			NodeList: func(ring quorum.RingID, members, joined, left []uint32) {
				log = append(log, fmt.Sprint("nodes ", ring.NodeID, members, joined, left))
			},
		}})
		if !s.ok("dial", err) {
			continue
		}
		s.modes(ctx, q)
		same(s, "type", q.Type(), quorum.Set)
		quorate, err := q.Quorate(ctx)
		s.ok("quorate", err)
		same(s, "quorate", quorate, true)
		s.ok("track stop while not tracking", q.TrackStop(ctx))
		s.ok("track", q.TrackStart(ctx, quorum.TrackChanges))
		s.is("track again", q.TrackStart(ctx, quorum.TrackCurrent), cserr.Exist)
		want := "v0 true true [1 2], v0 true true [1 2]"
		if model == 1 {
			want = strings.TrimSuffix(strings.Repeat("nodes 1 [1 2] [] [], quorum true 1 true [1 2], ", 2), ", ")
		}
		s.until(ctx, "events", q, func() bool { return len(log) >= strings.Count(want, ", ")+1 })
		same(s, "events", strings.Join(log, ", "), want)
		s.ok("track stop", q.TrackStop(ctx))
		s.ok("close", q.Close())
	}
}

func checkVotequorum(ctx context.Context, s *suite) {
	var log []string
	var ring votequorum.RingID
	v, err := votequorum.Dial(ctx, votequorum.Options{Callbacks: votequorum.Callbacks{
		Quorum: func(track uint64, quorate bool, nodes []votequorum.Node) {
			slices.SortFunc(nodes, func(a, b votequorum.Node) int { return int(a.NodeID) - int(b.NodeID) }) // any order is right
			log = append(log, fmt.Sprint("quorum ", track, quorate, nodes))
		},
		ExpectedVotes: func(track uint64, votes uint32) { log = append(log, fmt.Sprint("expected ", track, votes)) },
		NodeList: func(track uint64, r votequorum.RingID, members []uint32) {
			ring = r
			log = append(log, fmt.Sprint("nodes ", track, r.NodeID, members))
		},
	}})
	if !s.ok("dial", err) {
		return
	}
	defer v.Close()
	s.modes(ctx, v)
	info, err := v.Info(ctx, 0)
	s.ok("info", err)
	same(s, "info", info, votequorum.Info{NodeID: 1, State: votequorum.Member, Votes: 1, ExpectedVotes: 3, HighestExpected: 3,
		TotalVotes: 2, Quorum: 2, Flags: votequorum.Quorate, QdeviceVotes: 1})
	_, err = v.Info(ctx, 9)
	s.is("info of unknown node", err, cserr.NotExist)
	s.is("votes of unknown node", v.SetVotes(ctx, 9, 1), cserr.NameNotFound)
	s.is("too few votes", v.SetVotes(ctx, 1, 0), cserr.InvalidParam)
	s.is("too few expected votes", v.SetExpected(ctx, 1), cserr.InvalidParam)
	s.is("track stop while not tracking", v.TrackStop(ctx), cserr.NotExist)
	s.ok("track", v.TrackStart(ctx, 77, votequorum.TrackChanges))
	s.is("track again", v.TrackStart(ctx, 78, votequorum.TrackChangesOnly), cserr.Exist)
	s.until(ctx, "events", v, func() bool { return len(log) >= 2 })
	same(s, "events", strings.Join(log, ", "), "nodes 77 1 [1 2], quorum 77 true [{1 1} {2 1}]")
	log = nil
	s.ok("expected votes", v.SetExpected(ctx, 2))
	s.until(ctx, "expected votes", v, func() bool { return len(log) >= 1 })
	same(s, "expected votes", strings.Join(log, ", "), "expected 77 2")
	s.ok("expected votes", v.SetExpected(ctx, 3))

	s.is("empty name", v.QdeviceRegister(ctx, ""), cserr.InvalidParam)
	s.is("long name", v.QdeviceRegister(ctx, strings.Repeat("x", 255)), cserr.InvalidParam)
	s.is("poll without device", v.QdevicePoll(ctx, "QD", true, ring), cserr.NotExist)
	s.is("unregister without device", v.QdeviceUnregister(ctx, "QD"), cserr.NotExist)
	s.ok("register", v.QdeviceRegister(ctx, "QD"))
	s.ok("register again", v.QdeviceRegister(ctx, "QD"))
	s.is("register another", v.QdeviceRegister(ctx, "other"), cserr.Exist)
	s.is("poll in another ring", v.QdevicePoll(ctx, "QD", true, votequorum.RingID{}), cserr.MessageError)
	s.is("poll with another name", v.QdevicePoll(ctx, "other", true, ring), cserr.InvalidParam)
	s.ok("poll", v.QdevicePoll(ctx, "QD", true, ring))
	s.ok("master wins", v.QdeviceMasterWins(ctx, "QD", true))
	s.is("master wins with another name", v.QdeviceMasterWins(ctx, "other", true), cserr.InvalidParam)
	// Votes follow the messages that the calls above send round the ring.
	want := uint32(votequorum.Quorate | votequorum.QdeviceRegistered | votequorum.QdeviceAlive | votequorum.QdeviceCastVote | votequorum.QdeviceMasterWins)
	for range 1000 {
		if info, err = v.Info(ctx, 0); err != nil || info.TotalVotes == 3 {
			break
		}
	}
	s.ok("info", err)
	same(s, "device", fmt.Sprint(info.Flags, info.TotalVotes, info.QdeviceName), fmt.Sprint(want, 3, "QD"))
	s.ok("rename", v.QdeviceUpdate(ctx, "QD", "QD2"))
	s.is("unregister with another name", v.QdeviceUnregister(ctx, "other"), cserr.InvalidParam)
	for range 1000 {
		if err = v.QdeviceUnregister(ctx, "QD2"); err == nil {
			break
		}
	}
	s.ok("unregister", err)
	s.ok("track stop", v.TrackStop(ctx))
}
