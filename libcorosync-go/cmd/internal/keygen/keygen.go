package keygen

import (
	"context"
	"errors"
	"io"
	"math"
	"os"
	"path"

	"github.com/corosync-go/corosync/libcorosync-go/cmd/internal/getopt"
	"github.com/corosync-go/corosync/libcorosync-go/cmd/internal/tool"
)

const (
	defaultFile   = "/etc/corosync/authkey"
	defaultRandom = "/dev/urandom"
	defaultBytes  = 256
	minBytes      = 128  // TOTEM_PRIVATE_KEY_LEN_MIN
	maxBytes      = 4096 // TOTEM_PRIVATE_KEY_LEN_MAX
)

// The option -m never existed.
const usage = `Usage: corosync-keygen [-k <keyfile>] [-s size] [-m <randomfile>] [-l] [-h]
     -k / --key-file=<filename> -  Write to the specified keyfile
            instead of the default ` + defaultFile + `.
     -r / --random-file -  Random number source file. Default is 
            /dev/urandom. As an example /dev/random may be requested
            (that may require user input for entropy).
     -l / --less-secure - Not used, option is kept only
            for compatibility.
     -s / --size -  Length of key.
     -h / --help -  Print basic usage.

`

var long = []getopt.Long{
	{Name: "key-file", Arg: true, Short: 'k'},
	{Name: "less-secure", Short: 'l'},
	{Name: "random-file", Arg: true, Short: 'r'},
	{Name: "size", Arg: true, Short: 's'},
	{Name: "help", Short: 'h'},
}

// Exit codes.
const (
	failOptions = 1 // and the random source
	failCreate  = 2
	failMode    = 3
	failWrite   = 4
	failClose   = 5
)

// Run executes the tool and returns its exit code.
func Run(_ context.Context, env *tool.Env) int {
	file, random, size := defaultFile, defaultRandom, int64(defaultBytes)
	options := env.Options("k:r:s:lh", long)
	for {
		opt, ok := options.Next()
		if !ok {
			break
		}
		switch opt {
		case 'k':
			file = options.Arg
		case 'r':
			random = options.Arg
		case 's':
			// An empty argument reads as 0 here.
			if size, ok = tool.ParseInt(options.Arg, math.MinInt64, math.MaxInt64); !ok || size < minBytes || size > maxBytes {
				env.Errorf("%s: Unsupported key size (supported <%d,%d>)\n\n", path.Base(env.Program), minBytes, maxBytes)
				return failOptions
			}
		case 'l':
		case 'h':
			env.Printf("%s", usage)
			return tool.Success
		default:
			env.Printf("Error parsing command line options.\n")
			return failOptions
		}
	}
	env.Printf("Corosync Cluster Engine Authentication key generator.\n")
	env.Printf("Gathering %d bits for key from %s.\n", 8*size, random)
	key := make([]byte, size)
	if !gather(env, key, random) {
		return failOptions
	}
	return write(env, file, key)
}

// gather fills key; false after a message. The random device may give less than
// asked for, and then takes part of the user's patience. A file that ends too
// soon is an error here; the C tool would ask for key strokes for ever.
func gather(env *tool.Env, key []byte, random string) bool {
	f, err := os.Open(random)
	if err != nil {
		env.Errorf("%s: Failed to open random source: %s\n", path.Base(env.Program), tool.Strerror(err))
		return false
	}
	defer f.Close()
	if random == "/dev/random" {
		env.Printf("Press keys on your keyboard to generate entropy.\n")
	}
	for n := 0; n < len(key); {
		env.Stdout.Flush()
		got, err := f.Read(key[n:])
		n += got
		if err != nil && !(errors.Is(err, io.EOF) && n == len(key)) {
			env.Errorf("%s: Could not read /dev/random: %s\n", path.Base(env.Program), tool.Strerror(err))
			return false
		}
		if n < len(key) {
			env.Printf("Press keys on your keyboard to generate entropy (%d bits still needed).\n", 8*(len(key)-n))
		}
	}
	return true
}

// write stores the key so that only its owner can read it.
func write(env *tool.Env, file string, key []byte) int {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		env.Errorf("%s: Could not create %s: %s\n", path.Base(env.Program), file, tool.Strerror(err))
		return failCreate
	}
	defer f.Close()
	if err := f.Chmod(0o400); err != nil {
		env.Errorf("%s: Failed to set key file permissions to 0400: %s\n", path.Base(env.Program), tool.Strerror(err))
		return failMode
	}
	env.Printf("Writing corosync key to %s.\n", file)
	if _, err := f.Write(key); err != nil {
		env.Errorf("%s: Could not write %s: %s\n", path.Base(env.Program), file, tool.Strerror(err))
		return failWrite
	}
	if err := f.Close(); err != nil {
		env.Errorf("%s: Could not close %s: %s\n", path.Base(env.Program), file, tool.Strerror(err))
		return failClose
	}
	return tool.Success
}
