// Command runtests runs the tests of the whole module and says at the end what
// was skipped and why.
//
//	runtests [-race] [-short] [-run RE] [package...]
//
// Packages whose tests build clusters run after the others and one at a time:
// their timeouts are those of a real ring, and two cores are soon busy. Within
// such a package four tests run at a time, whatever the cores, because they
// mostly wait for timeouts. The
// last lines are the go command's own lines per package.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
)

// alone are packages that want the machine for themselves.
var alone = []string{"/tests/netns", "/tests/capi", "/tests/interop", "/tests/sim", "/tests/bench"}

// event is a line of go test -json.
type event struct {
	Action, Package, Test, Output string
	ImportPath                    string
}

type result struct {
	lines   []string // the go command's line per package
	skipped map[string][]string
	order   []string // reasons in order of appearance
	passed  int
	failed  []string
	said    map[string][]string // what failed tests said, by name
}

func main() {
	race := flag.Bool("race", false, "with the race detector")
	short := flag.Bool("short", false, "tell the tests to be short")
	run := flag.String("run", "", "only tests that match")
	timeout := flag.String("timeout", "35m", "bound for one package")
	flag.Parse()
	pkgs := flag.Args()
	if len(pkgs) == 0 {
		pkgs = []string{"./..."}
	}
	out, err := exec.Command("go", append([]string{"list"}, pkgs...)...).Output()
	if err != nil {
		fmt.Fprintln(os.Stderr, "go list:", err)
		os.Exit(2)
	}
	var many, single []string
	for _, p := range strings.Fields(string(out)) {
		if slices.ContainsFunc(alone, func(s string) bool { return strings.HasSuffix(p, s) }) {
			single = append(single, p)
		} else {
			many = append(many, p)
		}
	}
	args := []string{"test", "-json", "-timeout", *timeout}
	if *race {
		args = append(args, "-race")
	}
	if *short {
		args = append(args, "-short")
	}
	if *run != "" {
		args = append(args, "-run", *run)
	}
	r := &result{skipped: map[string][]string{}, said: map[string][]string{}}
	code := 0
	if len(many) > 0 {
		code = max(code, r.run(append(slices.Clone(args), many...)))
	}
	if len(single) > 0 {
		code = max(code, r.run(append(append(slices.Clone(args), "-p", "1", "-count", "1", "-parallel", "4"), single...)))
	}
	r.print()
	os.Exit(code)
}

