//go:build linux

// Command dlmkernel plays the kernel's dlm for a dlm_controld that runs with the preload of testdata/dlm: it makes and ends
// lockspaces as the kernel does, with a directory in /sys/kernel/dlm and a uevent, and asks for POSIX locks over what is
// dlm_controld's /dev/misc/dlm_plock.
//
//	dlmkernel serve                                       the other end of dlm_plock, in the background of a node
//	dlmkernel join|leave LOCKSPACE                        returns what dlm_controld answers
//	dlmkernel rd|wr|unlock LOCKSPACE NUMBER OWNER FROM TO    a lock on a file, that is not waited for; the kernel's answer
package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	plockSocket = "/run/dlm_plock"  // STANDIN_PLOCK of the preload
	userSocket  = "/run/dlm_kernel" // where serve takes orders
	sysfs       = "/sys/kernel/dlm"
	patience    = 30 * time.Second
)

func main() {
	answer, err := run(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "dlmkernel:", err)
		os.Exit(1)
	}
	fmt.Println(answer)
}

func run(args []string) (string, error) {
	switch {
	case len(args) == 1 && args[0] == "serve":
		return "", serve()
	case len(args) == 2 && args[0] == "join":
		return join(args[1])
	case len(args) == 2 && args[0] == "leave":
		return leave(args[1])
	case len(args) == 6:
		return order(args)
	}
	return "", errors.New("usage: serve | join LOCKSPACE | leave LOCKSPACE | rd|wr|unlock LOCKSPACE NUMBER OWNER FROM TO")
}

// join is a lockspace's beginning: the program that has asked for it waits until dlm_controld has joined it.
func join(name string) (string, error) {
	dir := filepath.Join(sysfs, name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	for _, f := range []string{"control", "event_done", "id", "nodir"} {
		if err := os.WriteFile(filepath.Join(dir, f), nil, 0o644); err != nil {
			return "", err
		}
	}
	if err := uevent("online", name); err != nil {
		return "", err
	}
	return done(dir)
}

func leave(name string) (string, error) {
	dir := filepath.Join(sysfs, name)
	if err := os.WriteFile(filepath.Join(dir, "event_done"), nil, 0o644); err != nil {
		return "", err
	}
	if err := uevent("offline", name); err != nil {
		return "", err
	}
	answer, err := done(dir)
	if err != nil {
		return "", err
	}
	return answer, os.RemoveAll(dir)
}

func done(dir string) (string, error) {
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if s := attribute(dir, "event_done"); s != "" {
			return s, nil
		}
	}
	return "", fmt.Errorf("%s: dlm_controld has not answered", dir)
}

func attribute(dir, name string) string {
	b, _ := os.ReadFile(filepath.Join(dir, name)) // absent or empty: not written yet
	return strings.Trim(string(b), "\x00\n")
}

// uevent says to the network namespace what the kernel says to all.
func uevent(action, name string) error {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, unix.NETLINK_KOBJECT_UEVENT)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	text := fmt.Sprintf("%s@/kernel/dlm/%s\x00ACTION=%s\x00DEVPATH=/kernel/dlm/%s\x00SUBSYSTEM=dlm\x00LOCKSPACE=%s\x00", action, name, action, name, name)
	return unix.Sendto(fd, []byte(text), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: 1})
}

// struct dlm_plock_info of <linux/dlm_plock.h>.
const (
	plockSize  = 64
	atOp       = 12
	atEx       = 13
	atPID      = 16
	atRV       = 24
	atFSID     = 28
	atNumber   = 32
	atStart    = 40
	atEnd      = 48
	atOwner    = 56
	plockLock  = 1
	plockFree  = 2
	plockMajor = 1
	plockMinor = 2
)

func plock(args []string) ([]byte, error) {
	p := make([]byte, plockSize)
	le := binary.LittleEndian
	le.PutUint32(p[0:], plockMajor)
	le.PutUint32(p[4:], plockMinor)
	switch args[0] {
	case "rd", "wr":
		p[atOp] = plockLock
	case "unlock":
		p[atOp] = plockFree
	default:
		return nil, fmt.Errorf("no such order: %s", args[0])
	}
	if args[0] == "wr" {
		p[atEx] = 1
	}
	le.PutUint32(p[atPID:], uint32(os.Getpid()))
	id, err := strconv.ParseUint(attribute(filepath.Join(sysfs, args[1]), "id"), 10, 32)
	if err != nil {
		return nil, fmt.Errorf("lockspace %s has no id: %w", args[1], err)
	}
	le.PutUint32(p[atFSID:], uint32(id))
	for i, at := range []int{atNumber, atOwner, atStart, atEnd} {
		v, err := strconv.ParseUint(args[2+i], 10, 64)
		if err != nil {
			return nil, err
		}
		le.PutUint64(p[at:], v)
	}
	return p, nil
}

// serve answers orders one after the other.
func serve() error {
	dev, err := net.ListenUnix("unixpacket", &net.UnixAddr{Name: plockSocket, Net: "unixpacket"})
	if err != nil {
		return err
	}
	user, err := net.Listen("unix", userSocket)
	if err != nil {
		return err
	}
	var mu sync.Mutex
	var daemon net.Conn
	go func() {
		for {
			c, err := dev.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			if daemon != nil {
				daemon.Close()
			}
			daemon = c
			mu.Unlock()
		}
	}()
	for {
		c, err := user.Accept()
		if err != nil {
			return err
		}
		line, _ := bufio.NewReader(c).ReadString('\n') // a line cut short is a bad order
		mu.Lock()
		answer, err := ask(daemon, strings.Fields(line))
		mu.Unlock()
		if err != nil {
			answer = "error: " + err.Error()
		}
		fmt.Fprintln(c, answer)
		c.Close()
	}
}

func ask(daemon net.Conn, args []string) (string, error) {
	if daemon == nil {
		return "", errors.New("dlm_controld has not opened its device")
	}
	if len(args) != 6 {
		return "", fmt.Errorf("bad order %q", args)
	}
	p, err := plock(args)
	if err != nil {
		return "", err
	}
	if _, err := daemon.Write(p); err != nil {
		return "", err
	}
	if err := daemon.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return "", err
	}
	got := make([]byte, plockSize)
	if n, err := daemon.Read(got); err != nil || n != plockSize {
		return "", fmt.Errorf("dlm_controld answers %d bytes: %w", n, err)
	}
	if rv := int32(binary.LittleEndian.Uint32(got[atRV:])); rv != 0 {
		return unix.ErrnoName(unix.Errno(-rv)), nil
	}
	return "granted", nil
}

func order(args []string) (string, error) {
	c, err := net.Dial("unix", userSocket)
	if err != nil {
		return "", err
	}
	defer c.Close()
	fmt.Fprintln(c, strings.Join(args, " "))
	answer, err := bufio.NewReader(c).ReadString('\n')
	answer = strings.TrimSpace(answer)
	if text, bad := strings.CutPrefix(answer, "error: "); bad {
		return "", errors.New(text)
	}
	return answer, err
}
