package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/corosync-go/corosync/daemon/config"
	"github.com/corosync-go/corosync/daemon/icmap"
)

func TestPagesAreCurrent(t *testing.T) {
	for _, p := range pages {
		want, err := generate(p)
		if err != nil {
			t.Error(err)
			continue
		}
		got, err := os.ReadFile(filepath.Join("..", "man", p))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("packaging/man/%s is stale: run go run ./packaging/gen", p)
		}
	}
}

// Every key of the schema is in the page, once.
func TestEveryKeyIsDocumented(t *testing.T) {
	b, err := generate("corosync.conf.5")
	if err != nil {
		t.Fatal(err)
	}
	in, err := templates.ReadFile("corosync.conf.5.in")
	if err != nil {
		t.Fatal(err)
	}
	for i := range config.Schema {
		k := &config.Schema[i]
		if n := bytes.Count(in, []byte("\n@keys "+sectionOf(k)+"\n")); n != 1 {
			t.Errorf("%s: section is listed %d times", k.Name, n)
		}
		if k.Help == "" {
			t.Errorf("%s has no help", k.Name)
		}
		if !bytes.Contains(b, []byte("\n.It Ic "+wordOf(k)+"\n")) {
			t.Errorf("%s is missing", k.Name)
		}
	}
}

// load reads a configuration with one more line and returns what is said about it.
func load(t *testing.T, key, value string) string {
	t.Helper()
	word := key[strings.LastIndexByte(key, '.')+1:]
	lines := map[string]string{"totem.version": "version: 2\n", "totem.transport": "transport: udpu\n"}
	link := ""
	switch {
	case strings.HasPrefix(key, "totem.interface."):
		link = "interface {\n" + word + ": " + value + "\nmcastport: 5405\n}\n" // a section with a number only says nothing
	case strings.HasPrefix(key, "totem."):
		lines[key] = word + ": " + value + "\n"
	default:
		t.Fatalf("%s: no such section here", key)
	}
	text := "totem {\n"
	for _, l := range lines {
		text += l
	}
	text += link + "}\nnodelist {\nnode {\nring0_addr: 127.0.0.1\nnodeid: 1\n}\n}\n"
	path := filepath.Join(t.TempDir(), "corosync.conf")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := config.Load(path, config.OS{}, icmap.New()); err != nil {
		return err.Error()
	}
	return ""
}

// The ranges in the page are those that the daemon enforces: the ends are taken, what lies beyond them is not. Resources
// are checked by their engines.
func TestRangesAreEnforced(t *testing.T) {
	for i := range config.Schema {
		k := &config.Schema[i]
		low, high, ok := strings.Cut(k.Range, "..")
		if !ok || strings.HasPrefix(k.Name, "resources.") {
			continue
		}
		n, err := strconv.Atoi(low)
		if err != nil {
			t.Fatalf("%s: %v", k.Name, err)
		}
		if n > 0 {
			// 0 is the default for times.
			below := n - 1
			if s := load(t, k.Name, strconv.Itoa(below)); s == "" {
				t.Errorf("%s: %d is accepted", k.Name, below)
			}
		}
		// Other complaints are possible: about what follows from the value, or a link that no node has.
		if s := load(t, k.Name, low); strings.Contains(s, wordOf(k)+")") {
			t.Errorf("%s: %s is refused: %s", k.Name, low, s)
		}
		if high == "" {
			continue
		}
		if n, err = strconv.Atoi(high); err != nil {
			t.Fatalf("%s: %v", k.Name, err)
		}
		if s := load(t, k.Name, strconv.Itoa(n+1)); s == "" {
			t.Errorf("%s: %d is accepted", k.Name, n+1)
		}
		if s := load(t, k.Name, high); strings.Contains(s, wordOf(k)+")") {
			t.Errorf("%s: %s is refused: %s", k.Name, high, s)
		}
	}
}

func TestWords(t *testing.T) {
	for in, want := range map[string]string{
		"on: write": "on: write", "time of": "Time of", "udpu or udp": "udpu or udp", "yes or no": "yes or no", "0 is off": "0 is off",
	} {
		if got := sentence(in); got != want {
			t.Errorf("%q: %q", in, got)
		}
	}
	for in, want := range map[string]string{
		".x": "\\&.x\n", `a\b - c`: "a\\eb \\- c\n", strings.Repeat("x", lineMax) + " 'y": strings.Repeat("x", lineMax) + "\n\\&'y\n",
	} {
		if got := roff(in); got != want {
			t.Errorf("%q: %q", in, got)
		}
	}
	if _, err := generate("nosuch.5"); err == nil {
		t.Error("a page without template")
	}
	if keys(new(bytes.Buffer), "nosuch") == nil {
		t.Error("a section that is not there")
	}
}

