package cmapctl

import (
	"context"

	"github.com/corosync-go/corosync/libcorosync-go/cmap"
	"github.com/corosync-go/corosync/libcorosync-go/cmd/internal/getopt"
	"github.com/corosync-go/corosync/libcorosync-go/cmd/internal/tool"
)

const usage = `
usage:  corosync-cmapctl [-b] [-DdghsqTCt] [-p filename] [-m map] [params...]

    -b show binary values

    -m select map to use
          The  default  map is 'icmap' which contains configuration information and some runtime variables used by corosync. 
          A 'stats' map is also available which displays network statistics - in great detail when knet is used as the transport.
Set key:
    corosync-cmapctl -s key_name type value

    where type is one of ([i|u][8|16|32|64] | flt | dbl | str | bin)
    for bin, value is file name (or - for stdin)

    map can be either 'icmap' (the default) which contains corosync
    configuration information, or 'stats' which contains statistics
    about the networking and IPC traffic in some detail.

Clear stats:
    corosync-cmapctl -C [knet|ipc|totem|schedmiss|all]
    The 'stats' map is implied

Load settings from a file:
    corosync-cmapctl -p filename

    the format of the file is:
    [^[^]]<key_name>[ <type> <value>]
    Keys prefixed with single caret ('^') are deleted (see -d).
    Keys (actually prefixes) prefixed with double caret ('^^') are deleted by prefix (see -D).
    <type> and <value> are optional (not checked) in above cases.
    Other keys are set (see -s) so both <type> and <value> are required.

Delete key:
    corosync-cmapctl -d key_name...

Delete multiple keys with prefix:
    corosync-cmapctl -D key_prefix...

Get key:
    corosync-cmapctl [-b] -g key_name...

Quiet mode:
    corosync-cmapctl [-b] -q -g key_name...

Display all keys:
    corosync-cmapctl [-b]

Display keys with prefix key_name:
    corosync-cmapctl [-b] key_name...

Track changes on keys with key_name:
    corosync-cmapctl [-b] -t key_name

Track changes on keys with key prefix:
    corosync-cmapctl [-b] -T key_prefix

`

// tries is how often a request is repeated that the daemon cannot take yet
// (MAX_TRY_AGAIN, and the first attempt).
const tries = 11

// run is one call of the tool.
type run struct {
	*tool.Env
	keys *cmap.Client

	showBinary  bool
	quiet       bool
	trackPrefix bool
	clear       string // statistics to clear
	settings    string // file to load
}

// Run executes the tool and returns its exit code.
func Run(ctx context.Context, env *tool.Env, services tool.Services) int {
	r := &run{Env: env, trackPrefix: true}
	action, needsKey := r.print, false
	which, mapSet := cmap.Icmap, false
	options := env.Options("m:hqgsdDtTbp:C:", nil)
	for {
		opt, ok := options.Next()
		if !ok {
			break
		}
		switch opt {
		case 'h':
			env.Printf("%s", usage)
			return tool.Success
		case 'b':
			r.showBinary = true
		case 'q':
			r.quiet = true
		case 'g':
			action, needsKey = r.get, true
		case 's':
			action, needsKey = r.set, true
		case 'd':
			action, needsKey = r.delete, true
		case 'D':
			action, needsKey = r.deletePrefixes, true
		case 't':
			action, needsKey = r.track, true
			r.trackPrefix = false
		case 'T':
			action, needsKey = r.track, true
		case 'p':
			action, needsKey = r.load, false
			r.settings = options.Arg
		case 'C':
			switch options.Arg {
			case "knet", "totem", "ipc", "schedmiss", "all":
			default:
				env.Errorf("argument to -C should be 'knet', 'totem', 'ipc', 'schedmiss' or 'all'\n")
				return tool.Failure
			}
			action, needsKey = r.clearStats, false
			r.clear = options.Arg
			which = cmap.Stats
		case 'm':
			switch options.Arg {
			case "icmap", "default":
				which, mapSet = cmap.Icmap, true
			case "stats":
				which, mapSet = cmap.Stats, true
			}
			// A bad name after a good one always went unnoticed.
			if !mapSet {
				env.Errorf("invalid map name, must be 'default', 'icmap' or 'stats'\n")
				return tool.Failure
			}
		case getopt.Unknown:
			return tool.Failure
		}
	}
	args := options.Operands()
	if len(args) == 0 && needsKey {
		env.Errorf("Expected key after options\n")
		return tool.Failure
	}
	err := env.Retry(ctx, tries, func() (err error) {
		r.keys, err = services.Cmap(ctx, which)
		return err
	})
	if err != nil {
		env.Errorf("Failed to initialize the cmap API. Error %s\n", tool.Text(err))
		return tool.Failure
	}
	defer r.keys.Close()
	return action(ctx, args)
}

// print shows all keys, or those with the given prefixes. It fails only if no
// prefix has a key.
func (r *run) print(ctx context.Context, prefixes []string) int {
	if len(prefixes) == 0 {
		prefixes = []string{""}
	}
	found := false
	for _, prefix := range prefixes {
		it := r.iterate(ctx, prefix)
		if it == nil {
			return tool.Failure
		}
		for {
			e, err := it.Next(ctx)
			if err != nil {
				break
			}
			found = true
			r.printKey(ctx, e.Key, e.Type)
		}
		it.Close(ctx)
	}
	if !found {
		return tool.Failure
	}
	return tool.Success
}

// iterate returns nil after a message.
func (r *run) iterate(ctx context.Context, prefix string) *cmap.Iterator {
	it, err := r.keys.Iterate(ctx, prefix)
	if err != nil {
		r.Errorf("Failed to initialize iteration. Error %s\n", tool.Text(err))
		return nil
	}
	return it
}

func (r *run) get(ctx context.Context, keys []string) int {
	for _, key := range keys {
		typ, _, err := r.keys.Stat(ctx, key)
		if err != nil {
			r.Errorf("Can't get key %s. Error %s\n", key, tool.Text(err))
			return tool.Failure
		}
		r.printKey(ctx, key, typ)
	}
	return tool.Success
}

func (r *run) delete(ctx context.Context, keys []string) int {
	for _, key := range keys {
		if !r.deleteKey(ctx, key) {
			return tool.Failure
		}
	}
	return tool.Success
}

// deleteKey returns false after a message.
func (r *run) deleteKey(ctx context.Context, key string) bool {
	err := r.keys.Delete(ctx, key)
	if err != nil {
		r.Errorf("Can't delete key %s. Error %s\n", key, tool.Text(err))
	}
	return err == nil
}

func (r *run) deletePrefixes(ctx context.Context, prefixes []string) int {
	for _, prefix := range prefixes {
		if !r.deletePrefix(ctx, prefix) {
			return tool.Failure
		}
	}
	return tool.Success
}

// deletePrefix returns false if it could not begin. Keys that cannot be deleted
// are named and passed over.
func (r *run) deletePrefix(ctx context.Context, prefix string) bool {
	it := r.iterate(ctx, prefix)
	if it == nil {
		return false
	}
	defer it.Close(ctx)
	for {
		e, err := it.Next(ctx)
		if err != nil {
			return true
		}
		r.deleteKey(ctx, e.Key)
	}
}

// clearStats ignores the result, as it always did.
func (r *run) clearStats(ctx context.Context, _ []string) int {
	_ = cmap.Set(ctx, r.keys, "stats.clear."+r.clear, uint32(1))
	return tool.Success
}
