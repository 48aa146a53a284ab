//go:build linux

package capi

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/corosync-go/corosync/libcorosync-go/cserr"
	"github.com/corosync-go/corosync/libcorosync-go/ipcmsg"
	"github.com/corosync-go/corosync/libcorosync-go/ring"
)

const (
	ask   = -1
	again = int(syscall.EAGAIN)

	directWords = 1024 // a page: beyond it nobody may read
	directMax   = 1000

	directEventHead = 336 // of struct core_event
)

// direct is the program of testdata/direct.c, and the daemon's side of its connection.
type direct struct {
	t         *testing.T
	in        io.Writer
	out       *bufio.Scanner
	cmd       *exec.Cmd
	hdr, data [3][]byte // request, reply, event
	coro      [4][]byte // instead of them, over coroipc
	bytes     int       // the daemon's end of the socket
	max       int       // bytes of a message
	daemon    daemonEnd
}

// daemonEnd is what a daemon does with the shared memory, in either protocol.
type daemonEnd interface {
	// request takes the oldest request and says how often it was told of it. nil: none.
	request() (msg []byte, told int)
	// reply and event put one there, and return it as it is then: its length may have to stand in it. nil: it cannot be put.
	reply(msg []byte) []byte
	event(msg []byte) []byte
	// dropReply and oldestEvent are what the core does with what was left to it.
	dropReply() error
	oldestEvent() (msg []byte, drop func())
}

// TestDirect is about the messages that C writes and reads without the core.
func TestDirect(t *testing.T) {
	if _, err := exec.LookPath("gcc"); err != nil {
		t.Skip("skip: gcc is not installed")
	}
	prog := filepath.Join(t.TempDir(), "direct")
	args := []string{"-O1", "-g", "-Wall", "-Wextra", "-std=gnu11", "-I../../include", "-o", prog, "testdata/direct.c",
		"../../libcorosync-go/shim/requests.c", "../../libcorosync-go/shim/events.c", "../../libcorosync-go/shim/memory.c",
		"../../libcorosync-go/shim/qbring.c", "../../libcorosync-go/shim/coroipc.c", "-lpthread"}
	checks := []string{"-fsanitize=address,undefined", "-fno-sanitize-recover=all"} // not every compiler has them
	if exec.Command("gcc", append(args, checks...)...).Run() != nil {
		if out, err := exec.Command("gcc", args...).CombinedOutput(); err != nil {
			t.Fatalf("gcc: %v\n%s", err, out)
		}
	}
	for name, test := range map[string]func(*testing.T, *direct){
		"requests": directRequests, "refuses": directRefuses, "events": directEvents, "broken": directBroken, "patient": directPatient, "hostile": directHostile,
	} {
		t.Run(name, func(t *testing.T) { test(t, newDirect(t, prog, directWords, directMax)) })
	}
	t.Run("every request", func(t *testing.T) { directForms(t, newDirect(t, prog, longWords, longMax)) })
	t.Run("every reply", func(t *testing.T) { directAnswers(t, newDirect(t, prog, longWords, longMax)) })
	t.Run("coroipc", func(t *testing.T) {
		for name, test := range map[string]func(*testing.T, *direct){
			"every request": directForms, "every reply": directAnswers, "events": directEvents, "refuses": coroRefuses, "hostile": coroHostile,
		} {
			t.Run(name, func(t *testing.T) { test(t, newDirectCoro(t, prog)) })
		}
	})
}

func newDirect(t *testing.T, prog string, words, most int) *direct {
	t.Helper()
	dir := t.TempDir()
	d := &direct{t: t, max: most}
	d.daemon = qbEnd{d}
	argv := []string{}
	for i := range d.hdr {
		for j, mem := range []*[]byte{&d.hdr[i], &d.data[i]} {
			p := filepath.Join(dir, fmt.Sprintf("ring%d-%d", i, j))
			*mem = mapFile(t, p, []int{12288, words * 4}[j])
			argv = append(argv, p)
		}
		role := ring.Writer
		if i == 0 {
			role = ring.Reader
		}
		r, err := ring.Create(d.hdr[i][:ring.HeaderBytes], d.data[i], most, role, "", "")
		if err != nil {
			t.Fatal(err)
		}
		r.SetRef(2)
	}
	d.start(prog, append(argv, fmt.Sprint(words), fmt.Sprint(most))...)
	return d
}

