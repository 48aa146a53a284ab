package quorumtool

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/corosync-go/corosync/libcorosync-go/cmap"
	"github.com/corosync-go/corosync/libcorosync-go/cmd/internal/tool"
	"github.com/corosync-go/corosync/libcorosync-go/cmd/internal/tooltest"
	"github.com/corosync-go/corosync/libcorosync-go/cserr"
	"github.com/corosync-go/corosync/libcorosync-go/ipcmsg"
	"github.com/corosync-go/corosync/libcorosync-go/quorum"
	"github.com/corosync-go/corosync/libcorosync-go/votequorum"
)

func daemon() *tooltest.Daemon {
	addr := netip.MustParseAddr
	return &tooltest.Daemon{
		Type: quorum.Set, Quorate: true, RingSeq: 0xd1, Members: []uint32{1, 4000000000, 3},
		Keys: map[string]cmap.Value{
			"quorum.provider":                 cmap.Of("corosync_votequorum"),
			"runtime.votequorum.this_node_id": cmap.Of(uint32(1)),
			"nodelist.node.0.nodeid":          cmap.Of(uint32(1)),
			"nodelist.node.0.name":            cmap.Of("zeta"),
			"nodelist.node.1.nodeid":          cmap.Of(uint32(4000000000)),
			"nodelist.node.2.nodeid":          cmap.Of(uint32(3)),
			"nodelist.node.2.name":            cmap.Of("alpha"),
		},
		Addrs: map[uint32][]netip.Addr{
			1:          {addr("10.0.0.1"), addr("10.1.0.1")},
			4000000000: {addr("10.0.0.2"), addr("10.1.0.2")},
			3:          {addr("10.0.0.3")},
		},
		Votes: map[uint32]ipcmsg.VotequorumInfo{
			1:          {Votes: 1, ExpectedVotes: 6, HighestExpected: 6, TotalVotes: 6, Quorum: 4, Flags: votequorum.Quorate | votequorum.WaitForAll},
			4000000000: {Votes: 2},
			3:          {Votes: 3},
		},
	}
}

// start is Run with a clock and a resolver: 10.0.0.2 has a name, 10.1.0.1 has
// none, and for others nobody can be asked.
func start(ctx context.Context, env *tool.Env, services tool.Services) int {
	r := &run{
		Env: env,
		now: func() time.Time { return time.Date(2026, 11, 2, 3, 4, 5, 0, time.UTC) },
		lookup: func(_ context.Context, addr string) ([]string, error) {
			switch addr {
			case "10.0.0.2":
				return []string{"host2.example.", "other."}, nil
			case "10.1.0.1":
				return nil, &net.DNSError{IsNotFound: true}
			}
			return nil, &net.DNSError{IsTemporary: true}
		},
	}
	return r.main(ctx, services)
}

const listHead = "\nMembership information\n----------------------\n    Nodeid      Votes Name\n"

func TestNodes(t *testing.T) {
	for _, test := range []struct{ line, want string }{
		{"quorumtool -l", listHead +
			"         1          1 zeta (local)\n4000000000          2 host2.example\n         3          3 alpha\n"},
		{"quorumtool -la", listHead +
			"         1          1 zeta, 10.1.0.1 (local)\n4000000000          2 host2.example, \n         3          3 alpha\n"},
		{"quorumtool -lai", listHead +
			"         1          1 10.0.0.1, 10.1.0.1 (local)\n4000000000          2 10.0.0.2, 10.1.0.2\n         3          3 10.0.0.3\n"},
		// The votes stay with their node: the C tool mixes them up when it sorts.
		{"quorumtool -l -o n", listHead +
			"         3          3 alpha\n4000000000          2 host2.example\n         1          1 zeta (local)\n"},
		{"quorumtool -lHo i", listHead +
			"0xee6b2800          2 host2.example\n0x00000001          1 zeta (local)\n0x00000003          3 alpha\n"},
		{"quorumtool -lp", "\nMembership information\n----------------------\n    Nodeid      Votes    Qdevice Name\n" +
			"         1          1         NR zeta (local)\n4000000000          2         NR host2.example\n         3          3         NR alpha\n"},
	} {
		if r := daemon().Run(start, test.line, ""); r != (tooltest.Result{Stdout: test.want}) {
			t.Errorf("%s: %d %s\n%s", test.line, r.Code, r.Stderr, r.Stdout)
		}
	}
}

const statusHead = `Quorum information
------------------
Date:             Mon Nov  2 03:04:05 2026
Quorum provider:  corosync_votequorum
Nodes:            3
Node ID:          1
Ring ID:          1.d1
`

func TestStatus(t *testing.T) {
	want := statusHead + `Quorate:          Yes

Votequorum information
----------------------
Expected votes:   6
Highest expected: 6
Total votes:      6
Quorum:           4  
Flags:            Quorate WaitForAll 
` + listHead + "         1          1 zeta (local)\n4000000000          2 host2.example\n         3          3 alpha\n"
	if r := daemon().Run(start, "quorumtool", ""); r != (tooltest.Result{Stdout: want}) {
		t.Errorf("%+v", r)
	}
	d := daemon()
	d.Quorate = false
	info := d.Votes[1]
	info.Flags = 0
	d.Votes[1] = info
	r := d.Run(start, "quorumtool -s", "")
	if r.Code != 2 || !strings.Contains(r.Stdout, "Quorate:          No\n") || !strings.Contains(r.Stdout, "Quorum:           4 Activity blocked\nFlags:            \n") {
		t.Errorf("%+v", r)
	}
}

