package call

import (
	"context"
	"fmt"

	"github.com/corosync-go/corosync/libcorosync-go/conn"
	"github.com/corosync-go/corosync/libcorosync-go/cserr"
	"github.com/corosync-go/corosync/libcorosync-go/ipcmsg"
)

// Status sends a request whose response is a header only, and returns its
// error.
func Status(ctx context.Context, c *conn.Conn, request []byte) error {
	h, err := Do(ctx, c, request, ipcmsg.ParseResponseHeader)
	if err != nil {
		return err
	}
	return h.Error.Err()
}

// Do sends a request and parses the response. The error field of the response
// is left to the caller. A response that cannot be parsed is
// [cserr.Library].
func Do[T any](ctx context.Context, c *conn.Conn, request []byte, parse func([]byte) (T, error)) (T, error) {
	var none T
	reply, err := c.Request(ctx, nil, request)
	if err != nil {
		return none, err
	}
	v, err := parse(reply)
	if err != nil {
		return none, Malformed(err)
	}
	return v, nil
}

// Malformed marks err, from the parser of a response or event, as
// [cserr.Library].
func Malformed(err error) error {
	return fmt.Errorf("%w: malformed message: %w", cserr.Library, err)
}

// UnknownEvent is the error of dispatch for an event that its service does not
// have, as C libraries report it.
func UnknownEvent(service string, id int32) error {
	return fmt.Errorf("%w: unknown %s event %d", cserr.Library, service, id)
}
