package udp

import (
	"net/netip"

	"github.com/corosync-go/corosync/daemon/totem/transport/dgram"
)

// SetListen replaces the function that opens sockets: tests open them in network namespaces.
func (t *Transport) SetListen(fn func(netip.AddrPort, dgram.Options) (int, error)) { t.listen = fn }