// Every function that a client library exports has a page, with its own name, its errors, and arguments that it has.
func TestFunctionPages(t *testing.T) {
	include := filepath.Join("..", "..", "include", "corosync")
	pages, err := man3(include)
	if err != nil {
		t.Fatal(err)
	}
	root := filepath.Join("..", "..")
	names := map[string]bool{}
	sources, _ := filepath.Glob(filepath.Join(root, "libcorosync-go", "shim", "*.c"))
	exported := regexp.MustCompile(`(?m)^EXPORT (?:cs_error_t |const char \*)(\w+)\(`)
	for _, src := range sources {
		text, err := os.ReadFile(src)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range exported.FindAllStringSubmatch(string(text), -1) {
			names[m[1]] = !strings.HasPrefix(m[1], "shim_") // those are between the libraries
		}
	}
	programs, _ := filepath.Glob(filepath.Join(root, "tests", "capi", "testdata", "api", "*.c")) // one for each function
	for _, p := range programs {
		names[strings.TrimSuffix(filepath.Base(p), ".c")] = true
	}
	if len(names) < 110 {
		t.Errorf("only %d functions are exported", len(names))
	}
	for name, public := range names {
		page := pages[name]
		if to, ok := strings.CutPrefix(string(page), ".so man3/"); ok {
			page = pages[strings.TrimSuffix(to, ".3\n")]
		}
		if public && (!bytes.Contains(page, []byte("\n.Nm "+name)) || !bytes.Contains(page, []byte("\n.Fo "+name+"\n"))) {
			t.Errorf("%s has no page:\n%s", name, page)
		}
	}
	for _, c := range clientHeaders {
		text, err := os.ReadFile(filepath.Join(include, c.file))
		if err != nil {
			t.Fatal(err)
		}
		h, err := readHeader(c.file, string(text))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range h.funcs {
			args := " " + strings.NewReplacer("*", " ", "[]", "").Replace(strings.Join(f.args, " , ")) + " "
			for _, p := range f.params {
				if p.name != "" && !strings.Contains(args, " "+p.name+" ") {
					t.Errorf("%s: no argument is called %s", f.name, p.name)
				}
			}
			for _, e := range f.errors {
				if !strings.HasPrefix(e.name, "CS_ERR_") || e.text == "" {
					t.Errorf("%s: error %q: %q", f.name, e.name, e.text)
				}
			}
			if len(f.errors) == 0 && f.group == f.name && h.file != "corotypes.h" && !strings.Contains(strings.Join(f.text, " "), "for one type each") {
				t.Errorf("%s: no errors", f.name)
			}
		}
	}
}

func TestReadHeaderRefuses(t *testing.T) {
	for _, text := range []string{
		"/*\n * a comment without end\n", "/*\n * Link with -lx.\n */\ncs_error_t f(int i);\n", "/*\n * Nothing to link.\n */\n",
	} {
		if _, err := readHeader("x.h", text); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}

// The programs that show the pages have nothing to say about them.
func TestPagesAreWellFormed(t *testing.T) {
	files, _ := filepath.Glob(filepath.Join("..", "man", "*.[1-8]"))
	made := filepath.Join(t.TempDir(), "man3")
	if err := functionPages(filepath.Join("..", "..", "include", "corosync"), made); err != nil {
		t.Fatal(err)
	}
	functions, _ := filepath.Glob(filepath.Join(made, "*.3"))
	for _, f := range functions {
		if b, err := os.ReadFile(f); err != nil || !bytes.HasPrefix(b, []byte(".so ")) { // a link has nothing in it
			files = append(files, f)
		}
	}
	if len(files) < 10 {
		t.Fatalf("there are %d pages", len(files))
	}
	for _, tool := range [][]string{{"mandoc", "-Tlint"}, {"groff", "-ww", "-mdoc", "-Tutf8", "-z"}} {
		t.Run(tool[0], func(t *testing.T) {
			if _, err := exec.LookPath(tool[0]); err != nil {
				t.Skipf("needs %s", tool[0])
			}
			args := tool[1:]
			for _, f := range files {
				args = append(args, f)
			}
			var out, complaints strings.Builder // mixed in one, they would cut each other's lines
			cmd := exec.Command(tool[0], args...)
			cmd.Stdout, cmd.Stderr = &out, &complaints
			_ = cmd.Run() // it fails if it has something to say
			for line := range strings.SplitSeq(out.String()+complaints.String(), "\n") {
				// The pages refer to each other, and need not be installed here.
				if line != "" && !strings.Contains(line, "mandoc.db") && !strings.Contains(line, "referenced manual not found") {
					t.Error(line)
				}
			}
		})
	}
}