// start runs the program with a socket as its last argument.
func (d *direct) start(prog string, argv ...string) {
	t := d.t
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	theirs := os.NewFile(uintptr(fds[1]), "socket")
	d.bytes = fds[0]
	d.cmd = exec.Command(prog, append(argv, "3")...)
	d.cmd.ExtraFiles = []*os.File{theirs}
	stderr := &bytes.Buffer{}
	d.cmd.Stderr = stderr
	in, err := d.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := d.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	d.in, d.out = in, bufio.NewScanner(out)
	d.out.Buffer(nil, 1<<20)
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	theirs.Close()
	t.Cleanup(func() {
		in.Close()
		if err := d.cmd.Wait(); err != nil {
			t.Errorf("%v\n%s", err, stderr)
		}
		unix.Close(d.bytes)
	})
}

func mapFile(t *testing.T, path string, size int) []byte {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(int64(size)); err != nil {
		t.Fatal(err)
	}
	b, err := unix.Mmap(int(f.Fd()), 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Munmap(b) })
	return b
}

// line is the next line of the answer, in fields.
func (d *direct) line() []string {
	d.t.Helper()
	if !d.out.Scan() {
		d.t.Fatalf("the program has ended: %v", d.out.Err())
	}
	return strings.Fields(d.out.Text())
}

// do gives a command and returns the numbers of its answer.
func (d *direct) do(format string, args ...any) []int {
	d.t.Helper()
	fmt.Fprintf(d.in, format+"\n", args...)
	return ints(d.t, d.line())
}

func ints(t *testing.T, fields []string) []int {
	t.Helper()
	var list []int
	for _, f := range fields {
		if strings.HasPrefix(f, ".") {
			break
		}
		var n int
		if _, err := fmt.Sscan(f, &n); err != nil {
			t.Fatal(err)
		}
		list = append(list, n)
	}
	return list
}

func (d *direct) open(i int, role ring.Role) *ring.Ring {
	d.t.Helper()
	r, err := ring.Open(d.hdr[i][:ring.HeaderBytes], d.data[i], d.max, role)
	if err != nil {
		d.t.Fatal(err)
	}
	return r
}

// told is how many bytes have come since the last look.
func (d *direct) told() int {
	b := make([]byte, 4096)
	n, _ := unix.Read(d.bytes, b)
	return max(n, 0)
}

func word(b []byte, off int) uint32 {
	return uint32(b[off]) | uint32(b[off+1])<<8 | uint32(b[off+2])<<16 | uint32(b[off+3])<<24
}

func setWord(b []byte, off int, v uint32) {
	b[off], b[off+1], b[off+2], b[off+3] = byte(v), byte(v>>8), byte(v>>16), byte(v>>24)
}

func pattern(seed, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(seed + i*7)
	}
	return b
}

// directRequests: what C writes is what the Go client would have written, across the end of the ring and up to its
// brim, and each message comes with one byte.
func directRequests(t *testing.T, d *direct) {
	rnd := rand.New(rand.NewSource(1))
	r := d.open(0, ring.Reader)
	var model [][]byte
	split, wrapped, full := 0, 0, 0
	for i := range 12000 {
		if rnd.Intn(2) == 0 {
			at := word(d.hdr[0], 0)
			var msg []byte
			var rc int
			if rnd.Intn(4) == 0 {
				key := strings.Repeat("k", 1+rnd.Intn(255))
				msg = ipcmsg.CmapGetRequest{Key: []byte(key), ValueLen: uint64(i)}.Append(nil)
				rc = d.request(cmapGet, [3]uint64{uint64(i)}, []byte(key), nil)
			} else {
				n := rnd.Intn(directMax - ipcmsg.CPGMcastRequestFixed + 1)
				msg = ipcmsg.CPGMcastRequest{Guarantee: ipcmsg.CPGAgreed, Payload: pattern(i, n)}.Append(nil)
				rc = d.do("mcast %d %d %d", i, n, rnd.Intn(n+1))[0]
			}
			fits := len(model) == 0
			if !fits {
				room, err := d.open(0, ring.Writer).Room()
				if err != nil {
					t.Fatal(err)
				}
				fits = rc == 0 || room >= len(msg)+12
			}
			switch {
			case rc == 0 && d.told() == 1:
				model = append(model, msg)
				if at == directWords-1 {
					split++
				}
				if word(d.hdr[0], 0) < at {
					wrapped++
				}
			case (rc == again || rc == ask) && !fits && d.told() == 0 && word(d.hdr[0], 0) == at:
				full++
			default:
				t.Fatalf("%d: %d, %d messages of the model", i, rc, len(model))
			}
			continue
		}
		head, tail, err := r.Peek()
		if len(model) == 0 {
			if err != ring.ErrEmpty {
				t.Fatal(i, err)
			}
			continue
		}
		if got := append(append([]byte{}, head...), tail...); err != nil || !bytes.Equal(got, model[0]) {
			t.Fatalf("%d: %v\n%x, want\n%x", i, err, got, model[0])
		}
		r.Consume()
		model = model[1:]
	}
	if split == 0 || wrapped == 0 || full == 0 {
		t.Error("not covered: split", split, "wrapped", wrapped, "full", full)
	}
}

