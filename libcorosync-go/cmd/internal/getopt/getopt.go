package getopt

import (
	"fmt"
	"io"
	"strings"
)

// Long is a long option.
type Long struct {
	Name string
	Arg  bool // needs an argument
	// Short is what Next returns for it. Several may share one.
	Short rune
}

// Unknown is what Next returns for an option that does not exist, lacks its
// argument, or has one it must not have. The message was written.
const Unknown = '?'

// Parser reads one command line.
type Parser struct {
	program string
	short   string
	long    []Long
	errors  io.Writer
	ordered bool // operands end the options (POSIXLY_CORRECT)

	rest     []string // not yet looked at
	cluster  string   // rest of a group of short options
	operands []string

	// Arg is the argument of the option that Next returned last.
	Arg string
	// Index is the position in the list of long options of what Next returned
	// last, or -1 if it was short.
	Index int
}

// New returns a parser of args, which do not include the name of the program.
// short lists the short options, each followed by ':' if it needs an argument.
// With posix, options end at the first operand.
func New(program string, args []string, short string, long []Long, posix bool, errors io.Writer) *Parser {
	return &Parser{program: program, rest: args, short: short, long: long, ordered: posix, errors: errors}
}

// Operands returns what is not an option, once Next returned false.
func (p *Parser) Operands() []string { return append(p.operands, p.rest...) }

// Next returns the next option, or false at the end.
func (p *Parser) Next() (opt rune, ok bool) {
	p.Arg, p.Index = "", -1
	if p.cluster != "" {
		return p.nextShort(), true
	}
	for len(p.rest) > 0 {
		word := p.rest[0]
		switch {
		case word == "--":
			p.rest = p.rest[1:]
			return 0, false
		case len(word) < 2 || word[0] != '-':
			if p.ordered {
				return 0, false
			}
			p.operands = append(p.operands, word)
			p.rest = p.rest[1:]
			continue
		}
		p.rest = p.rest[1:]
		if len(p.long) > 0 && strings.HasPrefix(word, "--") {
			return p.nextLong(word[2:]), true
		}
		p.cluster = word[1:]
		return p.nextShort(), true
	}
	return 0, false
}

func (p *Parser) nextShort() rune {
	c := p.cluster[0]
	p.cluster = p.cluster[1:]
	i := strings.IndexByte(p.short, c)
	if c == ':' || c == ';' || i < 0 {
		p.complain("invalid option -- '%s'", string([]byte{c}))
		return Unknown
	}
	if !strings.HasPrefix(p.short[i+1:], ":") {
		return rune(c)
	}
	switch {
	case p.cluster != "":
		p.Arg, p.cluster = p.cluster, ""
	case len(p.rest) > 0:
		p.Arg, p.rest = p.rest[0], p.rest[1:]
	default:
		p.complain("option requires an argument -- '%s'", string([]byte{c}))
		return Unknown
	}
	return rune(c)
}

func (p *Parser) nextLong(word string) rune {
	name, value, hasValue := strings.Cut(word, "=")
	found, matches := -1, []string(nil)
	for i, l := range p.long {
		if l.Name == name {
			found, matches = i, []string{l.Name}
			break
		}
		if !strings.HasPrefix(l.Name, name) {
			continue
		}
		if found >= 0 && p.long[found].Arg == l.Arg && p.long[found].Short == l.Short && l.Short != 0 {
			continue // another name for the same thing
		}
		if found < 0 {
			found = i
		}
		matches = append(matches, l.Name)
	}
	switch {
	case found < 0:
		p.complain("unrecognized option '--%s'", name)
		return Unknown
	case len(matches) > 1:
		list := ""
		for _, m := range matches {
			list += " '--" + m + "'"
		}
		p.complain("option '--%s' is ambiguous; possibilities:%s", word, list)
		return Unknown
	}
	l := p.long[found]
	switch {
	case hasValue && !l.Arg:
		p.complain("option '--%s' doesn't allow an argument", l.Name)
		return Unknown
	case hasValue:
		p.Arg = value
	case l.Arg && len(p.rest) > 0:
		p.Arg, p.rest = p.rest[0], p.rest[1:]
	case l.Arg:
		p.complain("option '--%s' requires an argument", l.Name)
		return Unknown
	}
	p.Index = found
	return l.Short
}

func (p *Parser) complain(format string, args ...any) {
	fmt.Fprintf(p.errors, "%s: %s\n", p.program, fmt.Sprintf(format, args...))
}
