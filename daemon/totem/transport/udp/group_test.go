package udp

import "testing"

func TestGroupAddr(t *testing.T) {
	for _, c := range []struct {
		name string
		link int
		ipv6 bool
		want string
	}{
		{"lab", 0, false, "239.192.2.214"}, // as seen from a C daemon
		{"lab", 1, false, "239.192.2.215"},
		{"lab", 0, true, "ff15::2d4"},
		{"", 0, false, "239.192.0.0"},
	} {
		if got := GroupAddr(c.name, c.link, c.ipv6).String(); got != c.want {
			t.Errorf("%q link %d: %s, want %s", c.name, c.link, got, c.want)
		}
	}
}
