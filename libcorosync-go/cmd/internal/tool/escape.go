package tool

import (
	"fmt"
	"strings"
)

// Escape returns b with backslashes doubled and other bytes than printable
// ASCII as \xHH. Bytes above 0x7f come out as \xFFFFFFHH: the C tools print a
// signed character, and scripts may have learned to read that.
func Escape(b []byte) string {
	var s strings.Builder
	for _, c := range b {
		switch {
		case c == '\\':
			s.WriteString(`\\`)
		case c >= ' ' && c < 0x7f:
			s.WriteByte(c)
		default:
			fmt.Fprintf(&s, `\x%02X`, uint32(int8(c)))
		}
	}
	return s.String()
}
