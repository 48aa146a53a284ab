//go:build linux

package capi

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// headerNames are the files of include/corosync, all of them.
var headerNames = []string{"cfg.h", "cmap.h", "corodefs.h", "corotypes.h", "cpg.h", "hdb.h", "quorum.h", "sam.h", "votequorum.h"}

// debianHeaders is the directory with Debian's corosync/cpg.h; it skips where
// there is none.
func debianHeaders(t *testing.T) string {
	t.Helper()
	for _, h := range headerNames {
		p := filepath.Join("/usr/include/corosync", h)
		b, err := os.ReadFile(p)
		if err != nil {
			t.Skipf("skip: %v (Debian: libcpg-dev and others)", err)
		}
		if bytes.Contains(b, []byte("SPDX-License-Identifier: BSD-3-Clause")) {
			t.Skipf("skip: %s is ours", p)
		}
	}
	return "/usr/include"
}

// ourHeaders is the include directory of the tree.
func ourHeaders() string { return "../../include" }

// compiler skips where there is no C compiler, or no libqb, which hdb.h includes.
func compiler(t *testing.T) string {
	t.Helper()
	cc, err := exec.LookPath("gcc")
	if err != nil {
		t.Skip("skip: gcc is not installed")
	}
	if _, err := os.Stat("/usr/include/qb/qbhdb.h"); err != nil {
		t.Skip("skip: libqb's headers are not installed (Debian: libqb-dev)")
	}
	return cc
}

// gcc runs the compiler with the source on its standard input. The include
// directory comes before the system's.
func gcc(t *testing.T, include, src string, args ...string) string {
	t.Helper()
	cmd := exec.Command(compiler(t), append([]string{"-x", "c", "-I" + include}, append(args, "-")...)...)
	cmd.Stdin = strings.NewReader(src)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("gcc -I%s %v: %v\n%s", include, args, err, stderr.String())
	}
	return string(out)
}

// all includes every header. sys/socket.h comes first, because cpg.h has it
// since 3.1.8 only.
func all() string {
	var b strings.Builder
	b.WriteString("#include <sys/socket.h>\n")
	for _, h := range headerNames {
		fmt.Fprintf(&b, "#include <corosync/%s>\n", h)
	}
	return b.String()
}

// TestHeaderFiles: the directory has the files of 3.1 and no others.
func TestHeaderFiles(t *testing.T) {
	got, err := filepath.Glob(ourHeaders() + "/corosync/*")
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range got {
		got[i] = filepath.Base(p)
	}
	if !slices.Equal(got, headerNames) {
		t.Errorf("include/corosync has %v, wanted %v", got, headerNames)
	}
}

// TestHeadersCompile: each header alone, in C and in C++, without a warning.
func TestHeadersCompile(t *testing.T) {
	for _, h := range headerNames {
		src := "#include <corosync/" + h + ">\n"
		gcc(t, ourHeaders(), src, "-fsyntax-only", "-std=gnu99", "-Wall", "-Wextra", "-Wstrict-prototypes", "-Werror")
		if _, err := exec.LookPath("g++"); err == nil {
			gcc(t, ourHeaders(), src, "-x", "c++", "-fsyntax-only", "-Wall", "-Werror")
		}
	}
}

// TestMacros: every macro there is after including everything, with its text.
func TestMacros(t *testing.T) {
	macros := func(include string) []string {
		lines := strings.Split(gcc(t, include, all(), "-dM", "-E"), "\n")
		slices.Sort(lines)
		return lines
	}
	compareLines(t, "macros", macros(debianHeaders(t)), macros(ourHeaders()))
	small := func(include string) string {
		return gcc(t, include, "#include <corosync/corodefs.h>\nPROCESSOR_COUNT_MAX", "-DHAVE_SMALL_MEMORY_FOOTPRINT", "-E", "-P")
	}
	if d, o := lastLine(small(debianHeaders(t))), lastLine(small(ourHeaders())); d != o {
		t.Errorf("PROCESSOR_COUNT_MAX of small machines is %s, in Debian's header %s", o, d)
	}
}

