package coroipc

// The dispatch buffer is a ring of bytes. read and write are offsets, both multiples of 8 and below size; equal means empty.

// spare is the part of the ring that stays free, so that a full one is not taken for an empty one.
const spare = 9

// valid says whether an offset that the peer can write is one.
func valid(at uint32, size int) bool { return at%8 == 0 && uint64(at) < uint64(size) }

// room is how many bytes the server may put into the ring.
func room(read, write uint32, size int) int {
	free := int(read) - int(write)
	if free <= 0 {
		free += size
	}
	return max(0, free-spare)
}

// mostlyFree says whether more than half of the ring is free: then the client asks for what waits.
func mostlyFree(read, write uint32, size int) bool {
	free := int(read) - int(write)
	if free <= 0 {
		free += size
	}
	return free > size/2
}

// advance is the offset behind a message of n bytes that begins at at.
func advance(at uint32, n, size int) uint32 {
	return uint32(((uint64(at) + uint64(n) + 7) &^ 7) % uint64(size))
}

// put copies src into the ring at an offset and returns the offset behind it, not rounded.
func put(ring []byte, at int, src []byte) int {
	n := copy(ring[at:], src)
	if n < len(src) {
		copy(ring, src[n:])
	}
	if at += len(src); at >= len(ring) {
		at -= len(ring)
	}
	return at
}

// view returns the n bytes at an offset in two parts, the second of which begins at the start of the ring.
func view(ring []byte, at, n int) (head, tail []byte) {
	if at+n <= len(ring) {
		return ring[at : at+n], nil
	}
	return ring[at:], ring[:n-(len(ring)-at)]
}
