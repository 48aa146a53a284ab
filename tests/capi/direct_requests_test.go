//go:build linux

package capi

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"maps"
	"math/rand"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/corosync-go/corosync/libcorosync-go/cserr"
	"github.com/corosync-go/corosync/libcorosync-go/ipcmsg"
)

const (
	longWords = 4096
	longMax   = 12000 // the longest reply has 10272

	cmapGet = "CMAP_GET"
	mcast   = "CPG_MCAST"
)

// operations are the requests of enum core_op with their numbers.
func operations(t *testing.T) map[string]int {
	t.Helper()
	text, err := os.ReadFile("../../libcorosync-go/core/core.h")
	if err != nil {
		t.Fatal(err)
	}
	_, body, _ := strings.Cut(string(text), "enum core_op {")
	body, _, _ = strings.Cut(body, "};")
	ops, next := map[string]int{}, 0
	for _, m := range regexp.MustCompile(`(?m)^\t(OP_|CORE_)(\w+)(?: = (\w+))?,`).FindAllStringSubmatch(body, -1) {
		if m[3] != "" {
			n, err := strconv.ParseInt(m[3], 0, 32)
			if err != nil {
				t.Fatal(err)
			}
			next = int(n)
		}
		if m[1] == "OP_" {
			ops[m[2]] = next
		}
		next++
	}
	if len(ops) < 40 {
		t.Fatalf("core.h: only %d operations found", len(ops))
	}
	return ops
}

func requestLine(op int, a [3]uint64, first, second []byte) string {
	return fmt.Sprintf("request %d %d %d %d .%x .%x", op, a[0], a[1], a[2], first, second)
}

func (d *direct) request(name string, a [3]uint64, first, second []byte) int {
	d.t.Helper()
	return d.do("%s", requestLine(operations(d.t)[name], a, first, second))[0]
}

// reply has the program read a reply, and returns the fields of its answer.
func (d *direct) reply(name string, room int) []string {
	d.t.Helper()
	fmt.Fprintf(d.in, "reply %d %d\n", operations(d.t)[name], room)
	return d.line()
}