// directRefuses: what is not plainly good is left to the core, with the ring as it was.
func directRefuses(t *testing.T, d *direct) {
	get := requestLine(operations(t)[cmapGet], [3]uint64{1}, []byte("k"), nil)
	for _, c := range []struct {
		name    string
		off     int // of the header of requests
		value   uint32
		command string
		want    int
	}{
		{"flow 1", 8240, 1, "mcast 1 10 5", again},
		{"flow 2", 8240, 2, "mcast 1 10 5", again},
		{"flow 3", 8240, 3, "mcast 1 10 5", 0},
		{"flow negative", 8240, 1 << 31, "mcast 1 10 5", 0},
		{"flow 1, ordinary", 8240, 1, get, again},
		{"flow 2, ordinary", 8240, 2, get, 0},
		{"closed", 8204, 0, "mcast 1 10 5", ask},
		{"closed by force", 8204, 1<<32 - 1, get, ask},
		{"write cursor", 0, directWords, "mcast 1 10 5", ask},
		{"write cursor, far", 0, 1<<32 - 1, "mcast 1 10 5", ask},
		{"read cursor", 4, directWords, "mcast 1 10 5", ask},
		{"word size", 8, 1 << 30, "mcast 1 10 5", 0},
		{"too long", 8, directWords, "mcast 1 961 5", ask},
		{"just not too long", 8, directWords, "mcast 1 960 5", 0},
		{"unknown", 8, directWords, "request 767 0 0 0 . .", ask},
	} {
		t.Run(c.name, func(t *testing.T) {
			old := word(d.hdr[0], c.off)
			setWord(d.hdr[0], c.off, c.value)
			before, data := slices.Clone(d.hdr[0]), slices.Clone(d.data[0])
			got := d.do("%s", c.command)[0]
			unchanged := bytes.Equal(before, d.hdr[0]) && bytes.Equal(data, d.data[0])
			setWord(d.hdr[0], c.off, old)
			told := d.told()
			if got != c.want || (got == 0) == unchanged || (got == 0) != (told == 1) {
				t.Errorf("%d, want %d; unchanged %v; %d bytes", got, c.want, unchanged, told)
			}
			if r := d.open(0, ring.Reader); got == 0 {
				if _, _, err := r.Peek(); err != nil {
					t.Error(err)
				}
				r.Consume()
			}
		})
	}
	// A ring that is full of what the daemon has taken and has not made room of: a request waits a little, in vain here.
	for r := d.open(0, ring.Reader); d.do("mcast 1 900 5")[0] == 0; r.Sem().Try() {
		d.told()
	}
	for _, command := range []string{"mcast 1 900 5", requestLine(operations(t)["VQ_QDEVICE_UPDATE"], [3]uint64{}, nil, nil)} {
		if got := d.do("%s", command)[0]; got != again {
			t.Errorf("%d for %q without room", got, command)
		}
	}
	unix.Shutdown(d.bytes, unix.SHUT_RDWR)
	if got := d.do("mcast 1 10 5")[0]; got != int(syscall.ENOTCONN) {
		t.Errorf("%d after the end", got)
	}
}

// services are those of enum core_service.
const (
	cpgService = 1 + iota
	cmapService
	quorumService
	votequorumService
	cfgService
)

