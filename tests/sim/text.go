package sim

import (
	"bufio"
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/corosync-go/corosync/daemon/totem/transport/memnet"
)

// A plan is written one setting to a line, in the names of the fields of Plan in lower case; what is zero is left out. Then
// comes the story, one fault to a line, in the names of the fields of Fault:
//
//	# comment
//	seed 17
//	nodes 3
//	token-ms 500 500 700
//	trouble 12s
//	rough delay 500us jitter 50us loss 0.05
//	own 2 netmtu: 600; max_messages: 3
//	cold-start yes
//	at 1.2s partition groups 1,2|3 for 3s
//	at 2s crash-at-frame node 2 frame memb_commit_token count 3 for 1.5s
//
// What Print writes, Parse reads to the same plan, and the same plan is the same run.

// dashed is a name of Go or of a kind as it is written in a plan.
func dashed(name string) string {
	var b strings.Builder
	runes := []rune(strings.ReplaceAll(name, " ", "-"))
	for i, r := range runes {
		if unicode.IsUpper(r) && i > 0 && runes[i-1] != '-' &&
			(unicode.IsLower(runes[i-1]) || i+1 < len(runes) && unicode.IsLower(runes[i+1])) {
			b.WriteByte('-')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

// Print writes the plan.
func (p *Plan) Print(w io.Writer) {
	v := reflect.ValueOf(p).Elem()
	for i := range v.NumField() {
		f, name := v.Field(i), dashed(v.Type().Field(i).Name)
		switch name {
		case "faults", "story":
		case "own":
			for n, s := range p.Own {
				if s != "" {
					fmt.Fprintf(w, "own %d %s\n", n+1, s)
				}
			}
		default:
			if !f.IsZero() {
				fmt.Fprintf(w, "%s %s\n", name, printValue(f))
			}
		}
	}
	for i := range p.Story {
		fmt.Fprintln(w, p.Story[i].String())
	}
}

// String is the line of a fault.
func (f Fault) String() string {
	s := fmt.Sprintf("at %v %s", f.At, dashed(f.Kind))
	v := reflect.ValueOf(f)
	for i := range v.NumField() {
		switch name := dashed(v.Type().Field(i).Name); name {
		case "at", "kind", "for":
		default:
			if !v.Field(i).IsZero() {
				s += " " + name + " " + printValue(v.Field(i))
			}
		}
	}
	if f.For != 0 {
		s += fmt.Sprintf(" for %v", f.For)
	}
	return s
}

func printValue(v reflect.Value) string {
	switch x := v.Interface().(type) {
	case bool:
		if x {
			return "yes"
		}
		return "no"
	case []int, []float64:
		return strings.Trim(fmt.Sprint(x), "[]")
	case [][]int:
		var sides []string
		for _, g := range x {
			sides = append(sides, strings.ReplaceAll(strings.Trim(fmt.Sprint(g), "[]"), " ", ","))
		}
		return strings.Join(sides, "|")
	case memnet.Conditions:
		var list []string
		c := reflect.ValueOf(x)
		for i := range c.NumField() {
			if !c.Field(i).IsZero() {
				list = append(list, dashed(c.Type().Field(i).Name)+" "+printValue(c.Field(i)))
			}
		}
		return strings.Join(list, " ")
	}
	return fmt.Sprint(v.Interface())
}

// ParsePlan reads a plan.
func ParsePlan(r io.Reader) (Plan, error) {
	var p Plan
	in := bufio.NewScanner(r)
	in.Buffer(nil, 1<<20)
	for n := 1; in.Scan(); n++ {
		line, _, _ := strings.Cut(in.Text(), "#")
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		if err := p.parseLine(words); err != nil {
			return p, fmt.Errorf("line %d: %q: %w", n, strings.TrimSpace(line), err)
		}
	}
	p.normalize()
	return p, in.Err()
}

func (p *Plan) parseLine(words []string) error {
	switch name, args := words[0], words[1:]; name {
	case "at":
		f, err := parseFault(args)
		p.Story = append(p.Story, f)
		return err
	case "own":
		n, err := strconv.Atoi(strings.Join(args[:min(1, len(args))], ""))
		if err != nil || n < 1 || n > 32 {
			return fmt.Errorf("own needs the number of a node, 1 to 32")
		}
		for len(p.Own) < n {
			p.Own = append(p.Own, "")
		}
		p.Own[n-1] = strings.Join(args[1:], " ")
		return nil
	default:
		return setField(reflect.ValueOf(p).Elem(), name, args)
	}
}

// parseFault reads what comes behind "at".
func parseFault(words []string) (f Fault, err error) {
	if len(words) < 2 {
		return f, fmt.Errorf("a fault needs a time and a kind")
	}
	if f.At, err = time.ParseDuration(words[0]); err != nil {
		return f, err
	}
	for i := range kinds {
		if dashed(kinds[i].name) == words[1] {
			f.Kind = kinds[i].name
		}
	}
	if f.Kind == "" {
		return f, fmt.Errorf("no fault is called %q", words[1])
	}
	v := reflect.ValueOf(&f).Elem()
	for rest := words[2:]; len(rest) > 0; rest = rest[2:] {
		if len(rest) == 1 {
			return f, fmt.Errorf("%s has no value", rest[0])
		}
		if err := setField(v, rest[0], rest[1:2]); err != nil {
			return f, err
		}
	}
	return f, nil
}

// setField sets the field with that name in a plan.
func setField(v reflect.Value, name string, args []string) error {
	for i := range v.NumField() {
		if n := dashed(v.Type().Field(i).Name); n == name && n != "faults" && n != "kind" {
			if err := setValue(v.Field(i), args); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			return nil
		}
	}
	return fmt.Errorf("unknown setting %q", name)
}

func setValue(v reflect.Value, args []string) (err error) {
	one := strings.Join(args, " ")
	switch x := v.Addr().Interface().(type) {
	case *bool:
		*x = one == "yes"
		if one != "yes" && one != "no" {
			return fmt.Errorf("%q is neither yes nor no", one)
		}
	case *time.Duration:
		*x, err = time.ParseDuration(one)
	case *string:
		*x = one
	case *int:
		*x, err = strconv.Atoi(one)
	case *uint32:
		_, err = fmt.Sscan(one, x)
	case *uint64:
		_, err = fmt.Sscan(one, x)
	case *float64:
		*x, err = strconv.ParseFloat(one, 64)
	case *[]int:
		return setList(x, args, strconv.Atoi)
	case *[]float64:
		return setList(x, args, func(s string) (float64, error) { return strconv.ParseFloat(s, 64) })
	case *[][]int:
		for _, side := range strings.Split(one, "|") {
			var g []int
			if side != "" {
				if err := setList(&g, strings.Split(side, ","), strconv.Atoi); err != nil {
					return err
				}
			}
			*x = append(*x, g)
		}
	case *memnet.Conditions:
		for ; len(args) > 1; args = args[2:] {
			if err := setField(reflect.ValueOf(x).Elem(), args[0], args[1:2]); err != nil {
				return err
			}
		}
	default:
		return fmt.Errorf("cannot be set")
	}
	return err
}

func setList[T any](to *[]T, args []string, parse func(string) (T, error)) error {
	*to = nil
	for _, s := range args {
		n, err := parse(s)
		if err != nil {
			return err
		}
		*to = append(*to, n)
	}
	return nil
}