// requestOf is what the Go client would send; mcast is not among them, as it has a test of its own.
var requestOf = map[string]func(a [3]uint64, first, second []byte) []byte{
	"CPG_JOIN": func(a [3]uint64, first, _ []byte) []byte {
		return ipcmsg.CPGJoinRequest{Group: first, PID: uint32(a[0]), Flags: uint32(a[1])}.Append(nil)
	},
	"CPG_LEAVE": func(a [3]uint64, first, _ []byte) []byte {
		return ipcmsg.CPGLeaveRequest{Group: first, PID: uint32(a[0])}.Append(nil)
	},
	"CPG_FINALIZE":      bare(ipcmsg.CPGReqFinalize),
	"CPG_ITER_FINALIZE": cpgHandle(ipcmsg.CPGReqIterationFinalize),
	"CPG_PARTIAL": func(a [3]uint64, first, _ []byte) []byte {
		return ipcmsg.CPGPartialMcastRequest{Guarantee: uint32(a[0]), TotalLen: uint32(a[1]), Type: uint32(a[2]), Payload: first}.Append(nil)
	},
	"CPG_MEMBERSHIP": func(_ [3]uint64, first, _ []byte) []byte {
		return ipcmsg.CPGMembershipRequest{Group: first}.Append(nil)
	},
	"CPG_LOCAL_GET": bare(ipcmsg.CPGReqLocalGet),
	"CPG_ITER_INIT": func(a [3]uint64, first, _ []byte) []byte {
		return ipcmsg.CPGIterInitRequest{Group: first, Type: uint32(a[0])}.Append(nil)
	},
	"CPG_ITER_NEXT": cpgHandle(ipcmsg.CPGReqIterationNext),

	"CMAP_SET_MAP": func(a [3]uint64, _, _ []byte) []byte {
		return ipcmsg.CmapSetCurrentMapRequest{Map: int32(a[0])}.Append(nil)
	},
	"CMAP_SET": func(a [3]uint64, first, second []byte) []byte {
		return ipcmsg.CmapSetRequest{Key: first, Type: uint8(a[0]), Value: second}.Append(nil)
	},
	"CMAP_DELETE": cmapKey(ipcmsg.CmapReqDelete),
	"CMAP_ADJUST": func(a [3]uint64, first, _ []byte) []byte {
		return ipcmsg.CmapAdjustRequest{Key: first, Step: int32(a[0])}.Append(nil)
	},
	cmapGet: func(a [3]uint64, first, _ []byte) []byte {
		return ipcmsg.CmapGetRequest{Key: first, ValueLen: a[0]}.Append(nil)
	},
	"CMAP_ITER_INIT":     cmapKey(ipcmsg.CmapReqIterInit),
	"CMAP_ITER_NEXT":     cmapHandle(ipcmsg.CmapReqIterNext),
	"CMAP_ITER_FINALIZE": cmapHandle(ipcmsg.CmapReqIterFinalize),
	"CMAP_TRACK_ADD": func(a [3]uint64, first, _ []byte) []byte {
		return ipcmsg.CmapTrackAddRequest{Key: first, TrackType: int32(a[0]), Instance: a[1]}.Append(nil)
	},
	"CMAP_TRACK_DELETE": cmapHandle(ipcmsg.CmapReqTrackDelete),

	"QUORUM_GETQUORATE": bare(ipcmsg.QuorumReqGetQuorate),
	"QUORUM_GETTYPE":    bare(ipcmsg.QuorumReqGetType),
	"QUORUM_MODEL_GETTYPE": func(a [3]uint64, _, _ []byte) []byte {
		return ipcmsg.QuorumModelGetTypeRequest{Model: uint32(a[0])}.Append(nil)
	},
	"QUORUM_TRACKSTART": func(a [3]uint64, _, _ []byte) []byte {
		return ipcmsg.QuorumTrackStartRequest{TrackFlags: uint32(a[0])}.Append(nil)
	},
	"QUORUM_TRACKSTOP": bare(ipcmsg.QuorumReqTrackStop),

	"VQ_GETINFO": func(a [3]uint64, _, _ []byte) []byte {
		return ipcmsg.VotequorumGetInfoRequest{NodeID: uint32(a[0])}.Append(nil)
	},
	"VQ_SETEXPECTED": func(a [3]uint64, _, _ []byte) []byte {
		return ipcmsg.VotequorumSetExpectedRequest{ExpectedVotes: uint32(a[0])}.Append(nil)
	},
	"VQ_SETVOTES": func(a [3]uint64, _, _ []byte) []byte {
		return ipcmsg.VotequorumSetVotesRequest{NodeID: uint32(a[0]), Votes: uint32(a[1])}.Append(nil)
	},
	"VQ_TRACKSTART": func(a [3]uint64, _, _ []byte) []byte {
		return ipcmsg.VotequorumTrackStartRequest{Context: a[0], TrackFlags: uint32(a[1])}.Append(nil)
	},
	"VQ_TRACKSTOP":          bare(ipcmsg.VotequorumReqTrackStop),
	"VQ_QDEVICE_REGISTER":   vqDevice(ipcmsg.VotequorumReqQdeviceRegister),
	"VQ_QDEVICE_UNREGISTER": vqDevice(ipcmsg.VotequorumReqQdeviceUnregister),
	"VQ_QDEVICE_UPDATE": func(_ [3]uint64, first, second []byte) []byte {
		return ipcmsg.VotequorumQdeviceUpdateRequest{OldName: first, NewName: second}.Append(nil)
	},
	"VQ_QDEVICE_POLL": func(a [3]uint64, first, _ []byte) []byte {
		id := ipcmsg.RingID{NodeID: uint32(a[1]), Seq: a[2]}
		return ipcmsg.VotequorumQdevicePollRequest{Name: first, CastVote: a[0] != 0, RingID: id}.Append(nil)
	},
	"VQ_QDEVICE_MASTER_WINS": func(a [3]uint64, first, _ []byte) []byte {
		return ipcmsg.VotequorumQdeviceMasterWinsRequest{Name: first, Allow: a[0] != 0}.Append(nil)
	},

	"CFG_RING_STATUS": bare(ipcmsg.CfgReqRingStatusGet),
	"CFG_NODE_STATUS": func(a [3]uint64, _, _ []byte) []byte {
		return ipcmsg.CfgNodeStatusRequest{NodeID: uint32(a[0]), Version: uint32(a[1])}.Append(nil)
	},
	"CFG_TRACKSTART": func(a [3]uint64, _, _ []byte) []byte {
		return ipcmsg.CfgTrackStartRequest{TrackFlags: uint8(a[0])}.Append(nil)
	},
	"CFG_TRACKSTOP": bare(ipcmsg.CfgReqTrackStop),
	"CFG_KILL_NODE": func(a [3]uint64, first, _ []byte) []byte {
		return ipcmsg.CfgKillNodeRequest{NodeID: uint32(a[0]), Reason: first}.Append(nil)
	},
	"CFG_TRY_SHUTDOWN":   cfgWord(ipcmsg.CfgReqTryShutdown),
	"CFG_REPLY_SHUTDOWN": cfgWord(ipcmsg.CfgReqReplyToShutdown),
	"CFG_GET_NODE_ADDRS": cfgWord(ipcmsg.CfgReqGetNodeAddrs),
	"CFG_LOCAL_GET":      bare(ipcmsg.CfgReqLocalGet),
	"CFG_RELOAD":         bare(ipcmsg.CfgReqReloadConfig),
	"CFG_REOPEN_LOGS":    bare(ipcmsg.CfgReqReopenLogFiles),
}

