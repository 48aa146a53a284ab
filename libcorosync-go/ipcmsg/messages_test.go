package ipcmsg

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net/netip"
	"reflect"
	"strings"
	"testing"

	"github.com/corosync-go/corosync/libcorosync-go/cserr"
)

// message is one format under test: a value, its bytes, and how to read them.
type message struct {
	name  string
	value any
	bytes []byte
	size  int // what the specification says
	parse func(b []byte) (any, error)
}

func parser[T any](f func([]byte) (T, error)) func([]byte) (any, error) {
	return func(b []byte) (any, error) { v, err := f(b); return v, err }
}

func execParser[T any](f func([]byte, binary.ByteOrder) (T, error), order binary.ByteOrder) func([]byte) (any, error) {
	return func(b []byte) (any, error) { v, err := f(b, order); return v, err }
}

type appender interface{ Append(dst []byte) []byte }

func msg[T appender](name string, v T, size int, f func([]byte) (T, error)) message {
	return message{name, v, v.Append(nil), size, parser(f)}
}

type execAppender interface {
	Append(dst []byte, order binary.ByteOrder) []byte
}

func exec[T execAppender](name string, v T, size int, order binary.ByteOrder, f func([]byte, binary.ByteOrder) (T, error)) message {
	return message{name, v, v.Append(nil, order), size, execParser(f, order)}
}

var (
	group = []byte("a\x00group")
	ring  = RingID{NodeID: 7, Seq: 1<<40 | 5}
	ids   = []uint32{1, 2, 0xfffffffe}
	addrs = []CPGAddress{{1, 100, CPGReasonJoin}, {2, 200, CPGReasonNodeUp}}
	key   = []byte("totem.config_version")
)

