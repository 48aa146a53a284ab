package getopt

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
)

func TestParser(t *testing.T) {
	long := []Long{{"if", true, 'i'}, {"status", false, 's'}, {"shutdown", false, 'H'}, {"force", false, 0}}
	for _, test := range []struct {
		args  string
		posix bool
		want  string // options, then operands, then messages
	}{
		{"", false, " | []"},
		{"-s -i a", false, "s i=a | []"},
		{"-sia b", false, "s i=a | [b]"},
		{"x -s y -- -s", false, "s | [x y -s]"},
		{"x -s", true, " | [x -s]"},
		{"- -s", false, "s | [-]"},
		{"-z", false, "? | [] t: invalid option -- 'z'"},
		{"-szs", false, "s ? s | [] t: invalid option -- 'z'"},
		{"-i", false, "? | [] t: option requires an argument -- 'i'"},
		{"--if=a --if b --if=", false, "i=a i=b i | []"},
		{"--if", false, "? | [] t: option '--if' requires an argument"},
		{"--force --fo", false, "long3 long3 | []"},
		{"--st", false, "s | []"},
		{"--s", false, "? | [] t: option '--s' is ambiguous; possibilities: '--status' '--shutdown'"},
		{"--status=1", false, "? | [] t: option '--status' doesn't allow an argument"},
		{"--help=1 -:", false, "? ? | [] t: unrecognized option '--help' t: invalid option -- ':'"},
	} {
		var messages strings.Builder
		p := New("t", strings.Fields(test.args), "i:sH", long, test.posix, &messages)
		var got []string
		for {
			opt, ok := p.Next()
			if !ok {
				break
			}
			s := string(opt)
			if opt == 0 {
				s = fmt.Sprint("long", p.Index)
			}
			if p.Arg != "" {
				s += "=" + p.Arg
			}
			got = append(got, s)
		}
		line := strings.Join(got, " ") + " | " + fmt.Sprint(p.Operands())
		if m := strings.TrimSpace(strings.ReplaceAll(messages.String(), "\n", " ")); m != "" {
			line += " " + m
		}
		if line != test.want {
			t.Errorf("%q:\n got %s\nwant %s", test.args, line, test.want)
		}
	}
}

func TestDoubleDashWithoutLongOptions(t *testing.T) {
	var messages strings.Builder
	p := New("t", []string{"--h", "x"}, "h", nil, false, &messages)
	var got []rune
	for {
		opt, ok := p.Next()
		if !ok {
			break
		}
		got = append(got, opt)
	}
	if !reflect.DeepEqual(got, []rune{'?', 'h'}) || messages.String() != "t: invalid option -- '-'\n" {
		t.Error(string(got), messages.String())
	}
}
