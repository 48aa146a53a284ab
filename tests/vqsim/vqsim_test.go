package main

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/corosync-go/corosync/daemon/logsys"
	"github.com/corosync-go/corosync/daemon/totem"
)

// script is a configuration and commands.
type script struct {
	name     string
	quorum   string // inside quorum { }
	votes    []int  // of nodes 1 to n
	commands []string
}

func (sc script) conf(stateDir string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "totem {\n  version: 2\n  cluster_name: t\n  transport: udpu\n}\nsystem {\n  state_dir: %s\n}\n", stateDir)
	fmt.Fprintf(&b, "quorum {\n  provider: corosync_votequorum\n%s\n}\nnodelist {\n", sc.quorum)
	for i, v := range sc.votes {
		fmt.Fprintf(&b, "  node {\n    nodeid: %d\n    ring0_addr: 127.0.0.%d\n", i+1, i+1)
		if v != 1 {
			fmt.Fprintf(&b, "    quorum_votes: %d\n", v)
		}
		b.WriteString("  }\n")
	}
	b.WriteString("}\nlogging {\n  to_stderr: no\n  to_syslog: no\n}\n")
	return b.String()
}

func (sc script) String() string {
	return fmt.Sprintf("%s\nquorum {\n%s\n} votes %v\n%s", sc.name, sc.quorum, sc.votes, strings.Join(sc.commands, "\n"))
}

// schedule decides the order in which nodes activate; nil means all before any message moves.
type schedule []totem.NodeID

func (o schedule) stagger(id totem.NodeID) time.Duration {
	return time.Duration(slices.Index(o, id)+1) * time.Nanosecond
}

// ours is a run of this package's simulator.
type ours struct {
	*sim
	out bytes.Buffer
}

func startOurs(conf string) (*ours, error) {
	o := &ours{}
	var err error
	if o.sim, err = newSim(conf, &o.out, &o.out, false, logsys.DiscardAll()); err != nil {
		return nil, err
	}
	return o, o.boot()
}

// do makes a command in a schedule and returns the states after it, and what was activated how often.
func (o *ours) do(command string, order schedule) (states []string, activations map[int]int) {
	o.stagger = func(totem.NodeID) time.Duration { return 0 }
	if order != nil {
		o.stagger = order.stagger
	}
	clear(o.activations)
	o.command(command)
	return o.states(), o.activated()
}

func (o *ours) activated() map[int]int {
	m := map[int]int{}
	for id, n := range o.activations {
		if o.find(id) != nil {
			m[int(id)] = n
		}
	}
	return m
}

func (o *ours) states() []string {
	o.out.Reset()
	o.show()
	lines := strings.Split(strings.TrimSpace(o.out.String()), "\n")
	return lines[:len(lines)-1]
}

// replay runs commands with a schedule for each.
func replay(conf string, commands []string, orders []schedule) (*ours, []string, error) {
	o, err := startOurs(conf)
	if err != nil {
		return nil, nil, err
	}
	var states []string
	for i, c := range commands {
		states, _ = o.do(c, orders[i])
	}
	return o, states, nil
}

// orders are the schedules to try for these nodes.
func orders(o *ours) []schedule {
	var ids []totem.NodeID
	for _, p := range o.partitions {
		for _, n := range p.nodes {
			ids = append(ids, n.id)
		}
	}
	list := []schedule{nil, ids}
	// All orders of few nodes; of many, each node first and each last.
	var permute func(done, rest []totem.NodeID)
	permute = func(done, rest []totem.NodeID) {
		if len(rest) == 0 {
			list = append(list, slices.Clone(done))
			return
		}
		for i := range rest {
			permute(append(slices.Clone(done), rest[i]), slices.Delete(slices.Clone(rest), i, i+1))
		}
	}
	if len(ids) <= 4 {
		permute(nil, ids)
		return list
	}
	for i := range ids {
		others := slices.Delete(slices.Clone(ids), i, i+1)
		list = append(list, append(schedule{ids[i]}, others...), append(slices.Clone(others), ids[i]))
	}
	return list
}

// errDiffers is a difference between the two programs.
var errDiffers = errors.New("different answers")

