package notifyd

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/gosnmp/gosnmp"
)

// Names in the MIB (packaging/etc/COROSYNC-MIB.txt).
const (
	oidUptime   = "1.3.6.1.2.1.1.3.0"
	oidTrap     = "1.3.6.1.6.3.1.1.4.1.0"
	oidCorosync = "1.3.6.1.4.1.35488"

	oidNodeTrap   = oidCorosync + ".0.1"
	oidQuorumTrap = oidCorosync + ".0.2"
	oidLinkTrap   = oidCorosync + ".0.4"

	oidNodeName   = oidCorosync + ".1.1"
	oidNodeID     = oidCorosync + ".1.2"
	oidNodeStatus = oidCorosync + ".1.3"
	oidNodeAddr   = oidCorosync + ".1.4"
	oidLocalID    = oidCorosync + ".1.5"
	oidQuorum     = oidCorosync + ".1.21"
	oidLinkNo     = oidCorosync + ".1.60"
	oidLinkStatus = oidCorosync + ".1.61"
)

const (
	trapPort = 162
	// longestCommunity is what the encoder has room for.
	longestCommunity = 127
)

// snmpSink sends SNMP version 2c traps to a manager.
type snmpSink struct {
	log     *logger
	now     func() time.Time
	session *gosnmp.GoSNMP
	open    bool
	bad     error // the manager cannot be one
}

func newSNMP(manager, community string, log *logger, now func() time.Time) *snmpSink {
	network, host, port, err := managerAddr(manager)
	return &snmpSink{log: log, now: now, bad: err, session: &gosnmp.GoSNMP{
		Target: host, Port: port, Transport: network, Community: community, Version: gosnmp.Version2c, Timeout: 2 * time.Second,
		// A manager that does not listen is no error: traps are sent into the dark.
		UseUnconnectedUDPSocket: strings.HasPrefix(network, "udp"),
		MaxOids:                 gosnmp.MaxOids,
	}}
}

// managerAddr reads [udp:|udp6:|tcp:|tcp6:]host[:port].
func managerAddr(s string) (network, host string, port uint16, err error) {
	network, host, port = "udp", s, trapPort
	if i := strings.IndexByte(s, ':'); i > 0 {
		switch s[:i] {
		case "udp", "udp6", "tcp", "tcp6":
			network, host = s[:i], s[i+1:]
		case "udpv6", "udpipv6":
			network, host = "udp6", s[i+1:]
		}
	}
	if strings.Count(host, ":") == 1 || strings.HasPrefix(host, "[") && strings.Contains(host, "]:") {
		var p string
		if host, p, err = net.SplitHostPort(host); err != nil {
			return "", "", 0, fmt.Errorf("%q: %w", s, err)
		}
		n, err := strconv.ParseUint(p, 10, 16)
		if err != nil || n == 0 {
			return "", "", 0, fmt.Errorf("%q: the port must be a number from 1 to 65535", s)
		}
		port = uint16(n)
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if host == "" {
		return "", "", 0, fmt.Errorf("%q: no host", s)
	}
	return network, host, port, nil
}

func (s *snmpSink) close() {
	if s.open {
		_ = s.session.Close() // the process is ending
		s.open = false
	}
}

// trap sends one; the time goes where the time since start belongs, as 3.1 does.
func (s *snmpSink) trap(oid string, fields ...gosnmp.SnmpPDU) {
	err := s.bad
	if err == nil && !s.open {
		err = s.session.Connect()
	}
	if err != nil {
		s.log.noticef("Failed to init SNMP session. %s", err)
		return
	}
	s.open = true
	list := append([]gosnmp.SnmpPDU{
		{Name: oidUptime, Type: gosnmp.TimeTicks, Value: uint32(s.now().Unix())},
		{Name: oidTrap, Type: gosnmp.ObjectIdentifier, Value: oid},
	}, fields...)
	if _, err := s.session.SendTrap(gosnmp.SnmpTrap{Variables: list}); err != nil {
		s.log.errorf("Could not send SNMP trap: %s", err)
		s.close() // and connect anew for the next
	}
}

func octets(oid, v string) gosnmp.SnmpPDU {
	return gosnmp.SnmpPDU{Name: oid, Type: gosnmp.OctetString, Value: v}
}

func unsigned(oid string, v uint32) gosnmp.SnmpPDU {
	return gosnmp.SnmpPDU{Name: oid, Type: gosnmp.Gauge32, Value: v}
}

func (s *snmpSink) member(name string, node uint32, addr, state string) {
	s.trap(oidNodeTrap, octets(oidNodeName, name), unsigned(oidNodeID, node), octets(oidNodeAddr, addr), octets(oidNodeStatus, state))
}

func (s *snmpSink) quorum(name string, node uint32, state string) {
	s.trap(oidQuorumTrap, octets(oidNodeName, name), unsigned(oidNodeID, node), octets(oidQuorum, state))
}

// application sends nothing: the MIB has a trap for it, which 3.1 does not send.
func (s *snmpSink) application(string, uint32, string, string) {}

func (s *snmpSink) link(name string, local, node, link uint32, state string) {
	s.trap(oidLinkTrap, octets(oidNodeName, name), unsigned(oidLocalID, local), unsigned(oidNodeID, node),
		gosnmp.SnmpPDU{Name: oidLinkNo, Type: gosnmp.Integer, Value: int(link)}, octets(oidLinkStatus, state))
}
