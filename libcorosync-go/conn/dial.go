package conn

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"

	"github.com/corosync-go/corosync/libcorosync-go/coroipc"
	"github.com/corosync-go/corosync/libcorosync-go/ipcmsg"
	"github.com/corosync-go/corosync/libcorosync-go/qbipc"
)

// Variable is the environment variable that forces a protocol: qb or coroipc.
const Variable = "COROSYNC_IPC"

// Dial connects to a service by its name ("cmap", "cpg", ...). ctx bounds the handshake. Errors: ECONNREFUSED when
// no daemon listens, and what the daemon answers: EAGAIN (not yet synchronised), EACCES, ENOSYS, EMFILE, ENOSPC.
//
// Auto means libqb's protocol, which is the faster one: its multicasts need no answer. A daemon that does not listen for it
// is tried with the other.
func Dial(ctx context.Context, service string, opts *Options) (*Conn, error) {
	var o Options
	if opts != nil {
		o = *opts
	}
	if o.MaxMessage <= 0 {
		o.MaxMessage = DefaultMaxMessage
	}
	if o.Protocol == Auto {
		switch v := os.Getenv(Variable); v {
		case "":
		case "qb":
			o.Protocol = QB
		case "coroipc":
			o.Protocol = CoroIPC
		default:
			return nil, fmt.Errorf("%s is %q, allowed are qb and coroipc: %w", Variable, v, syscall.EPROTONOSUPPORT)
		}
	}
	dial, ok := protocols[o.Protocol]
	if !ok {
		return nil, os.NewSyscallError("connect", syscall.EPROTONOSUPPORT)
	}
	t, err := dial(ctx, service, o)
	if err != nil {
		return nil, err
	}
	return New(t), nil
}

// protocols is the seam where a protocol is added.
var protocols = map[Protocol]func(context.Context, string, Options) (Transport, error){
	Auto:    dialAny,
	QB:      dialQB,
	CoroIPC: dialCoroIPC,
}

func dialAny(ctx context.Context, service string, o Options) (Transport, error) {
	t, err := dialQB(ctx, service, o)
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return t, err
	}
	if t, errOther := dialCoroIPC(ctx, service, o); errOther == nil {
		return t, nil
	}
	return nil, err
}

func dialQB(ctx context.Context, service string, o Options) (Transport, error) {
	c, err := qbipc.Dial(ctx, service, o.MaxMessage)
	if err != nil {
		return nil, err
	}
	return c, nil
}

// numbers are the services of 3.x.
var numbers = map[string]int{
	ipcmsg.IPCNameCmap: ipcmsg.ServiceCmap, ipcmsg.IPCNameCfg: ipcmsg.ServiceCfg, ipcmsg.IPCNameCpg: ipcmsg.ServiceCpg,
	ipcmsg.IPCNameQuorum: ipcmsg.ServiceQuorum, ipcmsg.IPCNameVotequorum: ipcmsg.ServiceVotequorum,
}

func dialCoroIPC(ctx context.Context, service string, o Options) (Transport, error) {
	number, ok := numbers[service]
	if !ok {
		return nil, os.NewSyscallError("connect", syscall.ECONNREFUSED)
	}
	c, err := coroipc.Dial(ctx, coroipc.Service3x+number, o.MaxMessage)
	if err != nil {
		return nil, err
	}
	return c, nil
}
