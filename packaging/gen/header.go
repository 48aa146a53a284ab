package main

import (
	"fmt"
	"regexp"
	"strings"
)

// header is a C header of include/corosync, as far as a manual page needs it.
type header struct {
	file    string     // cpg.h
	about   []string   // paragraphs of the comment at its top
	funcs   []function // in the order of the header
	rest    string     // types, macros and callbacks with their comments, as they stand there
	library string     // as -l wants it
}

// function is one exported function with its comment.
type function struct {
	name, result string
	args         []string
	text         []string // paragraphs
	params       []item
	errors       []item
	group        string // name of the first of several functions that have one comment
}

// item is a name with what there is to say of it.
type item struct{ name, text string }

var (
	onlyCPlusPlus = regexp.MustCompile(`(?m)^#ifdef __cplusplus\n(.*\n)*?#endif\n`)
	declaration   = regexp.MustCompile(`^(?:extern )?(const char \*|cs_error_t )(\w+)\(((?s).*)\);$`)
	linkWith      = regexp.MustCompile(`-l(\w+)`)
)

// readHeader takes a header apart. What is written is as regular as our headers are: a comment stands before what it is about.
func readHeader(file, text string) (*header, error) {
	h := &header{file: file}
	text = onlyCPlusPlus.ReplaceAllString(text, "")
	lines := strings.Split(text, "\n")
	var comment, last []string // the comment before the next declaration, and what it was for the one before
	var rest strings.Builder
	group, top := "", false
	for i := 0; i < len(lines); {
		line := lines[i]
		switch {
		case strings.TrimSpace(line) == "":
			i++
			comment, last = nil, nil
			rest.WriteByte('\n')
		case strings.HasPrefix(line, "/*"):
			comment = nil
			for {
				comment = append(comment, lines[i])
				i++
				if strings.Contains(lines[i-1], "*/") {
					break
				}
				if i == len(lines) {
					return nil, fmt.Errorf("%s: a comment has no end", file)
				}
			}
			if !top && len(comment) > 1 {
				top, h.about, comment = true, paragraphs(bare(comment)), nil
			}
		case strings.HasPrefix(line, "#"):
			for more := true; more && i < len(lines); i++ {
				more = strings.HasSuffix(lines[i], "\\")
				if strings.HasPrefix(line, "#define") && !strings.Contains(line, "_DEFINED") {
					rest.WriteString(strings.Join(append(comment, lines[i], ""), "\n"))
					comment = nil
				}
			}
		default:
			var decl []string
			for depth := 0; i < len(lines); {
				decl = append(decl, lines[i])
				code, _, _ := strings.Cut(lines[i], "/**<")
				depth += strings.Count(code, "{") - strings.Count(code, "}")
				i++
				end := strings.TrimSpace(code)
				if depth == 0 && (strings.HasSuffix(end, ";") || strings.HasSuffix(end, "}")) {
					break
				}
			}
			m := declaration.FindStringSubmatch(strings.Join(decl, "\n"))
			if m == nil {
				if !strings.HasPrefix(decl[0], "static inline") {
					rest.WriteString(strings.Join(append(append(comment, decl...), ""), "\n"))
				}
				comment, last = nil, nil
				continue
			}
			f := function{name: m[2], result: strings.TrimSpace(m[1])}
			for _, a := range strings.Split(m[3], ",") {
				f.args = append(f.args, strings.Join(strings.Fields(a), " "))
			}
			if comment == nil && last != nil {
				comment = last
			} else {
				group = f.name
			}
			if comment == nil {
				return nil, fmt.Errorf("%s: %s has no comment", file, f.name)
			}
			f.group = group
			f.parse(bare(comment))
			h.funcs = append(h.funcs, f)
			comment, last = nil, comment
		}
	}
	m := linkWith.FindStringSubmatch(strings.Join(h.about, " "))
	if m == nil {
		return nil, fmt.Errorf("%s does not say what to link with", file)
	}
	h.library = m[1]
	h.rest = strings.Trim(regexp.MustCompile(`\n{3,}`).ReplaceAllString(rest.String(), "\n\n"), "\n")
	return h, nil
}

// bare are the lines of a comment without what makes it one.
func bare(comment []string) []string {
	var out []string
	for _, l := range comment {
		l = strings.TrimSpace(l)
		l = strings.TrimSuffix(l, "*/")
		l = strings.TrimPrefix(strings.TrimPrefix(l, "/**"), "/*")
		l = strings.TrimPrefix(l, "*")
		out = append(out, strings.TrimSpace(l))
	}
	return out
}

// paragraphs joins lines; an empty one ends a paragraph.
func paragraphs(lines []string) []string {
	var out []string
	var p []string
	for _, l := range append(lines, "") {
		if l != "" {
			p = append(p, l)
		} else if p != nil {
			out, p = append(out, strings.Join(p, " ")), nil
		}
	}
	return out
}

// parse sorts the lines of a comment.
func (f *function) parse(lines []string) {
	var text []string
	var into *item
	var list *[]item
	flush := func() {
		if into != nil {
			*list, into = append(*list, *into), nil
		}
	}
	for _, l := range lines {
		words := strings.SplitN(l, " ", 3)
		switch {
		case len(words) == 3 && (words[0] == "@param" || words[0] == "@retval"):
			flush()
			list = &f.params
			if words[0] == "@retval" {
				list = &f.errors
			}
			into = &item{words[1], words[2]}
		case strings.HasPrefix(l, "@return "):
			flush()
			list, into = &f.params, &item{"", strings.TrimPrefix(l, "@return ")}
		case into != nil && l != "":
			into.text += " " + l
		case into == nil:
			text = append(text, l)
		}
	}
	flush()
	f.text = paragraphs(text)
}
