package wd

import (
	"os"
	"path/filepath"
	"testing"
)

// TestLinuxDevice uses a file, which is no watchdog: every question is refused, and the magic close is all that arrives.
func TestLinuxDevice(t *testing.T) {
	path := filepath.Join(t.TempDir(), "watchdog")
	if _, err := (Linux{}).Open(path); err == nil {
		t.Error("opened what is not there")
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	d, err := Linux{}.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := d.Identity(); got != "unknown" {
		t.Errorf("identity %q", got)
	}
	if _, err := d.Timeout(); err == nil {
		t.Error("a file has a timeout")
	}
	if _, err := d.SetTimeout(5); err == nil {
		t.Error("a file takes a timeout")
	}
	if err := d.KeepAlive(); err == nil {
		t.Error("a file is kept alive")
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "V" {
		t.Errorf("at the end: %q, %v", text, err)
	}
}