type requestFunc = func(a [3]uint64, first, second []byte) []byte

func bare(id int32) requestFunc {
	return func([3]uint64, []byte, []byte) []byte { return ipcmsg.AppendRequest(nil, id) }
}

func cpgHandle(id int32) requestFunc {
	return func(a [3]uint64, _, _ []byte) []byte {
		return ipcmsg.CPGHandleRequest{ID: id, Handle: a[0]}.Append(nil)
	}
}

func cmapKey(id int32) requestFunc {
	return func(_ [3]uint64, first, _ []byte) []byte {
		return ipcmsg.CmapKeyRequest{ID: id, Key: first}.Append(nil)
	}
}

func cmapHandle(id int32) requestFunc {
	return func(a [3]uint64, _, _ []byte) []byte {
		return ipcmsg.CmapHandleRequest{ID: id, Handle: a[0]}.Append(nil)
	}
}

func vqDevice(id int32) requestFunc {
	return func(_ [3]uint64, first, _ []byte) []byte {
		return ipcmsg.VotequorumQdeviceRequest{ID: id, Name: first}.Append(nil)
	}
}

func cfgWord(id int32) requestFunc {
	return func(a [3]uint64, _, _ []byte) []byte {
		return ipcmsg.CfgWordRequest{ID: id, Value: uint32(a[0])}.Append(nil)
	}
}

// directForms: C writes every request as the Go client would, names that are too long cut as there.
func directForms(t *testing.T, d *direct) {
	rnd := rand.New(rand.NewSource(5))
	ops := slices.Sorted(maps.Keys(operations(t)))
	for i := range 60 * len(ops) {
		name := ops[i%len(ops)]
		if name == mcast {
			continue
		}
		want := requestOf[name]
		if want == nil {
			t.Fatalf("%s has no row here", name)
		}
		a := [3]uint64{rnd.Uint64(), rnd.Uint64(), rnd.Uint64()}
		if rnd.Intn(4) == 0 {
			a[0] = 0
		}
		first, second := pattern(rnd.Intn(256), rnd.Intn(300)), pattern(rnd.Intn(256), rnd.Intn(300))
		if rc := d.request(name, a, first, second); rc != 0 {
			t.Fatalf("%s: %d", name, rc)
		}
		if got, told := d.daemon.request(); told != 1 || !bytes.Equal(got, want(a, first, second)) {
			t.Fatalf("%s: told %d times\n%x, want\n%x", name, told, got, want(a, first, second))
		}
	}
}

// answer is what C must make of a reply.
type answer struct {
	status cserr.Error
	r      [9]uint64
	out    []byte // all of it, the caller's room may be less
}

type replyKind struct {
	some   func(rnd *rand.Rand, status cserr.Error) []byte
	answer func(msg []byte, room int) (answer, error)
}

