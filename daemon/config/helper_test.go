package config

import (
	"errors"
	"io/fs"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/corosync-go/corosync/daemon/icmap"
)

// fakeEnv is a machine in a table.
type fakeEnv struct {
	host  string
	addrs []string
	hosts map[string][]string // name to addresses
	names map[string][]string // address to names
	files map[string]string
	dirs  map[string][]string
	asked int // questions to the resolver
}

func (e *fakeEnv) Hostname() (string, error) { return e.host, nil }

func (e *fakeEnv) InterfaceAddrs() ([]netip.Addr, error) {
	var l []netip.Addr
	for _, a := range e.addrs {
		l = append(l, netip.MustParseAddr(a))
	}
	return l, nil
}

func (e *fakeEnv) Resolve(name string) ([]netip.Addr, error) {
	e.asked++
	var l []netip.Addr
	for _, a := range e.hosts[name] {
		l = append(l, netip.MustParseAddr(a))
	}
	if l == nil {
		return nil, errors.New("no such host")
	}
	return l, nil
}

func (e *fakeEnv) Names(a netip.Addr) []string { e.asked++; return e.names[a.String()] }

func (e *fakeEnv) ReadFile(path string) ([]byte, error) {
	if s, ok := e.files[path]; ok {
		return []byte(s), nil
	}
	return nil, &fs.PathError{Op: "open", Path: path, Err: syscall.ENOENT}
}

func (e *fakeEnv) ReadDir(path string) []string { return e.dirs[path] }

func (e *fakeEnv) UID(name string) (uint32, bool) {
	n, ok := map[string]uint32{"root": 0, "daemon": 1, "hacluster": 189}[name]
	return n, ok
}

func (e *fakeEnv) GID(name string) (uint32, bool) {
	n, ok := map[string]uint32{"root": 0, "adm": 4, "haclient": 189}[name]
	return n, ok
}

// node1 is the machine on which the dumps in testdata/cmap were made.
func node1(conf string) *fakeEnv {
	return &fakeEnv{
		host: "n1", addrs: []string{"127.0.0.1", "10.99.0.1", "10.98.0.1"},
		files: map[string]string{"/etc/corosync/corosync.conf": conf},
	}
}

// dump prints a map as corosync-cmapctl does.
func dump(m *icmap.Map) map[string]string {
	d := make(map[string]string)
	for k, v := range m.All("") {
		typ, val, _ := strings.Cut(v.String(), " = ")
		d[k] = k + " (" + typ + ") = " + val
	}
	return d
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// load reads a configuration on node1.
func load(t *testing.T, conf string) (*icmap.Map, *Config, error) {
	t.Helper()
	m := icmap.New()
	c, err := Load("/etc/corosync/corosync.conf", node1(conf), m)
	return m, c, err
}
