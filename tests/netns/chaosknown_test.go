//go:build linux

package netns

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/corosync-go/corosync/tests/history"
)

// excused says that a contradiction is one that the C daemon is known for, and the logs show it:
//
// A synchronisation that tells that a node has left is cut short by the next ring, to which that node comes along. 3.1 computes
// the second list against the ring before it and forgets the first; its clients then miss what the node sent meanwhile, without
// a change of the membership. (Ours keeps the list, see ARCHITECTURE.md.)
func (c *chaos) excused(v history.Violation) bool {
	if v.Property != history.FIFO || !strings.Contains(v.Reason, "of a sender in the view are missing") || len(v.Events) != 2 {
		return false
	}
	from, to, ok := gap(v.Events[0], v.Events[1])
	if !ok || from.receiver > len(c.Nodes) || c.Node(from.receiver).Daemon.Name == "go" {
		return false
	}
	text, err := os.ReadFile(c.Node(from.receiver).proc.Log)
	if err != nil {
		return false
	}
	for _, f := range forgotten(string(text), time.Now()) {
		if f.node == from.sender && f.at.After(from.at.Add(-time.Second)) && f.at.Before(to.at.Add(time.Second)) {
			c.logf("n%d missed what n%d sent: it left in a ring that was cut short at %v", from.receiver, from.sender, f.at)
			c.known["left in a ring cut short"]++
			return true
		}
	}
	return false
}

// delivery is what a quoted event says of itself.
type delivery struct {
	receiver, sender int
	at               time.Time
}

var quoted = regexp.MustCompile(`\((\d+):\d+\): (\d+)\.(\d+) deliver (\d+):`)

func gap(a, b string) (from, to delivery, ok bool) {
	var ts unix.Timespec
	if unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts) != nil {
		return from, to, false
	}
	boot := time.Now().Add(-time.Duration(ts.Nano()))
	read := func(s string, d *delivery) bool {
		m := quoted.FindStringSubmatch(s)
		if m == nil {
			return false
		}
		sec, _ := strconv.ParseInt(m[2], 10, 64)
		usec, _ := strconv.ParseInt(m[3], 10, 64)
		d.receiver, _ = strconv.Atoi(m[1])
		d.sender, _ = strconv.Atoi(m[4])
		d.at = boot.Add(time.Duration(sec)*time.Second + time.Duration(usec)*time.Microsecond)
		return true
	}
	ok = read(a, &from) && read(b, &to) && from.receiver == to.receiver && from.sender == to.sender
	return from, to, ok
}

// forgetting is a node that was on the list of a synchronisation, and not on that of the next one, which cut it short.
type forgetting struct {
	node int
	at   time.Time
}

var syncLine = regexp.MustCompile(`^(\w+ +\d+ [0-9:.]+) .*\] (Sync members|Sync left|Completed service synchronization)(?:\[\d+\]: (.*))?`)

// forgotten reads the log of a C daemon. Its lines have no year.
func forgotten(log string, now time.Time) (out []forgetting) {
	var cut, left []string // of the synchronisation before, if that did not end, and of this one
	var at time.Time
	compare := func() {
		for _, id := range cut {
			if !strings.Contains(" "+strings.Join(left, " ")+" ", " "+id+" ") {
				n, _ := strconv.Atoi(id)
				out = append(out, forgetting{n, at})
			}
		}
		cut = nil
	}
	for line := range strings.SplitSeq(log, "\n") {
		m := syncLine.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		when, err := time.ParseInLocation("2006 Jan _2 15:04:05.000", fmt.Sprint(now.Year(), " ", m[1]), now.Location())
		if err != nil {
			continue
		}
		switch m[2] {
		case "Sync members":
			compare()
			cut, left, at = left, nil, when
		case "Sync left":
			left = strings.Fields(m[3])
		default:
			compare()
			left = nil
		}
	}
	return out
}

// TestForgotten reads what a C daemon logged when its client missed 428 messages of node 1 (seed 10002), and a usual one.
func TestForgotten(t *testing.T) {
	const log = `Nov 28 23:27:26.978 [15] n4 corosync notice  [QUORUM] Sync members[5]: 1 2 3 4 5
Nov 28 23:27:26.978 [15] n4 corosync notice  [QUORUM] Sync joined[4]: 1 2 3 5
Nov 28 23:27:26.982 [15] n4 corosync notice  [MAIN  ] Completed service synchronization, ready to provide service.
Nov 28 23:27:34.302 [15] n4 corosync notice  [QUORUM] Sync members[2]: 1 4
Nov 28 23:27:34.302 [15] n4 corosync notice  [QUORUM] Sync joined[1]: 1
Nov 28 23:27:34.302 [15] n4 corosync notice  [QUORUM] Sync left[4]: 1 2 3 5
Nov 28 23:27:34.306 [15] n4 corosync notice  [QUORUM] Sync members[4]: 1 2 3 4
Nov 28 23:27:34.306 [15] n4 corosync notice  [QUORUM] Sync joined[2]: 2 3
Nov 28 23:27:34.306 [15] n4 corosync notice  [QUORUM] Sync left[3]: 2 3 5
Nov 28 23:27:34.310 [15] n4 corosync notice  [MAIN  ] Completed service synchronization, ready to provide service.
Nov 28 23:27:39.166 [15] n4 corosync notice  [QUORUM] Sync members[4]: 2 3 4 5
Nov 28 23:27:39.166 [15] n4 corosync notice  [QUORUM] Sync left[1]: 1
Nov 28 23:27:39.170 [15] n4 corosync notice  [MAIN  ] Completed service synchronization, ready to provide service.
`
	now := time.Date(2026, 11, 28, 23, 30, 0, 0, time.UTC)
	got := forgotten(log, now)
	if len(got) != 1 || got[0].node != 1 || got[0].at.Format("15:04:05.000") != "23:27:34.306" {
		t.Errorf("%v", got)
	}
	from, to, ok := gap("n4.1(4:18): 4071.613971 deliver 1:27/491 (169 bytes)", "n4.1(4:18): 4075.625888 deliver 1:27/920 (164 bytes)")
	if !ok || from.receiver != 4 || from.sender != 1 || to.at.Sub(from.at).Round(time.Millisecond) != 4012*time.Millisecond {
		t.Errorf("%v %v %v", from, to, ok)
	}
}
