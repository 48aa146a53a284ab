package cfgtool

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/corosync-go/corosync/libcorosync-go/cfg"
	"github.com/corosync-go/corosync/libcorosync-go/cmap"
	"github.com/corosync-go/corosync/libcorosync-go/cmd/internal/tooltest"
	"github.com/corosync-go/corosync/libcorosync-go/cserr"
)

func daemon(transport string) *tooltest.Daemon {
	link := func(connected bool, src, dst string) cfg.LinkStatus {
		return cfg.LinkStatus{Enabled: true, Connected: connected, DynConnected: true, MTU: 1446, Src: src, Dst: dst}
	}
	far := cfg.NodeStatus{Reachable: true, Remote: true, External: true}
	far.Links[0] = link(true, "10.0.0.1", "10.0.0.2")
	far.Links[3] = link(false, "10.3.0.1", "10.3.0.2")
	return &tooltest.Daemon{
		Local: 7,
		Keys: map[string]cmap.Value{
			"totem.transport":                  cmap.Of(transport),
			"totem.interface.3.knet_transport": cmap.Of("sctp"),
			"nodelist.node.0.nodeid":           cmap.Of(uint32(4000000000)),
			"nodelist.node.1.nodeid":           cmap.Of(uint32(7)),
			"nodelist.node.2.nodeid":           cmap.Of(uint32(3)),
			"nodelist.node.2.nodeid.x":         cmap.Of(uint32(9)),
			"nodelist.node.x.nodeid":           cmap.Of(uint32(9)),
		},
		Status: map[uint32]cfg.NodeStatus{
			7:          {Reachable: true, Links: [8]cfg.LinkStatus{link(true, "127.0.0.1", "127.0.0.1")}},
			4000000000: far,
			3:          {},
		},
	}
}

func TestStatus(t *testing.T) {
	for _, test := range []struct {
		line, transport, want string
	}{
		{"cfgtool -s", "knet", `Local node ID 7, transport knet
LINK ID 0 udp
	addr	= 10.0.0.1
	status:
		nodeid:          3:	disconnected
		nodeid:          7:	localhost
		nodeid: 4000000000:	connected
LINK ID 3 sctp
	addr	= 10.3.0.1
	status:
		nodeid:          3:	disconnected
		nodeid:          7:	localhost
		nodeid: 4000000000:	disconnected
`},
		{"cfgtool -bs", "knet", `Local node ID 7, transport knet
LINK ID 0 udp
	addr	= 10.0.0.1
	status	= 0n3
LINK ID 3 sctp
	addr	= 10.3.0.1
	status	= 0n1
`},
		{"cfgtool -sn", "knet", `Local node ID 7, transport knet
nodeid: 4000000000 reachable remote external
   LINK: 0 udp (10.0.0.1->10.0.0.2) enabled connected dynconnected mtu: 1446
   LINK: 3 sctp (10.3.0.1->10.3.0.2) enabled dynconnected mtu: 1446

`},
		{"cfgtool -bs", "udpu", `Local node ID 7, transport udpu
LINK ID 0 ` + `
	addr	= 10.0.0.1
	status	= 0n3
LINK ID 3 sctp
	addr	= 10.3.0.1
	status	= 0n1
`},
	} {
		r := daemon(test.transport).Run(Run, test.line, "")
		if r != (tooltest.Result{Stdout: test.want}) {
			t.Errorf("%s: %d %s\n%s", test.line, r.Code, r.Stderr, r.Stdout)
		}
	}
}

func TestStatusErrors(t *testing.T) {
	d := daemon("knet")
	delete(d.Status, 3)
	if r := d.Run(Run, "cfgtool -s", ""); r.Code != 0 || r.Stderr != "Could not get the node status for nodeid 3, the error is: 21\n" ||
		!strings.Contains(r.Stdout, "nodeid:          0:\tdisconnected") {
		t.Error(r)
	}
	d = daemon("knet")
	d.Keys = map[string]cmap.Value{}
	if r := d.Run(Run, "cfgtool -n", ""); r != (tooltest.Result{Stderr: "No nodes found in nodelist\n", Code: 1}) {
		t.Error(r)
	}
	d.Refuse = map[string][]cserr.Error{"cmap": {cserr.Access}}
	if r := d.Run(Run, "cfgtool -n", ""); r != (tooltest.Result{Stderr: "Could not initialize corosync cmap API error 11\n", Code: 1}) {
		t.Error(r)
	}
}

func TestActions(t *testing.T) {
	for _, test := range []struct {
		line     string
		answers  []cserr.Error
		requests string
		want     tooltest.Result
	}{
		{"cfgtool -R", nil, "cfg 7", tooltest.Result{Stdout: "Reloading corosync.conf...\nDone\n"}},
		{"cfgtool -R", []cserr.Error{cserr.InvalidParam}, "cfg 7",
			tooltest.Result{Stdout: "Reloading corosync.conf...\n", Stderr: "Could not reload configuration. Error CS_ERR_INVALID_PARAM\n", Code: 7}},
		{"cfgtool -L", []cserr.Error{cserr.Library}, "cfg 8",
			tooltest.Result{Stderr: "Could not reopen corosync logging files. Error CS_ERR_LIBRARY\n", Code: 2}},
		{"cfgtool -k 9", []cserr.Error{cserr.NotExist}, "cfg 2",
			tooltest.Result{Stdout: "Killing node 9\n", Stderr: "Could not kill node (error = CS_ERR_NOT_EXIST)\n", Code: 1}},
		{"cfgtool -H --force", []cserr.Error{cserr.TryAgain, cserr.TryAgain}, "cfg 3 cfg 3 cfg 3",
			tooltest.Result{Stdout: "Shutting down corosync\n"}},
		{"cfgtool -H", []cserr.Error{cserr.Busy}, "cfg 3",
			tooltest.Result{Stdout: "Shutting down corosync\n", Stderr: "Could not shutdown (error = 10)\n"}},
		{"cfgtool -H", slices.Repeat([]cserr.Error{cserr.TryAgain}, 40), strings.TrimSpace(strings.Repeat("cfg 3 ", 30)),
			tooltest.Result{Stdout: "Shutting down corosync\n", Stderr: "Could not shutdown (error = 6)\n"}},
		{"cfgtool -Hks", nil, "", tooltest.Result{Stderr: "The nodeid was not valid, try a positive number\n", Code: 1}},
		{"cfgtool -R -L", nil, "cfg 8", tooltest.Result{}},
	} {
		d := daemon("knet")
		d.Answers = test.answers
		r := d.Run(Run, test.line, "")
		if r != test.want || strings.Join(d.Requests, " ") != test.requests {
			t.Errorf("%s: %+v\nrequests %v", test.line, r, fmt.Sprint(d.Requests))
		}
	}
}
