package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// clientHeaders are the headers of the client libraries, with the name of the page about each.
var clientHeaders = []struct{ file, page, about string }{
	{"corotypes.h", "corotypes", "types and rules of the client libraries"},
	{"cpg.h", "cpg_overview", "closed process groups"},
	{"cmap.h", "cmap_overview", "the map of configuration and state"},
	{"cfg.h", "corosync_cfg_overview", "administration of the daemon"},
	{"quorum.h", "quorum_overview", "quorum and membership"},
	{"votequorum.h", "votequorum_overview", "votes and the quorum device"},
	{"sam.h", "sam_overview", "supervision of a process"},
}

// functionPages writes a page for each function of the client libraries, and one about each header, into a directory. They are
// made when the tree is installed, and not committed: the comments of the headers are the source.
func functionPages(include, dir string) error {
	pages, err := man3(include)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for name, text := range pages {
		if err := os.WriteFile(filepath.Join(dir, name+".3"), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// man3 returns the pages of section 3 by name.
func man3(include string) (map[string][]byte, error) {
	var all []*header
	home := map[string]string{} // function -> page with its text
	for _, c := range clientHeaders {
		text, err := os.ReadFile(filepath.Join(include, c.file))
		if err != nil {
			return nil, err
		}
		h, err := readHeader(c.file, string(text))
		if err != nil {
			return nil, err
		}
		all = append(all, h)
		for _, f := range h.funcs {
			home[f.name] = f.group
		}
	}
	pages := map[string][]byte{}
	for i, h := range all {
		c := clientHeaders[i]
		pages[c.page] = overview(h, c.page, c.about)
		for j := 0; j < len(h.funcs); {
			k := j + 1
			for k < len(h.funcs) && h.funcs[k].group == h.funcs[j].group {
				k++
			}
			pages[h.funcs[j].name] = functionPage(h, c.page, h.funcs[j:k], home)
			for _, f := range h.funcs[j+1 : k] {
				pages[f.name] = []byte(".so man3/" + f.group + ".3\n")
			}
			j = k
		}
	}
	return pages, nil
}

// man3Date stands in all pages; the C interface is that of this release.
const man3Date = "November 20, 2026"

func head(b *bytes.Buffer, title string) {
	fmt.Fprintf(b, ".Dd %s\n.Dt %s 3\n.Os\n.Sh NAME\n", man3Date, strings.ToUpper(title))
}

func library(b *bytes.Buffer, h *header) {
	fmt.Fprintf(b, ".Sh LIBRARY\nlib%[1]s\n.Pq Fl l%[1]s\n", h.library)
}

// functionPage is the page of functions that have one comment.
func functionPage(h *header, about string, fs []function, home map[string]string) []byte {
	var b bytes.Buffer
	f := fs[0]
	head(&b, f.name)
	for i, g := range fs {
		comma := ""
		if i < len(fs)-1 {
			comma = " ,"
		}
		fmt.Fprintf(&b, ".Nm %s%s\n", g.name, comma)
	}
	summary, more := firstSentence(f.text)
	short, _, _ := strings.Cut(summary, ";")
	short, _, _ = strings.Cut(short, ":")
	fmt.Fprintf(&b, ".Nd %s", roff(lower(strings.TrimSuffix(short, "."))))
	library(&b, h)
	fmt.Fprintf(&b, ".Sh SYNOPSIS\n.In corosync/%s\n", h.file)
	for _, g := range fs {
		fmt.Fprintf(&b, ".Ft %s\n.Fo %s\n", quote(g.result), g.name)
		for _, a := range g.args {
			fmt.Fprintf(&b, ".Fa %s\n", quote(a))
		}
		b.WriteString(".Fc\n")
	}
	b.WriteString(".Sh DESCRIPTION\n")
	b.WriteString(prose(summary))
	if more != "" {
		b.WriteString(prose(more))
	}
	for _, p := range f.text[1:] {
		b.WriteString(".Pp\n" + prose(p))
	}
	var result string
	var params []item
	for _, p := range f.params {
		if p.name == "" {
			result = p.text
		} else {
			params = append(params, p)
		}
	}
	if len(params) > 0 {
		b.WriteString(".Bl -tag -width 4n\n")
		for _, p := range params {
			fmt.Fprintf(&b, ".It Fa %s\n%s", p.name, prose(p.text))
		}
		b.WriteString(".El\n")
	}
	b.WriteString(".Sh RETURN VALUES\n")
	switch {
	case result != "":
		b.WriteString(prose(result))
	case len(f.errors) > 0:
		b.WriteString(".Dv CS_OK ,\nor one of the errors below.\n")
	case h.file == "corotypes.h":
		b.WriteString("The error.\n")
	default:
		fmt.Fprintf(&b, ".Dv CS_OK ,\nor an error of\n.Xr %s 3 .\n", sibling(f.name, home))
	}
	if len(f.errors) > 0 {
		b.WriteString(".Sh ERRORS\n.Bl -tag -width 4n\n")
		for _, e := range f.errors {
			fmt.Fprintf(&b, ".It Dv %s\n%s", e.name, prose(e.text))
		}
		b.WriteString(".El\n")
	}
	see := append(mentioned(f, home), about)
	if about != "corotypes" {
		see = append(see, "corotypes")
	}
	references(&b, see)
	return b.Bytes()
}

// overview is the page about a header.
func overview(h *header, page, about string) []byte {
	var b bytes.Buffer
	head(&b, page)
	fmt.Fprintf(&b, ".Nm %s\n.Nd %s\n", page, about)
	library(&b, h)
	fmt.Fprintf(&b, ".Sh SYNOPSIS\n.In corosync/%s\n.Sh DESCRIPTION\n", h.file)
	for i, p := range h.about {
		if i > 0 {
			b.WriteString(".Pp\n")
		}
		b.WriteString(prose(p))
	}
	b.WriteString(".Ss Functions\n.Bl -tag -width 4n\n")
	for i, f := range h.funcs {
		summary, _ := firstSentence(f.text)
		if i+1 < len(h.funcs) && h.funcs[i+1].group == f.group {
			fmt.Fprintf(&b, ".It Xr %s 3 ,\n", f.name)
			continue
		}
		fmt.Fprintf(&b, ".It Xr %s 3\n%s", f.name, prose(summary))
	}
	b.WriteString(".El\n")
	if h.rest != "" {
		b.WriteString(".Ss Types and constants\n.Bd -literal\n")
		for l := range strings.SplitSeq(h.rest, "\n") {
			b.WriteString(literalLine(l))
		}
		b.WriteString(".Ed\n")
	}
	var see []string
	for _, c := range clientHeaders {
		if c.page != page {
			see = append(see, c.page)
		}
	}
	references(&b, see)
	return b.Bytes()
}

// references ends a page; the last one has no comma behind it.
func references(b *bytes.Buffer, see []string) {
	b.WriteString(".Sh SEE ALSO\n")
	slices.Sort(see)
	for _, s := range slices.Compact(see) {
		fmt.Fprintf(b, ".Xr %s 3 ,\n", s)
	}
	b.WriteString(".Xr corosync_overview 7\n")
}

var word = regexp.MustCompile(`\w+`)

// mentioned are the pages of other functions that a comment names.
func mentioned(f function, home map[string]string) []string {
	text := strings.Join(f.text, " ")
	for _, l := range [][]item{f.params, f.errors} {
		for _, i := range l {
			text += " " + i.text
		}
	}
	var out []string
	for _, w := range word.FindAllString(text, -1) {
		if p, ok := home[w]; ok && p != f.group {
			out = append(out, w)
		}
	}
	return out
}

// sibling is the function whose errors one of a family has: cmap_get of cmap_get_int8.
func sibling(name string, home map[string]string) string {
	base := name[:strings.LastIndexByte(name, '_')]
	if _, ok := home[base]; ok {
		return base
	}
	return name
}

// firstSentence cuts a comment behind its first sentence.
func firstSentence(text []string) (first, more string) {
	if len(text) == 0 {
		return "", ""
	}
	first, more, ok := strings.Cut(text[0], ". ")
	if ok {
		first += "."
	}
	return first, more
}

var (
	sentenceEnd = regexp.MustCompile(`([.?])[)]? +([A-Z])`)
	call        = regexp.MustCompile(`\s*\b(\w+)\(\)([.,;:]?)\s`)
)

// prose is text with a new line for each sentence.
func prose(text string) string {
	var b strings.Builder
	for len(text) > 0 {
		end := len(text)
		if m := sentenceEnd.FindStringSubmatchIndex(text); m != nil {
			end = m[4]
		}
		b.WriteString(call.ReplaceAllString(roff(text[:end]), "\n.Fn $1 $2\n"))
		text = text[end:]
	}
	return b.String()
}

// lower begins a text with a small letter, unless its first word is a name.
func lower(s string) string {
	w, _, _ := strings.Cut(s, " ")
	if w != strings.ToUpper(w[:1])+w[1:] || len(w) > 1 && w[1:] != strings.ToLower(w[1:]) {
		return s
	}
	return strings.ToLower(s[:1]) + s[1:]
}

func quote(s string) string {
	if strings.ContainsAny(s, " ") {
		return `"` + s + `"`
	}
	return s
}

// literalLine is a line of C that is to be seen as it is, with tabs of eight.
func literalLine(l string) string {
	var b strings.Builder
	column := 0
	for _, r := range l {
		if r == '\t' {
			for n := 8 - column%8; n > 0; n-- {
				b.WriteByte(' ')
				column++
			}
			continue
		}
		b.WriteRune(r)
		column++
	}
	l = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(strings.TrimRight(b.String(), " "))
	if strings.HasPrefix(l, ".") || strings.HasPrefix(l, "'") {
		l = `\&` + l
	}
	return l + "\n"
}
