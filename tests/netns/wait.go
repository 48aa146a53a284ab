//go:build linux

package netns

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// pollInterval is how often a state is asked for. Each question costs a
// process, and the machine of the continuous integration has two cores.
const pollInterval = 60 * time.Millisecond

// Status is what corosync-quorumtool -s says.
type Status struct {
	RingID  string // "1.d": representative, ring sequence in hexadecimal
	Members []int  // node ids, ascending
	Quorate bool
	Fields  map[string]string // all "Key: value" lines
	Text    string
}

var memberLine = regexp.MustCompile(`^\s+(\d+)\s+(\d+)\s`)

// ParseStatus reads the output of corosync-quorumtool -s.
func ParseStatus(out string) (Status, error) {
	st := Status{Fields: map[string]string{}, Text: out}
	members := false
	for line := range strings.SplitSeq(out, "\n") {
		switch {
		case strings.HasPrefix(line, "Membership information"):
			members = true
		case members:
			if m := memberLine.FindStringSubmatch(line); m != nil {
				id, err := strconv.Atoi(m[1])
				if err != nil {
					return st, fmt.Errorf("member line %q: %w", line, err)
				}
				if id != 0 { // 0 is the line of the quorum device
					st.Members = append(st.Members, id)
				}
			}
		default:
			if k, v, ok := strings.Cut(line, ":"); ok {
				st.Fields[k] = strings.TrimSpace(v)
			}
		}
	}
	if st.Fields["Ring ID"] == "" {
		return st, fmt.Errorf("no ring in %q", out)
	}
	slices.Sort(st.Members)
	st.RingID = st.Fields["Ring ID"]
	st.Quorate = st.Fields["Quorate"] == "Yes"
	return st, nil
}

func (c *Cluster) tool(name string) string {
	if c.Opt.Tools != "" {
		return filepath.Join(c.Opt.Tools, name)
	}
	return name
}

// Status asks the node's daemon. An error means that it does not answer (yet).
func (n *Node) Status() (Status, error) {
	out, err := n.TryTimeout(5*time.Second, "", n.c.tool("corosync-quorumtool"), "-s")
	// The tool's exit status tells whether the node is quorate, so the text decides.
	st, perr := ParseStatus(out)
	if perr != nil {
		if err != nil {
			return st, fmt.Errorf("%s: %v: %s", n.Name, err, strings.TrimSpace(out))
		}
		return st, fmt.Errorf("%s: %w", n.Name, perr)
	}
	return st, nil
}

// Eventually calls f until it returns nil, and fails the test with f's last
// error after d.
func (c *Cluster) Eventually(d time.Duration, f func() error) {
	c.t.Helper()
	deadline := time.Now().Add(d)
	for {
		err := f()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			c.t.Fatalf("%7.3f not within %v: %v", time.Since(c.start).Seconds(), d, err)
		}
		time.Sleep(pollInterval)
	}
}

// WaitRing waits until the given nodes, or all, report one ring with exactly
// them as members, and returns its id.
func (c *Cluster) WaitRing(d time.Duration, ids ...int) string {
	c.t.Helper()
	if len(ids) == 0 {
		for _, n := range c.Nodes {
			ids = append(ids, n.ID)
		}
	}
	want := slices.Clone(ids)
	slices.Sort(want)
	var ring string
	c.Eventually(d, func() error {
		ring = ""
		for _, id := range want {
			n := c.Node(id)
			if n.proc != nil && !n.proc.Running() {
				code, _ := n.proc.Wait(time.Second)
				c.t.Fatalf("%s: daemon has ended (%d): %s", n.Name, code, tail(n.proc.Log, 5))
			}
			st, err := n.Status()
			if err != nil {
				return err
			}
			if !slices.Equal(st.Members, want) {
				return fmt.Errorf("%s sees members %v in ring %s, wanted %v", n.Name, st.Members, st.RingID, want)
			}
			if ring != "" && ring != st.RingID {
				return fmt.Errorf("%s is in ring %s, others in %s", n.Name, st.RingID, ring)
			}
			ring = st.RingID
		}
		return nil
	})
	c.logf("ring %s of %v", ring, want)
	return ring
}

// WaitQuorate waits until the nodes, or all, report the given quorum state.
func (c *Cluster) WaitQuorate(d time.Duration, quorate bool, ids ...int) {
	c.t.Helper()
	c.Eventually(d, func() error {
		for _, n := range c.pick(ids) {
			st, err := n.Status()
			if err != nil {
				return err
			}
			if st.Quorate != quorate {
				return fmt.Errorf("%s: quorate is %v, wanted %v", n.Name, st.Quorate, quorate)
			}
		}
		return nil
	})
}

// UpAndFormed starts all daemons and waits for the ring of all.
func (c *Cluster) UpAndFormed(d time.Duration) string {
	c.t.Helper()
	c.Start()
	return c.WaitRing(d)
}