// replyOf has for each operation a reply as daemons send it, and what the Go client makes of any reply. Where they are
// missing a reply is a status only.
var replyOf = map[string]replyKind{
	"CPG_MEMBERSHIP": {func(rnd *rand.Rand, status cserr.Error) []byte {
		list := make([]ipcmsg.CPGAddress, rnd.Intn(12))
		for i := range list {
			list[i] = ipcmsg.CPGAddress{NodeID: rnd.Uint32(), PID: rnd.Uint32(), Reason: rnd.Uint32()}
		}
		return ipcmsg.CPGMembershipResponse{Error: status, Members: list}.Append(nil)
	}, func(msg []byte, room int) (answer, error) {
		v, err := ipcmsg.ParseCPGMembershipResponse(msg)
		n := min(len(v.Members), room/12)
		a := answer{status: v.Error, r: [9]uint64{uint64(n)}}
		for _, m := range v.Members[:n] {
			for _, w := range []uint32{m.NodeID, m.PID, m.Reason} {
				a.out = appendWord(a.out, w)
			}
		}
		return a, err
	}},
	"CPG_LOCAL_GET": {func(rnd *rand.Rand, status cserr.Error) []byte {
		return ipcmsg.CPGLocalGetResponse{Error: status, NodeID: rnd.Uint32()}.Append(nil)
	}, func(msg []byte, _ int) (answer, error) {
		v, err := ipcmsg.ParseCPGLocalGetResponse(msg)
		return answer{v.Error, [9]uint64{uint64(v.NodeID)}, nil}, err
	}},
	"CPG_ITER_INIT": {func(rnd *rand.Rand, status cserr.Error) []byte {
		return ipcmsg.CPGIterInitResponse{Error: status, Handle: rnd.Uint64()}.Append(nil)
	}, func(msg []byte, _ int) (answer, error) {
		v, err := ipcmsg.ParseCPGIterInitResponse(msg)
		return answer{v.Error, [9]uint64{v.Handle}, nil}, err
	}},
	"CPG_ITER_NEXT": {func(rnd *rand.Rand, status cserr.Error) []byte {
		msg := ipcmsg.CPGIterNextResponse{Error: status, Group: pattern(rnd.Intn(256), rnd.Intn(129)), NodeID: rnd.Uint32(), PID: rnd.Uint32()}.Append(nil)
		if rnd.Intn(8) == 0 {
			setWord(msg, 24, 129+uint32(rnd.Intn(3)))
		}
		return msg
	}, func(msg []byte, _ int) (answer, error) {
		v, err := ipcmsg.ParseCPGIterNextResponse(msg)
		return answer{v.Error, [9]uint64{uint64(v.NodeID), uint64(v.PID)}, v.Group}, err
	}},
	cmapGet: {func(rnd *rand.Rand, status cserr.Error) []byte {
		value := pattern(rnd.Intn(256), rnd.Intn(200))
		room := []int{0, len(value), len(value) + rnd.Intn(20)}[rnd.Intn(3)]
		msg := ipcmsg.CmapGetResponse{Error: status, ValueLen: uint64(len(value)), Type: uint8(rnd.Intn(13)), Value: value[:min(room, len(value))]}.Append(nil, room)
		if rnd.Intn(8) == 0 {
			setWord(msg, 24+4*rnd.Intn(2), 1<<31)
		}
		return msg
	}, func(msg []byte, _ int) (answer, error) {
		v, err := ipcmsg.ParseCmapGetResponse(msg)
		return answer{v.Error, [9]uint64{v.ValueLen, uint64(v.Type)}, v.Value}, err
	}},
	"CMAP_ITER_INIT":    cmapHandleReply,
	"CMAP_TRACK_ADD":    cmapHandleReply,
	"CMAP_TRACK_DELETE": cmapHandleReply,
	"CMAP_ITER_NEXT": {func(rnd *rand.Rand, status cserr.Error) []byte {
		msg := ipcmsg.CmapIterNextResponse{Error: status, Key: pattern(rnd.Intn(256), rnd.Intn(300)), ValueLen: rnd.Uint64(), Type: uint8(rnd.Intn(13))}.Append(nil)
		if rnd.Intn(8) == 0 {
			setWord(msg, 24, rnd.Uint32())
		}
		return msg
	}, func(msg []byte, _ int) (answer, error) {
		v, err := ipcmsg.ParseCmapIterNextResponse(msg)
		return answer{v.Error, [9]uint64{v.ValueLen, uint64(v.Type)}, v.Key}, err
	}},
	"QUORUM_GETQUORATE":    quorumReply,
	"QUORUM_GETTYPE":       quorumReply,
	"QUORUM_MODEL_GETTYPE": quorumReply,
	"VQ_GETINFO": {func(rnd *rand.Rand, status cserr.Error) []byte {
		msg := ipcmsg.VotequorumInfo{Error: status, QdeviceName: pattern(1+rnd.Intn(255), rnd.Intn(260))}.Append(nil)
		for at := 24; at < 60; at += 4 {
			setWord(msg, at, rnd.Uint32())
		}
		if rnd.Intn(8) == 0 {
			copy(msg[60:], bytes.Repeat([]byte("x"), 260)) // without an end
		}
		return msg
	}, func(msg []byte, _ int) (answer, error) {
		v, err := ipcmsg.ParseVotequorumInfo(msg)
		a := answer{status: v.Error, out: v.QdeviceName}
		for i, w := range []uint32{v.NodeID, v.State, v.Votes, v.ExpectedVotes, v.HighestExpected, v.TotalVotes, v.Quorum, v.Flags, v.QdeviceVotes} {
			a.r[i] = uint64(w)
		}
		return a, err
	}},
	"CFG_RING_STATUS": {func(rnd *rand.Rand, status cserr.Error) []byte {
		list := make([]ipcmsg.CfgInterface, rnd.Intn(17))
		for i := range list {
			list[i] = ipcmsg.CfgInterface{Name: strings.Repeat("n", rnd.Intn(140)), Status: strings.Repeat("s", rnd.Intn(600))}
		}
		msg := ipcmsg.CfgRingStatusResponse{Error: status, Interfaces: list}.Append(nil)
		switch rnd.Intn(6) {
		case 0:
			setWord(msg, 24, uint32(15+rnd.Intn(4)))
		case 1:
			copy(msg[32:], bytes.Repeat([]byte("x"), len(msg))) // no text has an end
		}
		return msg
	}, func(msg []byte, _ int) (answer, error) {
		v, err := ipcmsg.ParseCfgRingStatusResponse(msg)
		a := answer{status: v.Error, r: [9]uint64{uint64(len(v.Interfaces))}}
		for _, i := range v.Interfaces {
			a.out = append(a.out, i.Name+"\x00"+i.Status+"\x00"...)
		}
		return a, err
	}},
	"CFG_NODE_STATUS": {func(rnd *rand.Rand, status cserr.Error) []byte {
		s := ipcmsg.CfgNodeStatus{Error: status, Version: 1, NodeID: rnd.Uint32(), Reachable: true}
		s.Links[7] = ipcmsg.CfgLinkStatus{Enabled: true, MTU: rnd.Uint32(), Src: "::1", Dst: "::2"}
		return s.Append(nil)
	}, func(msg []byte, _ int) (answer, error) {
		v, err := ipcmsg.ParseCfgNodeStatus(msg)
		if v.Error != cserr.OK || err != nil {
			return answer{status: v.Error}, err
		}
		return answer{v.Error, [9]uint64{uint64(v.Version)}, msg[ipcmsg.ResponseHeaderSize:ipcmsg.CfgNodeStatusV1ResponseSize]}, nil
	}},
	"CFG_GET_NODE_ADDRS": {func(rnd *rand.Rand, status cserr.Error) []byte {
		list := make([]netip.Addr, rnd.Intn(9))
		six := rnd.Intn(2) == 0
		for i := range list {
			if list[i] = netip.AddrFrom4([4]byte{10, 0, byte(rnd.Intn(256)), byte(i)}); six {
				list[i] = netip.AddrFrom16([16]byte(pattern(i, 16)))
			}
		}
		msg := ipcmsg.CfgNodeAddrsResponse{Error: status, Addrs: list}.Append(nil)
		if rnd.Intn(6) == 0 {
			setWord(msg, 28, []uint32{uint32(len(list) + 1), 1 << 28, 1<<32 - 1, 1}[rnd.Intn(4)])
		}
		return msg
	}, func(msg []byte, room int) (answer, error) {
		v, err := ipcmsg.ParseCfgNodeAddrsResponse(msg)
		if v.Error != cserr.OK {
			return answer{status: v.Error}, err
		}
		a := answer{v.Error, [9]uint64{uint64(len(v.Addrs)), syscall.AF_INET}, nil}
		for _, addr := range v.Addrs {
			if addr.Is6() {
				a.r[1] = syscall.AF_INET6
			}
			if len(a.out)+16 <= room {
				a.out = append(a.out, append(addr.AsSlice(), make([]byte, 16-addr.BitLen()/8)...)...)
			}
		}
		return a, err
	}},
	"CFG_LOCAL_GET": {func(rnd *rand.Rand, status cserr.Error) []byte {
		return ipcmsg.CfgLocalGetResponse{Error: status, NodeID: rnd.Uint32()}.Append(nil)
	}, func(msg []byte, _ int) (answer, error) {
		v, err := ipcmsg.ParseCfgLocalGetResponse(msg)
		return answer{v.Error, [9]uint64{uint64(v.NodeID)}, nil}, err
	}},
}

