package config

import (
	"path/filepath"
	"strings"
	"testing"
)

// notConfig are keys that other parts of the daemon make.
func notConfig(key string) bool {
	for _, p := range []string{"internal_configuration.", "runtime.", "resources.system.load_15min."} {
		if strings.HasPrefix(key, p) && !strings.HasPrefix(key, "runtime.config.") {
			return true
		}
	}
	switch key {
	case "resources.system.memory_used.current", "resources.system.memory_used.last_updated", "resources.system.memory_used.state",
		"resources.system.memory_used.poll_period", "resources.watchdog_timeout":
		return true
	}
	return false
}

// The keys after a start are those of the C daemon, with its types and values.
func TestKeysOfTheCDaemon(t *testing.T) {
	files, _ := filepath.Glob("testdata/cmap/*.conf")
	if len(files) < 3 {
		t.Fatal("no captures")
	}
	for _, f := range files {
		t.Run(filepath.Base(f), func(t *testing.T) {
			m, _, err := load(t, readFile(t, f))
			if err != nil {
				t.Fatal(err)
			}
			ours := dump(m)
			for _, line := range strings.Split(readFile(t, strings.TrimSuffix(f, "conf")+"dump"), "\n") {
				key, _, ok := strings.Cut(line, " (")
				if !ok || line[0] == '#' {
					continue
				}
				if _, have := ours[key]; notConfig(key) && !have {
					continue
				}
				// The resource monitor of the C daemon writes its poll_period back.
				if ours[key] != line && !strings.HasSuffix(key, ".memory_used.poll_period") {
					t.Errorf("C daemon %q, here %q", line, ours[key])
				}
				delete(ours, key)
			}
			for _, line := range ours {
				t.Errorf("only here: %q", line)
			}
		})
	}
}
