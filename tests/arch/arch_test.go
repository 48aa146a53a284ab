package arch

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/corosync-go/corosync"

// layers lists the packages from the bottom up. A package may import what
// stands in an earlier line, and packages of its own line only where the line
// says so. A path stands for itself and everything below it.
var layers = []struct {
	paths []string
	among bool // packages of this line may import each other
}{
	{paths: []string{"lcr"}},
	{paths: []string{"libcorosync-go/cserr", "libcorosync-go/cabi"}},
	{paths: []string{"libcorosync-go/ipcmsg", "libcorosync-go/ring", "libcorosync-go/shm", "libcorosync-go/internal"}, among: true},
	{paths: []string{"libcorosync-go/qbipc", "libcorosync-go/coroipc"}},
	{paths: []string{"libcorosync-go/conn"}},
	{paths: []string{"libcorosync-go/internal/call"}}, // what the service packages share
	{paths: []string{"libcorosync-go/cpg", "libcorosync-go/cmap", "libcorosync-go/cfg", "libcorosync-go/quorum", "libcorosync-go/votequorum",
		"libcorosync-go/sam", "libcorosync-go/confdb", "libcorosync-go/evs", "libcorosync-go/pload"}, among: true},
	{paths: []string{"libcorosync-go/core", "libcorosync-go/cmd"}, among: true},

	{paths: []string{"daemon/logsys", "daemon/clock"}},
	{paths: []string{"daemon/loop"}, among: true},
	{paths: []string{"daemon/icmap", "daemon/objdb"}, among: true},
	{paths: []string{"daemon/config"}},
	{paths: []string{"daemon/totem"}, among: true},
	{paths: []string{"daemon/knet"}, among: true},
	{paths: []string{"daemon/service"}, among: true},
	{paths: []string{"daemon/syncengine", "daemon/stats"}},
	{paths: []string{"daemon/service/servicetest"}}, // a ring of engines for their tests
	{paths: []string{"daemon/engine", "daemon/ipcserver"}, among: true},
	{paths: []string{"daemon/node"}, among: true},
	{paths: []string{"daemon/cmd"}},
	{paths: []string{"tests"}, among: true},
	{paths: []string{"packaging"}}, // reads tables of the program to write the manual
}

// forbidden are edges that the layers would allow, each with its reason.
var forbidden = []struct {
	from, to string
	except   []string // allowed beneath "to"
	why      string
}{
	{from: "libcorosync-go", to: "daemon", why: "clients link the libraries, not the daemon"},
	{from: "lcr", to: "daemon", why: "the registry knows no component"},
	{from: "daemon", to: "libcorosync-go/conn", why: "the daemon is the server end"},
	{from: "daemon", to: "libcorosync-go/cpg", why: "the daemon is no client of itself"},
	{from: "daemon", to: "libcorosync-go/cmd", why: "tools are clients"},
	{from: "daemon/knet", to: "daemon/totem", why: "knet is a library of its own and knows no totem"},
	{from: "daemon/engine", to: "daemon/ipcserver", why: "engines see service.API, so they can be tested without a socket"},
	{from: "daemon/ipcserver", to: "daemon/engine", why: "requests are routed by service, not by name"},
	{from: "daemon/engine", to: "daemon/totem/transport", why: "an engine sends through service.API"},
	{from: "daemon/engine", to: "daemon/totem/srp", why: "an engine sends through service.API"},
	{from: "daemon/engine", to: "daemon/totem/driver", why: "an engine sends through service.API"},
	{from: "daemon/totem/srp", to: "daemon/totem/transport", why: "the protocol is pure: frames in, outputs out"},
	{from: "daemon/totem/srp", to: "daemon/totem/pg", why: "srp pulls frames from a source it declares itself"},
	{from: "daemon/totem/pg", to: "daemon/totem/srp", why: "packing knows no order"},
	{from: "daemon/totem/wire", to: "daemon/totem/srp", why: "formats know no protocol"},
	{from: "daemon/totem/transport", to: "daemon/totem/srp", why: "a transport moves frames"},
	{from: "daemon/totem", to: "daemon/icmap", why: "settings and statistics come and go through the composition root"},
}

// pure packages have no clock, randomness, goroutine, lock or I/O; these
// imports would bring one.
var pure = []string{
	"libcorosync-go/cabi", "libcorosync-go/ipcmsg",
	"daemon/totem", "daemon/totem/seq", "daemon/totem/wire", "daemon/totem/srp", "daemon/totem/pg", "daemon/syncengine",
	"tests/history",
}

var impure = []string{"os", "net", "syscall", "sync", "sync/atomic", "context", "log", "os/exec", "io/ioutil", "crypto/rand", "golang.org/x/sys/unix"}

// unsafeAllowed are packages where any file may import unsafe or use raw system
// calls; elsewhere only a file named *_unsafe.go may.
var unsafeAllowed = map[string]string{
	"libcorosync-go/shm":           "shared memory and futexes are nothing else",
	"libcorosync-go/core":          "the C boundary",
	"daemon/totem/transport/dgram": "recvmmsg and sendmmsg headers point to buffers",
}

type pkg struct {
	ImportPath string
	Dir        string
	Imports    []string
	GoFiles    []string
	CgoFiles   []string
}

func (p pkg) rel() string { return strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/") }

func packages(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-e", "-json=ImportPath,Dir,Imports,GoFiles,CgoFiles", module+"/...")
	cmd.Env = append(os.Environ(), "GOOS=linux")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	var ps []pkg
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		ps = append(ps, p)
	}
	if len(ps) < 2 {
		t.Fatalf("go list shows %d packages", len(ps))
	}
	return ps
}

