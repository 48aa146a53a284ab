package cpgtool

import (
	"context"
	"errors"
	"path"

	"github.com/corosync-go/corosync/libcorosync-go/cfg"
	"github.com/corosync-go/corosync/libcorosync-go/cmd/internal/getopt"
	"github.com/corosync-go/corosync/libcorosync-go/cmd/internal/tool"
	"github.com/corosync-go/corosync/libcorosync-go/cpg"
	"github.com/corosync-go/corosync/libcorosync-go/cserr"
)

const usage = `%s [-d delimiter] [-e] [-n] [-h]

A tool for displaying cpg groups and members.
options:
	-d	Delimiter between fields.
	-e	Don't escape unprintable characters in group name.
	-n	Display only all existing group names.
	-h	Display this help.
`

// run is one call of the tool.
type run struct {
	*tool.Env
	cpg *cpg.Client
	cfg *cfg.Client

	delimiter string // "" or one byte
	raw       bool   // names as they are
}

// Run executes the tool and returns its exit code.
func Run(ctx context.Context, env *tool.Env, services tool.Services) int {
	r := &run{Env: env}
	show := r.members
	options := env.Options("hd:ne", nil)
	for {
		opt, ok := options.Next()
		if !ok {
			break
		}
		switch opt {
		case 'd':
			if options.Arg != "" {
				r.delimiter = options.Arg[:1]
			}
		case 'n':
			show = r.groups
		case 'e':
			r.raw = true
		case 'h':
			env.Printf(usage, path.Base(env.Program))
			return tool.Success
		case getopt.Unknown:
			return tool.Failure
		}
	}
	var err error
	if r.cpg, err = services.CPG(ctx); err != nil {
		env.Errorf("Could not initialize corosync cpg API error %d\n", tool.Code(err))
		return tool.Failure
	}
	defer r.cpg.Close(ctx)
	if r.cfg, err = services.Cfg(ctx); err != nil {
		env.Errorf("Could not initialize corosync configuration API error %d\n", tool.Code(err))
		return tool.Failure
	}
	defer r.cfg.Close()
	return show(ctx)
}

// iterate returns nil after a message.
func (r *run) iterate(ctx context.Context, t cpg.IterType) *cpg.Iterator {
	it, err := r.cpg.Iterate(ctx, t, nil)
	if err != nil {
		r.Errorf("Cannot initialize cpg iterator error %d\n", tool.Code(err))
		return nil
	}
	return it
}

// groups prints the names of all groups (-n). An error in between ends the list
// without a word.
func (r *run) groups(ctx context.Context) int {
	it := r.iterate(ctx, cpg.NameOnly)
	if it == nil {
		return tool.Failure
	}
	defer it.Close(ctx)
	for {
		d, err := it.Next(ctx)
		if err != nil {
			break
		}
		if r.delimiter != "" {
			r.Printf("%s%s", r.name(d.Group), r.delimiter)
		} else {
			r.Printf("%s\n", r.name(d.Group))
		}
	}
	if r.delimiter != "" {
		r.Printf("\n")
	}
	return tool.Success
}

// members prints all groups with their members.
func (r *run) members(ctx context.Context) int {
	it := r.iterate(ctx, cpg.All)
	if it == nil {
		return tool.Failure
	}
	defer it.Close(ctx)
	if r.delimiter != "" {
		r.Printf("GRP_NAME%sPID%sNODEID\n", r.delimiter, r.delimiter)
	} else {
		r.Printf("Group Name\t%10s\t%10s\n", "PID", "Node ID")
	}
	last := "" // a group with an empty name gets no line of its own
	for {
		d, err := it.Next(ctx)
		switch {
		case errors.Is(err, cserr.NoSections):
			return tool.Success
		case err != nil:
			r.Errorf("cpg iteration error %d\n", tool.Code(err))
			return tool.Failure
		}
		if r.delimiter != "" {
			r.Printf("%s%s%d%s%d\n", r.name(d.Group), r.delimiter, d.PID, r.delimiter, d.NodeID)
			continue
		}
		if d.Group != last {
			r.Printf("%s\n", r.name(d.Group))
			last = d.Group
		}
		r.Printf("\t\t%10d\t%10d (%s)\n", d.PID, d.NodeID, r.addresses(ctx, d.NodeID))
	}
}

func (r *run) addresses(ctx context.Context, node uint32) string {
	addrs, err := r.cfg.NodeAddrs(ctx, node)
	if err != nil {
		return ""
	}
	return tool.Addrs(addrs)
}

// name returns a group name, with unprintable bytes escaped unless -e.
func (r *run) name(group string) string {
	if r.raw {
		return group
	}
	return tool.Escape([]byte(group))
}
