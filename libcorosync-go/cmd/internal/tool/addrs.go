package tool

import (
	"net/netip"
	"strings"
)

// Addrs joins the addresses of a node's links with blanks. Links without an
// address are left out; as in the C tools, a blank stands before every address
// but that of the first link.
func Addrs(addrs []netip.Addr) string {
	var b strings.Builder
	for i, a := range addrs {
		if !a.IsValid() || a.IsUnspecified() {
			continue
		}
		if i != 0 {
			b.WriteByte(' ')
		}
		b.WriteString(a.String())
	}
	return b.String()
}