func under(path, dir string) bool { return path == dir || strings.HasPrefix(path, dir+"/") }

// layerOf is the line with the longest path that path is under, or -1.
func layerOf(path string) int {
	layer, longest := -1, -1
	for i, l := range layers {
		for _, p := range l.paths {
			if under(path, p) && len(p) > longest {
				layer, longest = i, len(p)
			}
		}
	}
	return layer
}

func TestImportDirections(t *testing.T) {
	for _, p := range packages(t) {
		from := p.rel()
		if from == "" {
			continue
		}
		lf := layerOf(from)
		if lf < 0 {
			t.Errorf("%s stands in no layer: name its place in the table", from)
			continue
		}
		for _, imp := range p.Imports {
			if !under(imp, module) {
				continue
			}
			to := strings.TrimPrefix(imp, module+"/")
			lt := layerOf(to)
			switch {
			case lt > lf:
				t.Errorf("%s imports %s, which stands above it", from, to)
			case lt == lf && !layers[lf].among && !sameEntry(lf, from, to):
				t.Errorf("%s imports %s, its neighbour", from, to)
			}
			for _, f := range forbidden {
				if under(from, f.from) && under(to, f.to) && !slices.ContainsFunc(f.except, func(e string) bool { return under(to, e) }) {
					t.Errorf("%s imports %s: %s", from, to, f.why)
				}
			}
			if a, b := engine(from), engine(to); a != "" && b != "" && a != b {
				t.Errorf("%s imports %s: engines never import each other", from, to)
			}
		}
	}
}

// sameEntry: both stand below one path of the line, like a package and its
// internal parts.
func sameEntry(layer int, a, b string) bool {
	return slices.ContainsFunc(layers[layer].paths, func(p string) bool { return under(a, p) && under(b, p) })
}

func engine(path string) string {
	rest, ok := strings.CutPrefix(path, "daemon/engine/")
	if !ok {
		return ""
	}
	name, _, _ := strings.Cut(rest, "/")
	return name
}

func TestPurePackages(t *testing.T) {
	for _, p := range packages(t) {
		if !slices.Contains(pure, p.rel()) {
			continue
		}
		for _, imp := range p.Imports {
			if slices.Contains(impure, imp) {
				t.Errorf("%s is pure and imports %s", p.rel(), imp)
			}
		}
		for _, f := range p.GoFiles {
			file := parse(t, filepath.Join(p.Dir, f), 0)
			ast.Inspect(file, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.GoStmt:
					t.Errorf("%s/%s is pure and starts a goroutine", p.rel(), f)
				case *ast.SelectorExpr:
					if x, ok := n.X.(*ast.Ident); ok && x.Name == "time" && x.Obj == nil && slices.Contains([]string{"Now", "Since", "Sleep", "After", "NewTimer", "NewTicker"}, n.Sel.Name) {
						t.Errorf("%s/%s is pure and calls time.%s", p.rel(), f, n.Sel.Name)
					}
				}
				return true
			})
		}
	}
}

func parse(t *testing.T, path string, mode parser.Mode) *ast.File {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), path, nil, mode)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestPackageComments(t *testing.T) {
	for _, p := range packages(t) {
		var with []string
		for _, f := range slices.Concat(p.GoFiles, p.CgoFiles) {
			if parse(t, filepath.Join(p.Dir, f), parser.ParseComments|parser.PackageClauseOnly).Doc != nil {
				with = append(with, f)
			}
		}
		if len(with) != 1 && len(p.GoFiles)+len(p.CgoFiles) > 0 {
			t.Errorf("%s has %d package comments %v, it should have one", p.rel(), len(with), with)
		}
	}
}

func TestUnsafe(t *testing.T) {
	for _, p := range packages(t) {
		if under(p.rel(), "tests") {
			continue
		}
		if _, ok := unsafeAllowed[p.rel()]; ok {
			continue
		}
		for _, f := range p.GoFiles {
			if strings.HasSuffix(f, "_unsafe.go") || strings.HasSuffix(f, "_unsafe_linux.go") {
				continue
			}
			for _, imp := range parse(t, filepath.Join(p.Dir, f), parser.ImportsOnly).Imports {
				if imp.Path.Value == `"unsafe"` {
					t.Errorf("%s/%s imports unsafe: move that part to a file named *_unsafe.go", p.rel(), f)
				}
			}
		}
	}
}

// maxLines is where a file is past the point at which a newcomer finds the way.
const maxLines = 900

func TestFileLength(t *testing.T) {
	for _, p := range packages(t) {
		for _, f := range p.GoFiles {
			b, err := os.ReadFile(filepath.Join(p.Dir, f))
			if err != nil {
				t.Fatal(err)
			}
			if n := bytes.Count(b, []byte("\n")); n > maxLines {
				t.Errorf("%s/%s has %d lines, more than %d: cut it where the subject changes", p.rel(), f, n, maxLines)
			}
		}
	}
}

// topLevel is the closed list of entries of the root.
var topLevel = []string{"daemon", "libcorosync-go", "include", "lcr", "tests", "packaging", "Makefile", "go.mod", "go.sum",
	"corosync.conf.example", "README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "LICENSE"}

func TestTopLevel(t *testing.T) {
	var entries []fs.DirEntry
	entries, err := os.ReadDir("../..")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		n := e.Name()
		if strings.HasPrefix(n, ".") || n == "bin" || n == "build" || n == "dist" {
			continue
		}
		if !slices.Contains(topLevel, n) {
			t.Errorf("%s is a new entry at the top: it needs a reason, and a place in this list", n)
		}
	}
}