// cEvent is what an event must look like to C; nil if it is for the core.
func cEvent(service int, msg []byte) []string {
	h, err := ipcmsg.ParseResponseHeader(msg)
	if err != nil {
		return nil
	}
	bytesOf := func(lists ...[]uint32) (b []byte) {
		for _, v := range slices.Concat(lists...) {
			b = binary.LittleEndian.AppendUint32(b, v)
		}
		return b
	}
	truth := func(b bool) uint64 {
		if b {
			return 1
		}
		return 0
	}
	line := func(id int, words [4]uint64, counts [3]int, name []byte, full int, data []byte) []string {
		field := make([]byte, full)
		copy(field, name)
		return strings.Fields(fmt.Sprintf("%d %d %d %d %d %d %d %d %d %d .%x .%x", id, (directEventHead+len(data)+1+15)&^15, words[0], words[1],
			words[2], words[3], counts[0], counts[1], counts[2], len(name), field, data))
	}
	notice := func(id int, words [4]uint64, counts [3]int, lists ...[]uint32) []string {
		return line(id, words, counts, nil, 0, bytesOf(lists...))
	}
	switch [2]int{service, int(h.ID)} {
	case [2]int{cpgService, ipcmsg.CPGEventPartialDeliver}:
		if e, err := ipcmsg.ParseCPGPartialDeliverEvent(msg); err == nil {
			words := [4]uint64{uint64(e.NodeID), uint64(e.PID), uint64(e.TotalLen), uint64(e.Type)}
			return line(2, words, [3]int{len(e.Payload)}, e.Group, 129, e.Payload)
		}
	case [2]int{cpgService, ipcmsg.CPGEventDeliver}:
		if e, err := ipcmsg.ParseCPGDeliverEvent(msg); err == nil {
			return line(1, [4]uint64{uint64(e.NodeID), uint64(e.PID)}, [3]int{len(e.Payload)}, e.Group, 129, e.Payload)
		}
	case [2]int{cpgService, ipcmsg.CPGEventConfchg}:
		if e, err := ipcmsg.ParseCPGConfchgEvent(msg); err == nil {
			var list []uint32
			for _, a := range slices.Concat(e.Members, e.Left, e.Joined) {
				list = append(list, a.NodeID, a.PID, a.Reason)
			}
			return line(3, [4]uint64{}, [3]int{len(e.Members), len(e.Left), len(e.Joined)}, e.Group, 129, bytesOf(list))
		}
	case [2]int{cpgService, ipcmsg.CPGEventTotemConfchg}:
		if e, err := ipcmsg.ParseCPGTotemConfchgEvent(msg); err == nil {
			return notice(4, [4]uint64{uint64(e.RingID.NodeID), e.RingID.Seq}, [3]int{len(e.Members)}, e.Members)
		}
	case [2]int{cmapService, ipcmsg.CmapEventNotify}:
		if e, err := ipcmsg.ParseCmapNotifyEvent(msg); err == nil {
			return line(5, [4]uint64{e.Instance, uint64(uint32(e.Event)), uint64(e.New.Type), uint64(e.Old.Type)},
				[3]int{len(e.New.Data), len(e.Old.Data)}, e.Key, 257, slices.Concat(e.New.Data, e.Old.Data))
		}
	case [2]int{quorumService, ipcmsg.QuorumEventNotification}:
		if e, err := ipcmsg.ParseQuorumNotification(msg); err == nil {
			return notice(6, [4]uint64{truth(e.Quorate), e.RingSeq}, [3]int{len(e.View)}, e.View)
		}
	case [2]int{quorumService, ipcmsg.QuorumEventV1Quorum}:
		if e, err := ipcmsg.ParseQuorumV1QuorumEvent(msg); err == nil {
			return notice(7, [4]uint64{truth(e.Quorate), uint64(e.RingID.NodeID), e.RingID.Seq}, [3]int{len(e.View)}, e.View)
		}
	case [2]int{quorumService, ipcmsg.QuorumEventV1NodeList}:
		if e, err := ipcmsg.ParseQuorumV1NodeListEvent(msg); err == nil {
			return notice(8, [4]uint64{0, uint64(e.RingID.NodeID), e.RingID.Seq}, [3]int{len(e.Members), len(e.Joined), len(e.Left)},
				e.Members, e.Joined, e.Left)
		}
	case [2]int{votequorumService, ipcmsg.VotequorumEventQuorum}:
		if e, err := ipcmsg.ParseVotequorumQuorumEvent(msg); err == nil {
			var list []uint32
			for _, n := range e.Nodes {
				list = append(list, n.NodeID, n.State)
			}
			return notice(9, [4]uint64{e.Context, truth(e.Quorate)}, [3]int{len(e.Nodes)}, list)
		}
	case [2]int{votequorumService, ipcmsg.VotequorumEventExpectedVotes}:
		if e, err := ipcmsg.ParseVotequorumExpectedVotesEvent(msg); err == nil {
			return notice(10, [4]uint64{e.Context, uint64(e.ExpectedVotes)}, [3]int{})
		}
	case [2]int{votequorumService, ipcmsg.VotequorumEventNodeList}:
		if e, err := ipcmsg.ParseVotequorumNodeListEvent(msg); err == nil {
			return notice(11, [4]uint64{e.Context, uint64(e.RingID.NodeID), e.RingID.Seq}, [3]int{len(e.Members)}, e.Members)
		}
	case [2]int{cfgService, ipcmsg.CfgEventTestShutdown}:
		if e, err := ipcmsg.ParseCfgTestShutdownEvent(msg); err == nil {
			return notice(12, [4]uint64{uint64(e.Flags)}, [3]int{})
		}
	}
	return nil
}

