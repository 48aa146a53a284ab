// Command gen writes the manual pages that are made from tables of the program:
//
//	go run ./packaging/gen
//
// A page comes from a template beside this file. In a template a line
//
//	@keys SECTION
//
// becomes the list of all keys of that section of the configuration schema, and
//
//	@runtime
//
// the list of keys that publish the values in use. Everything else is copied. The pages in packaging/man are committed, and
// a test fails when they are older than the tables. It runs on the machine of whoever changes the schema, nowhere else.
//
//	go run ./packaging/gen man3 include/corosync DIRECTORY
//
// writes the pages of the C functions from the comments of the headers, as make install does.
package main

//go:generate go run .

import (
	"bytes"
	"embed"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/corosync-go/corosync/daemon/config"
	"github.com/corosync-go/corosync/daemon/icmap"
)

//go:embed *.in
var templates embed.FS

// pages are generated into the directory of manual pages.
var pages = []string{"corosync.conf.5", "cmap_keys.7"}

func main() {
	if len(os.Args) > 1 {
		if len(os.Args) != 4 || os.Args[1] != "man3" {
			fmt.Fprintln(os.Stderr, "usage: gen | gen man3 HEADERS DIRECTORY")
			os.Exit(2)
		}
		if err := functionPages(os.Args[2], os.Args[3]); err != nil {
			fmt.Fprintln(os.Stderr, "gen:", err)
			os.Exit(1)
		}
		return
	}
	dir := "packaging/man"
	if _, err := os.Stat(dir); err != nil {
		dir = filepath.Join("..", "man") // by go generate
	}
	for _, p := range pages {
		b, err := generate(p)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, p), b, 0o644)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "gen:", err)
			os.Exit(1)
		}
	}
}

// generate returns the text of a page.
func generate(page string) ([]byte, error) {
	text, err := templates.ReadFile(page + ".in")
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	for n, line := range strings.SplitAfter(string(text), "\n") {
		words := strings.Fields(line)
		switch {
		case !strings.HasPrefix(line, "@"):
			b.WriteString(line)
		case words[0] == "@keys" && len(words) == 2:
			if err := keys(&b, words[1]); err != nil {
				return nil, fmt.Errorf("%s.in:%d: %w", page, n+1, err)
			}
		case words[0] == "@runtime" && len(words) == 1:
			runtime(&b)
		default:
			return nil, fmt.Errorf("%s.in:%d: unknown instruction %q", page, n+1, line)
		}
	}
	return b.Bytes(), nil
}

// keys writes the list items of a section of the schema.
func keys(b *bytes.Buffer, section string) error {
	found := false
	for i := range config.Schema {
		k := &config.Schema[i]
		if sectionOf(k) != section {
			continue
		}
		found = true
		fmt.Fprintf(b, ".It Ic %s\n%s.br\n%s", wordOf(k), roff(sentence(k.Help)+"."), roff(facts(k)+"."))
	}
	if !found {
		return fmt.Errorf("the schema has no section %q", section)
	}
	return nil
}

// runtime writes the list items of the keys runtime.config.*.
func runtime(b *bytes.Buffer) {
	for i := range config.Schema {
		k := &config.Schema[i]
		if !k.Runtime {
			continue
		}
		t := k.Type
		if t == icmap.TypeString && k.Values == nil {
			t = icmap.TypeUint32 // yes and no are published as 1 and 0
		}
		unit := ""
		if k.Unit != "" {
			unit = ", " + k.Unit
		}
		fmt.Fprintf(b, ".It\n.Va runtime.config.%s\n.Pq %s%s\n", k.Name, typeName(t), unit)
	}
}

// facts is the line about what may be written: type, unit, range, default, reload.
func facts(k *config.Key) string {
	var f []string
	switch {
	case k.Values != nil:
		f = append(f, "One of "+strings.Join(k.Values, ", "))
	case k.Type == icmap.TypeString:
		f = append(f, "Text")
	default:
		f = append(f, "Number ("+typeName(k.Type)+")")
		if k.Unit != "" {
			f = append(f, "in "+k.Unit)
		}
		f = append(f, limits(k))
	}
	switch {
	case k.Default == "":
		f = append(f, "no default")
	case k.Runtime && !k.Zero && k.Default != "0" && numeric(k.Type):
		f = append(f, "default "+k.Default+" (also for 0)")
	default:
		f = append(f, "default "+k.Default)
	}
	return strings.Join(f, "; ") + "; reload: " + k.Reload.String()
}

func numeric(t icmap.Type) bool { return t != icmap.TypeString }

// limits returns the range of a number.
func limits(k *config.Key) string {
	low, high := typeLimits(k.Type)
	if l, h, ok := strings.Cut(k.Range, ".."); ok {
		low = l
		if h != "" {
			high = h
		}
	}
	if low == high {
		return "always " + low
	}
	return low + " to " + high
}

func typeLimits(t icmap.Type) (low, high string) {
	switch t {
	case icmap.TypeUint8:
		return "0", fmt.Sprint(math.MaxUint8)
	case icmap.TypeUint16:
		return "0", fmt.Sprint(math.MaxUint16)
	case icmap.TypeInt32:
		return fmt.Sprint(math.MinInt32), fmt.Sprint(math.MaxInt32)
	case icmap.TypeUint64:
		return "0", fmt.Sprint(uint64(math.MaxUint64))
	default:
		return "0", fmt.Sprint(math.MaxUint32)
	}
}

// typeName is the name of a type in corosync-cmapctl.
func typeName(t icmap.Type) string {
	switch t {
	case icmap.TypeUint8:
		return "u8"
	case icmap.TypeUint16:
		return "u16"
	case icmap.TypeInt32:
		return "i32"
	case icmap.TypeUint32:
		return "u32"
	case icmap.TypeUint64:
		return "u64"
	default:
		return "str"
	}
}

// sectionOf is the section in which a key stands: its name without numbers and the last word.
func sectionOf(k *config.Key) string {
	s := strings.ReplaceAll(k.Name, ".N.", ".")
	return s[:strings.LastIndexByte(s, '.')]
}

func wordOf(k *config.Key) string { return k.Name[strings.LastIndexByte(k.Name, '.')+1:] }

// literal are words that keep their small letter at the start of a sentence.
var literal = map[string]bool{"knet": true, "udp": true, "udpu": true, "yes": true, "no": true, "alert": true}

// sentence begins a text with a capital letter, unless it begins with a value: "on: ...", "knet, udpu or udp".
func sentence(s string) string {
	first, _, _ := strings.Cut(s, " ")
	if word := strings.TrimRight(first, ":,"); word != first || literal[word] {
		return s
	}
	r, n := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(r)) + s[n:]
}

// lineMax is the longest line of text in bytes; longer ones are hard to compare.
const lineMax = 78

// roff escapes a text and breaks it into lines.
func roff(s string) string {
	var b strings.Builder
	column := 0
	for _, word := range strings.Fields(strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(s)) {
		switch {
		case column == 0:
		case column+1+len(word) > lineMax:
			b.WriteByte('\n')
			column = 0
		default:
			b.WriteByte(' ')
			column++
		}
		if column == 0 && (word[0] == '.' || word[0] == '\'') {
			word = `\&` + word // not a request
		}
		b.WriteString(word)
		column += len(word)
	}
	b.WriteByte('\n')
	return b.String()
}
