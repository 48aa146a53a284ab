package cfgtool

import (
	"context"
	"math"

	"github.com/corosync-go/corosync/libcorosync-go/cfg"
	"github.com/corosync-go/corosync/libcorosync-go/cmd/internal/getopt"
	"github.com/corosync-go/corosync/libcorosync-go/cmd/internal/tool"
)

const usage = `corosync-cfgtool [[-i <interface ip>] [-b] -s] [-R] [-L] [-k nodeid] [-a nodeid] [-h] [-H]

A tool for displaying and configuring active parameters within corosync.
options:
	-i	Finds only information about the specified interface IP address or link id when used with -s..
	-s	Displays the status of the current links on this node.
	-n	Displays the status of the connected nodes and their links.
	-b	Displays the brief status of the current links on this node when used with -s.
	-R	Tell all instances of corosync in this cluster to reload corosync.conf.
	-L	Tell corosync to reopen all logging files.
	-k	Kill a node identified by node id.
	-a	Display the IP address(es) of a node
	-h	Print basic usage.
	-H	Shutdown corosync cleanly on this node.
		--force will shut down corosync regardless of daemon vetos
`

const badNode = "The nodeid was not valid, try a positive number\n"

// killReason is what the killed daemon logs.
const killReason = "Killed by corosync-cfgtool"

// shutdownTries is how often a shutdown is asked for that the daemon cannot
// take at the moment.
const shutdownTries = 30

var long = []getopt.Long{
	{Name: "if", Arg: true, Short: 'i'},
	{Name: "status", Short: 's'},
	{Name: "nodes", Short: 'n'},
	{Name: "brief", Short: 'b'},
	{Name: "reload", Short: 'R'},
	{Name: "reopen", Short: 'L'},
	{Name: "kill", Arg: true, Short: 'k'},
	{Name: "address", Arg: true, Short: 'a'},
	{Name: "shutdown", Short: 'H'},
	{Name: "force"},
}

// run is one call of the tool.
type run struct {
	*tool.Env
	tool.Services

	brief bool
	force bool
	node  uint32
}

// Run executes the tool and returns its exit code.
func Run(ctx context.Context, env *tool.Env, services tool.Services) int {
	r := &run{Env: env, Services: services}
	action := func(context.Context) int {
		env.Printf("%s", usage)
		return tool.Success
	}
	options := env.Options("i:snbrRLk:a:hH", long)
	for {
		opt, ok := options.Next()
		if !ok {
			return action(ctx)
		}
		switch opt {
		case 0:
			r.force = true
		case 's':
			action = r.linkStatus
		case 'n':
			action = r.nodeStatus
		case 'b':
			r.brief = true
		case 'R':
			action = r.reload
		case 'L':
			action = r.reopen
		case 'H':
			action = r.shutdown
		case 'k', 'a':
			id, ok := tool.ParseInt(options.Arg, 1, math.MaxUint32)
			if !ok {
				env.Errorf(badNode)
				return tool.Failure
			}
			r.node = uint32(id)
			action = r.kill
			if opt == 'a' {
				action = r.addresses
			}
		case getopt.Unknown:
			return tool.Failure
		}
	}
}

// connect returns nil after a message with the number of the error.
func (r *run) connect(ctx context.Context) *cfg.Client {
	c, err := r.Cfg(ctx)
	if err != nil {
		r.Errorf("Could not initialize corosync configuration API error %d\n", tool.Code(err))
		return nil
	}
	return c
}

// connectNamed is connect with the name of the error.
func (r *run) connectNamed(ctx context.Context) *cfg.Client {
	c, err := r.Cfg(ctx)
	if err != nil {
		r.Errorf("Could not initialize corosync configuration API error %s\n", tool.Text(err))
		return nil
	}
	return c
}

func (r *run) reload(ctx context.Context) int {
	r.Printf("Reloading corosync.conf...\n")
	r.Stdout.Flush()
	c := r.connectNamed(ctx)
	if c == nil {
		return tool.Failure
	}
	defer c.Close()
	if err := c.Reload(ctx); err != nil {
		r.Errorf("Could not reload configuration. Error %s\n", tool.Text(err))
		return tool.Code(err)
	}
	r.Printf("Done\n")
	return tool.Success
}

func (r *run) reopen(ctx context.Context) int {
	c := r.connectNamed(ctx)
	if c == nil {
		return tool.Failure
	}
	defer c.Close()
	if err := c.ReopenLogFiles(ctx); err != nil {
		r.Errorf("Could not reopen corosync logging files. Error %s\n", tool.Text(err))
		return tool.Code(err)
	}
	return tool.Success
}

// shutdown exits with success even when refused, as it always did.
func (r *run) shutdown(ctx context.Context) int {
	c := r.connect(ctx)
	if c == nil {
		return tool.Failure
	}
	defer c.Close()
	flags := cfg.ShutdownRequest
	if r.force {
		flags = cfg.ShutdownRegardless
	}
	r.Printf("Shutting down corosync\n")
	r.Stdout.Flush()
	err := r.Retry(ctx, shutdownTries, func() error { return c.TryShutdown(ctx, flags) })
	if err != nil {
		r.Errorf("Could not shutdown (error = %d)\n", tool.Code(err))
	}
	return tool.Success
}

func (r *run) kill(ctx context.Context) int {
	r.Printf("Killing node %d\n", r.node)
	r.Stdout.Flush()
	c := r.connect(ctx)
	if c == nil {
		return tool.Failure
	}
	defer c.Close()
	if err := c.KillNode(ctx, r.node, killReason); err != nil {
		r.Errorf("Could not kill node (error = %s)\n", tool.Text(err))
		return tool.Failure
	}
	return tool.Success
}

func (r *run) addresses(ctx context.Context) int {
	c := r.connect(ctx)
	if c == nil {
		return tool.Failure
	}
	defer c.Close()
	addrs, err := c.NodeAddrs(ctx, r.node)
	if err != nil {
		r.Errorf("Could not get node address for nodeid %d\n", int32(r.node))
		return tool.Failure
	}
	r.Printf("%s\n", tool.Addrs(addrs))
	return tool.Success
}
