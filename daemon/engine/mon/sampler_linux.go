package mon

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// Proc samples through /proc, which answers from memory and does not block.
type Proc struct{}

// MemoryUsed is the share of memory and swap that is not free, in percent.
func (Proc) MemoryUsed() (int32, error) {
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0, err
	}
	return memoryUsed(text)
}

func memoryUsed(meminfo []byte) (int32, error) {
	var total, free uint64
	for s := bufio.NewScanner(bytes.NewReader(meminfo)); s.Scan(); {
		f := strings.Fields(s.Text())
		if len(f) < 2 {
			continue
		}
		v, err := strconv.ParseUint(f[1], 10, 64)
		if err != nil {
			continue
		}
		switch f[0] {
		case "MemTotal:", "SwapTotal:":
			total += v
		case "MemFree:", "SwapFree:":
			free += v
		}
	}
	if total == 0 || free > total {
		return 0, fmt.Errorf("/proc/meminfo: total %d kB, free %d kB", total, free)
	}
	return int32((total - free) * 100 / total), nil
}

// Load15 is the third number of /proc/loadavg.
func (Proc) Load15() (float64, error) {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return 0, err
	}
	f := strings.Fields(string(text))
	if len(f) < 3 {
		return 0, fmt.Errorf("/proc/loadavg: %q", text)
	}
	return strconv.ParseFloat(f[2], 64)
}
