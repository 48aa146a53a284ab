//go:build linux

package capi

import (
	"debug/elf"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// nodes are the version nodes; libcorosync_common has none.
var nodes = map[string]string{
	"cpg": "COROSYNC_CPG_1.0", "cmap": "COROSYNC_CMAP_1.0", "quorum": "COROSYNC_QUORUM_1.0", "votequorum": "COROSYNC_VOTEQUORUM_1.0",
	"cfg": "COROSYNC_CFG_0.82", "sam": "COROSYNC_SAM_1.0", "corosync_common": "",
}

// private is the node of what our libraries have for each other.
const private = "COROSYNC_GO_PRIVATE"

// exported are the symbols that a library defines, with the version of each:
// "" for none.
func exported(t *testing.T, path string) map[string]string {
	t.Helper()
	f, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	syms, err := f.DynamicSymbols()
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	out := map[string]string{}
	for _, s := range syms {
		if s.Section != elf.SHN_UNDEF && elf.ST_BIND(s.Info) != elf.STB_LOCAL {
			out[s.Name] = s.Version
		}
	}
	return out
}

// functions are the functions that a library exports, without the symbols that name versions.
func functions(t *testing.T, path string) []string {
	t.Helper()
	var out []string
	for name := range exported(t, path) {
		if !strings.HasPrefix(name, "COROSYNC_") {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// TestProgramPerFunction: no function without a program, no program without one,
// and the header declares each.
func TestProgramPerFunction(t *testing.T) {
	dir := debianLibraries(t)
	decls := strings.Join(declarations(t, ourHeaders()), "\n")
	have := map[string]bool{}
	for _, p := range programs(t) {
		have[p.name] = true
	}
	n := 0
	for lib, so := range sonames {
		for _, f := range functions(t, filepath.Join(dir, so)) {
			n++
			if !have[f] {
				t.Errorf("%s of lib%s has no program in testdata/api", f, lib)
			}
			if !strings.Contains(decls, " "+f+" ( ") {
				t.Errorf("%s of lib%s is in no header", f, lib)
			}
			delete(have, f)
		}
	}
	for name := range have {
		t.Errorf("testdata/api/%s.c is for no function", name)
	}
	if n < 100 {
		t.Errorf("Debian's libraries export only %d functions", n)
	}
}

// TestSymbols: what a program may ask of Debian's libraries, it finds in ours.
// A reference with a version needs that version; one without is satisfied by
// the default version.
func TestSymbols(t *testing.T) {
	debian, ours := debianLibraries(t), needLibraries(t)
	for _, lib := range slices.Sorted(maps.Keys(sonames)) {
		t.Run(lib, func(t *testing.T) {
			so := sonames[lib]
			need(t, filepath.Join(ours, so))
			want, got := exported(t, filepath.Join(debian, so)), exported(t, filepath.Join(ours, so))
			for name, version := range want {
				have, ok := got[name]
				if !ok {
					t.Errorf("%s lacks %s", so, name)
				} else if version != "" && have != version {
					t.Errorf("%s has %s with version %q, Debian's with %q", so, name, have, version)
				} else if nodes[lib] != "" && have != nodes[lib] {
					t.Errorf("%s has %s with version %q, not %q", so, name, have, nodes[lib])
				}
			}
			for name := range got {
				// What the libraries share among themselves has a node of its own.
				if _, ok := want[name]; !ok && name != private && got[name] != private {
					t.Errorf("%s exports %s, which Debian's does not", so, name)
				}
			}
		})
	}
}

// need skips without a library.
func need(t *testing.T, path string) {
	t.Helper()
	if _, err := os.Stat(path); err != nil {
		t.Skipf("skip: %s is not built", filepath.Base(path))
	}
}

// TestSonames: the name inside, no path for searching, bound at load, no
// executable stack, and no library of Go or of C's corosync that would be loaded
// with it: the core comes with the first call.
func TestSonames(t *testing.T) {
	ours := needLibraries(t)
	for _, lib := range slices.Sorted(maps.Keys(sonames)) {
		t.Run(lib, func(t *testing.T) {
			path := filepath.Join(ours, sonames[lib])
			need(t, path)
			f, err := elf.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if name, err := f.DynString(elf.DT_SONAME); err != nil || len(name) != 1 || name[0] != sonames[lib] {
				t.Errorf("soname %v %v", name, err)
			}
			for _, tag := range []elf.DynTag{elf.DT_RPATH, elf.DT_RUNPATH} {
				if v, _ := f.DynString(tag); len(v) > 0 {
					t.Errorf("%v %v", tag, v)
				}
			}
			needed, err := f.ImportedLibraries()
			if err != nil {
				t.Fatal(err)
			}
			for _, n := range needed {
				if strings.Contains(n, "go") || strings.HasPrefix(n, "libqb") {
					t.Errorf("needs %s", n)
				}
			}
			for _, p := range f.Progs {
				if p.Type == elf.PT_GNU_STACK && p.Flags&elf.PF_X != 0 {
					t.Error("has an executable stack")
				}
			}
		})
	}
}

// TestLoader: programs of the distribution find every symbol in our libraries
// with every reference bound at once, and the loader has nothing to say.
func TestLoader(t *testing.T) {
	ours := needLibraries(t)
	names := []string{
		"/usr/sbin/corosync-cfgtool", "/usr/sbin/corosync-cmapctl", "/usr/sbin/corosync-cpgtool", "/usr/sbin/corosync-quorumtool",
		"/usr/sbin/corosync-notifyd", "/usr/sbin/corosync-qdevice", "/usr/sbin/pacemakerd", "/usr/sbin/sbd", "/usr/sbin/dlm_controld",
		"/usr/lib/pacemaker/pacemaker-based", "/usr/lib/pacemaker/pacemaker-controld", "/usr/lib/pacemaker/pacemaker-fenced",
		"/usr/lib/pacemaker/pacemaker-attrd", "/usr/sbin/crm_node",
	}
	checked := 0
	for _, name := range names {
		if _, err := os.Stat(name); err != nil {
			continue
		}
		// The loader resolves everything, and says on standard error what it misses.
		cmd := exec.Command(name)
		cmd.Env = append(os.Environ(), "LD_LIBRARY_PATH="+ours, "LD_TRACE_LOADED_OBJECTS=1", "LD_WARN=yes", "LD_BIND_NOW=yes")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v\n%s", name, err, out)
			continue
		}
		for _, l := range strings.Split(string(out), "\n") {
			if strings.Contains(l, "undefined symbol") || strings.Contains(l, "version") || strings.Contains(l, "not found") {
				t.Errorf("%s: %s", name, strings.TrimSpace(l))
			}
			if path := corosyncLibrary.FindString(l); path != "" && strings.HasPrefix(path, "/") && !strings.HasPrefix(path, ours) {
				t.Errorf("%s loads %s", name, path)
			}
		}
		checked++
	}
	if checked == 0 {
		t.Skip("skip: none of the programs is installed")
	}
	t.Log(fmt.Sprint(checked, " programs"))
}
