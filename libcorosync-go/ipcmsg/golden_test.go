package ipcmsg

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"strings"
	"testing"
)

// TestGolden compares with payloads that corosync 3.1.7 nodes (x86_64) put on
// the wire: everything after the 5 bytes of the group prefix. xN repeats the
// byte before it N times.
func TestGolden(t *testing.T) {
	le := binary.LittleEndian
	for _, test := range []struct {
		name  string
		bytes []byte
		want  string
	}{
		{"NODEINFO of node 2, votes 1, expected 3, quorate",
			ExecVotequorumNodeInfoMsg{2, 1, 3, VotequorumNodeQuorate}.Append(nil, le),
			"00000500 00000000 20000000 00000000 02000000 01000000 03000000 01000000"},
		{"PROCJOIN of pid 32335 to grp",
			ExecCPGProc{Group: []byte("grp"), PID: 32335, Reason: CPGReasonJoin}.Append(nil, le),
			"00000200 00000000 a8000000 00000000 03000000 00000000 67727000x125 4f7e0000 00000000 01000000 00000000"},
		{"MCAST of hello to grp",
			ExecCPGMcastMsg{[]byte("grp"), 32335, Source{1, 0x562b65900f00}, []byte("hello")}.Append(nil, le),
			"03000200 00000000 bd000000 00000000 03000000 00000000 67727000x125 05000000 00000000 4f7e0000 00000000 01000000 00000000 000f90652b560000 68656c6c6f"},
		{"JOINLIST of 7027 in grp and 7029 in g2",
			AppendExecCPGJoinList(nil, []ExecCPGJoinListEntry{{7027, []byte("grp")}, {7029, []byte("g2")}}, le),
			"02000200 00000000 38010000 00000000 00000000 00000000 731b0000 00000000 03000000 00000000 67727000x125 751b0000 00000000 02000000 00000000 673200x126"},
		{"DOWNLIST, 3 old members, node 3 left",
			ExecCPGDownlistMsg{3, []uint32{3}}.Append(nil, le),
			"05000200 00000000 20060000 00000000 03000000 00000000 01000000 00000000 0300x1535"},
		{"CMAP MCAST of totem.config_version 3",
			ExecCmapMcastMsg{CmapReasonSync, []ExecCmapItem{{[]byte("totem.config_version"), CmapValue{CmapUint64, []byte{3, 0, 0, 0, 0, 0, 0, 0}}}}}.Append(nil, le),
			"0000x7 50010000 00000000 00x8 0100x7 00x16 14000000 00000000 746f74656d2e636f6e6669675f76657273696f6e 00x236 0800x7 0800x7 0300x7"},
		{"KILLNODE 2 because",
			ExecCfgKillNodeMsg{2, []byte("because")}.Append(nil, le),
			"01000100 00000000 20010000 00000000 02000000 00000000 0800x7 6265636175736500x249"},
		{"RELOAD_CONFIG",
			ExecCfgReloadConfigMsg{Source{1, 0x0807060504030201}}.Append(nil, le),
			"03000100 00000000 20000000 00000000 01000000 00000000 0102030405060708"},
	} {
		want := unhex(t, test.want)
		if !bytes.Equal(test.bytes, want) {
			t.Errorf("%s: %d bytes, want %d\n got %x\nwant %x", test.name, len(test.bytes), len(want), test.bytes, want)
		}
	}
}

func unhex(t *testing.T, text string) []byte {
	var out []byte
	for _, word := range strings.Fields(text) {
		digits, times, repeated := strings.Cut(word, "x")
		b, err := hex.DecodeString(digits)
		if err != nil {
			t.Fatal(err)
		}
		if repeated {
			n := 0
			for _, c := range times {
				n = 10*n + int(c-'0')
			}
			b = append(b, bytes.Repeat(b[len(b)-1:], n-1)...)
		}
		out = append(out, b...)
	}
	return out
}