// run executes one go test and collects its events.
func (r *result) run(args []string) int {
	fmt.Println("go", strings.Join(shorten(args), " "))
	cmd := exec.Command("go", args...)
	cmd.Stderr = os.Stderr
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	if err := cmd.Start(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	r.read(pipe)
	if err := cmd.Wait(); err != nil {
		return 1
	}
	return 0
}

func shorten(args []string) []string {
	if len(args) > 8 {
		return append(slices.Clone(args[:7]), fmt.Sprintf("... (%d more)", len(args)-7))
	}
	return args
}

func (r *result) read(in io.Reader) {
	outputs := map[string][]string{} // package/test -> what it printed
	br := bufio.NewReader(in)
	for {
		line, err := br.ReadString('\n')
		if line != "" {
			var e event
			if json.Unmarshal([]byte(line), &e) != nil {
				fmt.Print(line) // not an event: the go command itself speaks
			} else {
				r.event(e, outputs)
			}
		}
		if err != nil {
			return
		}
	}
}

func (r *result) event(e event, outputs map[string][]string) {
	key := e.Package + "\x00" + e.Test
	switch e.Action {
	case "build-output":
		fmt.Print(e.Output)
	case "output":
		if e.Test == "" && packageLine(e.Output) {
			r.lines = append(r.lines, e.Output)
			if !strings.HasPrefix(e.Output, costLine) { // a table is read at the end
				fmt.Print(e.Output)
			}
			return
		}
		outputs[key] = append(outputs[key], e.Output)
	case "pass":
		if e.Test != "" {
			r.passed++
		}
		delete(outputs, key)
	case "skip":
		if e.Test != "" {
			why := reason(outputs[key])
			if r.skipped[why] == nil {
				r.order = append(r.order, why)
			}
			r.skipped[why] = append(r.skipped[why], shortName(e))
		}
		delete(outputs, key)
	case "fail":
		if e.Test != "" {
			r.failed = append(r.failed, shortName(e))
			r.said[shortName(e)] = said(outputs[key])
		}
		fmt.Print(strings.Join(outputs[key], ""))
		delete(outputs, key)
	}
}

// costLine begins the lines of the table that tests/interop prints.
const costLine = "cost: "

// packageLine recognizes the go command's closing line of a package, and the table of costs that one prints.
func packageLine(s string) bool {
	return strings.HasPrefix(s, costLine) || strings.HasPrefix(s, "ok  \t") || strings.HasPrefix(s, "FAIL\t") || strings.HasPrefix(s, "?   \t") || strings.HasPrefix(s, "---\t") || strings.HasPrefix(s, "\t")
}

func shortName(e event) string {
	p := e.Package
	if i := strings.Index(p, "/corosync/"); i >= 0 {
		p = p[i+len("/corosync/"):]
	}
	return p + " " + e.Test
}

// maxSaid bounds the lines that are repeated per failed test.
const maxSaid = 40

// said picks what a test reported out of its output: not the go command's lines, and not the echo of what was done to a
// cluster, which begins with the time, nor the ends of its logs.
func said(lines []string) []string {
	var out []string
	keep := false
	for _, l := range lines {
		text := strings.TrimRight(l, "\n")
		_, rest, at := strings.Cut(text, ".go:")
		switch {
		case strings.HasPrefix(text, "===") || strings.HasPrefix(strings.TrimSpace(text), "---"):
			keep = false
		case at:
			_, rest, _ = strings.Cut(rest, ": ")
			keep = !echo.MatchString(rest) && !strings.HasSuffix(rest, " ends:")
		}
		if keep {
			out = append(out, text)
		}
	}
	if n := len(out); n > maxSaid {
		out = append(out[:maxSaid], fmt.Sprintf("    ... (%d more lines)", n-maxSaid))
	}
	return out
}

var echo = regexp.MustCompile(`^ *[0-9]+\.[0-9]{3} |^--- `)

// reason is the text given to t.Skip: the last line that is neither the
// runner's own nor empty, without the position.
func reason(lines []string) string {
	for _, l := range slices.Backward(lines) {
		l = strings.TrimSpace(l)
		if l == "" || strings.HasPrefix(l, "---") || strings.HasPrefix(l, "===") {
			continue
		}
		if i := strings.Index(l, ".go:"); i >= 0 {
			if _, text, ok := strings.Cut(l[i+4:], ": "); ok {
				l = text
			}
		}
		return strings.TrimPrefix(l, "skip: ")
	}
	return "no reason given"
}

// maxNames bounds the names printed per reason.
const maxNames = 4

func (r *result) print() {
	fmt.Println()
	n := 0
	for _, why := range r.order {
		names := r.skipped[why]
		n += len(names)
		more := ""
		if len(names) > maxNames {
			more = fmt.Sprintf(" and %d more", len(names)-maxNames)
			names = names[:maxNames]
		}
		fmt.Printf("skipped: %s\n         %s%s\n", why, strings.Join(names, ", "), more)
	}
	for _, f := range r.failed {
		fmt.Printf("failed:  %s\n", f)
		for _, l := range r.said[f] {
			fmt.Println("     ", l)
		}
	}
	fmt.Printf("%d tests passed, %d skipped, %d failed\n\n", r.passed, n, len(r.failed))
	for _, l := range r.lines {
		if !strings.Contains(l, "[no test files]") {
			fmt.Print(l)
		}
	}
}
