package sim

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// A codeMutant is a change in the source of the daemon. All of them are built into one test binary by go's -overlay, so that
// the source stays as it is: each file is replaced by a copy in which the changes are conditions on the name of the mutant
// that is active, and the environment of the process says which one that is.
type codeMutant struct {
	name string
	// file is where the edits are, below daemon/.
	file  string
	edits []edit
	// also are the parts of it in other files.
	also []codeMutant
	// plan names one of plans.
	plan string
	// seeds is within how many seeds the mutant must be found. by names a test that must fail instead, for what only
	// shows where nothing else happens.
	seeds uint64
	by    string
	// slow mutants are left to make sim-mutants.
	slow bool
}

// edit replaces old, which must be in the file exactly once, by new, in which MUTANT stands for: this mutant is active.
type edit struct{ old, new string }

const (
	envMutant = "SIM_MUTANT"       // name of the active mutant
	envPlan   = "SIM_MUTANT_PLAN"  // one of plans
	envSeeds  = "SIM_MUTANT_SEEDS" // makes the test binary look for it in that many seeds
	envHash   = "SIM_MUTANT_HASH"  // makes it print the hash of a seed's run
	envAll    = "MUTANTS"          // "all", or names of mutants separated by commas
)

// TestMain lets the test binary be run with a mutant.
func TestMain(m *testing.M) {
	// Runs are short and throw away much memory.
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(800)
	}
	invariants = os.Getenv(envMutant) == ""
	switch {
	case os.Getenv(envSeeds) != "":
		n, _ := strconv.ParseUint(os.Getenv(envSeeds), 10, 64)
		for seed := uint64(1); seed <= n; seed++ {
			if property := runMutant(seed, nil, plans[os.Getenv(envPlan)]); property != "" {
				fmt.Printf("found %d %s\n", seed, property)
				os.Exit(0)
			}
		}
		fmt.Println("survives")
		os.Exit(0)
	case os.Getenv(envHash) != "":
		seed, _ := strconv.ParseUint(os.Getenv(envHash), 10, 64)
		fmt.Printf("%016x\n", Run(seed, Options{LogLevel: -1}).Hash)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// daemonDir is the directory of the daemon's source as seen from this package.
const daemonDir = "../../daemon"

// mutated is a file with the edits of all its mutants.
func mutated(source string, mutants []codeMutant) (string, error) {
	type place struct {
		from, to int
		text     string
	}
	var places []place
	for _, m := range mutants {
		for _, e := range m.edits {
			if n := strings.Count(source, e.old); n != 1 {
				return "", fmt.Errorf("mutant %q: the text to change is there %d times, not once: %q", m.name, n, e.old)
			}
			at := strings.Index(source, e.old)
			places = append(places, place{at, at + len(e.old), strings.ReplaceAll(e.new, "MUTANT", fmt.Sprintf("(activeMutant == %q)", m.name))})
		}
	}
	slices.SortFunc(places, func(a, b place) int { return a.from - b.from })
	var out strings.Builder
	last := 0
	for _, p := range places {
		if p.from < last {
			return "", fmt.Errorf("two mutants change the same text: %s", source[p.from:p.to])
		}
		out.WriteString(source[last:p.from])
		out.WriteString(p.text)
		last = p.to
	}
	out.WriteString(source[last:])
	return out.String(), nil
}

// buildMutants builds the test binary of this package with all mutants in it.
func buildMutants(t *testing.T) string {
	t.Helper()
	tool, err := exec.LookPath("go")
	if err != nil {
		t.Skip("no go command to build the mutants with")
	}
	root, err := filepath.Abs(daemonDir)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	replace := map[string]string{}
	put := func(path, text string) {
		name := filepath.Join(dir, fmt.Sprintf("%d.go", len(replace)))
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		replace[path] = name
	}
	for file, text := range mutatedFiles(t) {
		path := filepath.Join(root, file)
		put(path, text)
		pkg := filepath.Base(filepath.Dir(path))
		name := filepath.Join(filepath.Dir(path), "mutant.go")
		if replace[name] == "" {
			put(name, fmt.Sprintf("package %s\n\nimport \"os\"\n\nvar activeMutant = os.Getenv(%q)\n", pkg, envMutant))
		}
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	list := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(list, overlay, 0o600); err != nil {
		t.Fatal(err)
	}
	bin := filepath.Join(dir, "mutants.test")
	if out, err := exec.Command(tool, "test", "-c", "-overlay", list, "-o", bin, ".").CombinedOutput(); err != nil {
		t.Fatalf("the mutants do not compile: %v\n%s", err, out)
	}
	return bin
}

// mutatedFiles are the changed files, by their names below daemon/.
func mutatedFiles(t *testing.T) map[string]string {
	byFile := map[string][]codeMutant{}
	for _, m := range codeMutants() {
		byFile[m.file] = append(byFile[m.file], m)
		for _, part := range m.also {
			part.name = m.name
			byFile[part.file] = append(byFile[part.file], part)
		}
	}
	texts := map[string]string{}
	for file, list := range byFile {
		source, err := os.ReadFile(filepath.Join(daemonDir, file))
		if err != nil {
			t.Fatal(err)
		}
		text, err := mutated(string(source), list)
		if err != nil {
			t.Errorf("%s: %v", file, err)
		}
		texts[file] = text
	}
	if t.Failed() {
		t.FailNow()
	}
	return texts
}

// What the mutants change is in the source.
func TestMutantsMatchTheSource(t *testing.T) {
	seen := map[string]bool{}
	for _, m := range codeMutants() {
		if seen[m.name] || m.seeds == 0 && m.by == "" || plans[m.plan] == nil {
			t.Errorf("%q: named twice, or nothing is to find it, or no such plan", m.name)
		}
		seen[m.name] = true
	}
	mutatedFiles(t)
}

// hang is how long a mutant may run. It is not a measure: a run that does not end by then does not end.
const hang = 10 * time.Minute

// runBinary runs the binary with a mutant.
func runBinary(bin, mutant string, env []string, args ...string) string {
	ctx, cancel := context.WithTimeout(context.Background(), hang)
	defer cancel()
	cmd := exec.CommandContext(ctx, bin, args...)
	cmd.Env = append(slices.DeleteFunc(os.Environ(), func(s string) bool {
		return strings.HasPrefix(s, "SEED") || strings.HasPrefix(s, "FIRST=") || strings.HasPrefix(s, envMutant)
	}), append(env, envMutant+"="+mutant, "GOMAXPROCS=1")...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	if ctx.Err() != nil {
		return "found 0 hang"
	}
	if err != nil {
		fmt.Fprintln(&out, err)
	}
	return out.String()
}

// hunt says how a mutant was found; "" if it survives.
func (m *codeMutant) hunt(t *testing.T, bin string) string {
	if m.by != "" {
		out := runBinary(bin, m.name, nil, "-test.run", "^"+m.by+"$")
		_, rest, failed := strings.Cut(out, "--- FAIL: "+m.by)
		if !failed {
			if !strings.HasPrefix(out, "PASS") {
				t.Errorf("%s: %s", m.by, out)
			}
			return ""
		}
		_, rest, _ = strings.Cut(rest, "\n")
		line, _, _ := strings.Cut(strings.TrimSpace(rest), "\n")
		return m.by + ": " + line
	}
	out := runBinary(bin, m.name, []string{envSeeds + "=" + strconv.FormatUint(m.seeds, 10), envPlan + "=" + m.plan})
	for line := range strings.Lines(out) {
		if found, ok := strings.CutPrefix(line, "found "); ok {
			return "seed " + strings.TrimSpace(found)
		}
		if strings.HasPrefix(line, "survives") {
			return ""
		}
	}
	t.Errorf("the run ends in an unknown way: %s", out)
	return ""
}

// Each change of the daemon's source is found out. Without MUTANTS=all those that take long are left out.
func TestCodeMutants(t *testing.T) {
	if testing.Short() {
		t.Skip("many runs")
	}
	want := os.Getenv(envAll)
	bin := buildMutants(t)
	// The binary without an active mutant is the daemon as it is.
	if got, want := strings.TrimSpace(runBinary(bin, "", []string{envHash + "=3"})), fmt.Sprintf("%016x", Run(3, Options{LogLevel: -1}).Hash); got != want {
		t.Fatalf("without a mutant the run of seed 3 has hash %s, not %s", got, want)
	}
	slots := make(chan struct{}, runtime.NumCPU())
	list := slices.DeleteFunc(codeMutants(), func(m codeMutant) bool {
		switch want {
		case "all":
			return false
		case "":
			return m.slow
		}
		return !slices.Contains(strings.Split(want, ","), m.name)
	})
	// The daemon as it is survives in all of these plans.
	control := map[string]uint64{}
	for _, m := range list {
		if m.by == "" {
			control[m.plan] = min(max(control[m.plan], m.seeds), 20)
		}
	}
	t.Run("all", func(t *testing.T) {
		for plan, seeds := range control {
			t.Run("none "+plan, func(t *testing.T) {
				t.Parallel()
				slots <- struct{}{}
				defer func() { <-slots }()
				none := codeMutant{plan: plan, seeds: seeds}
				if how := none.hunt(t, bin); how != "" {
					t.Errorf("without a mutant: %s", how)
				}
			})
		}
		for _, m := range list {
			t.Run(strings.ReplaceAll(m.name, " ", "_"), func(t *testing.T) {
				t.Parallel()
				slots <- struct{}{}
				defer func() { <-slots }()
				start := time.Now()
				how := m.hunt(t, bin)
				if how == "" {
					t.Errorf("survives: %d seeds %s", m.seeds, m.by)
				}
				t.Logf("%s (%v)", how, time.Since(start).Round(100*time.Millisecond))
			})
		}
	})
}

func codeMutants() []codeMutant {
	return slices.Concat(srpMutants, serviceMutants, guaranteeMutants)
}