func lastLine(s string) string {
	l := strings.Split(strings.TrimSpace(s), "\n")
	return l[len(l)-1]
}

// compareLines reports what one sorted list has and the other has not.
func compareLines(t *testing.T, what string, debian, ours []string) {
	t.Helper()
	if len(debian) < 3 {
		t.Fatalf("%s: Debian's headers give only %q", what, debian)
	}
	for _, l := range debian {
		if !slices.Contains(ours, l) {
			t.Errorf("%s: Debian's headers have, ours not: %s", what, l)
		}
	}
	for _, l := range ours {
		if !slices.Contains(debian, l) {
			t.Errorf("%s: ours have, Debian's not: %s", what, l)
		}
	}
}

var (
	lineMark = regexp.MustCompile(`^# \d+ "([^"]*)"`)
	token    = regexp.MustCompile(`[A-Za-z_0-9]+|\.\.\.|[^\sA-Za-z_0-9]`)
)

// declarations returns the declarations that the corosync headers make
// themselves, as tokens with single blanks; of an inline function without its
// body, and without what says the same (extern, a comma before a brace).
func declarations(t *testing.T, include string) []string {
	t.Helper()
	var text strings.Builder
	inside := false
	for _, l := range strings.Split(gcc(t, include, all(), "-E"), "\n") {
		if m := lineMark.FindStringSubmatch(l); m != nil {
			inside = strings.Contains(m[1], "/corosync/")
		} else if inside {
			text.WriteString(l + "\n")
		}
	}
	var out []string
	var cur []string
	depth, params := 0, 0
	function := false // the body of a function follows, or is being read
	for _, tok := range token.FindAllString(text.String(), -1) {
		switch tok {
		case "(":
			params++
		case ")":
			params--
		case "{":
			if depth == 0 && len(cur) > 0 && cur[len(cur)-1] == ")" {
				function = true
			}
			depth++
		case "}":
			depth--
			if n := len(cur); n > 0 && cur[n-1] == "," && !function {
				cur = cur[:n-1]
			}
		}
		switch {
		case function && depth == 0: // the closing brace
			out = append(out, strings.Join(cur, " "))
			cur, function = nil, false
		case function:
		case tok == ";" && depth == 0 && params == 0:
			if len(cur) > 0 {
				out = append(out, strings.Join(cur, " "))
			}
			cur = nil
		case tok == "extern":
		default:
			cur = append(cur, tok)
		}
	}
	if len(cur) > 0 {
		t.Fatalf("-I%s: text behind the last declaration: %v", include, cur)
	}
	slices.Sort(out)
	return out
}

// TestDeclarations: types, fields, enumerators with their values, functions with
// the types and names of their parameters, inline functions.
func TestDeclarations(t *testing.T) {
	d, o := declarations(t, debianHeaders(t)), declarations(t, ourHeaders())
	if len(d) < 150 {
		t.Errorf("Debian's headers have only %d declarations: the reader has lost some", len(d))
	}
	compareLines(t, "declarations", d, o)
}

var (
	enumBody   = regexp.MustCompile(`^(?:typedef )?enum (?:\w+ )?\{ (.*?) \}`)
	structType = regexp.MustCompile(`^(typedef )?struct (\w+ )?\{ (.*) \} ?(\w+)?$`)
	// The declarator at the end of a field: a name, and possibly [n].
	fieldName = regexp.MustCompile(`(\w+)(?: \[.*\])?$`)
)