func TestQdevice(t *testing.T) {
	d := daemon()
	for id, info := range d.Votes {
		info.Flags |= votequorum.QdeviceRegistered | votequorum.QdeviceAlive | votequorum.QdeviceMasterWins
		info.QdeviceVotes, info.QdeviceName = 2, []byte("Qdevice")
		if id == 3 {
			info.Flags |= votequorum.QdeviceCastVote
		}
		d.Votes[id] = info
	}
	want := "\nMembership information\n----------------------\n    Nodeid      Votes    Qdevice Name\n" +
		"         1          1    A,NV,MW zeta (local)\n4000000000          2    A,NV,MW host2.example\n         3          3     A,V,MW alpha\n" +
		"         0          0            Qdevice (votes 2)\n"
	if r := d.Run(start, "quorumtool -l", ""); r != (tooltest.Result{Stdout: want}) {
		t.Errorf("%+v", r)
	}
	info := d.Votes[1]
	info.Flags |= votequorum.QdeviceCastVote
	d.Votes[1] = info
	if r := d.Run(start, "quorumtool -lH", ""); !strings.HasSuffix(r.Stdout, "\n0x00000000          2            Qdevice\n") {
		t.Errorf("%+v", r)
	}
	if r := d.Run(start, "quorumtool -f", ""); r != (tooltest.Result{}) || len(d.Requests) != 1 {
		t.Errorf("%+v %v", r, d.Requests)
	}
}

func TestMissing(t *testing.T) {
	d := daemon()
	delete(d.Addrs, 3)
	delete(d.Votes, 3)
	r := d.Run(start, "quorumtool -l", "")
	want := tooltest.Result{
		Stdout: "Unable to get node 3 info\n" + listHead +
			"         1          1 zeta (local)\n4000000000          2 host2.example\n         3          0 \n",
		Stderr: "Unable to get node address for nodeid 3: CS_ERR_NOT_EXIST\n",
	}
	if r != want {
		t.Errorf("%+v", r)
	}
}

func TestWithoutProvider(t *testing.T) {
	free := daemon()
	free.Type = quorum.Free
	for line, want := range map[string]tooltest.Result{
		"quorumtool -s":   {Stderr: "Unable to start votequorum status tracking: CS_ERR_BAD_HANDLE\n", Code: 1},
		"quorumtool -e 3": {Stderr: "You cannot change expected votes, corosync is not using votequorum\n", Code: 1},
		"quorumtool -v 3": {Stderr: "You cannot change node votes, corosync is not using votequorum\n", Code: 1},
		"quorumtool -f":   {Stderr: "You cannot unregister quorum device, corosync is not using votequorum\n", Code: 1},
		"quorumtool -m": {Stdout: "\nQuorum is not configured - cannot monitor\n",
			Stderr: "Unable to start votequorum status tracking: CS_ERR_BAD_HANDLE\n", Code: 1},
	} {
		if r := free.Run(start, line, ""); r != want {
			t.Errorf("%s: %+v", line, r)
		}
	}
	// Another provider than votequorum.
	other := daemon()
	other.Keys["quorum.provider"] = cmap.Of("corosync_ykd")
	want := strings.NewReplacer("corosync_votequorum", "corosync_ykd", "Node ID:          1", "Node ID:          0", "1.d1", "d1").Replace(statusHead) +
		"Quorate:          Yes\n"
	if r := other.Run(start, "quorumtool", ""); r != (tooltest.Result{Stdout: want}) {
		t.Errorf("%+v", r)
	}
	if r := other.Run(start, "quorumtool -lp", ""); !strings.HasPrefix(r.Stdout, "\nMembership information\n----------------------\n    Nodeid Name\n         1 zeta\n") {
		t.Errorf("%+v", r)
	}
}

func TestChanges(t *testing.T) {
	for _, test := range []struct {
		line    string
		answers []cserr.Error
		want    tooltest.Result
	}{
		{"quorumtool -e 5", nil, tooltest.Result{}},
		{"quorumtool -e 5", []cserr.Error{cserr.InvalidParam}, tooltest.Result{Stderr: "Unable to set expected votes: CS_ERR_INVALID_PARAM\n", Code: 1}},
		{"quorumtool -v 0", []cserr.Error{cserr.InvalidParam}, tooltest.Result{Stderr: "Unable to set votes 0 for nodeid: 1: CS_ERR_INVALID_PARAM\n", Code: 1}},
		{"quorumtool -v 2 -n 9", []cserr.Error{cserr.NameNotFound}, tooltest.Result{Stderr: "Unable to set votes 2 for nodeid: 9: CS_ERR_NAME_NOT_FOUND\n", Code: 1}},
	} {
		d := daemon()
		d.Answers = test.answers
		if r := d.Run(start, test.line, ""); r != test.want || len(d.Requests) != 1 {
			t.Errorf("%s: %+v %v", test.line, r, d.Requests)
		}
	}
}

func TestConnect(t *testing.T) {
	for service, text := range map[string]string{
		"cmap": "Cannot initialize CMAP service", "quorum": "Cannot initialize QUORUM service",
		"cfg": "Cannot initialise CFG service", "votequorum": "Cannot initialise VOTEQUORUM service",
	} {
		d := daemon()
		d.Refuse = map[string][]cserr.Error{service: {cserr.Library}}
		if r := d.Run(start, "quorumtool", ""); r != (tooltest.Result{Stderr: text + "\n", Code: 1}) {
			t.Errorf("%s: %+v", service, r)
		}
	}
	d := daemon()
	delete(d.Keys, "runtime.votequorum.this_node_id")
	if r := d.Run(start, "quorumtool", ""); r.Stderr != "Unable to retrieve this_node_id\n" {
		t.Errorf("%+v", r)
	}
}
