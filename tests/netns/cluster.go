//go:build linux

package netns

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Cluster is a set of nodes on one or more networks.
type Cluster struct {
	Opt   Options
	Nodes []*Node // Nodes[i] has id i+1

	t        testing.TB
	dir      string
	tag      string // unique in this process, for link names
	start    time.Time
	extra    map[string]bool // bridges of partitions
	recs     []*Recorder
	watchers []*Watcher
	sawC     bool // a daemon of C has been a member
}

var clusterCount atomic.Int32

// nodePaths are the directories a node has for itself, with the directory below
// the node's own that backs each.
var nodePaths = map[string]string{
	"/etc/corosync":      "etc",
	"/var/lib/corosync":  "lib",
	"/var/log":           "log",
	"/var/lib/pacemaker": "pacemaker",
}

// New builds the namespaces, links and files of a cluster; no daemon runs yet.
// Everything ends with the test. On failure the logs are saved to a directory
// named in the test's output.
func New(t testing.TB, opt Options) *Cluster {
	t.Helper()
	if ok, why := Supported(); !ok {
		t.Skip("skip: " + why)
	}
	opt.fill()
	for i := range opt.Nodes {
		d := opt.daemon(i + 1)
		if _, err := os.Stat(d.Path); err != nil {
			t.Skipf("skip: daemon %q: %v", d.Name, err)
		}
		if why := d.lacks(opt); why != "" {
			t.Skip("skip: " + why)
		}
	}
	dir, err := os.MkdirTemp("", "netns-")
	if err != nil {
		t.Fatal(err)
	}
	c := &Cluster{Opt: opt, t: t, dir: dir, tag: fmt.Sprint(clusterCount.Add(1)), start: time.Now(), extra: map[string]bool{}}
	t.Cleanup(c.close)
	for l := range opt.Links {
		if _, err := addBridge(c.bridge(l, "")); err != nil {
			t.Fatal(err)
		}
	}
	conf := opt.Conf()
	for id := 1; id <= opt.Nodes; id++ {
		n, err := c.addNode(id, conf)
		if err != nil {
			t.Fatalf("node %d: %v", id, err)
		}
		c.Nodes = append(c.Nodes, n)
	}
	return c
}

func (o *Options) daemon(id int) Daemon {
	if id-1 < len(o.Daemons) && o.Daemons[id-1].Path != "" {
		return o.Daemons[id-1]
	}
	return o.Daemon
}

func (c *Cluster) bridge(link int, group string) string {
	return fmt.Sprintf("b%s.%d%s", c.tag, link, group)
}

func (c *Cluster) port(link, id int) string { return fmt.Sprintf("v%s.%d.%d", c.tag, link, id) }

// T returns the test the cluster belongs to.
func (c *Cluster) T() testing.TB { return c.t }

// Dir is a directory for files of the test; it ends with the cluster.
func (c *Cluster) Dir() string { return c.dir }

// Node returns the node with id (1..).
func (c *Cluster) Node(id int) *Node { return c.Nodes[id-1] }

// logf echoes what is done to the cluster, with the time since it was built.
func (c *Cluster) logf(format string, args ...any) {
	c.t.Helper()
	c.t.Logf("%7.3f "+format, append([]any{time.Since(c.start).Seconds()}, args...)...)
}

