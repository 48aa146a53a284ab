package icmap

// Equal says whether key exists in both maps with the same type and value.
func Equal(a, b *Map, key string) bool {
	va, ok := a.Get(key)
	if !ok {
		return false
	}
	vb, ok := b.Get(key)
	return ok && va.Equal(vb)
}

// CopyTo sets every key of m in dst, in key order; equal values notify nobody.
// It stops at the first error, which is ErrFull.
func (m *Map) CopyTo(dst *Map) error {
	for k, v := range m.All("") {
		if err := dst.Set(k, v); err != nil {
			return err
		}
	}
	return nil
}

// DeleteMissing deletes from m every key with one of the prefixes that next
// does not have, prefix by prefix, and returns how many.
func (m *Map) DeleteMissing(next *Map, prefixes ...string) int {
	n := 0
	for _, p := range prefixes {
		for k := range m.All(p) {
			if !next.Has(k) && m.Delete(k) == nil {
				n++
			}
		}
	}
	return n
}

// DropChanged deletes from next each of keys whose value differs from that in
// m or that m lacks, and returns the ones deleted: a reload may not change them.
func (m *Map) DropChanged(next *Map, keys []string) []string {
	var dropped []string
	for _, k := range keys {
		if next.Has(k) && !Equal(m, next, k) && next.Delete(k) == nil {
			dropped = append(dropped, k)
		}
	}
	return dropped
}
