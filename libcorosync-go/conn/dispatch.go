package conn

import (
	"context"
	"errors"
	"syscall"
)

// Mode says how many events one Dispatch handles and whether it waits (cs_dispatch_flags_t, same numbers).
type Mode int

const (
	// One waits for one event.
	One Mode = 1
	// All handles what is there and does not wait.
	All Mode = 2
	// Blocking handles events until the connection ends.
	Blocking Mode = 3
	// OneNonblocking handles one event if there is one; otherwise the error is EAGAIN.
	OneNonblocking Mode = 4
)

// Dispatch hands events to handle, whose argument is valid during the call only. The handler may send requests and
// close the connection, after which Dispatch returns EBADF; dispatching again from within it is refused with EBUSY.
// An error of the handler ends the call and is returned. When ctx ends, so do the modes that wait. ENOTCONN: the
// daemon is gone; EINVAL: unknown mode.
func (c *Conn) Dispatch(ctx context.Context, mode Mode, handle func(event []byte) error) error {
	if mode < One || mode > OneNonblocking {
		return syscall.EINVAL
	}
	if mode == All || mode == Blocking {
		c.batch(true)
		defer c.batch(false)
	}
	for {
		var event []byte
		var err error
		if mode == One || mode == Blocking {
			event, err = c.EventContext(ctx)
		} else {
			event, err = c.Event(0)
		}
		if err != nil {
			if mode == All && errors.Is(err, syscall.EAGAIN) {
				return nil
			}
			return err
		}
		err = handle(event)
		c.ReleaseEvent()
		switch {
		case err != nil:
			return err
		case c.isClosing():
			return syscall.EBADF
		case mode == One || mode == OneNonblocking:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		}
	}
}