func (c *Cluster) addNode(id int, conf string) (*Node, error) {
	n := &Node{ID: id, Name: fmt.Sprintf("n%d", id), Daemon: c.Opt.daemon(id), c: c, dir: filepath.Join(c.dir, fmt.Sprintf("n%d", id))}
	spec := nodeSpec{Name: n.Name, Dir: n.dir, Binds: map[string]string{}, Tmpfs: []string{"/dev/shm", "/run"}}
	seen := map[string]bool{}
	for path, sub := range nodePaths {
		if path == "/var/lib/pacemaker" && !exists(path) {
			continue
		}
		if err := os.MkdirAll(filepath.Join(n.dir, sub), 0o755); err != nil {
			return nil, err
		}
		spec.Binds[path] = sub
		if parent := filepath.Dir(path); !exists(path) && !seen[parent] {
			seen[parent] = true
			spec.Overlay = append(spec.Overlay, parent)
		}
	}
	for _, d := range []string{"log/corosync", "log/cluster", "log/pacemaker", "etc/uidgid.d"} {
		if err := os.MkdirAll(filepath.Join(n.dir, d), 0o755); err != nil {
			return nil, err
		}
	}
	if err := n.pacemakerDirs(); err != nil {
		return nil, err
	}
	if err := n.WriteConf(conf); err != nil {
		return nil, err
	}
	if err := n.boot(spec); err != nil {
		return nil, err
	}
	for l := range c.Opt.Links {
		ifname := fmt.Sprintf("eth%d", l)
		if err := addPort(c.port(l, id), ifname, n.init.Process.Pid, c.Opt.MTU, c.bridge(l, "")); err != nil {
			return nil, err
		}
		for _, argv := range [][]string{
			{"ip", "addr", "add", nodeIP(l, id).String() + "/16", "dev", ifname},
			{"ip", "addr", "add", nodeIP6(l, id).String() + "/64", "dev", ifname, "nodad"},
			{"ip", "link", "set", ifname, "up"},
		} {
			if out, err := n.Try(argv...); err != nil {
				return nil, fmt.Errorf("%v: %w: %s", argv, err, out)
			}
		}
	}
	if out, err := n.Try("ip", "route", "add", "224.0.0.0/4", "dev", "eth0"); err != nil {
		return nil, fmt.Errorf("multicast route: %w: %s", err, out)
	}
	return n, nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// boot starts the node's process 1 and waits until its mounts stand.
func (n *Node) boot(spec nodeSpec) error {
	js, err := json.Marshal(spec)
	if err != nil {
		return err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer r.Close()
	defer w.Close()
	log, err := os.Create(filepath.Join(n.dir, "init.log"))
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(nodeEnv(), stageEnv+"="+stageNode, specEnv+"="+string(js))
	cmd.Stderr = log
	cmd.ExtraFiles = []*os.File{w}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWNET | unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC,
		Setpgid:    true,
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	n.init = cmd
	w.Close()
	if err := r.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		return err
	}
	buf := make([]byte, 16)
	if k, _ := r.Read(buf); string(buf[:k]) != "ready\n" {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		n.init = nil
		msg, _ := os.ReadFile(log.Name())
		return fmt.Errorf("process 1 of the node did not come up: %s", msg)
	}
	return nil
}

// close ends every process of the cluster, saves logs if the test failed and
// removes links and files.
func (c *Cluster) close() {
	for _, n := range c.Nodes {
		n.shutdown()
	}
	if c.t.Failed() {
		c.saveLogs()
	}
	for _, n := range c.Nodes {
		for l := range c.Opt.Links {
			delLink(c.port(l, n.ID))
		}
	}
	for l := range c.Opt.Links {
		delLink(c.bridge(l, ""))
	}
	for b := range c.extra {
		delLink(b)
	}
	_ = os.RemoveAll(c.dir) // what is left is in the temporary directory
}

// saveLogs copies what the nodes left behind to COROSYNC_TEST_ARTIFACTS, or to a
// new temporary directory, and prints the end of each log.
func (c *Cluster) saveLogs() {
	base := os.Getenv("COROSYNC_TEST_ARTIFACTS")
	if base != "" {
		_ = os.MkdirAll(base, 0o755) // MkdirTemp reports what matters
	}
	dst, err := os.MkdirTemp(base, "netns-failed-")
	if err != nil {
		c.t.Logf("logs not saved: %v", err)
		return
	}
	c.t.Logf("logs of %s saved in %s", c.t.Name(), dst)
	for _, n := range c.Nodes {
		out := filepath.Join(dst, n.Name)
		for _, sub := range []string{"log", "etc", "rec"} {
			if src := filepath.Join(n.dir, sub); exists(src) {
				_ = os.CopyFS(filepath.Join(out, sub), os.DirFS(src)) // sockets and the like are left out
			}
		}
		for _, f := range []string{"log/corosync/corosync.log", "log/daemon.out"} {
			if s := tail(filepath.Join(n.dir, f), 12); s != "" {
				c.t.Logf("%s %s ends:\n%s", n.Name, f, s)
			}
		}
	}
}

// Start starts the daemons of the given nodes, or of all, without waiting.
func (c *Cluster) Start(ids ...int) {
	c.t.Helper()
	for _, n := range c.pick(ids) {
		n.Start()
	}
}

func (c *Cluster) pick(ids []int) []*Node {
	if len(ids) == 0 {
		return c.Nodes
	}
	var out []*Node
	for _, id := range ids {
		out = append(out, c.Node(id))
	}
	return out
}

// Partition splits all networks into the given groups of node ids: members of
// one group hear each other and nobody else. A node in no group hears nobody.
func (c *Cluster) Partition(groups ...[]int) {
	c.t.Helper()
	c.logf("partition %v", groups)
	for l := range c.Opt.Links {
		c.partitionLink(l, groups)
	}
}

// PartitionLink is Partition for one network.
func (c *Cluster) PartitionLink(link int, groups ...[]int) {
	c.t.Helper()
	c.logf("partition of link %d %v", link, groups)
	c.partitionLink(link, groups)
}

func (c *Cluster) partitionLink(l int, groups [][]int) {
	c.t.Helper()
	group := map[int]string{}
	for i, g := range groups {
		for _, id := range g {
			group[id] = fmt.Sprintf(".p%d", i)
		}
	}
	for _, n := range c.Nodes {
		g, ok := group[n.ID]
		if !ok {
			g = fmt.Sprintf(".x%d", n.ID)
		}
		br := c.bridge(l, g)
		if !c.extra[br] {
			if _, err := addBridge(br); err != nil {
				c.t.Fatal(err)
			}
			c.extra[br] = true
		}
		if err := movePort(c.port(l, n.ID), br); err != nil {
			c.t.Fatal(err)
		}
	}
}

// Heal ends every partition.
func (c *Cluster) Heal() {
	c.t.Helper()
	c.logf("heal")
	for l := range c.Opt.Links {
		for _, n := range c.Nodes {
			if err := movePort(c.port(l, n.ID), c.bridge(l, "")); err != nil {
				c.t.Fatal(err)
			}
		}
	}
}

// SetLink takes the cable of a node out of one network, or puts it back; unlike
// in a partition the node sees its carrier go.
func (c *Cluster) SetLink(link, id int, up bool) {
	c.t.Helper()
	c.logf("link %d of node %d up=%v", link, id, up)
	if err := setPort(c.port(link, id), up); err != nil {
		c.t.Fatal(err)
	}
}
