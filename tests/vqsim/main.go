package main

import (
	"bufio"
	"flag"
	"fmt"
	"os"

	"github.com/corosync-go/corosync/daemon/config"
	"github.com/corosync-go/corosync/daemon/logsys"
)

func main() {
	conf := flag.String("c", config.DefaultPath, "configuration `file`")
	output := flag.String("o", "", "output `file` instead of standard output")
	noWait := flag.Bool("n", false, "show what nodes report instead of all states after each command")
	flag.Parse()
	if err := run(*conf, *output, !*noWait); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(conf, output string, sync bool) (err error) {
	out := os.Stdout
	if output != "" {
		if out, err = os.Create(output); err != nil {
			return err
		}
		defer func() {
			if cerr := out.Close(); err == nil {
				err = cerr
			}
		}()
	}
	s, err := newSim(conf, out, os.Stderr, sync, logsys.DiscardAll())
	if err != nil {
		return err
	}
	if err := s.boot(); err != nil {
		return err
	}
	prompt := "#vqsim> "
	if info, err := os.Stdin.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
		prompt = "vqsim> "
	}
	lines := bufio.NewScanner(os.Stdin)
	for fmt.Print(prompt); lines.Scan(); fmt.Print(prompt) {
		if s.command(lines.Text()); s.quit {
			return nil
		}
	}
	return lines.Err()
}
