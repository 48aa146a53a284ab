//go:build linux

package netns

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/corosync-go/corosync/tests/history"
	"golang.org/x/sys/unix"
)

// Load says what a recorder sends.
type Load struct {
	Rate   int    // messages per second, 0: as fast as Window allows
	Size   string // bytes, "64" or "64:5000"; empty means 64
	Window int    // own messages under way, at most; 0 means 32
	Group  string // empty means "history"
	Quiet  bool   // send nothing before Resume
	Again  bool   // connect again when the daemon goes away
	// Via is what the command begins with, such as env with variables that choose another library.
	Via []string
}

// Recorder is a client of a node that writes down what it sends and sees.
type Recorder struct {
	Node *Node
	Path string
	proc *Proc

	crashed bool
	offset  int64 // of the recording, up to which state is known
	state   mark
}

// Record starts a recorder on the node. The program is compiled from
// testdata/recorder.c against the distribution's libcpg, so that the judge
// does not depend on a library of ours.
func (n *Node) Record(l Load) *Recorder {
	n.c.t.Helper()
	bin := BuildC(n.c.t, filepath.Join(moduleRoot(n.c.t), "tests/netns/testdata/recorder.c"), "cpg")
	r := &Recorder{Node: n, Path: n.recording("")}
	argv := []string{bin, "-o", r.Path, "-r", fmt.Sprint(l.Rate)}
	if l.Size != "" {
		argv = append(argv, "-s", l.Size)
	}
	if l.Window > 0 {
		argv = append(argv, "-w", fmt.Sprint(l.Window))
	}
	if l.Group != "" {
		argv = append(argv, "-g", l.Group)
	}
	if l.Quiet {
		argv = append(argv, "-q")
	}
	if l.Again {
		argv = append(argv, "-R")
	}
	r.proc = n.Spawn("recorder", append(slices.Clone(l.Via), argv...)...)
	n.c.recs = append(n.c.recs, r)
	return r
}

// recording names the file of a new client of the node.
func (n *Node) recording(kind string) string {
	n.c.t.Helper()
	dir := filepath.Join(n.dir, "rec")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		n.c.t.Fatal(err)
	}
	n.records++
	return filepath.Join(dir, fmt.Sprintf("%s%s.%d", n.Name, kind, n.records))
}

// Watcher is a client of the quorum service of a node that writes down what it is told.
type Watcher struct {
	Node *Node
	Path string
	proc *Proc
}

// Watch starts a watcher on the node, compiled against the distribution's libraries. It connects again when the daemon goes
// away.
func (n *Node) Watch() *Watcher {
	n.c.t.Helper()
	bin := BuildC(n.c.t, filepath.Join(moduleRoot(n.c.t), "tests/netns/testdata/watcher.c"), "quorum", "cfg")
	w := &Watcher{Node: n, Path: n.recording(".watch")}
	w.proc = n.Spawn("watcher", bin, "-o", w.Path)
	n.c.watchers = append(n.c.watchers, w)
	return w
}

// JudgeWatchers waits until all watchers have been told that all nodes are quorate, fails the test on broken promises in what
// they were told, and returns how many decisions and node lists that were. votequorum has no options set.
func (c *Cluster) JudgeWatchers(d time.Duration) (n int) {
	c.t.Helper()
	var all []*history.Watch
	c.Eventually(d, func() error {
		all = all[:0]
		for _, w := range c.watchers {
			f, err := os.Open(w.Path)
			if err != nil && !w.proc.Running() {
				continue // it was killed before it could write
			}
			if err != nil {
				return err
			}
			ws, err := history.ParseWatch(filepath.Base(w.Path), f)
			f.Close()
			if err != nil {
				c.t.Fatal(err)
			}
			if !w.proc.Running() && len(ws) > 0 {
				ws[len(ws)-1].Ended = true
			}
			all = append(all, ws...)
		}
		if vs := history.CheckWatches(all, len(c.Nodes), true); len(vs) > 0 {
			return errors.New(history.Report(vs))
		}
		return nil
	})
	for _, w := range all {
		n += len(w.Decisions)
	}
	return n
}

// RecordAll starts one recorder on every node, or on the given ones.
func (c *Cluster) RecordAll(l Load, ids ...int) []*Recorder {
	c.t.Helper()
	var out []*Recorder
	for _, n := range c.pick(ids) {
		out = append(out, n.Record(l))
	}
	return out
}

// Proc is the recorder's process.
func (r *Recorder) Proc() *Proc { return r.proc }

// StopLoad lets the recorder send one last, marked message and no more.
func (r *Recorder) StopLoad() { r.proc.Signal(unix.SIGUSR1) }

// Leave lets the recorder leave the group and end, and waits for it.
func (r *Recorder) Leave() {
	r.Node.c.t.Helper()
	r.proc.Signal(unix.SIGTERM)
	if _, ok := r.proc.Wait(10 * time.Second); !ok {
		r.Node.c.t.Fatalf("%s: recorder does not end", r.Node.Name)
	}
}

