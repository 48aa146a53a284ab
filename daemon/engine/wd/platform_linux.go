package wd

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// Linux is the watchdog interface of the kernel (Documentation/watchdog/watchdog-api.rst).
type Linux struct{}

type linuxDevice struct{ fd int }

// Open opens a watchdog device for writing.
func (Linux) Open(path string) (Device, error) {
	fd, err := unix.Open(path, unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", path, err)
	}
	return linuxDevice{fd}, nil
}

// Reboot restarts the machine at once.
func (Linux) Reboot() error { return unix.Reboot(unix.LINUX_REBOOT_CMD_RESTART) }

// PowerOff switches the machine off at once.
func (Linux) PowerOff() error { return unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF) }

func (d linuxDevice) Identity() string {
	info, err := unix.IoctlGetWatchdogInfo(d.fd)
	if err != nil {
		return "unknown"
	}
	return unix.ByteSliceToString(info.Identity[:])
}

func (d linuxDevice) Timeout() (uint32, error) {
	v, err := unix.IoctlGetInt(d.fd, unix.WDIOC_GETTIMEOUT)
	return uint32(v), err
}

func (d linuxDevice) SetTimeout(seconds uint32) (uint32, error) {
	if info, err := unix.IoctlGetWatchdogInfo(d.fd); err == nil && info.Options&unix.WDIOF_SETTIMEOUT != 0 {
		if err := unix.IoctlSetPointerInt(d.fd, unix.WDIOC_SETTIMEOUT, int(seconds)); err != nil {
			return 0, err
		}
	}
	return d.Timeout()
}

func (d linuxDevice) KeepAlive() error { return unix.IoctlWatchdogKeepalive(d.fd) }

// Close writes the magic character that keeps the device from firing after it is closed.
func (d linuxDevice) Close() error {
	_, err := unix.Write(d.fd, []byte{'V'})
	return errors.Join(err, unix.Close(d.fd))
}
