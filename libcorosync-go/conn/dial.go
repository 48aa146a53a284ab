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
// Auto means libqb's protocol, which is the faster one (tests/bench measures it): its multicasts need no answer. A daemon that
// does not listen for it is tried with the other.
func Dial(ctx context.Context, service string, opts *Options) (*Conn, error) {
	var o Options
	if opts != nil {
		o = *opts
	}
	if o.MaxMessage <= 0 {
		o.MaxMessage = DefaultMaxMessage
	}
	try := []Protocol{o.Protocol}
	if o.Protocol == Auto {
		var err error
		if try, err = Protocols(os.Getenv(Variable)); err != nil {
			return nil, err
		}
	}
	var first error
	for _, p := range try {
		dial, ok := protocols[p]
		if !ok {
			return nil, os.NewSyscallError("connect", syscall.EPROTONOSUPPORT)
		}
		t, err := dial(ctx, service, o)
		if err == nil {
			return New(t), nil
		}
		if first == nil {
			first = err
		}
		if !errors.Is(err, syscall.ECONNREFUSED) {
			break
		}
	}
	return nil, first
}

// Protocols says what a value of Variable means: what to try, the next only if nobody listens for the one before. The error
// to report is that of the first.
func Protocols(value string) ([]Protocol, error) {
	switch value {
	case "":
		return []Protocol{QB, CoroIPC}, nil
	case "qb":
		return []Protocol{QB}, nil
	case "coroipc":
		return []Protocol{CoroIPC}, nil
	}
	return nil, fmt.Errorf("%s is %q, allowed are qb and coroipc: %w", Variable, value, syscall.EPROTONOSUPPORT)
}

// protocols is the seam where a protocol is added.
var protocols = map[Protocol]func(context.Context, string, Options) (Transport, error){
	QB:      dialQB,
	CoroIPC: dialCoroIPC,
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

// CoroService is the number that a service of 3.x has over coroipc, with the messages of 3.x.
func CoroService(service string) (int, error) {
	number, ok := numbers[service]
	if !ok {
		return 0, os.NewSyscallError("connect", syscall.ECONNREFUSED)
	}
	return coroipc.Service3x + number, nil
}

func dialCoroIPC(ctx context.Context, service string, o Options) (Transport, error) {
	number, err := CoroService(service)
	if err != nil {
		return nil, err
	}
	c, err := coroipc.Dial(ctx, number, o.MaxMessage)
	if err != nil {
		return nil, err
	}
	return c, nil
}