// history parses what there is so far.
func (r *Recorder) history() ([]*history.Process, error) {
	f, err := os.Open(r.Path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return history.Parse(filepath.Base(r.Path), f)
}

// mark is the state of a recording as far as waiting needs it.
type mark struct {
	self history.Member
	fin  map[string]bool // addresses whose last message was delivered
	view string          // members of the last view
	last uint64          // deliveries of the present incarnation
	end  bool
}

// scan brings the state of the recording's last incarnation up to date. It
// reads what was added since it was last called: recordings grow to many
// megabytes while tests poll.
func (r *Recorder) scan() mark {
	f, err := os.Open(r.Path)
	if err != nil {
		return mark{end: true}
	}
	defer f.Close()
	if _, err := f.Seek(r.offset, io.SeekStart); err != nil {
		return mark{end: true}
	}
	br := bufio.NewReaderSize(f, 256<<10)
	for {
		line, err := br.ReadSlice('\n')
		if err != nil {
			break // the end, perhaps within a line that is being written
		}
		r.offset += int64(len(line))
		r.state.line(line)
	}
	m := r.state
	m.fin = maps.Clone(m.fin)
	if m.self == (history.Member{}) {
		m.end = true // not connected yet
	}
	return m
}

// line takes in one line of a recording.
func (m *mark) line(line []byte) {
	_, rest, _ := bytes.Cut(line, []byte(" "))
	if len(rest) == 0 {
		return
	}
	switch rest[0] {
	case 'I':
		*m = mark{fin: map[string]bool{}}
		_, _ = fmt.Sscanf(string(rest), "I %d %d", &m.self.Node, &m.self.PID) // a short line leaves it zero
	case 'C':
		if w := strings.Fields(string(rest)); len(w) > 1 {
			m.view = w[1]
		}
	case 'D':
		m.last++
		// Nearly all lines are deliveries without the mark: "... 0 1".
		if tail := []byte(" 0 1\n"); bytes.HasSuffix(rest, tail) {
			return
		}
		if w := strings.Fields(string(rest)); len(w) == 8 && w[6] == "1" {
			m.fin[w[1]+":"+w[2]] = true
		}
	case 'E':
		m.end = true
	}
}

// WaitDelivered waits until the recorder has seen at least count more messages
// than it has now: proof that the ring carries messages.
func (r *Recorder) WaitDelivered(count int, d time.Duration) {
	r.Node.c.t.Helper()
	begin := r.scan()
	r.Node.c.Eventually(d, func() error {
		now := r.scan()
		have := now.last
		if now.self == begin.self {
			have -= min(begin.last, now.last)
		}
		if now.end || have < uint64(count) {
			return fmt.Errorf("%s: %d of %d more messages delivered", r.Node.Name, have, count)
		}
		return nil
	})
}

// WaitGroup waits until every running recorder of the given nodes (all without
// any) has a view of exactly these recorders.
func (c *Cluster) WaitGroup(d time.Duration, ids ...int) {
	c.t.Helper()
	live := c.liveRecorders(ids)
	c.Eventually(d, func() error {
		var want []string
		marks := make([]mark, len(live))
		for i, r := range live {
			marks[i] = r.scan()
			if marks[i].end {
				return fmt.Errorf("%s: recorder is not connected", r.Node.Name)
			}
			want = append(want, marks[i].self.String())
		}
		for i, r := range live {
			have := strings.Split(marks[i].view, ",")
			if len(have) != len(want) {
				return fmt.Errorf("%s: view %v, wanted %v", r.Node.Name, have, want)
			}
			for _, w := range want {
				if !strings.Contains(","+marks[i].view+",", ","+w+",") {
					return fmt.Errorf("%s: view %v lacks %s", r.Node.Name, have, w)
				}
			}
		}
		return nil
	})
}

func (c *Cluster) liveRecorders(ids []int) []*Recorder {
	var live []*Recorder
	for _, r := range c.recs {
		if !r.proc.Running() {
			continue
		}
		if len(ids) > 0 {
			in := false
			for _, id := range ids {
				in = in || id == r.Node.ID
			}
			if !in {
				continue
			}
		}
		live = append(live, r)
	}
	return live
}

// Settle stops the load and waits until every running recorder has delivered
// the last message of every other. All must be in one ring by then.
func (c *Cluster) Settle(d time.Duration) {
	c.t.Helper()
	live := c.liveRecorders(nil)
	c.WaitGroup(d)
	for _, r := range live {
		r.StopLoad()
	}
	c.Eventually(d, func() error {
		marks := make([]mark, len(live))
		for i, r := range live {
			marks[i] = r.scan()
		}
		for i, r := range live {
			for _, o := range marks {
				if !marks[i].fin[o.self.String()] {
					return fmt.Errorf("%s: the last message of %v has not arrived", r.Node.Name, o.self)
				}
			}
		}
		return nil
	})
}

// Judge parses every recording and fails the test on broken promises. It
// returns how many deliveries were judged.
func (c *Cluster) Judge(opt history.Options) int {
	c.t.Helper()
	return c.JudgeBut(opt, func(history.Violation) bool { return false })
}

// JudgeBut is Judge that leaves out what excused says is known.
func (c *Cluster) JudgeBut(opt history.Options, excused func(history.Violation) bool) int {
	c.t.Helper()
	var all []*history.Process
	n := 0
	for _, r := range c.recs {
		ps, err := r.history()
		if r.crashed && errors.Is(err, fs.ErrNotExist) {
			continue // it was killed before it could write
		}
		if err != nil {
			c.t.Errorf("recording of %s: %v", r.Node.Name, err)
		}
		if r.crashed && len(ps) > 0 && ps[len(ps)-1].End == "" {
			ps[len(ps)-1].End = "killed"
		}
		for _, p := range ps {
			for _, e := range p.Events {
				if e.Kind == history.Deliver {
					n++
				}
			}
		}
		all = append(all, ps...)
	}
	opt.CReceivers = opt.CReceivers || c.sawC
	vs := slices.DeleteFunc(history.Check(all, opt), excused)
	if len(vs) > 0 {
		c.t.Errorf("histories of %d processes, %d deliveries:\n%s", len(all), n, history.Report(vs))
	} else {
		c.logf("histories of %d processes, %d deliveries: nothing wrong", len(all), n)
	}
	return n
}

// Crash kills the recorder.
func (r *Recorder) Crash() {
	r.Node.c.t.Helper()
	r.proc.kill()
	r.crashed = true
}