// compare runs one script through both programs. An answer of the C program counts as equal if any order of the nodes'
// activation gives it here: its nodes are processes that race.
func compare(dir string, sc script) error {
	conf := filepath.Join(dir, "v.conf")
	if err := os.WriteFile(conf, []byte(sc.conf(dir)), 0o600); err != nil {
		return err
	}
	o, err := startOurs(conf)
	if err != nil {
		return err
	}
	ref, err := startReference(conf)
	if err != nil {
		return err
	}
	defer ref.stop()
	fail := func(step int, err error) error {
		return fmt.Errorf("step %d: %w\nscript: %v\nsession:\n%s", step, err, sc, ref.log.String())
	}
	if err := ref.await(o.activated(), nil); err != nil {
		return fail(0, err)
	}
	if err := settleReference(ref, true); err != nil {
		return fail(0, err)
	}
	var first []int
	for i := range sc.votes {
		first = append(first, i+1)
	}
	ref.learn(first...)

	var chosen []schedule
	for i, c := range sc.commands {
		before := nodeIDs(o)
		want, activated := o.do(c, nil)
		chosen = append(chosen, nil)
		after := nodeIDs(o)
		if ms, ok := strings.CutPrefix(c, "wait "); ok {
			n, err := strconv.Atoi(ms)
			if err != nil {
				return err
			}
			clear(ref.reports)
			time.Sleep(time.Duration(n) * time.Millisecond)
		} else if err := ref.send(c); err != nil {
			return fail(i+1, err)
		} else if strings.HasPrefix(c, "autofence") {
			// Its answer looks like the end of show's.
			if _, err := ref.until("#autofence:"); err != nil {
				return fail(i+1, err)
			}
		}
		var exits []int
		for _, id := range before {
			if !slices.Contains(after, id) {
				exits = append(exits, id)
			}
		}
		if err := ref.await(activated, exits); err != nil {
			return fail(i+1, err)
		}
		started := slices.DeleteFunc(slices.Clone(after), func(id int) bool { return slices.Contains(before, id) })
		if err := settleReference(ref, len(started) > 0); err != nil {
			return fail(i+1, err)
		}
		ref.learn(started...)
		got, err := ref.show(len(after))
		if err != nil {
			return fail(i+1, err)
		}
		if slices.Equal(got, want) {
			continue
		}
		found := false
		for _, order := range orders(o) {
			chosen[i] = order
			alt, states, err := replay(conf, sc.commands[:i+1], chosen)
			if err != nil {
				return err
			}
			if slices.Equal(got, states) {
				o, found = alt, true
				break
			}
		}
		if !found {
			return fail(i+1, fmt.Errorf("%w to %q\nC:  %s\nGo: %s", errDiffers, c,
				strings.Join(got, "\n    "), strings.Join(want, "\n    ")))
		}
	}
	return nil
}

func nodeIDs(o *ours) []int {
	var ids []int
	for _, p := range o.partitions {
		for _, n := range p.nodes {
			ids = append(ids, int(n.id))
		}
	}
	return ids
}

// settleReference waits for the end of all messages. A started node activates twice, and its first activation may have
// been counted as both.
func settleReference(ref *reference, started bool) error {
	if err := ref.rest(); err != nil || !started {
		return err
	}
	time.Sleep(syncDelay + 5*time.Millisecond)
	return ref.rest()
}

// attempts is how often a script is run before a difference counts: on a busy machine the nodes of the C program can
// be interrupted in ways that no order of activation explains.
const attempts = 3

func needReference(t *testing.T) {
	if _, err := os.Stat(referencePath); err != nil {
		t.Skipf("no C program to compare with: %v", err)
	}
	if _, err := os.Stat("/proc/self/task/" + strconv.Itoa(os.Getpid()) + "/children"); err != nil {
		t.Skipf("kernel without /proc/PID/task/PID/children: %v", err)
	}
}

// compareAll compares scripts, several at a time: both programs mostly sleep.
func compareAll(t *testing.T, scripts []script) {
	work := make(chan script)
	var wg sync.WaitGroup
	for range 8 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for sc := range work {
				var err error
				for range attempts {
					if err = compare(t.TempDir(), sc); err == nil || errors.Is(err, errCrashed) {
						break
					}
				}
				switch {
				case errors.Is(err, errCrashed):
					t.Logf("%s: the C program fails: %v", sc.name, err)
				case err != nil:
					t.Errorf("%s: %v", sc.name, err)
				}
			}
		}()
	}
	for _, sc := range scripts {
		work <- sc
	}
	close(work)
	wg.Wait()
}

// fewScripts is the number of random scripts of an ordinary test.
const fewScripts = 250

func TestRandomAgainstC(t *testing.T) {
	needReference(t)
	count := fewScripts
	if v := os.Getenv("COROSYNC_VQSIM_SCRIPTS"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil {
			t.Fatalf("COROSYNC_VQSIM_SCRIPTS: %v", err)
		}
		count = n
	}
	if testing.Short() {
		count = fewScripts / 10
	}
	seed := uint64(time.Now().UnixNano())
	if v := os.Getenv("COROSYNC_VQSIM_SEED"); v != "" {
		n, err := strconv.ParseUint(v, 10, 64)
		if err != nil {
			t.Fatalf("COROSYNC_VQSIM_SEED: %v", err)
		}
		seed = n
	}
	t.Logf("%d scripts, COROSYNC_VQSIM_SEED=%d", count, seed)
	scripts := make([]script, count)
	for i := range scripts {
		scripts[i] = randomScript(rand.New(rand.NewPCG(seed, uint64(i))), fmt.Sprintf("random %d/%d", seed, i))
	}
	compareAll(t, scripts)
}

func TestCorpusAgainstC(t *testing.T) {
	needReference(t)
	compareAll(t, corpus)
}