// anyEvent is an event as daemons send it, or with something wrong, and where its counts are.
func anyEvent(service int, rnd *rand.Rand) []byte {
	numbers := func() []uint32 {
		list := make([]uint32, rnd.Intn(8))
		for i := range list {
			list[i] = rnd.Uint32()
		}
		return list
	}
	id := ipcmsg.RingID{NodeID: rnd.Uint32(), Seq: rnd.Uint64()}
	var msg []byte
	var counts []int
	switch service {
	case cpgService:
		msg, counts = anyCPGEvent(rnd), []int{160, 168, 176}
	case cmapService:
		value := func() ipcmsg.CmapValue {
			return ipcmsg.CmapValue{Type: uint8(rnd.Intn(13)), Data: pattern(rnd.Intn(256), rnd.Intn(200))}
		}
		key := bytes.Repeat([]byte("k"), rnd.Intn(256))
		msg = ipcmsg.CmapNotifyEvent{Instance: rnd.Uint64(), Key: key, Event: int32(rnd.Intn(9)), New: value(), Old: value()}.Append(nil)
		counts = []int{320, 324, 328, 332, 32}
	case quorumService:
		switch rnd.Intn(3) {
		case 0:
			msg = ipcmsg.QuorumNotification{Quorate: rnd.Intn(2) == 0, RingSeq: id.Seq, View: numbers()}.Append(nil)
		case 1:
			msg = ipcmsg.QuorumV1QuorumEvent{Quorate: rnd.Intn(2) == 0, RingID: id, View: numbers()}.Append(nil)
		case 2:
			msg = ipcmsg.QuorumV1NodeListEvent{RingID: id, Members: numbers(), Joined: numbers(), Left: numbers()}.Append(nil)
		}
		counts = []int{24, 40, 48, 56}
	case votequorumService:
		switch rnd.Intn(3) {
		case 0:
			e := ipcmsg.VotequorumQuorumEvent{Quorate: rnd.Intn(2) == 0, Context: rnd.Uint64()}
			for _, n := range numbers() {
				e.Nodes = append(e.Nodes, ipcmsg.VotequorumNode{NodeID: n, State: 1})
			}
			msg = e.Append(nil)
		case 1:
			msg = ipcmsg.VotequorumExpectedVotesEvent{Context: rnd.Uint64(), ExpectedVotes: rnd.Uint32()}.Append(nil)
		case 2:
			msg = ipcmsg.VotequorumNodeListEvent{Context: rnd.Uint64(), RingID: id, Members: numbers()}.Append(nil)
		}
		counts = []int{24, 40, 48}
	case cfgService:
		msg, counts = ipcmsg.CfgTestShutdownEvent{Error: cserr.OK, Flags: rnd.Uint32()}.Append(nil), []int{0}
	}
	switch rnd.Intn(12) {
	case 0:
		msg = msg[:rnd.Intn(len(msg))]
	case 1:
		if service == cpgService {
			setWord(msg, 24, 129+rnd.Uint32()%1000) // length of the name
		}
	case 2:
		if at := counts[rnd.Intn(len(counts))]; len(msg) >= at+4 {
			setWord(msg, at, []uint32{1 << 31, 1<<32 - 1, uint32(len(msg)), uint32(len(msg) - 184), 30, 2, 0}[rnd.Intn(7)])
		}
	case 3:
		setWord(msg, 0, rnd.Uint32()%20) // another event
	}
	return msg
}

