package stats

import (
	"slices"
	"strings"

	"github.com/corosync-go/corosync/daemon/icmap"
)

// Reader gives the present values of one owner to o.
type Reader func(o *Out)

// Registry is the statistics map. Use New.
type Registry struct {
	sources []*source
	clears  []clear
	misses  scheduleMisses
	onKeys  func()
	out     Out // reused: Get is called once per key
}

type source struct {
	prefix string
	read   Reader
}

// clear is a key below stats.clear. and what it does.
type clear struct {
	name string
	fn   func()
}

// clearPrefix starts the only keys that can be written.
const clearPrefix = "stats.clear."

// New returns a map with stats.schedmiss.* in it.
func New() *Registry {
	r := &Registry{}
	r.Register("stats.schedmiss.", r.misses.read)
	r.OnClear("schedmiss", r.misses.clear)
	return r
}

// Register adds the keys that read emits, all of which start with prefix. The
// returned function takes them out again.
func (r *Registry) Register(prefix string, read Reader) (unregister func()) {
	s := &source{prefix, read}
	r.sources = append(r.sources, s)
	return func() {
		if i := slices.Index(r.sources, s); i >= 0 {
			r.sources = slices.Delete(r.sources, i, i+1)
		}
	}
}

// OnKeys has fn called by each KeysChanged. There is one fn: a later one
// replaces it, nil ends it.
func (r *Registry) OnKeys(fn func()) { r.onKeys = fn }

// KeysChanged is called by the owner of a reader that emits other keys from now
// on, for each key by itself: who watches wants to see also what comes and goes
// between two turns.
func (r *Registry) KeysChanged() {
	if r.onKeys != nil {
		r.onKeys()
	}
}

// OnClear sets what a write to stats.clear.NAME does (knet, ipc, totem). A write
// to stats.clear.all does all of it.
func (r *Registry) OnClear(name string, fn func()) {
	r.clears = append(r.clears, clear{name, fn})
}

// clearNames are the keys that the C daemon has whether or not something is
// behind them (knet without the knet transport).
var clearNames = []string{"knet", "ipc", "totem", "schedmiss", "all"}

// Set handles a client's write of any value to key and reports whether key is
// one that clears. As in the C daemon, only the start of the key is compared.
func (r *Registry) Set(key string) bool {
	word, ok := strings.CutPrefix(key, clearPrefix)
	if !ok {
		return false
	}
	done := false
	for _, name := range clearNames {
		if !strings.HasPrefix(word, name) {
			continue
		}
		done = true
		for _, c := range r.clears {
			if c.name == name || name == "all" {
				c.fn()
			}
		}
	}
	return done
}

// Get returns the present value of key.
func (r *Registry) Get(key string) (icmap.Value, bool) {
	for _, s := range r.sources {
		if !strings.HasPrefix(key, s.prefix) {
			continue
		}
		o := &r.out
		*o = Out{want: key, base: len(s.prefix), under: len(s.prefix)}
		s.read(o)
		if o.found {
			return o.value, true
		}
	}
	return icmap.Value{}, false
}

// Keys returns the keys that start with prefix in byte order, as a new slice.
func (r *Registry) Keys(prefix string) []string {
	var keys []string
	for _, s := range r.sources {
		if !strings.HasPrefix(s.prefix, prefix) && !strings.HasPrefix(prefix, s.prefix) {
			continue
		}
		o := Out{list: true, want: prefix, path: s.prefix, keys: keys}
		o.base = len(s.prefix)
		s.read(&o)
		keys = o.keys
	}
	slices.Sort(keys)
	return keys
}

// Out takes values from a reader. It wants one key, or the names of all: so
// nothing is made of values that nobody asked for.
type Out struct {
	want string // Get: the key; Keys: the prefix

	// Get: lengths of the source's prefix, and of it with the present sub-prefix.
	base, under int
	skip        bool // the present sub-prefix does not lead to want
	found       bool
	value       icmap.Value

	// Keys
	list bool
	path string // the source's prefix with the present sub-prefix
	keys []string
}

// Under puts what follows below sub, which is added to the prefix of the
// registration and ends with a dot ("node1.link0."). It returns false if nothing
// there is wanted: then the values need not be gathered.
func (o *Out) Under(sub string) bool {
	if o.list {
		o.path = o.path[:o.base] + sub
		o.skip = !strings.HasPrefix(o.path, o.want) && !strings.HasPrefix(o.want, o.path)
		return !o.skip
	}
	o.skip = !strings.HasPrefix(o.want[o.base:], sub)
	o.under = o.base + len(sub)
	return !o.skip && !o.found
}

// wants says whether the value of name is to be made.
func (o *Out) wants(name string) bool {
	if o.skip {
		return false
	}
	if o.list {
		if key := o.path + name; strings.HasPrefix(key, o.want) {
			o.keys = append(o.keys, key)
		}
		return false
	}
	if o.found || o.want[o.under:] != name {
		return false
	}
	o.found = true
	return true
}

// Uint8 emits a u8.
func (o *Out) Uint8(name string, v uint8) {
	if o.wants(name) {
		o.value = icmap.Uint8(v)
	}
}

// Bool emits a u8 of 1 or 0.
func (o *Out) Bool(name string, v bool) {
	n := uint8(0)
	if v {
		n = 1
	}
	o.Uint8(name, n)
}

// Uint32 emits a u32.
func (o *Out) Uint32(name string, v uint32) {
	if o.wants(name) {
		o.value = icmap.Uint32(v)
	}
}

// Int32 emits an i32.
func (o *Out) Int32(name string, v int32) {
	if o.wants(name) {
		o.value = icmap.Int32(v)
	}
}

// Uint64 emits a u64.
func (o *Out) Uint64(name string, v uint64) {
	if o.wants(name) {
		o.value = icmap.Uint64(v)
	}
}

// Float emits a flt.
func (o *Out) Float(name string, v float32) {
	if o.wants(name) {
		o.value = icmap.Float(v)
	}
}

// String emits a str.
func (o *Out) String(name, v string) {
	if o.wants(name) {
		o.value = icmap.String(v)
	}
}