var cmapHandleReply = replyKind{func(rnd *rand.Rand, status cserr.Error) []byte {
	return ipcmsg.CmapHandleResponse{ID: 4, Error: status, Handle: rnd.Uint64()}.Append(nil)
}, func(msg []byte, _ int) (answer, error) {
	v, err := ipcmsg.ParseCmapHandleResponse(msg)
	return answer{v.Error, [9]uint64{v.Handle}, nil}, err
}}

var quorumReply = replyKind{func(rnd *rand.Rand, status cserr.Error) []byte {
	return ipcmsg.QuorumValueResponse{Error: status, Value: rnd.Uint32()}.Append(nil)
}, func(msg []byte, _ int) (answer, error) {
	v, err := ipcmsg.ParseQuorumValueResponse(msg)
	return answer{v.Error, [9]uint64{uint64(v.Value)}, nil}, err
}}

func appendWord(b []byte, v uint32) []byte {
	return append(b, byte(v), byte(v>>8), byte(v>>16), byte(v>>24))
}

// directAnswers: C makes of every reply what the core would, writes no further than the caller's room, and leaves what is
// wrong to the core, in its place.
func directAnswers(t *testing.T, d *direct) {
	rnd := rand.New(rand.NewSource(6))
	ops := operations(t)
	names := slices.Sorted(maps.Keys(ops))
	read, asked := map[string]int{}, 0
	for i := range 150 * len(names) {
		name := names[i%len(names)]
		k := replyOf[name]
		if valueOp := ops[name] >= ops["CPG_MEMBERSHIP"] && name != mcast; valueOp != (k.some != nil) {
			t.Fatalf("%s: a row here %v, values %v", name, k.some != nil, valueOp)
		}
		status := []cserr.Error{cserr.OK, cserr.OK, cserr.NotExist, 77}[rnd.Intn(4)]
		msg := ipcmsg.AppendResponse(nil, 9, status)
		if k.some != nil {
			msg = k.some(rnd, status)
		}
		if rnd.Intn(8) == 0 {
			msg = msg[:rnd.Intn(len(msg))]
		}
		if msg = d.daemon.reply(msg); msg == nil {
			t.Fatalf("%s: no room for a reply", name)
		}
		if rnd.Intn(10) == 0 {
			want := 0
			if d.coro[0] != nil && len(msg) < coroLeast { // none that can be one
				want = ask
			}
			if got := d.do("discard")[0]; got != want {
				t.Fatalf("%s: %d when thrown away, want %d", name, got, want)
			}
			continue
		}
		room := []int{0, rnd.Intn(300), 12000}[rnd.Intn(3)]
		var want answer
		h, err := ipcmsg.ParseResponseHeader(msg)
		want.status = h.Error
		if k.answer != nil && err == nil {
			want, err = k.answer(msg, room)
		}
		fields := d.reply(name, room)
		if err != nil {
			if fields[0] != fmt.Sprint(ask) {
				t.Fatalf("%s: %v for %x, which is for the core: %v", name, fields, msg, err)
			}
			if err := d.daemon.dropReply(); err != nil {
				t.Fatal(name, err)
			}
			asked++
			continue
		}
		line := fmt.Sprintf("0 %d %s", want.status, strings.Trim(fmt.Sprint(want.r), "[]"))
		if got := strings.Join(fields[:11], " "); got != line {
			t.Fatalf("%s: %s, want %s for %x", name, got, line, msg)
		}
		if want.status != cserr.OK || k.some == nil {
			continue
		}
		read[name]++
		memory := bytes.Repeat([]byte{0xee}, room)
		copy(memory, want.out)
		length := strconv.Itoa(len(want.out))
		if !saysLength(name) {
			length = strconv.Itoa(room)
		}
		if fields[11] != length || fields[12] != "."+hex.EncodeToString(memory) {
			t.Fatalf("%s: %s %s, want %s %x for %x", name, fields[11], fields[12], length, memory, msg)
		}
	}
	for name, k := range replyOf {
		if k.some != nil && read[name] == 0 {
			t.Errorf("%s was never read", name)
		}
	}
	if asked == 0 {
		t.Error("nothing was left to the core")
	}
	if got := d.do("discard")[0]; got != -2 {
		t.Error("more than was sent", got)
	}
}

// saysLength tells whether a reply has a name or a value, whose length is told with it.
func saysLength(name string) bool {
	return slices.Contains([]string{"CPG_ITER_NEXT", cmapGet, "CMAP_ITER_NEXT", "VQ_GETINFO", "CFG_RING_STATUS", "CFG_NODE_STATUS"}, name)
}
