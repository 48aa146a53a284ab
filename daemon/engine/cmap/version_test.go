package cmap

import (
	"encoding/binary"
	"testing"

	"github.com/corosync-go/corosync/daemon/icmap"
	"github.com/corosync-go/corosync/daemon/service/servicetest"
	"github.com/corosync-go/corosync/daemon/totem"
	"github.com/corosync-go/corosync/libcorosync-go/ipcmsg"
)

// versions makes a cluster whose nodes have these configuration versions; 0 is none.
func versions(t *testing.T, v ...uint64) *servicetest.Cluster {
	return servicetest.New(t, len(v), func(n *servicetest.Node) {
		if own := v[n.ID-1]; own != 0 {
			if err := n.DB.SetUint64(keyConfigVersion, own); err != nil {
				t.Fatal(err)
			}
		}
		n.Load(New())
	})
}

func stopped(c *servicetest.Cluster) (list []totem.NodeID) {
	for id := totem.NodeID(1); c.Node(id) != nil; id++ {
		if len(c.Node(id).Host.ShutdownFor) > 0 {
			list = append(list, id)
		}
	}
	return list
}

func TestVersionCheck(t *testing.T) {
	c := versions(t, 3, 2, 0)
	c.Form(1, 2, 3)
	if got := stopped(c); got != nil {
		t.Errorf("a first ring with others is not checked: %v stop", got)
	}
	for id, want := range []uint64{3, 2, 0} {
		key := "runtime.members." + string(rune('1'+id)) + ".config_version"
		if v, err := c.Node(3).DB.GetUint64(key); err != nil || v != want {
			t.Errorf("%s is %d, %v", key, v, err)
		}
	}
	c.Form(1, 2, 3)
	if got := stopped(c); len(got) != 1 || got[0] != 2 {
		t.Errorf("the older version has to stop, not %v", got)
	}

	// Only the first ring with somebody known is checked.
	c = versions(t, 3, 3)
	c.Form(1)
	c.Form(2)
	c.Form(1, 2)
	if err := c.Node(2).DB.SetUint64(keyConfigVersion, 2); err != nil {
		t.Fatal(err)
	}
	c.Run()
	c.Form(1, 2)
	if got := stopped(c); got != nil {
		t.Errorf("later differences: %v stop", got)
	}
	if v, _ := c.Node(1).DB.GetUint64("runtime.members.2.config_version"); v != 2 {
		t.Errorf("a changed version was not announced: %d", v)
	}

	// Alone first, then a newer one: stop.
	c = versions(t, 1, 2)
	c.Form(1)
	c.Form(2)
	c.Form(1, 2)
	if got := stopped(c); len(got) != 1 || got[0] != 1 {
		t.Errorf("alone, then with a newer: %v stop", got)
	}
}

func TestVersionDeleted(t *testing.T) {
	c := versions(t, 7, 7)
	c.Form(1, 2)
	if err := c.Node(1).DB.Delete(keyConfigVersion); err != nil {
		t.Fatal(err)
	}
	// The message has the old value still, as in 3.1.
	m, err := ipcmsg.ParseExecCmapMcast(c.Node(1).Ring.Waiting()[0], binary.NativeEndian)
	if err != nil || m.Reason != ipcmsg.CmapReasonNewConfigVersion || len(m.Items) != 1 || m.Items[0].Value.Type != uint8(icmap.TypeUint64) {
		t.Errorf("%+v, %v", m, err)
	}
	c.Run()
	c.Form(1, 2)
	if v, _ := c.Node(2).DB.GetUint64("runtime.members.1.config_version"); v != 0 {
		t.Errorf("version of a node without one: %d", v)
	}
}

func TestVersionWireSize(t *testing.T) {
	c := versions(t, 3, 0)
	for id, want := range map[totem.NodeID]int{1: 336, 2: 328} {
		c.FormQuiet(id)
		c.Rotate() // service list
		c.Rotate()
		found := false
		for _, m := range c.Node(id).Ring.Waiting() {
			found = found || len(m) == want
		}
		if !found {
			t.Errorf("node %d: no message of %d bytes", id, want)
		}
	}
}

// TestVersionOfOtherType counts a version of another type as none.
func TestVersionOfOtherType(t *testing.T) {
	c := versions(t, 5, 5)
	if err := c.Node(1).DB.SetUint32(keyConfigVersion, 9); err != nil {
		t.Fatal(err)
	}
	c.Form(1, 2)
	c.Form(1, 2)
	if got := stopped(c); got != nil {
		t.Errorf("%v stop", got)
	}
}

func TestMalformedExec(t *testing.T) {
	c := versions(t, 1)
	c.Form(1)
	e := New()
	e.api = c.Node(1).Router.Service(0).Engine.(*Engine).api
	for n := range 400 {
		msg := make([]byte, n)
		if n > 24 {
			msg[24] = 32
		}
		e.execMcast(2, msg, n%2 == 0)
	}
}