// layoutSource is a C program that prints the size of every type, the offset and
// size of every field, and the value of every enumerator that decls declare.
func layoutSource(decls []string) string {
	var b strings.Builder
	b.WriteString(all() + "#include <stdio.h>\n#include <stddef.h>\n#define F(t, f) printf(#t \".\" #f \" offset %zu size %zu\\n\", offsetof(t, f), sizeof(((t *)0)->f))\n#define S(t) printf(#t \" size %zu align %zu\\n\", sizeof(t), _Alignof(t))\n#define V(v) printf(#v \" %lld\\n\", (long long)(v))\nint main(void) {\n")
	for _, d := range decls {
		if m := enumBody.FindStringSubmatch(d); m != nil {
			for _, e := range strings.Split(m[1], " , ") {
				name, _, _ := strings.Cut(e, " ")
				fmt.Fprintf(&b, "V(%s);\n", name)
			}
		}
		switch m := structType.FindStringSubmatch(d); {
		case m != nil:
			name := m[4]
			if m[1] == "" {
				name = "struct " + strings.TrimSpace(m[2])
			}
			fmt.Fprintf(&b, "S(%s);\n", name)
			for _, f := range strings.Split(strings.TrimSuffix(m[3], " ;"), " ; ") {
				fmt.Fprintf(&b, "F(%s, %s);\n", name, fieldName.FindStringSubmatch(f)[1])
			}
		case strings.HasPrefix(d, "typedef "):
			name := d[strings.LastIndex(d, " ")+1:]
			if i := strings.Index(d, "( * "); i >= 0 { // a callback
				name, _, _ = strings.Cut(d[i+4:], " ")
			}
			fmt.Fprintf(&b, "S(%s);\n", name)
		}
	}
	b.WriteString("return 0;\n}\n")
	return b.String()
}

// layout compiles and runs that program.
func layout(t *testing.T, include string) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "layout")
	gcc(t, include, layoutSource(declarations(t, include)), "-o", bin)
	out, err := exec.Command(bin).Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// TestLayout: sizes, offsets and values as Debian's headers had them on amd64,
// which testdata keeps for machines without these, and as they have them now.
func TestLayout(t *testing.T) {
	const golden = "testdata/layout-amd64.golden"
	ours := layout(t, ourHeaders())
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(golden, []byte(layout(t, debianHeaders(t))), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if runtime.GOARCH == "amd64" {
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		compareLines(t, "layout of the golden file", strings.Split(string(want), "\n"), strings.Split(ours, "\n"))
	}
	t.Run("debian", func(t *testing.T) {
		compareLines(t, "layout", strings.Split(layout(t, debianHeaders(t)), "\n"), strings.Split(ours, "\n"))
	})
}

// TestPkgConfig: the files for pkg-config are Debian's when the directories are.
func TestPkgConfig(t *testing.T) {
	if _, err := exec.LookPath("make"); err != nil {
		t.Skip("skip: make is not installed")
	}
	made, err := filepath.Glob("/usr/lib/*/pkgconfig/libcpg.pc")
	if err != nil || len(made) == 0 {
		t.Skip("skip: libcpg.pc is not installed (Debian: libcpg-dev)")
	}
	libdir := filepath.Dir(filepath.Dir(made[0]))
	dir := t.TempDir()
	cmd := exec.Command("make", "-s", "-C", "../..", "pkgconfig", "BUILDDIR="+dir, "PREFIX=/usr", "LIBDIR="+libdir)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", cmd.Args, err, out)
	}
	for _, f := range []string{"corosync.pc", "libcfg.pc", "libcmap.pc", "libcorosync_common.pc", "libcpg.pc", "libquorum.pc", "libsam.pc", "libvotequorum.pc"} {
		want, err := os.ReadFile(filepath.Join(libdir, "pkgconfig", f))
		if err != nil {
			t.Error(err)
			continue
		}
		got, err := os.ReadFile(filepath.Join(dir, f))
		if err != nil {
			t.Error(err)
			continue
		}
		// A program may link a library whose version it has asked for, so the version is part of it.
		if string(got) != string(want) {
			t.Errorf("%s is\n%s\nDebian's is\n%s", f, got, want)
		}
	}
}
