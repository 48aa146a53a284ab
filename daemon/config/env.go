package config

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Env is what this package asks of the machine. Its methods may block.
type Env interface {
	// Hostname is the node name of uname(2).
	Hostname() (string, error)
	// InterfaceAddrs lists the addresses of all local interfaces.
	InterfaceAddrs() ([]netip.Addr, error)
	// Resolve returns the addresses of a host name in the resolver's order.
	Resolve(name string) ([]netip.Addr, error)
	// Names returns the names of an address.
	Names(addr netip.Addr) []string
	// ReadFile and ReadDir read configuration and key files. ReadDir lists the
	// paths of the regular files in a directory, links followed, in byte order.
	ReadFile(path string) ([]byte, error)
	ReadDir(path string) []string
	// UID and GID return the number of a user or group; ok is false if unknown.
	UID(name string) (uint32, bool)
	GID(name string) (uint32, bool)
}

// OS is the Env of a real machine.
type OS struct{}

// resolveTimeout bounds one question to the resolver.
const resolveTimeout = 10 * time.Second

// Hostname implements Env.
func (OS) Hostname() (string, error) { return os.Hostname() }

// InterfaceAddrs implements Env.
func (OS) InterfaceAddrs() ([]netip.Addr, error) {
	list, err := net.InterfaceAddrs()
	if err != nil {
		return nil, err
	}
	addrs := make([]netip.Addr, 0, len(list))
	for _, a := range list {
		if n, ok := a.(*net.IPNet); ok {
			if ip, ok := netip.AddrFromSlice(n.IP); ok {
				addrs = append(addrs, ip.Unmap())
			}
		}
	}
	return addrs, nil
}

// Resolve implements Env.
func (OS) Resolve(name string) ([]netip.Addr, error) {
	ctx, cancel := context.WithTimeout(context.Background(), resolveTimeout)
	defer cancel()
	list, err := net.DefaultResolver.LookupNetIP(ctx, "ip", name)
	for i := range list {
		list[i] = list[i].Unmap()
	}
	return list, err
}

// Names implements Env.
func (OS) Names(addr netip.Addr) []string {
	ctx, cancel := context.WithTimeout(context.Background(), resolveTimeout)
	defer cancel()
	names, err := net.DefaultResolver.LookupAddr(ctx, addr.String())
	if err != nil {
		return nil
	}
	for i, n := range names {
		names[i] = strings.TrimSuffix(n, ".")
	}
	return names
}

// maxFile bounds configuration and key files in bytes.
const maxFile = 16 << 20

// ReadFile implements Env.
func (OS) ReadFile(path string) ([]byte, error) {
	if st, err := os.Stat(path); err == nil && st.Size() > maxFile {
		return nil, &fs.PathError{Op: "read", Path: path, Err: errors.New("File too large")}
	}
	return os.ReadFile(path)
}

// ReadDir implements Env.
func (OS) ReadDir(dir string) []string {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	var paths []string
	for _, e := range entries {
		p := filepath.Join(dir, e.Name())
		if st, err := os.Stat(p); err == nil && st.Mode().IsRegular() {
			paths = append(paths, p)
		}
	}
	return paths
}

// UID implements Env.
func (OS) UID(name string) (uint32, bool) {
	u, err := user.Lookup(name)
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseUint(u.Uid, 10, 32)
	return uint32(n), err == nil
}

// GID implements Env.
func (OS) GID(name string) (uint32, bool) {
	g, err := user.LookupGroup(name)
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseUint(g.Gid, 10, 32)
	return uint32(n), err == nil
}

// remember is an Env that asks the resolver once per question, so that a second
// pass over the same configuration does not block.
type remember struct {
	Env
	host     string
	hostErr  error
	asked    bool
	addrs    []netip.Addr
	addrsErr error
	haveIfs  bool
	resolved map[string]answer
	names    map[netip.Addr][]string
	files    map[string]fileAnswer
}

type answer struct {
	addrs []netip.Addr
	err   error
}

type fileAnswer struct {
	data []byte
	err  error
}

func newRemember(e Env) *remember {
	if r, ok := e.(*remember); ok {
		return r
	}
	return &remember{
		Env: e, resolved: make(map[string]answer), names: make(map[netip.Addr][]string),
		files: make(map[string]fileAnswer),
	}
}

func (r *remember) Hostname() (string, error) {
	if !r.asked {
		r.host, r.hostErr = r.Env.Hostname()
		r.asked = true
	}
	return r.host, r.hostErr
}

func (r *remember) InterfaceAddrs() ([]netip.Addr, error) {
	if !r.haveIfs {
		r.addrs, r.addrsErr = r.Env.InterfaceAddrs()
		r.haveIfs = true
	}
	return r.addrs, r.addrsErr
}

func (r *remember) Resolve(name string) ([]netip.Addr, error) {
	a, ok := r.resolved[name]
	if !ok {
		a.addrs, a.err = r.Env.Resolve(name)
		r.resolved[name] = a
	}
	return a.addrs, a.err
}

func (r *remember) Names(addr netip.Addr) []string {
	n, ok := r.names[addr]
	if !ok {
		n = r.Env.Names(addr)
		r.names[addr] = n
	}
	return n
}

func (r *remember) ReadFile(path string) ([]byte, error) {
	f, ok := r.files[path]
	if !ok {
		f.data, f.err = r.Env.ReadFile(path)
		r.files[path] = f
	}
	return f.data, f.err
}
