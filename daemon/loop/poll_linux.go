package loop

import (
	"encoding/binary"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// maxEvents is the number of descriptors that one turn serves; others that are ready follow in the next turn.
const maxEvents = 256

// poller is the wait of the loop. Timeouts have nanosecond resolution: epoll_pwait2 where the kernel has it, else a
// timerfd in the set.
type poller struct {
	fd      int
	events  []unix.EpollEvent
	timerFD int // -1 while epoll_pwait2 works
}

func (p *poller) open() error {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return fmt.Errorf("loop: epoll: %w", err)
	}
	p.fd, p.timerFD = fd, -1
	p.events = make([]unix.EpollEvent, maxEvents)
	// Try the call once, without waiting: old kernels and some sandboxes do not have it.
	if _, err := p.pwait2(0); err == unix.ENOSYS || err == unix.EPERM {
		return p.openTimer()
	}
	return nil
}

func (p *poller) openTimer() error {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_CLOEXEC|unix.TFD_NONBLOCK)
	if err != nil {
		return fmt.Errorf("loop: timerfd: %w", err)
	}
	// Slot -1 belongs to nobody: the event ends the wait and is ignored by dispatch. Edge-triggered, so that the
	// expiry need not be read away.
	ev := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLET, Fd: -1}
	if err := unix.EpollCtl(p.fd, unix.EPOLL_CTL_ADD, fd, &ev); err != nil {
		unix.Close(fd)
		return fmt.Errorf("loop: timerfd: %w", err)
	}
	p.timerFD = fd
	return nil
}

func (p *poller) close() {
	if p.timerFD >= 0 {
		unix.Close(p.timerFD)
		p.timerFD = -1
	}
	if p.fd >= 0 {
		unix.Close(p.fd)
		p.fd = -1
	}
}

// wait waits up to d (negative: for ever) and returns the number of events in p.events.
func (p *poller) wait(d time.Duration) (int, error) {
	var n int
	var err error
	switch {
	case p.timerFD < 0:
		n, err = p.pwait2(d)
	case d <= 0:
		n, err = unix.EpollWait(p.fd, p.events, int(max(d, -1)))
	default:
		// The previous setting, if it has not expired, is replaced; one left behind costs one empty turn.
		its := unix.ItimerSpec{Value: unix.NsecToTimespec(int64(d))}
		if err = unix.TimerfdSettime(p.timerFD, 0, &its, nil); err == nil {
			n, err = unix.EpollWait(p.fd, p.events, -1)
		}
	}
	switch err {
	case nil:
		return n, nil
	case unix.EINTR:
		return 0, nil
	}
	return 0, fmt.Errorf("loop: wait: %w", err)
}

// wake makes an eventfd readable. A full counter is readable already.
func wake(fd int) {
	var one [8]byte
	binary.NativeEndian.PutUint64(one[:], 1)
	_, _ = unix.Write(fd, one[:])
}

func clearWake(fd int) {
	var b [8]byte
	_, _ = unix.Read(fd, b[:])
}
