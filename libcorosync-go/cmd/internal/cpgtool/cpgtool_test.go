package cpgtool

import (
	"net/netip"
	"testing"

	"github.com/corosync-go/corosync/libcorosync-go/cmd/internal/tooltest"
	"github.com/corosync-go/corosync/libcorosync-go/cpg"
	"github.com/corosync-go/corosync/libcorosync-go/cserr"
)

func daemon() *tooltest.Daemon {
	return &tooltest.Daemon{
		Groups: []cpg.Description{{Group: "", NodeID: 1, PID: 5}, {Group: "a\\\x00\xff~", NodeID: 1, PID: 6}, {Group: "a\\\x00\xff~", NodeID: 2, PID: 4000000000}},
		Addrs:  map[uint32][]netip.Addr{1: {netip.MustParseAddr("10.0.0.1"), netip.IPv4Unspecified(), netip.MustParseAddr("10.2.0.1")}},
	}
}

func TestOutput(t *testing.T) {
	for _, test := range []struct{ line, want string }{
		{"cpgtool", "Group Name\t       PID\t   Node ID\n" +
			"\t\t         5\t         1 (10.0.0.1 10.2.0.1)\n" +
			"a\\\\\\x00\\xFFFFFFFF~\n" +
			"\t\t         6\t         1 (10.0.0.1 10.2.0.1)\n" +
			"\t\t4000000000\t         2 ()\n"},
		{"cpgtool -d :x -e", "GRP_NAME:PID:NODEID\n:5:1\na\\\x00\xff~:6:1\na\\\x00\xff~:4000000000:2\n"},
		{"cpgtool -n", "\na\\\\\\x00\\xFFFFFFFF~\na\\\\\\x00\\xFFFFFFFF~\n"},
		{"cpgtool -nd;", ";a\\\\\\x00\\xFFFFFFFF~;a\\\\\\x00\\xFFFFFFFF~;\n"},
	} {
		if r := daemon().Run(Run, test.line, ""); r != (tooltest.Result{Stdout: test.want}) {
			t.Errorf("%s: %+v", test.line, r)
		}
	}
}

func TestErrors(t *testing.T) {
	d := daemon()
	d.Groups, d.IterEnd = nil, cserr.Library
	if r := d.Run(Run, "cpgtool", ""); r.Code != 1 || r.Stderr != "cpg iteration error 2\n" {
		t.Error(r)
	}
	if r := d.Run(Run, "cpgtool -n", ""); r.Code != 0 || r.Stderr != "" {
		t.Error(r)
	}
	d.Answers = []cserr.Error{cserr.NoMemory}
	if r := d.Run(Run, "cpgtool", ""); r != (tooltest.Result{Stderr: "Cannot initialize cpg iterator error 8\n", Code: 1}) {
		t.Error(r)
	}
	d.Refuse = map[string][]cserr.Error{"cfg": {cserr.TryAgain}}
	if r := d.Run(Run, "cpgtool", ""); r != (tooltest.Result{Stderr: "Could not initialize corosync configuration API error 6\n", Code: 1}) {
		t.Error(r)
	}
}
