package icmap

import (
	"iter"
	"slices"
	"strings"
)

// order keeps all keys in ascending byte order, in blocks, so that an insert
// moves at most blockMax strings whatever the size of the map. It is what the
// trie's iteration order is in C: bytewise, a key before its extensions.
type order struct {
	blocks [][]string // none empty
}

const blockMax = 512

// find returns the block and the position in it of the first key >= key.
// The position may be len(block) of the last block.
func (o *order) find(key string) (b, i int) {
	// The block wanted is the first whose last key is >= key.
	b, _ = slices.BinarySearchFunc(o.blocks, key, func(blk []string, k string) int {
		return strings.Compare(blk[len(blk)-1], k)
	})
	if b == len(o.blocks) {
		return b, 0
	}
	i, _ = slices.BinarySearch(o.blocks[b], key)
	return b, i
}

func (o *order) insert(key string) {
	b, i := o.find(key)
	if b == len(o.blocks) {
		if b == 0 {
			o.blocks = append(o.blocks, append(make([]string, 0, blockMax+1), key))
			return
		}
		b--
		i = len(o.blocks[b])
	}
	blk := slices.Insert(o.blocks[b], i, key)
	if len(blk) > blockMax {
		half := len(blk) / 2
		tail := append(make([]string, 0, blockMax+1), blk[half:]...)
		clear(blk[half:])
		o.blocks = slices.Insert(o.blocks, b+1, tail)
		blk = blk[:half]
	}
	o.blocks[b] = blk
}

func (o *order) remove(key string) {
	b, i := o.find(key)
	if b == len(o.blocks) || o.blocks[b][i] != key {
		return
	}
	o.blocks[b] = slices.Delete(o.blocks[b], i, i+1)
	if len(o.blocks[b]) == 0 {
		o.blocks = slices.Delete(o.blocks, b, b+1)
	}
}

// ceil returns the first key >= key.
func (o *order) ceil(key string) (string, bool) {
	b, i := o.find(key)
	if b == len(o.blocks) {
		return "", false
	}
	return o.blocks[b][i], true
}

// Iter walks the keys with a prefix in ascending byte order. It is live: it
// holds only the last key, so keys may be added and deleted meanwhile, its own
// included, and keys added ahead of it appear.
type Iter struct {
	m       *Map
	prefix  string
	last    string
	started bool
}

// Iter returns an iterator over the keys that start with prefix; all for "".
func (m *Map) Iter(prefix string) *Iter { return &Iter{m: m, prefix: prefix} }

// Next returns the next key, or ok false at the end. It may be called again
// after the end, and finds keys added since.
func (it *Iter) Next() (key string, v Value, ok bool) {
	from := it.prefix
	if it.started {
		from = it.last + "\x00" // the smallest string after last
	}
	key, ok = it.m.order.ceil(from)
	if !ok || !strings.HasPrefix(key, it.prefix) {
		return "", Value{}, false
	}
	it.last, it.started = key, true
	v, _ = it.m.Get(key)
	return key, v, true
}

// All ranges over the keys that start with prefix, in ascending byte order. The
// map may be changed inside the loop.
func (m *Map) All(prefix string) iter.Seq2[string, Value] {
	return func(yield func(string, Value) bool) {
		it := m.Iter(prefix)
		for {
			k, v, ok := it.Next()
			if !ok || !yield(k, v) {
				return
			}
		}
	}
}
