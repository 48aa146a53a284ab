package dgram

import (
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// Options of a socket.
type Options struct {
	// RecvBuffer and SendBuffer are the wanted sizes in bytes as given to setsockopt; 0 leaves the default. They are
	// set past the system's limit where privilege allows it.
	RecvBuffer, SendBuffer int
	// Priority is SO_PRIORITY; 0 leaves the default.
	Priority int
	// DSCP is the code point in the header of all packets, 0 to 63; 0 leaves the default.
	DSCP uint8
	// ReuseAddr lets several sockets of the machine bind the same address.
	ReuseAddr bool
	// Scope is the interface index for link-local addresses.
	Scope uint32
	// Setup is called before bind.
	Setup func(fd int) error
}

// Listen opens a non-blocking UDP socket bound to an address.
func Listen(ap netip.AddrPort, o Options) (fd int, err error) {
	family := unix.AF_INET
	if !ap.Addr().Unmap().Is4() {
		family = unix.AF_INET6
	}
	fd, err = unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return -1, fmt.Errorf("open a UDP socket: %w", err)
	}
	defer func() {
		if err != nil {
			unix.Close(fd)
			fd = -1
		}
	}()
	if family == unix.AF_INET6 {
		if err = unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1); err != nil {
			return fd, fmt.Errorf("restrict the socket to IPv6: %w", err)
		}
	}
	if o.ReuseAddr {
		if err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
			return fd, fmt.Errorf("allow reuse of the address: %w", err)
		}
	}
	// None of these is needed to work, and a container may refuse them.
	setBuffer(fd, unix.SO_RCVBUFFORCE, unix.SO_RCVBUF, o.RecvBuffer)
	setBuffer(fd, unix.SO_SNDBUFFORCE, unix.SO_SNDBUF, o.SendBuffer)
	// Before the priority, which the kernel derives anew from the code point.
	if tos := int(o.DSCP&0x3f) << 2; tos != 0 && family == unix.AF_INET {
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_TOS, tos)
	} else if tos != 0 {
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_TCLASS, tos)
	}
	if o.Priority != 0 {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PRIORITY, o.Priority)
	}
	// Kernels before 5.0 do not coalesce; each datagram then comes alone.
	_ = unix.SetsockoptInt(fd, unix.SOL_UDP, unix.UDP_GRO, 1)
	if o.Setup != nil {
		if err = o.Setup(fd); err != nil {
			return fd, err
		}
	}
	if err = unix.Bind(fd, Sockaddr(ap, o.Scope)); err != nil {
		return fd, fmt.Errorf("bind to %v: %w", ap, err)
	}
	return fd, nil
}

func setBuffer(fd, force, plain, size int) {
	if size == 0 {
		return
	}
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, force, size) != nil {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, plain, size)
	}
}

// AddrInUse reports whether a Listen failed because another socket has the address.
func AddrInUse(err error) bool { return errors.Is(err, unix.EADDRINUSE) }

// AddrMissing reports whether a Listen failed because the machine does not have the address now.
func AddrMissing(err error) bool { return errors.Is(err, unix.EADDRNOTAVAIL) }
