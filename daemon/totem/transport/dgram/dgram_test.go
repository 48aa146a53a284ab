package dgram

import (
	"bytes"
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"
)

func listen(t testing.TB, addr string) (int, *Addr) {
	t.Helper()
	fd, err := Listen(netip.AddrPortFrom(netip.MustParseAddr(addr), 0), Options{RecvBuffer: 4 << 20, SendBuffer: 4 << 20, Priority: 6})
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	sa, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	var port int
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		port = sa.Port
	case *unix.SockaddrInet6:
		port = sa.Port
	}
	return fd, MakeAddr(netip.AddrPortFrom(netip.MustParseAddr(addr), uint16(port)), 0)
}

func frame(n int, fill byte) []byte { return bytes.Repeat([]byte{fill}, n) }

// readAll waits until want frames have arrived; on loopback they are there when sendmmsg returns.
func readAll(r *Receiver, fd, want int) [][]byte {
	var got [][]byte
	for range 1000 {
		r.Begin()
		r.Read(fd)
		for _, f := range r.Frames() {
			got = append(got, bytes.Clone(f))
		}
		if len(got) >= want {
			return got
		}
		unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 10)
	}
	return got
}

func TestRoundTrip(t *testing.T) {
	for _, addr := range []string{"127.0.0.1", "::1"} {
		t.Run(addr, func(t *testing.T) {
			tx, _ := listen(t, addr)
			rx, to := listen(t, addr)
			var s Sender
			r := NewReceiver(8)
			for _, c := range []struct {
				name  string
				sizes []int
				noGSO int
			}{
				{"one", []int{57}, 0},
				{"equal", []int{1400, 1400, 1400}, 0},
				{"shorter at the end", []int{1455, 1455, 300, 57}, 0},
				{"growing", []int{10, 20, 30, 30}, 0},
				{"no segmentation", []int{100, 100, 100}, 1},
				{"many", func() []int {
					l := make([]int, 150)
					for i := range l {
						l[i] = 1000
					}
					return l
				}(), 0},
				{"large", []int{65000, 40000, 40000}, 0},
			} {
				t.Run(c.name, func(t *testing.T) {
					s.noSegment = c.noGSO
					s.Begin()
					s.NewRun()
					for i, n := range c.sizes {
						s.Frame(frame(n, byte(i)))
					}
					s.To(to)
					s.NewRun()
					s.Frame(frame(33, 0xff))
					s.To(to)
					s.Flush(tx)
					got := readAll(r, rx, len(c.sizes)+1)
					if len(got) != len(c.sizes)+1 {
						t.Fatalf("%d frames arrived, want %d; %+v", len(got), len(c.sizes)+1, s.Stats)
					}
					for i, n := range c.sizes {
						if !bytes.Equal(got[i], frame(n, byte(i))) {
							t.Errorf("frame %d: %d bytes of %d", i, len(got[i]), got[i][0])
						}
					}
					if !bytes.Equal(got[len(c.sizes)], frame(33, 0xff)) {
						t.Error("the last frame is not last")
					}
				})
			}
			t.Logf("send %+v receive %+v", s.Stats, r.Stats)
		})
	}
}

// Segments that do not fit the interface: the kernel refuses the group, the frames go out alone and fragmented.
func TestSegmentationRefused(t *testing.T) {
	tx, _ := listen(t, "127.0.0.1")
	rx, to := listen(t, "127.0.0.1")
	if err := unix.SetsockoptInt(tx, unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, unix.IP_PMTUDISC_DONT); err != nil {
		t.Fatal(err)
	}
	// Without checksums the kernel cannot segment (EIO or EINVAL, by version), but sends singly.
	if err := unix.SetsockoptInt(tx, unix.SOL_SOCKET, unix.SO_NO_CHECK, 1); err != nil {
		t.Fatal(err)
	}
	var s Sender
	for range 2 {
		s.Begin()
		s.NewRun()
		for i := range 5 {
			s.Frame(frame(200, byte(i)))
		}
		s.To(to)
		s.Flush(tx)
		if got := readAll(NewReceiver(4), rx, 5); len(got) != 5 {
			t.Fatalf("%d frames arrived; %+v", len(got), s.Stats)
		}
	}
	if s.noSegment == 0 {
		t.Log("this kernel segments without checksums")
	}
}

func TestAcceptBySource(t *testing.T) {
	tx, _ := listen(t, "127.0.0.1")
	rx, to := listen(t, "127.0.0.1")
	var s Sender
	s.Begin()
	s.NewRun()
	s.Frame(frame(50, 1))
	s.To(to)
	s.Flush(tx)
	r := NewReceiver(4)
	var seen netip.Addr
	r.Accept = func(from netip.Addr) bool { seen = from; return false }
	r.Begin()
	if !r.Read(rx) || len(r.Frames()) != 0 || r.Stats.Rejected != 1 {
		t.Fatalf("frames %d, %+v", len(r.Frames()), r.Stats)
	}
	if seen != netip.MustParseAddr("127.0.0.1") {
		t.Fatalf("source %v", seen)
	}
}

func TestSendErrorsAreCounted(t *testing.T) {
	tx, _ := listen(t, "127.0.0.1")
	rx, to := listen(t, "127.0.0.1")
	var s Sender
	s.Begin()
	s.NewRun()
	s.Frame(frame(50, 1))
	s.To(MakeAddr(netip.MustParseAddrPort("[::1]:9"), 0)) // wrong family: refused
	s.To(to)
	s.Flush(tx)
	if got := readAll(NewReceiver(2), rx, 1); len(got) != 1 || s.Stats.Errors != 1 {
		t.Fatalf("%d arrived, %+v", len(got), s.Stats)
	}
}

func TestNoAllocations(t *testing.T) {
	tx, _ := listen(t, "127.0.0.1")
	rx, to := listen(t, "127.0.0.1")
	var s Sender
	r := NewReceiver(16)
	f := frame(1000, 1)
	n := testing.AllocsPerRun(100, func() {
		s.Begin()
		s.NewRun()
		for range 10 {
			s.Frame(f)
		}
		s.To(to)
		s.Flush(tx)
		r.Begin()
		r.Read(rx)
	})
	if n != 0 {
		t.Fatalf("%v allocations a batch", n)
	}
}

func TestCodePoint(t *testing.T) {
	for _, c := range []struct {
		addr          string
		level, option int
	}{{"127.0.0.1", unix.IPPROTO_IP, unix.IP_TOS}, {"::1", unix.IPPROTO_IPV6, unix.IPV6_TCLASS}} {
		fd, err := Listen(netip.AddrPortFrom(netip.MustParseAddr(c.addr), 0), Options{Priority: 6, DSCP: 46})
		if err != nil {
			t.Skip(err)
		}
		defer unix.Close(fd)
		if tos, err := unix.GetsockoptInt(fd, c.level, c.option); err != nil || tos != 46<<2 {
			t.Errorf("%s: %#x, %v", c.addr, tos, err)
		}
		if prio, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PRIORITY); err != nil || prio != 6 {
			t.Errorf("%s: priority %d, %v", c.addr, prio, err)
		}
	}
}
