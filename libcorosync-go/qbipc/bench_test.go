package qbipc

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// BenchmarkRoundTrip measures request and reply of 100 bytes between two processes, each end in Go and in C.
func BenchmarkRoundTrip(b *testing.B) {
	if service := os.Getenv("QBIPC_BENCH_SERVER"); service != "" {
		h := startHostAt(b, service, 0, echo)
		os.Stdout.WriteString("READY\n")
		<-h.done
		return
	}
	peer := qbpeer(b)
	goServer := func(b *testing.B) string {
		service := "gobench" + strings.ReplaceAll(b.Name(), "/", "-")
		cmd := exec.Command(os.Args[0], "-test.run=^$", "-test.bench=^BenchmarkRoundTrip$", "-test.benchtime=1x")
		cmd.Env = append(os.Environ(), "QBIPC_BENCH_SERVER="+service)
		out, err := cmd.StdoutPipe()
		if err != nil {
			b.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { kill(cmd) })
		buf, text := make([]byte, 4096), ""
		for !strings.Contains(text, "READY") {
			n, err := out.Read(buf)
			if err != nil {
				b.Fatal(err, text)
			}
			text += string(buf[:n])
		}
		return service
	}
	goClient := func(b *testing.B, service string) {
		c, err := Dial(context.Background(), service, 1<<20)
		if err != nil {
			b.Fatal(err)
		}
		defer c.Close()
		iov := [][]byte{message(1, make([]byte, 76)...)}
		reply := make([]byte, 0, 1000)
		b.ResetTimer()
		b.ReportAllocs()
		for range b.N {
			if err := c.Send(1, iov); err != nil {
				b.Fatal(err)
			}
			if _, err := c.Receive(context.Background(), reply); err != nil {
				b.Fatal(err)
			}
		}
	}
	cClient := func(b *testing.B, service string) {
		out, err := exec.Command(peer, "bench", service, "50000").CombinedOutput()
		if err != nil {
			b.Fatalf("%v %s", err, out)
		}
		b.Logf("C client: %s ns", strings.TrimSpace(string(out)))
	}
	b.Run("GoClientGoServer", func(b *testing.B) { goClient(b, goServer(b)) })
	b.Run("CClientGoServer", func(b *testing.B) { cClient(b, goServer(b)) })
	b.Run("GoClientCServer", func(b *testing.B) { s, _ := startPeer(b, "shm"); goClient(b, s) })
	b.Run("CClientCServer", func(b *testing.B) { s, _ := startPeer(b, "shm"); cClient(b, s) })
}
