package pcaptest

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Packet is one UDP datagram of a capture.
type Packet struct {
	Number   int // in capture order over all packets of the file, from 1; of the last fragment if it was fragmented
	Src, Dst netip.AddrPort
	Payload  []byte
}

const (
	fileHeader   = 24
	recordHeader = 16
	etherHeader  = 14
	udpHeader    = 8

	etherIPv4   = 0x0800
	protocolUDP = 17
)

// Read returns the UDP datagrams of a capture file.
func Read(path string) ([]Packet, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if len(b) < fileHeader {
		return nil, errors.New("pcap: short file")
	}
	var order binary.ByteOrder = binary.LittleEndian
	switch order.Uint32(b) {
	case 0xA1B2C3D4, 0xA1B23C4D:
	default:
		order = binary.BigEndian
		if m := order.Uint32(b); m != 0xA1B2C3D4 && m != 0xA1B23C4D {
			return nil, errors.New("pcap: wrong magic number")
		}
	}
	if link := order.Uint32(b[20:]); link != 1 {
		return nil, fmt.Errorf("pcap: link type %d is not Ethernet", link)
	}
	var packets []Packet
	parts := make(map[fragmentKey][]byte)
	b = b[fileHeader:]
	for n := 1; len(b) > 0; n++ {
		if len(b) < recordHeader || uint64(len(b)-recordHeader) < uint64(order.Uint32(b[8:])) {
			return nil, fmt.Errorf("pcap: packet %d is cut off", n)
		}
		size := int(order.Uint32(b[8:]))
		if p, ok := udp(b[recordHeader:recordHeader+size], parts); ok {
			p.Number = n
			packets = append(packets, p)
		}
		b = b[recordHeader+size:]
	}
	return packets, nil
}

type fragmentKey struct {
	src, dst netip.Addr
	id       uint16
}

// udp decodes an Ethernet frame. Fragments are collected in parts; they are expected in order, as bridges deliver them.
func udp(b []byte, parts map[fragmentKey][]byte) (Packet, bool) {
	if len(b) < etherHeader+20 || binary.BigEndian.Uint16(b[12:]) != etherIPv4 {
		return Packet{}, false
	}
	ip := b[etherHeader:]
	header, total := int(ip[0]&15)*4, int(binary.BigEndian.Uint16(ip[2:]))
	if header < 20 || total < header || len(ip) < total || ip[9] != protocolUDP {
		return Packet{}, false
	}
	src, dst := netip.AddrFrom4([4]byte(ip[12:])), netip.AddrFrom4([4]byte(ip[16:]))
	body := ip[header:total]
	if f := binary.BigEndian.Uint16(ip[6:]); f&0x3FFF != 0 {
		key := fragmentKey{src, dst, binary.BigEndian.Uint16(ip[4:])}
		if len(parts[key]) != int(f&0x1FFF)*8 {
			delete(parts, key)
			return Packet{}, false
		}
		parts[key] = append(parts[key], body...)
		if f&0x2000 != 0 {
			return Packet{}, false
		}
		body = parts[key]
		delete(parts, key)
	}
	if len(body) < udpHeader {
		return Packet{}, false
	}
	size := int(binary.BigEndian.Uint16(body[4:]))
	if size < udpHeader || size > len(body) {
		return Packet{}, false
	}
	return Packet{
		Src:     netip.AddrPortFrom(src, binary.BigEndian.Uint16(body)),
		Dst:     netip.AddrPortFrom(dst, binary.BigEndian.Uint16(body[2:])),
		Payload: body[udpHeader:size],
	}, true
}

// Vectors returns the paths of the captures udp*.pcap that lie beside the project, whose root is given relative to the
// package under test. It returns nil if there are none on this machine.
func Vectors(t testing.TB, root string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, "..", "shared", "vectors", "udp*.pcap"))
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// Frame is one extracted frame.
type Frame struct {
	Name string // capture file and packet number: "udpu-2node-formation#33"
	Data []byte
}

// ReadFrames reads a file of extracted frames: each line has a name and the frame in hexadecimal; lines that start with
// a # are comments.
func ReadFrames(path string) ([]Frame, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var frames []Frame
	lines := bufio.NewScanner(bytes.NewReader(b))
	for lines.Scan() {
		line := lines.Text()
		if line == "" || line[0] == '#' {
			continue
		}
		name, text, _ := strings.Cut(line, " ")
		data, err := hex.DecodeString(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %s: %w", path, name, err)
		}
		frames = append(frames, Frame{name, data})
	}
	return frames, lines.Err()
}
