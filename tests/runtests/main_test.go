package main

import (
	"slices"
	"testing"
)

func TestSaid(t *testing.T) {
	got := said([]string{
		"=== RUN   TestX\n",
		"    differential_test.go:310: --- start\n",
		"    differential_test.go:44:   0.065 n1: corosync -f (c)\n",
		"    differential_test.go:398: after \"start\":\n",
		"        - one\n",
		"        + two\n",
		"    cluster.go:258: n1 log/corosync/corosync.log ends:\n",
		"        Nov 20 16:21:07.436 [12] n1 corosync info\n",
		"    cluster.go:248: logs saved\n",
		"--- FAIL: TestX (1.00s)\n",
	})
	want := []string{
		"    differential_test.go:398: after \"start\":",
		"        - one",
		"        + two",
		"    cluster.go:248: logs saved",
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}
