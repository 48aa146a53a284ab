package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/corosync-go/corosync/tests/netns"
)

const (
	nodes       = 3
	perNode     = 200 // messages that each member sends
	victim      = 3   // the node whose power is cut
	waitForm    = 30 * time.Second
	waitDeliver = 30 * time.Second
)

func main() {
	member := flag.Bool("member", false, "be a member of the group (used by the demo itself)")
	bin := flag.String("bin", "build", "directory of the daemon and the tools")
	single := flag.Bool("single", false, "one node without namespaces")
	flag.Parse()
	if *member {
		os.Exit(runMember(flag.Args()))
	}
	dir, err := filepath.Abs(*bin)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if *single {
		os.Exit(runSingle())
	}
	os.Exit(netns.Stage(func() int {
		if ok, why := netns.Supported(); !ok {
			fmt.Printf("No namespaces here (%s): one node on the loopback interface instead of three.\n\n", why)
			return runSingle()
		}
		return onStage(func(s *stage) { runCluster(s, dir) })
	}))
}

// runCluster is the demonstration. Failures end it through the stage.
func runCluster(s *stage, bin string) {
	self, err := os.Executable()
	if err != nil {
		s.Fatal(err)
	}
	opt := netns.Options{
		Nodes: nodes, Daemon: netns.Daemon{Name: "corosync-go", Path: filepath.Join(bin, "corosync")}, Tools: bin,
	}
	s.title("Three nodes in network, mount, process and host name spaces of their own, with this corosync.conf:")
	s.text(opt.Conf())
	c := netns.New(s, opt)
	s.title("Start the daemons")
	began := time.Now()
	c.UpAndFormed(waitForm)
	c.WaitQuorate(waitForm, true)
	s.line("one quorate ring of all after %v", since(began))
	s.text(c.Node(1).Exec(filepath.Join(bin, "corosync-quorumtool"), "-s"))

	s.title("A client on every node joins a process group, and all send at once: %d messages each", perNode)
	members := make([]*netns.Proc, 0, nodes)
	for _, n := range c.Nodes {
		members = append(members, n.Spawn("member", self, "-member", fmt.Sprint(nodes), fmt.Sprint(perNode)))
	}
	order := make([]string, nodes)
	for i, m := range members {
		order[i] = s.await(m, "order ", waitDeliver)
	}
	for i, o := range order {
		s.line("node %d: %s", i+1, o)
	}
	for _, o := range order[1:] {
		if o != order[0] {
			s.Fatal("the nodes saw different orders")
		}
	}
	s.line("all %d nodes delivered all %d messages in one order", nodes, nodes*perNode)

	s.title("Cut the power of node %d", victim)
	began = time.Now()
	c.Node(victim).PowerOff()
	for i, m := range members {
		if i+1 == victim {
			continue
		}
		left := s.await(m, "left ", waitForm)
		s.line("node %d: %s after %v", i+1, left, since(began))
	}
	s.text(c.Node(1).Exec(filepath.Join(bin, "corosync-quorumtool"), "-s"))

	s.title("Start node %d again", victim)
	began = time.Now()
	c.Start(victim)
	c.WaitRing(waitForm)
	c.WaitQuorate(waitForm, true)
	s.line("one quorate ring of all again after %v", since(began))
	s.text(c.Node(victim).Exec(filepath.Join(bin, "corosync-cfgtool"), "-n"))

	s.title("Stop the nodes in order")
	for _, n := range c.Nodes {
		n.Stop()
		s.line("node %d has left", n.ID)
	}
}

func since(t time.Time) time.Duration { return time.Since(t).Round(time.Millisecond) }

func indent(text string) string {
	return "    " + strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n    ")
}
