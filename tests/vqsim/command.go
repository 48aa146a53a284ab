package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/corosync-go/corosync/daemon/totem"
)

const helpText = `Nodes are named by their id and live in numbered partitions; partition 0 is the default.

up         [PARTITION:]ID[,ID]...  ...   start nodes
down       ID                            stop a node
crash      ID                            stop a node as a fatal signal does
move/split [PARTITION:]ID[,ID]...  ...   move nodes to the partition named
join       PARTITION PARTITION...        move everybody to the first partition
qdevice    on|off [PARTITION:]ID[,ID]... start or silence the quorum device of nodes
autofence  on|off                        stop nodes without quorum when others have it
sync       on|off                        show all nodes after each command, or what they report
timeout    MS                            accepted and ignored: time is simulated
assert     on|off                        accepted and ignored: there is no time to run out
wait       MS                            let time pass
show                                     show the state of all nodes
exit, quit, q
`

// targets is a parsed [PARTITION:]ID[,ID]... argument.
type targets struct {
	partition int
	nodes     []totem.NodeID
}

// atoi is the number at the start of text, 0 if there is none, as the C function of this name.
func atoi(text string) int {
	end := 0
	for end < len(text) && (text[end] >= '0' && text[end] <= '9' || end == 0 && text[0] == '-') {
		end++
	}
	n, err := strconv.Atoi(text[:end])
	if err != nil {
		return 0
	}
	return n
}

func parseTargets(arg string) targets {
	var t targets
	if before, after, ok := strings.Cut(arg, ":"); ok {
		t.partition = atoi(before)
		arg = after
	}
	for _, f := range strings.Split(arg, ",") {
		if len(t.nodes) < maxNodes {
			t.nodes = append(t.nodes, totem.NodeID(atoi(f)))
		}
	}
	return t
}

// command executes one line; afterwards the nodes are at rest.
func (s *sim) command(line string) {
	if strings.HasPrefix(line, "#") {
		return
	}
	args := strings.Fields(line)
	if len(args) == 0 {
		return
	}
	changed := false // what a synchronous run shows the states after
	switch name, args := strings.ToLower(args[0]), args[1:]; name {
	case "up":
		for _, a := range args {
			t := parseTargets(a)
			p, err := s.partition(t.partition)
			if err != nil {
				continue
			}
			for _, id := range t.nodes {
				changed = s.start(id, p) == nil || changed
			}
		}
	case "down":
		changed = s.stop(args, "Quit (on request)")
	case "crash":
		changed = s.stop(args, "exited on signal 9")
	case "move", "split":
		for _, a := range args {
			t := parseTargets(a)
			if p, err := s.partition(t.partition); err == nil {
				s.move(p, t.nodes)
			}
		}
		s.announceAll(true)
		changed = true
	case "join":
		changed = s.join(args)
	case "qdevice":
		s.qdevice(args)
	case "autofence":
		s.onOff("autofence", args, func(on bool) {
			s.autofence = on
			fmt.Fprintf(s.out, "#autofence: %s\n", onOff(on))
		})
	case "sync":
		s.onOff("sync", args, func(on bool) {
			s.sync = on
			s.autofence = on // so in corosync-vqsim, for whatever reason
			fmt.Fprintf(s.out, "#sync: %s\n", onOff(on))
		})
	case "assert":
		s.onOff("assert", args, func(bool) {})
	case "timeout":
	case "wait":
		if len(args) > 0 {
			s.wait(time.Duration(atoi(args[0])) * time.Millisecond)
		}
	case "show":
		s.show()
	case "exit", "quit", "q":
		s.quit = true
	default:
		fmt.Fprint(s.out, helpText)
	}
	s.settle()
	if changed && s.sync {
		s.show()
	}
}

func (s *sim) stop(args []string, how string) (changed bool) {
	if len(args) == 0 {
		return false
	}
	id := totem.NodeID(atoi(args[0]))
	n := s.find(id)
	if n == nil {
		fmt.Fprintf(s.errOut, "ERR: nodeid %d is not up\n", id)
		return false
	}
	n.exit(how)
	return true
}

func (s *sim) join(args []string) (changed bool) {
	if len(args) == 0 {
		fmt.Fprintln(s.out, "join needs at least two partition numbers")
		return false
	}
	to, err := s.partition(atoi(args[0]))
	if err != nil {
		return false
	}
	for _, a := range args[1:] {
		p, err := s.partition(atoi(a))
		if err != nil || p == to {
			continue // joining a partition with itself never ends in corosync-vqsim
		}
		for len(p.nodes) > 0 {
			s.moveNode(p.nodes[0], to)
		}
	}
	s.announceAll(true)
	return true
}

func (s *sim) qdevice(args []string) {
	s.onOff("qdevice", args, func(on bool) {
		for _, a := range args[1:] {
			for _, id := range parseTargets(a).nodes {
				if n := s.find(id); n != nil {
					s.after(s.lag(id), true, func() { n.qdevice(on) })
				}
			}
		}
		s.announceAll(false)
	})
}

func (s *sim) onOff(what string, args []string, set func(on bool)) {
	if len(args) > 0 {
		switch strings.ToLower(args[0]) {
		case "on":
			set(true)
			return
		case "off":
			set(false)
			return
		}
	}
	fmt.Fprintf(s.errOut, "ERR: %s value must be 'on' or 'off'\n", what)
}