func anyCPGEvent(rnd *rand.Rand) []byte {
	group := pattern(rnd.Intn(256), rnd.Intn(129))
	addresses := func() []ipcmsg.CPGAddress {
		list := make([]ipcmsg.CPGAddress, rnd.Intn(8))
		for i := range list {
			list[i] = ipcmsg.CPGAddress{NodeID: rnd.Uint32(), PID: rnd.Uint32(), Reason: uint32(rnd.Intn(6))}
		}
		return list
	}
	switch rnd.Intn(12) {
	case 0, 1, 2:
		return ipcmsg.CPGConfchgEvent{Group: group, Members: addresses(), Left: addresses(), Joined: addresses()}.Append(nil)
	case 3:
		return ipcmsg.CPGTotemConfchgEvent{RingID: ipcmsg.RingID{NodeID: 1, Seq: 2}, Members: []uint32{1, 2}}.Append(nil)
	case 4:
		return ipcmsg.CPGPartialDeliverEvent{Group: group, TotalLen: 9000, NodeID: 3, PID: 4, Type: 2, Payload: pattern(1, 100)}.Append(nil)
	}
	return ipcmsg.CPGDeliverEvent{Group: group, NodeID: rnd.Uint32(), PID: rnd.Uint32(), Payload: pattern(rnd.Intn(256), rnd.Intn(700))}.Append(nil)
}

// directEvents: C takes what it knows, just as the core would, and leaves the rest to it in its place.
func directEvents(t *testing.T, d *direct) {
	for service := cpgService; service <= cfgService; service++ {
		directEventsOf(t, d, service)
	}
}

func directEventsOf(t *testing.T, d *direct, service int) {
	rnd := rand.New(rand.NewSource(2))
	for left, drop := d.daemon.oldestEvent(); left != nil; left, drop = d.daemon.oldestEvent() { // of the service before
		drop()
	}
	var model [][]byte
	var taken, asked, small, several int
	for i := range 8000 {
		if rnd.Intn(3) > 0 {
			if msg := d.daemon.event(anyEvent(service, rnd)); msg != nil {
				model = append(model, msg)
			}
			continue
		}
		most, size := 1+rnd.Intn(4), rnd.Intn(3000)&^15
		got := d.do("events %d %d %d", service, most, size)
		rc, count, used, need := got[0], got[1], got[2], got[3]
		if len(model) == 0 {
			if rc != again || count != 0 {
				t.Fatal(i, got)
			}
			continue
		}
		var want [][]string
		wantUsed, wantNeed := 0, 0
		for _, msg := range model[:min(most, len(model))] {
			line := cEvent(service, msg)
			if line == nil {
				break
			}
			n, err := strconv.Atoi(line[1])
			if err != nil {
				t.Fatal(err)
			}
			if n > size-wantUsed {
				wantNeed = n
				break
			}
			want = append(want, line)
			wantUsed += n
		}
		if cEvent(service, model[0]) == nil {
			if rc != ask || count != 0 {
				t.Fatalf("%d: %v for what is not for it: %x", i, got, model[0])
			}
			left, drop := d.daemon.oldestEvent() // the core's view
			if !bytes.Equal(left, model[0]) {
				t.Fatalf("%d: %x, not %x", i, left, model[0])
			}
			drop()
			model = model[1:]
			asked++
			continue
		}
		if rc != 0 || count != len(want) || used != wantUsed || need != wantNeed {
			t.Fatalf("service %d, %d: %v, want %d %d %d for %x", service, i, got, len(want), wantUsed, wantNeed, model[0])
		}
		for _, line := range want {
			if got := d.line(); !slices.Equal(got, line) {
				t.Fatalf("%d:\n%v, want\n%v", i, got, line)
			}
		}
		model = model[count:]
		taken += count
		if wantNeed > 0 {
			small++
		}
		if count > 1 {
			several++
		}
	}
	if taken == 0 || asked == 0 || small == 0 || several == 0 {
		t.Error("not covered: taken", taken, "asked", asked, "small", small, "several", several)
	}
}