func messages() []message {
	list := []message{
		msg("request header", RequestHeader{ID: 5, Size: 16}, 16, ParseRequestHeader),
		msg("response header", ResponseHeader{ID: 5, Size: 24, Error: cserr.Busy}, 24, ParseResponseHeader),

		msg("votequorum getinfo", VotequorumGetInfoRequest{3}, 24, ParseVotequorumGetInfoRequest),
		msg("votequorum info", VotequorumInfo{cserr.OK, 1, 1, 2, 3, 4, 5, 6, 7, 8, []byte("Qdevice")}, 320, ParseVotequorumInfo),
		msg("votequorum setexpected", VotequorumSetExpectedRequest{3}, 24, ParseVotequorumSetExpectedRequest),
		msg("votequorum setvotes", VotequorumSetVotesRequest{3, 9}, 24, ParseVotequorumSetVotesRequest),
		msg("votequorum trackstart", VotequorumTrackStartRequest{1 << 60, TrackChanges}, 32, ParseVotequorumTrackStartRequest),
		msg("votequorum qdevice", VotequorumQdeviceRequest{VotequorumReqQdeviceRegister, []byte("QD")}, 272, ParseVotequorumQdeviceRequest),
		msg("votequorum qdevice update", VotequorumQdeviceUpdateRequest{[]byte("old"), []byte("new")}, 528, ParseVotequorumQdeviceUpdateRequest),
		msg("votequorum qdevice poll", VotequorumQdevicePollRequest{[]byte("QD"), true, ring}, 296, ParseVotequorumQdevicePollRequest),
		msg("votequorum master wins", VotequorumQdeviceMasterWinsRequest{[]byte("QD"), true}, 280, ParseVotequorumQdeviceMasterWinsRequest),
		msg("votequorum quorum event", VotequorumQuorumEvent{true, 42, []VotequorumNode{{1, 1}, {2, 2}}}, 48+16, ParseVotequorumQuorumEvent),
		msg("votequorum expected event", VotequorumExpectedVotesEvent{42, 3}, 40, ParseVotequorumExpectedVotesEvent),
		msg("votequorum nodelist event", VotequorumNodeListEvent{42, ring, ids}, 56+12, ParseVotequorumNodeListEvent),

		msg("quorum trackstart", QuorumTrackStartRequest{TrackCurrent}, 24, ParseQuorumTrackStartRequest),
		msg("quorum model", QuorumModelGetTypeRequest{QuorumModelV1}, 24, ParseQuorumModelGetTypeRequest),
		msg("quorum value", QuorumValueResponse{QuorumResGetType, cserr.OK, 1}, 32, ParseQuorumValueResponse),
		msg("quorum v0 event", QuorumNotification{true, 9, ids}, 48+12, ParseQuorumNotification),
		msg("quorum v1 quorum event", QuorumV1QuorumEvent{true, ring, ids}, 56+12, ParseQuorumV1QuorumEvent),
		msg("quorum v1 nodelist event", QuorumV1NodeListEvent{ring, ids, ids[:1], ids[1:]}, 64+24, ParseQuorumV1NodeListEvent),

		msg("cpg join", CPGJoinRequest{group, 77, 1}, 168, ParseCPGJoinRequest),
		msg("cpg leave", CPGLeaveRequest{group, 77}, 160, ParseCPGLeaveRequest),
		msg("cpg mcast", CPGMcastRequest{CPGAgreed, []byte("hello")}, 45, ParseCPGMcastRequest),
		msg("cpg partial mcast", CPGPartialMcastRequest{CPGAgreed, 500, CPGPartialLast, []byte("hello")}, 61, ParseCPGPartialMcastRequest),
		msg("cpg membership", CPGMembershipRequest{group}, 152, ParseCPGMembershipRequest),
		msg("cpg membership response", CPGMembershipResponse{cserr.OK, addrs}, 9248, ParseCPGMembershipResponse),
		msg("cpg local get response", CPGLocalGetResponse{cserr.OK, 3}, 32, ParseCPGLocalGetResponse),
		msg("cpg iteration initialize", CPGIterInitRequest{group, CPGIterOneGroup}, 160, ParseCPGIterInitRequest),
		msg("cpg handle", CPGHandleRequest{CPGReqIterationNext, 1 << 50}, 24, ParseCPGHandleRequest),
		msg("cpg iteration initialize response", CPGIterInitResponse{cserr.OK, 1 << 50}, 32, ParseCPGIterInitResponse),
		msg("cpg iteration next response", CPGIterNextResponse{cserr.OK, group, 1, 2}, 168, ParseCPGIterNextResponse),
		msg("cpg zc alloc", CPGZCAllocRequest{4096, []byte("/dev/shm/x")}, 152, ParseCPGZCAllocRequest),
		msg("cpg zc free", CPGZCFreeRequest{4096, 1 << 47}, 32, ParseCPGZCFreeRequest),
		msg("cpg confchg", CPGConfchgEvent{group, addrs, addrs[:1], addrs[1:]}, 184+24*4, ParseCPGConfchgEvent),
		msg("cpg deliver", CPGDeliverEvent{group, 1, 2, []byte("hello")}, 189, ParseCPGDeliverEvent),
		msg("cpg partial deliver", CPGPartialDeliverEvent{group, 500, 1, 2, CPGPartialFirst, []byte("hello")}, 205, ParseCPGPartialDeliverEvent),
		msg("cpg totem confchg", CPGTotemConfchgEvent{ring, ids}, 48+12, ParseCPGTotemConfchgEvent),

		msg("cmap set", CmapSetRequest{key, CmapUint32, []byte{1, 2, 3, 4}}, 300, ParseCmapSetRequest),
		msg("cmap delete", CmapKeyRequest{CmapReqDelete, key}, 280, ParseCmapKeyRequest),
		msg("cmap iter init", CmapKeyRequest{CmapReqIterInit, nil}, 280, ParseCmapKeyRequest),
		msg("cmap get", CmapGetRequest{key, 16}, 288, ParseCmapGetRequest),
		msg("cmap adjust", CmapAdjustRequest{key, -1}, 288, ParseCmapAdjustRequest),
		msg("cmap handle", CmapHandleRequest{CmapReqIterNext, 1 << 50}, 24, ParseCmapHandleRequest),
		msg("cmap handle response", CmapHandleResponse{CmapResIterInit, cserr.OK, 1 << 50}, 32, ParseCmapHandleResponse),
		msg("cmap iter next response", CmapIterNextResponse{cserr.OK, key, 8, CmapUint64}, 304, ParseCmapIterNextResponse),
		msg("cmap track add", CmapTrackAddRequest{key, CmapTrackAdd | CmapTrackPrefix, 1 << 50}, 296, ParseCmapTrackAddRequest),
		msg("cmap set current map", CmapSetCurrentMapRequest{CmapMapStats}, 24, ParseCmapSetCurrentMapRequest),
		msg("cmap notify", CmapNotifyEvent{9, key, CmapTrackModify, CmapValue{CmapUint16, []byte{1, 2}}, CmapValue{CmapUint8, []byte{3}}}, 339, ParseCmapNotifyEvent),

		msg("cfg word", CfgWordRequest{CfgReqTryShutdown, 2}, 24, ParseCfgWordRequest),
		msg("cfg trackstart", CfgTrackStartRequest{1}, 24, ParseCfgTrackStartRequest),
		msg("cfg kill node", CfgKillNodeRequest{2, []byte("because")}, 288, ParseCfgKillNodeRequest),
		msg("cfg node status request", CfgNodeStatusRequest{2, 1}, 32, ParseCfgNodeStatusRequest),
		msg("cfg ring status", CfgRingStatusResponse{cserr.OK, []CfgInterface{{"0 10.0.0.1", "OK"}, {"1 10.1.0.1", "n33"}}}, 10272, ParseCfgRingStatusResponse),
		msg("cfg node addrs", CfgNodeAddrsResponse{cserr.OK, []netip.Addr{netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.1.0.1")}}, 64, ParseCfgNodeAddrsResponse),
		msg("cfg node addrs 6", CfgNodeAddrsResponse{cserr.OK, []netip.Addr{netip.MustParseAddr("fd00::1")}}, 48, ParseCfgNodeAddrsResponse),
		msg("cfg local get", CfgLocalGetResponse{cserr.OK, 3}, 32, ParseCfgLocalGetResponse),
		msg("cfg node status", CfgNodeStatus{
			Error: cserr.OK, Version: 1, NodeID: 2, Reachable: true, OnwireMax: 1,
			Links: [CfgLinksMax]CfgLinkStatus{7: {true, false, true, 1410, "10.0.0.1", "10.0.0.2"}},
		}, 4200, ParseCfgNodeStatus),
		msg("cfg node status error", CfgNodeStatus{Error: cserr.NotSupported}, 32, ParseCfgNodeStatus),
		msg("cfg test shutdown", CfgTestShutdownEvent{cserr.Timeout, 1}, 32, ParseCfgTestShutdownEvent),
	}
	get := CmapGetResponse{Error: cserr.OK, ValueLen: 3, Type: CmapString, Value: []byte("ab\x00")}
	list = append(list,
		message{"cmap get response", get, get.Append(nil, 3), 43, parser(ParseCmapGetResponse)},
		message{"cmap get response, error", CmapGetResponse{Error: cserr.NotExist}, CmapGetResponse{Error: cserr.NotExist}.Append(nil, 3), 40, parser(ParseCmapGetResponse)},
	)
	for _, o := range []binary.ByteOrder{binary.NativeEndian, binary.LittleEndian, binary.BigEndian} {
		src := Source{NodeID: 1, Conn: 1 << 47}
		entries := []ExecCPGJoinListEntry{{1, group}, {2, []byte("g2")}}
		list = append(list,
			exec("exec cpg procjoin", ExecCPGProc{false, group, 77, CPGReasonJoin}, 168, o, ParseExecCPGProc),
			exec("exec cpg procleave", ExecCPGProc{true, group, 77, CPGReasonProcDown}, 168, o, ParseExecCPGProc),
			message{"exec cpg joinlist", entries, AppendExecCPGJoinList(nil, entries, o), 24 + 288, func(b []byte) (any, error) {
				v, err := ParseExecCPGJoinList(b, o)
				var all []ExecCPGJoinListEntry
				for i := range v.Len() {
					all = append(all, v.At(i))
				}
				return all, err
			}},
			exec("exec cpg mcast", ExecCPGMcastMsg{group, 77, src, []byte("hello")}, 189, o, ParseExecCPGMcast),
			exec("exec cpg partial mcast", ExecCPGPartialMcastMsg{group, 500, 77, CPGPartialLast, src, []byte("hello")}, 205, o, ParseExecCPGPartialMcast),
			exec("exec cpg downlist", ExecCPGDownlistMsg{3, ids}, 1568, o, ParseExecCPGDownlist),
			exec("exec votequorum nodeinfo", ExecVotequorumNodeInfoMsg{2, 1, 3, VotequorumNodeQuorate}, 32, o, ParseExecVotequorumNodeInfo),
			exec("exec votequorum reconfigure", ExecVotequorumReconfigureMsg{2, 3, VotequorumParamCancelWFA}, 32, o, ParseExecVotequorumReconfigure),
			exec("exec votequorum qdevice_reg", ExecVotequorumQdeviceRegMsg{1, []byte("QD")}, 280, o, ParseExecVotequorumQdeviceReg),
			message{"exec votequorum qdevice_reconfigure", ExecVotequorumQdeviceReconfigureMsg{[]byte("a"), []byte("b")},
				ExecVotequorumQdeviceReconfigureMsg{[]byte("a"), []byte("b")}.Append(nil, o), 528, parser(ParseExecVotequorumQdeviceReconfigure)},
			exec("exec cmap", ExecCmapMcastMsg{CmapReasonNewConfigVersion, []ExecCmapItem{
				{key, CmapValue{CmapUint64, []byte{1, 2, 3, 4, 5, 6, 7, 8}}},
				{[]byte("x.y"), CmapValue{CmapString, []byte("text\x00")}},
				{[]byte("gone"), CmapValue{Data: []byte{}}},
			}}, 48+288+288+280, o, ParseExecCmapMcast),
			exec("exec cfg killnode", ExecCfgKillNodeMsg{2, []byte("because")}, 288, o, ParseExecCfgKillNode),
			exec("exec cfg reload", ExecCfgReloadConfigMsg{src}, 32, o, ParseExecCfgReloadConfig),
			exec("exec cfg ring reenable", ExecCfgRingReenableMsg{src}, 32, o, ParseExecCfgRingReenable),
			exec("exec cfg crypto", ExecCfgCryptoReconfigMsg{CfgCryptoPhaseCleanup}, 24, o, ParseExecCfgCryptoReconfig),
			exec("exec pload start", ExecPloadStartMsg{1500000, 300, false}, 24, o, ParseExecPloadStart),
			exec("exec pload start 1.x", ExecPloadStartMsg{1500000, 300, true}, 32, o, ParseExecPloadStart),
		)
	}
	return list
}

func TestRoundTripAndSize(t *testing.T) {
	for _, m := range messages() {
		if len(m.bytes) != m.size {
			t.Errorf("%s: %d bytes, want %d", m.name, len(m.bytes), m.size)
		}
		got, err := m.parse(m.bytes)
		if err != nil {
			t.Errorf("%s: %v", m.name, err)
		} else if !reflect.DeepEqual(got, m.value) {
			t.Errorf("%s:\n got %+v\nwant %+v", m.name, got, m.value)
		}
	}
}

func TestHeaderSize(t *testing.T) {
	for _, m := range messages() {
		if strings.HasPrefix(m.name, "exec ") {
			continue
		}
		if h, err := ParseRequestHeader(m.bytes); err != nil || int(h.Size) != len(m.bytes) {
			t.Errorf("%s: header says %d (%v), message has %d bytes", m.name, h.Size, err, len(m.bytes))
		}
	}
}

// Append must extend what it is given and never look at stale bytes behind it.
func TestAppendKeepsPrefix(t *testing.T) {
	for _, m := range messages() {
		a, ok := m.value.(appender)
		if !ok {
			continue
		}
		dirty := bytes.Repeat([]byte{0xaa}, 12000)
		copy(dirty, "prefix")
		got := a.Append(dirty[:6])
		if string(got[:6]) != "prefix" || !bytes.Equal(got[6:], m.bytes) {
			t.Errorf("%s: differs when appended", m.name)
		}
	}
}

// Every shorter prefix is an error, except where a bare error answer is valid.
func TestPrefixes(t *testing.T) {
	for _, m := range messages() {
		if strings.HasSuffix(m.name, "error") {
			continue
		}
		for n := range m.bytes {
			_, err := m.parse(m.bytes[:n:n])
			// The unused tail of a message whose last list ends early, and the
			// fixed part of a GET response, may be missing.
			if err == nil && n < len(m.bytes)-8 && !strings.HasPrefix(m.name, "cmap get response") {
				t.Errorf("%s: no error at %d of %d bytes", m.name, n, len(m.bytes))
			}
			if err != nil && !errors.Is(err, ErrShort) && !errors.Is(err, ErrLength) && !errors.Is(err, ErrCount) && !errors.Is(err, ErrNameTooLong) {
				t.Errorf("%s: error without sentinel: %v", m.name, err)
			}
		}
	}
}

func TestHostileCounts(t *testing.T) {
	for _, m := range messages() {
		for off := RequestHeaderSize; off+4 <= len(m.bytes) && off < 400; off += 4 {
			for _, v := range []uint32{0xffffffff, 0x7fffffff, 0x80000000, 0x15555556, 385, 257, 129} {
				b := bytes.Clone(m.bytes)
				binary.NativeEndian.PutUint32(b[off:], v)
				m.parse(b) // must return
			}
		}
	}
}

func TestBareErrorAnswers(t *testing.T) {
	b := AppendResponse(nil, 0, cserr.TryAgain)
	for _, m := range messages() {
		if !strings.HasSuffix(m.name, "response") && !strings.Contains(m.name, "info") {
			continue
		}
		v, err := m.parse(b)
		f := reflect.ValueOf(v).FieldByName("Error")
		if !f.IsValid() {
			continue
		}
		if err != nil || f.Interface() != cserr.TryAgain {
			t.Errorf("%s: %v, %v", m.name, f, err)
		}
	}
}

func TestNamesAreCut(t *testing.T) {
	long := bytes.Repeat([]byte{'x'}, 1000)
	q, err := ParseVotequorumQdeviceRequest(VotequorumQdeviceRequest{5, long}.Append(nil))
	if err != nil || len(q.Name) != 254 {
		t.Error(len(q.Name), err)
	}
	j, err := ParseCPGJoinRequest(CPGJoinRequest{Group: long}.Append(nil))
	if err != nil || len(j.Group) != 128 {
		t.Error(len(j.Group), err)
	}
	k, err := ParseCmapKeyRequest(CmapKeyRequest{CmapReqDelete, long}.Append(nil))
	if err != nil || len(k.Key) != 255 {
		t.Error(len(k.Key), err)
	}
	b := CPGJoinRequest{Group: group, PID: 5}.Append(nil)
	putu32(b, 16, 129)
	j, err = ParseCPGJoinRequest(b)
	if !errors.Is(err, ErrNameTooLong) || j.PID != 5 {
		t.Error(j, err)
	}
}

func TestHotPathDoesNotAllocate(t *testing.T) {
	req := CPGMcastRequest{CPGAgreed, []byte("hello")}.Append(nil)
	buf, event := make([]byte, 0, 1024), make([]byte, 0, 1024)
	n := testing.AllocsPerRun(100, func() {
		r, err := ParseCPGMcastRequest(req)
		if err != nil {
			t.Fatal(err)
		}
		buf = ExecCPGMcastMsg{group, 77, Source{1, 2}, r.Payload}.AppendHead(buf[:0], binary.NativeEndian)
		buf = append(buf, r.Payload...)
		x, err := ParseExecCPGMcast(buf, binary.NativeEndian)
		if err != nil {
			t.Fatal(err)
		}
		event = CPGDeliverEvent{x.Group, 1, x.PID, x.Payload}.Append(event[:0])
		if _, err := ParseCPGDeliverEvent(event); err != nil {
			t.Fatal(err)
		}
	})
	if n != 0 {
		t.Errorf("%v allocations per message", n)
	}
}

func FuzzParse(f *testing.F) {
	list := messages()
	for i, m := range list {
		f.Add(i, m.bytes)
	}
	f.Fuzz(func(t *testing.T, which int, b []byte) {
		m := list[uint(which)%uint(len(list))]
		v, err := m.parse(b)
		if err != nil {
			return
		}
		// What was understood must survive its own writing.
		a, ok := v.(appender)
		if !ok {
			return
		}
		again, err := m.parse(a.Append(nil))
		if err != nil {
			t.Fatalf("%s: %v after %+v", m.name, err, v)
		}
		_ = again
	})
}
