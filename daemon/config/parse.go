package config

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// Limits of the grammar, those of the C daemon.
const (
	lineMaxLen = 510 // bytes of a line without its line feed
	pathMaxLen = 254 // bytes of a key with the sections before it
)

// maxErrors bounds how many errors one file yields.
const maxErrors = 20

// Pos is a place in a configuration file. The zero Pos is "nowhere".
type Pos struct {
	File string
	Line int // from 1
}

func (p Pos) String() string { return fmt.Sprintf("%s:%d", p.File, p.Line) }

// SyntaxError is an error at a line of a file. Its text is the one of the C
// daemon.
type SyntaxError struct {
	Pos
	Text string
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("parser error: %s: %s", e.Pos, e.Text) }

// Errors are the errors of one file in the order of their lines. The C daemon
// would have stopped at the first.
type Errors []*SyntaxError

func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, x := range e {
		lines[i] = x.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns the single errors.
func (e Errors) Unwrap() []error {
	errs := make([]error, len(e))
	for i, x := range e {
		errs[i] = x
	}
	return errs
}

// add keeps the list in line order; errors of one line stay in order of arrival.
func (e *Errors) add(pos Pos, format string, args ...any) {
	x := &SyntaxError{pos, fmt.Sprintf(format, args...)}
	i, _ := slices.BinarySearchFunc(*e, pos.Line+1, func(o *SyntaxError, line int) int { return o.Line - line })
	*e = slices.Insert(*e, i, x)
	if len(*e) > maxErrors {
		*e = (*e)[:maxErrors]
	}
}

// err returns nil for no errors.
func (e Errors) err() error {
	if len(e) == 0 {
		return nil
	}
	return e
}

// section is a node of the tree: what stands between braces.
type section struct {
	path  string // names of the sections around it and its own, joined by dots; "" for the file
	line  int    // of the opening brace
	end   int    // of the closing brace; 0 if it is missing
	items []item // in file order
}

// item is one statement: a key with its value, or a section.
type item struct {
	line       int
	key, value string
	sub        *section // nil for a key
}

// path returns the full name of a key in s.
func (s *section) join(key string) string {
	if s.path == "" {
		return key
	}
	return s.path + "." + key
}

// parse reads text into a tree. It stops at the first error, and what came
// before is in the tree.
func parse(file string, text []byte) (*section, Errors) {
	var errs Errors
	root := &section{}
	stack := []*section{root}
	n := 0
	fail := func(msg string) (*section, Errors) {
		errs.add(Pos{file, n}, "%s", msg)
		return root, errs
	}
	for len(text) > 0 {
		n++
		line, rest, terminated := bytes.Cut(text, []byte{'\n'})
		text = rest
		// The C daemon's buffer takes one byte more if no line feed follows.
		if len(line) > lineMaxLen && (terminated || len(line) > lineMaxLen+1) {
			return fail("Line too long")
		}
		l := string(bytes.TrimSuffix(line, []byte{'\r'}))
		l = strings.TrimRight(l, " \t")
		if t := strings.TrimLeft(l, " \t"); t == "" || t[0] == '#' {
			continue
		}
		cur := stack[len(stack)-1]
		if name, after, ok := strings.Cut(l, "{"); ok {
			name = trimName(name)
			switch {
			case name == "":
				return fail("Missing section name before opening bracket '{'")
			case strings.Trim(after, " \t") != "":
				return fail("Extra characters after opening bracket '{'")
			case len(cur.path)+len(name)+1 > pathMaxLen:
				return fail("Start of section makes total cmap path too long")
			}
			sub := &section{path: cur.join(name), line: n}
			cur.items = append(cur.items, item{line: n, sub: sub})
			stack = append(stack, sub)
			continue
		}
		if key, value, ok := strings.Cut(l, ":"); ok {
			key = trimName(key)
			if len(cur.path)+len(key)+1 > pathMaxLen {
				return fail("New key makes total cmap path too long")
			}
			cur.items = append(cur.items, item{line: n, key: key, value: strings.Trim(value, " \t")})
			continue
		}
		if strings.Contains(l, "}") {
			switch {
			case strings.Trim(l, " \t") != "}":
				return fail("Extra characters before or after closing bracket '}'")
			case len(stack) == 1:
				return fail("Unexpected closing brace")
			}
			cur.end = n
			stack = stack[:len(stack)-1]
			continue
		}
		return fail("Line is not opening or closing section or key value")
	}
	if len(stack) > 1 {
		return fail("Missing closing brace")
	}
	return root, nil
}

// trimName trims a key or section name. Colons at its end are dropped, so that
// `totem: {` opens section totem.
func trimName(s string) string {
	s = strings.TrimLeft(s, " \t")
	// The first byte always stays, as in the C daemon: `:{` is a section ":".
	if len(s) > 1 {
		return s[:1] + strings.TrimRight(s[1:], " \t:{")
	}
	return s
}
