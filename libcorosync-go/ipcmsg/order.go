package ipcmsg

import "encoding/binary"

// foreignOrder is the byte order that this machine does not have.
var foreignOrder = func() binary.ByteOrder {
	if binary.NativeEndian.Uint16([]byte{1, 0}) == 1 {
		return binary.BigEndian
	}
	return binary.LittleEndian
}()

// Order returns the byte order of an exec message: this machine's, or the other one for a foreign sender.
func Order(foreign bool) binary.ByteOrder {
	if foreign {
		return foreignOrder
	}
	return binary.NativeEndian
}
