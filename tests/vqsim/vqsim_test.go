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

// schedule is the delays of the nodes while one command is done; the zero value is none.
type schedule struct {
	stagger, lag map[totem.NodeID]time.Duration
}

// inOrder lets each node come to an end before the next one activates.
func inOrder(ids []totem.NodeID) schedule {
	sc := schedule{stagger: map[totem.NodeID]time.Duration{}}
	for i, id := range ids {
		sc.stagger[id] = time.Duration(i) * time.Nanosecond
	}
	return sc
}

// atRandom lets the nodes be late by different times, so that messages of several are under way together.
func atRandom(rnd *rand.Rand, ids []totem.NodeID) schedule {
	sc := schedule{stagger: map[totem.NodeID]time.Duration{}, lag: map[totem.NodeID]time.Duration{}}
	for _, id := range ids {
		sc.stagger[id] = time.Duration(rnd.IntN(8)) * time.Nanosecond
		sc.lag[id] = time.Duration(rnd.IntN(4)) * time.Nanosecond
	}
	return sc
}

// ours is a run of this package's simulator.
type ours struct {
	*sim
	out bytes.Buffer
}

func startOurs(conf string, order schedule) (*ours, error) {
	o := &ours{}
	var err error
	if o.sim, err = newSim(conf, &o.out, &o.out, false, logsys.DiscardAll()); err != nil {
		return nil, err
	}
	o.use(order)
	return o, o.boot()
}

func (o *ours) use(order schedule) {
	o.stagger = func(id totem.NodeID) time.Duration { return order.stagger[id] }
	o.lag = func(id totem.NodeID) time.Duration { return order.lag[id] }
}

// do makes a command in a schedule and returns the states after it, and what was activated how often.
func (o *ours) do(command string, order schedule) (states []string, activations map[totem.NodeID]int) {
	o.use(order)
	clear(o.activations)
	o.command(command)
	return o.states(), o.activated()
}

func (o *ours) activated() map[totem.NodeID]int {
	m := map[totem.NodeID]int{}
	for id, n := range o.activations {
		if o.find(id) != nil {
			m[id] = n
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

// replay runs commands with a schedule for each, the first one for the start, and checks the states after each. It
// returns nil if they differ.
func replay(conf string, commands []string, orders []schedule, want [][]string) (*ours, error) {
	o, err := startOurs(conf, orders[0])
	if err != nil {
		return nil, err
	}
	for i, c := range commands {
		if states, _ := o.do(c, orders[i+1]); !slices.Equal(states, want[i]) {
			return nil, nil
		}
	}
	return o, nil
}

// explain looks for schedules in which this side gives the answers of the other, first for the last command only.
// chosen are the schedules so far, and are changed.
func explain(conf string, commands []string, chosen []schedule, want [][]string, ids []totem.NodeID) (*ours, error) {
	last := len(chosen) - 1
	for _, order := range inSomeOrders(ids) {
		chosen[last] = order
		if o, err := replay(conf, commands, chosen, want); o != nil || err != nil {
			return o, err
		}
	}
	const tries = 3000
	rnd := rand.New(rand.NewPCG(1, 2))
	before := slices.Clone(chosen)
	for i := range tries {
		copy(chosen, before)
		from := last
		if i > tries/4 {
			from = max(0, last-1)
		}
		if i > tries/2 {
			from = 0
		}
		for j := from; j <= last; j++ {
			chosen[j] = atRandom(rnd, ids)
		}
		if o, err := replay(conf, commands, chosen, want); o != nil || err != nil {
			return o, err
		}
	}
	return nil, nil
}

// inSomeOrders are all orders of few nodes; of many, each node first and each last.
func inSomeOrders(ids []totem.NodeID) []schedule {
	list := []schedule{{}, inOrder(ids)}
	var permute func(done, rest []totem.NodeID)
	permute = func(done, rest []totem.NodeID) {
		if len(rest) == 0 {
			list = append(list, inOrder(done))
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
		list = append(list, inOrder(append([]totem.NodeID{ids[i]}, others...)), inOrder(append(slices.Clone(others), ids[i])))
	}
	return list
}

// errDiffers is a difference between the two programs.
var errDiffers = errors.New("different answers")

// compare runs one script through both programs. The nodes of the C program are processes that race: its answers count as
// equal if there are delays of the nodes here that give the same.
func compare(dir string, sc script) error {
	conf := filepath.Join(dir, "v.conf")
	if err := os.WriteFile(conf, []byte(sc.conf(dir)), 0o600); err != nil {
		return err
	}
	o, err := startOurs(conf, schedule{})
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
	ref.learn(o.ids()...)

	chosen := []schedule{{}}
	var answers [][]string
	everybody := o.ids()
	for i, c := range sc.commands {
		before := o.ids()
		want, activated := o.do(c, schedule{})
		chosen = append(chosen, schedule{})
		after := o.ids()
		if ms, ok := strings.CutPrefix(c, "wait "); ok {
			n, err := strconv.Atoi(ms)
			if err != nil {
				return err
			}
			clear(ref.reports)
			time.Sleep(time.Duration(n) * time.Millisecond)
		} else if err := ref.send(c); err != nil {
			return fail(i+1, err)
		}
		exits := without(before, after)
		if err := ref.await(activated, exits); err != nil {
			return fail(i+1, err)
		}
		started := without(after, before)
		everybody = append(everybody, without(started, everybody)...)
		if err := settleReference(ref, len(started) > 0); err != nil {
			return fail(i+1, err)
		}
		ref.learn(started...)
		got, err := ref.show(len(after))
		if err != nil {
			return fail(i+1, err)
		}
		answers = append(answers, got)
		if slices.Equal(got, want) {
			continue
		}
		alt, err := explain(conf, sc.commands[:i+1], chosen, answers, everybody)
		if err != nil {
			return err
		}
		if alt == nil {
			return fail(i+1, fmt.Errorf("%w to %q\nC:  %s\nGo: %s", errDiffers, c,
				strings.Join(got, "\n    "), strings.Join(want, "\n    ")))
		}
		o = alt
	}
	return nil
}

// ids are the nodes that are up.
func (o *ours) ids() []totem.NodeID {
	var ids []totem.NodeID
	for _, p := range o.partitions {
		for _, n := range p.nodes {
			ids = append(ids, n.id)
		}
	}
	return ids
}

// without returns what is in a and not in b.
func without(a, b []totem.NodeID) []totem.NodeID {
	return slices.DeleteFunc(slices.Clone(a), func(id totem.NodeID) bool { return slices.Contains(b, id) })
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
// be interrupted in ways that the delays tried here do not explain, and timeouts come early or late.
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
const fewScripts = 120

func TestRandomAgainstC(t *testing.T) {
	t.Parallel()
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
	t.Parallel()
	needReference(t)
	compareAll(t, corpus)
}