// directBroken: an event whose place in the ring is not as it should be is not taken.
func directBroken(t *testing.T, d *direct) {
	msg := ipcmsg.CPGDeliverEvent{Group: []byte("g"), Payload: make([]byte, 800)}.Append(nil)
	if _, err := d.open(2, ring.Writer).Write(msg); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name  string
		mem   []byte
		off   int
		value uint32
	}{
		{"length", d.data[2], 0, directMax + 1},
		{"length, far", d.data[2], 0, 1<<32 - 1},
		{"not committed", d.data[2], 4, 0xA110CED0},
		{"taken before", d.data[2], 4, 0xD0D0D0D0},
		{"cursor", d.hdr[2], 4, directWords},
		{"cursor, far", d.hdr[2], 4, 1<<32 - 1},
	} {
		old := word(c.mem, c.off)
		setWord(c.mem, c.off, c.value)
		if got := d.do("events 1 1 4096"); got[0] != ask || got[1] != 0 {
			t.Errorf("%s: %v", c.name, got)
		}
		setWord(c.mem, c.off, old)
	}
	if got := d.do("events 1 1 4096"); got[0] != 0 || got[1] != 1 {
		t.Errorf("repaired: %v", got)
	} else {
		d.line()
	}
}

// directPatient: where the socket has no room for the byte that belongs to a request, C waits for it.
func directPatient(t *testing.T, d *direct) {
	r := d.open(0, ring.Reader)
	told, waited := 0, false
	for i := 0; !waited; i++ {
		if i == 100000 {
			t.Fatal("the socket is never full")
		}
		answer := make(chan int, 1)
		go func() { answer <- d.do("mcast %d 4 2", i)[0] }()
		select {
		case rc := <-answer:
			if rc != 0 {
				t.Fatal(i, rc)
			}
		case <-time.After(time.Second): // or a busy machine: then all is as it was
			told += d.told()
			rc := <-answer
			waited = told < i+1 // the last byte came after room was made
			told += d.told()
			if rc != 0 || told != i+1 {
				t.Fatalf("%d, %d bytes for %d messages", rc, told, i+1)
			}
		}
		if _, _, err := r.Peek(); err != nil {
			t.Fatal(i, err)
		}
		r.Consume()
	}
}

// directHostile: a daemon that scribbles over everything all the time leads C nowhere outside its mappings.
func directHostile(t *testing.T, d *direct) {
	rnd := rand.New(rand.NewSource(4))
	w := d.open(2, ring.Writer)
	offsets := []int{0, 4, 8, 8204, 8208, 8212, 8240}
	good := 0
	for range 10000 {
		service := 1 + rnd.Intn(cfgService)
		switch rnd.Intn(6) {
		case 0:
			h := d.hdr[rnd.Intn(3)]
			setWord(h, offsets[rnd.Intn(len(offsets))], []uint32{0, 1, 2, directWords - 1, directWords, 1 << 31, rnd.Uint32()}[rnd.Intn(7)])
		case 1:
			data := d.data[1+rnd.Intn(2)]
			setWord(data, 4*rnd.Intn(directWords), []uint32{0, 0xA1A1A1A1, 5, 200, directMax, directMax + 1, rnd.Uint32()}[rnd.Intn(7)])
		case 2: // all as it was, so that good messages come too
			for j := range d.hdr {
				setWord(d.hdr[j], 0, 0)
				setWord(d.hdr[j], 4, 0)
				setWord(d.hdr[j], 8, directWords)
				setWord(d.hdr[j], 8204, 2)
				setWord(d.hdr[j], 8208, 0)
				setWord(d.hdr[j], 8212, 0)
				setWord(d.hdr[j], 8240, 0)
			}
			w = d.open(2, ring.Writer)
			_, _ = w.Write(anyEvent(service, rnd))
		default:
			good += d.anything(rnd, service)
			d.told()
		}
	}
	if good == 0 {
		t.Error("nothing was ever good")
	}
}

// anything makes the client do something, and returns 1 if it has seen nothing wrong.
func (d *direct) anything(rnd *rand.Rand, service int) int {
	d.t.Helper()
	good := 1
	switch names := slices.Sorted(maps.Keys(operations(d.t))); rnd.Intn(3) {
	case 0:
		if d.do("mcast %d %d %d", 1, 500, 100)[0] != 0 {
			good = 0
		}
	case 1:
		got := d.do("events %d 3 4096", service)
		if got[0] != 0 {
			return 0
		}
		for range got[1] {
			d.line()
		}
	case 2:
		d.reply(names[rnd.Intn(len(names))], 64)
		good = 0
	}
	return good
}
