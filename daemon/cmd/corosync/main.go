package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/corosync-go/corosync/daemon/config"
	"github.com/corosync-go/corosync/daemon/icmap"
	"github.com/corosync-go/corosync/daemon/logsys"
	"github.com/corosync-go/corosync/daemon/node"
)

// version is the release whose behaviour this daemon has. Packages may set it.
var version = "3.1.7"

// features are optional parts built in, each with a blank before it.
const features = " monitoring watchdog systemd"

const usage = `usage:
        -c     : Corosync config file path.
        -f     : Start application in foreground.
        -t     : Test configuration and exit.
        -v     : Display version, git revision and some useful information about Corosync and exit.
`

// pathMax is PATH_MAX: a longer configuration path is refused.
const pathMax = 4096

// The loop must run on the thread that gets realtime priority, and the main
// goroutine is locked to the main thread from the beginning.
func init() { runtime.LockOSThread() }

func main() { os.Exit(run(os.Args, os.Stdout, os.Stderr)) }

// settings are what the command line says.
type settings struct {
	path       string
	foreground bool
	test       bool
}

// run does what the command line says and returns the exit code.
func run(argv []string, stdout, stderr io.Writer) int {
	var complaint strings.Builder
	opts, ok := getopt(argv[0], "c:ftv", argv[1:], &complaint)
	args := []string{argv[0]}
	for _, o := range opts {
		switch o.name {
		case 'v':
			showVersion(stdout)
			return exitOK
		case 'c':
			if len(o.value) > pathMax {
				fmt.Fprintln(stderr, "Config file path too long.")
				return exitUsage
			}
			args = append(args, "-c="+o.value)
		default:
			args = append(args, "-"+string(o.name))
		}
	}
	if !ok {
		fmt.Fprint(stderr, complaint.String()+usage)
		return exitUsage
	}
	code := exitOK
	app := &cli.App{
		Name:            "corosync",
		Usage:           "Corosync Cluster Engine",
		HideHelp:        true,
		HideVersion:     true,
		HideHelpCommand: true,
		Writer:          stdout,
		ErrWriter:       stderr,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "c", Value: config.DefaultPath, Usage: "Corosync config file path."},
			&cli.BoolFlag{Name: "f", Usage: "Start application in foreground."},
			&cli.BoolFlag{Name: "t", Usage: "Test configuration and exit."},
		},
		Action: func(c *cli.Context) error {
			code = start(settings{c.String("c"), c.Bool("f"), c.Bool("t")}, stderr)
			return nil
		},
	}
	if err := app.Run(args); err != nil {
		fmt.Fprintln(stderr, err)
		return exitUsage
	}
	return code
}

func showVersion(w io.Writer) {
	fmt.Fprintf(w, "Corosync Cluster Engine, version '%s'\n", version)
	fmt.Fprintf(w, "Copyright (c) 2006-2021 Red Hat, Inc.\n")
	fmt.Fprintf(w, "\nBuilt-in features:%s\n", features)
	fmt.Fprintf(w, "Available crypto models: %s\n", strings.Join(config.Values("totem.crypto_model"), " "))
	fmt.Fprintf(w, "Available compression models: %s\n", strings.Join(config.Values("totem.knet_compression_model"), " "))
}

// start reads the configuration, and goes on with it unless it is only tested.
func start(s settings, stderr io.Writer) int {
	up := detached()
	dir, _ := os.Getwd()
	sys := logsys.New(logsys.Options{Stderr: stderr})
	m := icmap.New()
	m.ProtectDaemonKeys()

	// Before the logging section is known, errors go to stderr as they are, and
	// to syslog.
	early := logsys.EarlySettings()
	early.Stderr = false
	_ = sys.Apply(early) // names no file
	origin, err := config.ParseFile(s.path, config.OS{}, m)
	if err != nil {
		fmt.Fprintln(stderr, err)
		sys.Logger("MAIN").Errorf("%s", err)
		sys.Close(closeWait)
		return exitMainConfig
	}
	set, warnings, err := config.ReadLogging(m)
	if err == nil {
		if err = sys.Apply(set); err != nil {
			err = config.LoggingError(err)
		}
	}
	if err != nil {
		fmt.Fprintln(stderr, err)
		sys.Logger("MAIN").Errorf("%s", err)
		return leave(sys, exitLogConfig)
	}
	log := sys.Logger("MAIN")
	if up == nil { // the process in the foreground has told all this already
		for _, w := range warnings {
			log.Warningf("%s", w)
		}
		if !s.test {
			log.Noticef("Corosync Cluster Engine %s starting up", version)
			log.Infof("Corosync built-in features:%s", features)
		}
	}
	state := config.StateDir(m)
	if err := os.Chdir(state); err != nil {
		log.Errorf("Cannot chdir to state directory %s. %s", state, errText(err))
		return leave(sys, exitStateDir)
	}
	cfg, err := config.Read(m, config.OS{}, origin)
	if err != nil {
		log.Errorf("%s", err)
		return leave(sys, exitMainConfig)
	}
	// A reload happens in another directory.
	cfg.Path = s.path
	if !filepath.IsAbs(cfg.Path) && dir != "" {
		cfg.Path = filepath.Join(dir, cfg.Path)
	}
	if up == nil {
		for _, w := range cfg.Warnings {
			log.Warningf("%s", w)
		}
	}
	if err := cfg.Validate(m); err != nil {
		for _, line := range strings.Split(err.Error(), "\n") {
			log.Errorf("%s", line)
		}
		return leave(sys, exitMainConfig)
	}
	switch {
	case s.test:
		if err := node.MissingTransport(cfg); err != nil {
			// The file is right, but a start would fail.
			log.Warningf("%s: %v", cfg.Path, err)
		}
		return leave(sys, exitOK)
	case !s.foreground && up == nil:
		code := detach(dir, log)
		sys.Close(closeWait)
		return code
	}
	return leave(sys, serve(sys, m, cfg, up))
}
