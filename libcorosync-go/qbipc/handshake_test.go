package qbipc

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// Bytes of a recorded conversation between libcmap 3.1.7 and corosync 3.1.7 on libqb 2.0.6.
const goldenRequest = "ffffffff000000001800000000000000" + "0000100000000000"

func goldenResponse() []byte {
	b := make([]byte, responseBytes)
	h, _ := hex.DecodeString("ffffffff000000002830000000000000" + "0000000000000000" + "0100000000001000" + "30c0da8bc2550000")
	copy(b, h)
	copy(b[40:], "/dev/shm/qb-28715-29410-18-Dqkgoq/qb-request-cmap")
	copy(b[0x1028:], "/dev/shm/qb-28715-29410-18-Dqkgoq/qb-response-cmap")
	copy(b[0x2028:], "/dev/shm/qb-28715-29410-18-Dqkgoq/qb-event-cmap")
	return b
}

func TestHandshakeGolden(t *testing.T) {
	want, _ := hex.DecodeString(goldenRequest)
	if got := (authRequest{maxMessage: 1 << 20}).append(nil); !bytes.Equal(got, want) {
		t.Errorf("%x", got)
	}
	req, err := parseAuthRequest(want)
	if err != nil || req.maxMessage != 1<<20 {
		t.Error(req, err)
	}
	res, err := parseAuthResponse(goldenResponse())
	if err != nil || res.kind != typeSHM || res.maxMessage != 1<<20 || res.connection != 0x55c28bdac030 ||
		!strings.HasSuffix(res.event, "/qb-event-cmap") || !strings.HasSuffix(res.response, "/qb-response-cmap") {
		t.Error(res, err)
	}
	if got := res.append(nil); !bytes.Equal(got, goldenResponse()) {
		t.Error("response differs")
	}
	denied := authResponse{errno: unix.EACCES}.append(nil)
	if len(denied) != responseBytes || !bytes.Equal(denied[16:20], []byte{0xf3, 0xff, 0xff, 0xff}) || !bytes.Equal(denied[20:], make([]byte, responseBytes-20)) {
		t.Errorf("%x", denied[:40])
	}
	if res, err := parseAuthResponse(denied); err != nil || res.errno != unix.EACCES {
		t.Error(res, err)
	}
}

func TestHandshakeMalformed(t *testing.T) {
	want, _ := hex.DecodeString(goldenRequest)
	for n := range want {
		if _, err := parseAuthRequest(want[:n]); err == nil {
			t.Error("accepted", n, "bytes")
		}
	}
	res := goldenResponse()
	for _, n := range []int{0, 1, 23, 24, 4136, responseBytes - 1} {
		if _, err := parseAuthResponse(res[:n]); err == nil {
			t.Error("accepted", n, "bytes")
		}
	}
	for _, e := range []byte{1, 0x7f} {
		bad := bytes.Clone(res)
		bad[19] = e // a positive error
		if _, err := parseAuthResponse(bad); err == nil {
			t.Error("positive error")
		}
	}
}

func FuzzHandshake(f *testing.F) {
	req, _ := hex.DecodeString(goldenRequest)
	f.Add(req)
	f.Add(goldenResponse())
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, err := parseAuthRequest(b); err == nil && len(r.append(nil)) != requestBytes {
			t.Fatal("request")
		}
		if r, err := parseAuthResponse(b); err == nil && len(r.append(nil)) != responseBytes {
			t.Fatal("response")
		}
	})
}
