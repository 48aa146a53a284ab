package main

import (
	"fmt"
	"io"
	"strings"
)

// option is one option of the command line in getopt's order.
type option struct {
	name  byte
	value string
}

// getopt splits args as getopt(3) does for spec: options may be grouped (-ft),
// an argument may follow at once (-cFILE), words that are no options are
// skipped, and "--" ends. ok is false at the first error, which is written to
// w in getopt's words; the options before it are returned.
//
// The scripts that call corosync were written against getopt; the flag package
// differs in grouping, permutation and texts.
func getopt(prog, spec string, args []string, w io.Writer) (opts []option, ok bool) {
	for len(args) > 0 {
		arg := args[0]
		args = args[1:]
		if arg == "--" {
			return opts, true
		}
		if len(arg) < 2 || arg[0] != '-' {
			continue
		}
		for i := 1; i < len(arg); i++ {
			c := arg[i]
			at := strings.IndexByte(spec, c)
			if c == ':' || at < 0 {
				fmt.Fprintf(w, "%s: invalid option -- '%c'\n", prog, c)
				return opts, false
			}
			if at+1 == len(spec) || spec[at+1] != ':' {
				opts = append(opts, option{name: c})
				continue
			}
			switch {
			case i+1 < len(arg):
				opts = append(opts, option{c, arg[i+1:]})
			case len(args) > 0:
				opts = append(opts, option{c, args[0]})
				args = args[1:]
			default:
				fmt.Fprintf(w, "%s: option requires an argument -- '%c'\n", prog, c)
				return opts, false
			}
			break
		}
	}
	return opts, true
}
