package config

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/corosync-go/corosync/daemon/icmap"
)

// Limits of the cluster, those of corosync 3.1.
const (
	MaxLinks      = 8     // INTERFACE_MAX
	maxKnetNode   = 65536 // node ids of knet are below it (KNET_MAX_HOST)
	DefaultPort   = 5405
	KnetMaxPacket = 65536 // net MTU with knet, bytes
	UDPNetMTU     = 1500  // net MTU with udp and udpu, bytes
	keyMinBytes   = 128
	keyMaxBytes   = 4096
	maxLinkMode   = 63 // longest link_mode text
)

// Transport is the value of totem.transport.
type Transport string

// The transports.
const (
	Knet Transport = "knet"
	UDPU Transport = "udpu"
	UDP  Transport = "udp"
)

// Config is everything that the daemon takes from its configuration at start,
// checked and with defaults filled in.
type Config struct {
	Path    string // of corosync.conf
	Totem   Totem
	Crypto  Crypto
	Links   [MaxLinks]Link
	Nodes   []Node // nodelist, by index
	LocalNo int    // index of this node in the nodelist, -1 if it is not there
	NodeID  uint32 // of this node; 0 only in a configuration that fails Validate
	System  System
	Quorum  Quorum

	// Warnings are to be logged by MAIN after a successful read.
	Warnings []string

	env    Env
	origin Origin
}

// Totem are the parameters of the protocol, all derived values included.
type Totem struct {
	Version       uint32
	ConfigVersion uint64
	ClusterName   string
	Transport     Transport
	IPVersion     string // ipv4 ipv6 ipv4-6 ipv6-4
	LinkMode      string // passive active rr
	NetMTU        uint32 // bytes
	Threads       uint32
	Broadcast     bool  // udp
	DSCP          uint8 // ip_dscp, 0..63; 0 leaves it to the transport

	ClearNodeHighBit bool

	Params
}

// Params are the parameters that can change while the daemon runs. Times are in
// ms as in the file; use the methods for time.Duration.
type Params struct {
	TokenMs             uint32 // in use: with the coefficient for the number of nodes
	TokenWarningPct     uint32 // percent of TokenMs; 0 off
	TokenRetransmitMs   uint32
	TokenRetransmits    uint32 // token_retransmits_before_loss_const
	HoldMs              uint32
	JoinMs              uint32
	SendJoinMs          uint32 // upper bound of a random delay; 0 off
	ConsensusMs         uint32
	MergeMs             uint32
	DowncheckMs         uint32
	MaxNetworkDelayMs   uint32
	FailRecvRotations   uint32
	SeqnoUnchanged      uint32 // rotations
	HeartbeatFailures   uint32 // 0 off
	WindowMsgs          uint32 // per rotation, all nodes
	MaxMsgs             uint32 // per rotation, one node
	MissCount           uint32
	BlockUnlistedIPs    uint32 // 0 or 1
	CancelHoldOnRetrans uint32 // 0 or 1

	KnetPMTUDIntervalS       uint32
	KnetMTU                  uint32 // bytes; 0 automatic
	KnetCompressionModel     string // none, zlib, ...
	KnetCompressionThreshold uint32 // bytes; 0 default of knet
	KnetCompressionLevel     int32
}

func ms(n uint32) time.Duration { return time.Duration(n) * time.Millisecond }

// Token is the time without token until it is declared lost.
func (p *Params) Token() time.Duration { return ms(p.TokenMs) }

// TokenWarning is the time after which a late token is logged; 0 is never.
func (p *Params) TokenWarning() time.Duration {
	return ms(uint32(uint64(p.TokenMs) * uint64(p.TokenWarningPct) / 100))
}

// TokenRetransmit is the time after which the token is sent again.
func (p *Params) TokenRetransmit() time.Duration { return ms(p.TokenRetransmitMs) }

// Hold is how long the representative keeps the token of an idle ring.
func (p *Params) Hold() time.Duration { return ms(p.HoldMs) }

// Join is the interval of join messages.
func (p *Params) Join() time.Duration { return ms(p.JoinMs) }

// SendJoin bounds the random delay before a join message.
func (p *Params) SendJoin() time.Duration { return ms(p.SendJoinMs) }

// Consensus is the time to wait for agreement on a membership.
func (p *Params) Consensus() time.Duration { return ms(p.ConsensusMs) }

// Merge is the interval of merge detection.
func (p *Params) Merge() time.Duration { return ms(p.MergeMs) }

// Downcheck is the interval of interface checks.
func (p *Params) Downcheck() time.Duration { return ms(p.DowncheckMs) }

// MaxNetworkDelay is used for the heartbeat timeout.
func (p *Params) MaxNetworkDelay() time.Duration { return ms(p.MaxNetworkDelayMs) }

// Crypto is the protection of the knet transport.
type Crypto struct {
	Model  string // nss openssl
	Cipher string // none aes128 aes192 aes256
	Hash   string // none md5 sha1 sha256 sha384 sha512
	Key    []byte // 128..4096 bytes; nil if Cipher and Hash are none
}

// Enabled says whether frames are protected.
func (c *Crypto) Enabled() bool { return c.Cipher != "none" || c.Hash != "none" }

// Equal compares two settings, key included.
func (c *Crypto) Equal(o *Crypto) bool {
	return c.Model == o.Model && c.Cipher == o.Cipher && c.Hash == o.Hash && string(c.Key) == string(o.Key)
}

// Link is one link of this node and its members.
type Link struct {
	Configured bool
	Bind       netip.Addr // local address or network to bind to (bindnetaddr)
	Local      netip.Addr // this node's address from the nodelist
	Mcast      netip.Addr // udp
	Port       uint16
	TTL        uint8
	Members    []Member // in the byte order of their keys

	Priority       uint8
	PingIntervalMs uint32
	PingTimeoutMs  uint32
	PingPrecision  uint32
	PongCount      uint32
	KnetTransport  string // udp sctp
}

// PingInterval is the interval of knet pings.
func (l *Link) PingInterval() time.Duration { return ms(l.PingIntervalMs) }

// PingTimeout is the time without pong until a knet link is down.
func (l *Link) PingTimeout() time.Duration { return ms(l.PingTimeoutMs) }

// Member is an address of a node on one link. NodeID is 0 for members of an
// old-style interface section.
type Member struct {
	NodeID uint32
	Addr   netip.Addr
}

// Node is one entry of the nodelist.
type Node struct {
	Pos    int // index in nodelist.node.N
	NodeID uint32
	Name   string
	Votes  uint32
	Addrs  [MaxLinks]string // as written
}

// System is the section of that name.
type System struct {
	IPCType             string // native shm socket
	SchedRR             bool
	Priority            string // max, min, a number; "" for unset
	MoveToRootCgroup    string // yes no auto
	KnetHandleFallback  bool
	StateDir            string
	WatchdogDevice      string // "" or off: none
	WatchdogTimeoutSecs uint32
}

// Quorum are the keys of that section that the composition root needs; the
// engines read theirs from the map.
type Quorum struct {
	Provider string // "" for none
	Device   string // device.model, "" for none
}

// DefaultStateDir is system.state_dir if it is not set.
const DefaultStateDir = "/var/lib/corosync"

// Uint32 keys with their default and field. The order is that in which values
// depend on each other.
type param struct {
	key   string // below totem.
	zero  bool   // 0 is a value
	def   func(*Params) uint32
	field func(*Params) *uint32
}

func fixed(n uint32) func(*Params) uint32 { return func(*Params) uint32 { return n } }

var params = []param{
	{"token_retransmits_before_loss_const", false, fixed(4), func(p *Params) *uint32 { return &p.TokenRetransmits }},
	{"token", false, fixed(3000), func(p *Params) *uint32 { return &p.TokenMs }},
	{"token_warning", true, fixed(75), func(p *Params) *uint32 { return &p.TokenWarningPct }},
	{"max_network_delay", false, fixed(50), func(p *Params) *uint32 { return &p.MaxNetworkDelayMs }},
	{"window_size", false, fixed(50), func(p *Params) *uint32 { return &p.WindowMsgs }},
	{"max_messages", false, fixed(17), func(p *Params) *uint32 { return &p.MaxMsgs }},
	{"miss_count_const", false, fixed(5), func(p *Params) *uint32 { return &p.MissCount }},
	{"knet_pmtud_interval", false, fixed(30), func(p *Params) *uint32 { return &p.KnetPMTUDIntervalS }},
	{"knet_mtu", false, fixed(0), func(p *Params) *uint32 { return &p.KnetMTU }},
	{"token_retransmit", false, func(p *Params) uint32 {
		return clampMs(float64(p.TokenMs) / (float64(p.TokenRetransmits) + 0.2))
	}, func(p *Params) *uint32 { return &p.TokenRetransmitMs }},
	{"hold", false, func(p *Params) uint32 {
		return clampMs(float64(p.TokenRetransmitMs)*0.8 - tickMs)
	}, func(p *Params) *uint32 { return &p.HoldMs }},
	{"join", false, fixed(50), func(p *Params) *uint32 { return &p.JoinMs }},
	{"consensus", false, func(p *Params) uint32 {
		// Rounded to float32 first, which makes 4380 of 1.2 * 3650.
		return clampMs(float64(float32(1.2 * float64(p.TokenMs))))
	}, func(p *Params) *uint32 { return &p.ConsensusMs }},
	{"merge", false, fixed(200), func(p *Params) *uint32 { return &p.MergeMs }},
	{"downcheck", false, fixed(1000), func(p *Params) *uint32 { return &p.DowncheckMs }},
	{"fail_recv_const", false, fixed(2500), func(p *Params) *uint32 { return &p.FailRecvRotations }},
	{"seqno_unchanged_const", false, fixed(30), func(p *Params) *uint32 { return &p.SeqnoUnchanged }},
	{"send_join", true, fixed(0), func(p *Params) *uint32 { return &p.SendJoinMs }},
	{"heartbeat_failures_allowed", true, fixed(0), func(p *Params) *uint32 { return &p.HeartbeatFailures }},
	{"knet_compression_threshold", true, fixed(0), func(p *Params) *uint32 { return &p.KnetCompressionThreshold }},
}

// flags are yes/no keys, published as 1 and 0.
var flags = []param{
	{"block_unlisted_ips", true, fixed(1), func(p *Params) *uint32 { return &p.BlockUnlistedIPs }},
	{"cancel_token_hold_on_retransmit", true, fixed(0), func(p *Params) *uint32 { return &p.CancelHoldOnRetrans }},
}

const (
	tickMs       = 10 // 1000/HZ of the build that all timeouts refer to
	minTimeoutMs = 3 * tickMs
	minHoldMs    = 14 // minTimeoutMs * 0.8 - tickMs
)

// clampMs truncates as a C cast to int does where that is defined, and keeps
// the rest in range.
func clampMs(f float64) uint32 {
	const maxInt32 = 1<<31 - 1
	switch {
	case f < -maxInt32:
		return 0
	case f > maxInt32:
		return maxInt32
	}
	// A negative hold becomes a huge unsigned one in C too, and then passes the
	// check; token_retransmit fails first wherever that happens.
	return uint32(int32(f))
}

// read computes p from the keys of m and publishes it there as
// runtime.config.totem.* (totem_volatile_config_read). members is the number of
// nodes with an address on link 0. deleted is a key that counts as missing, for
// callers that are told of a deletion before it is done; "" for none.
func (p *Params) read(m *icmap.Map, members int, deleted string) {
	get := func(key string) (uint32, bool) {
		if key == deleted {
			return 0, false
		}
		n, err := m.GetUint32(key)
		return n, err == nil
	}
	for _, x := range params {
		n, ok := get("totem." + x.key)
		if !ok || n == 0 && !x.zero {
			n = x.def(p)
		}
		if x.key == "token" && members > 2 {
			coefficient := uint32(650)
			// Also with an explicit token, and without the deletion rule, as in C.
			if c, err := m.GetUint32("totem.token_coefficient"); err == nil {
				coefficient = c
			}
			n = uint32(min(uint64(n)+uint64(members-2)*uint64(coefficient), 1<<32-1))
		}
		*x.field(p) = n
		_ = m.SetUint32("runtime.config.totem."+x.key, n)
	}
	p.KnetCompressionLevel = 0
	if n, err := m.GetInt32("totem.knet_compression_level"); err == nil && deleted != "totem.knet_compression_level" {
		p.KnetCompressionLevel = n
	}
	_ = m.SetInt32("runtime.config.totem.knet_compression_level", p.KnetCompressionLevel)
	p.KnetCompressionModel = "none"
	if s, err := m.GetString("totem.knet_compression_model"); err == nil && deleted != "totem.knet_compression_model" {
		p.KnetCompressionModel = s
	}
	_ = m.SetString("runtime.config.totem.knet_compression_model", p.KnetCompressionModel)
	for _, x := range flags {
		n := x.def(p)
		if s, err := m.GetString("totem." + x.key); err == nil && deleted != "totem."+x.key {
			switch s {
			case "yes":
				n = 1
			case "no":
				n = 0
			}
		}
		*x.field(p) = n
		_ = m.SetUint32("runtime.config.totem."+x.key, n)
	}
}

// IsParam says whether a change of key changes Params.
func IsParam(key string) bool {
	switch key {
	case "totem.token_coefficient", "totem.knet_compression_level", "totem.knet_compression_model":
		return true
	}
	for _, list := range [][]param{params, flags} {
		for _, x := range list {
			if key == "totem."+x.key {
				return true
			}
		}
	}
	return false
}

// validate returns what is wrong with p, in the order of the C daemon.
func (p *Params) validate(m *icmap.Map, at Origin) []string {
	var bad []string
	low := func(key, name string, n, least uint32) {
		// A default that is too low follows from an error already told.
		if n < least && (len(bad) == 0 || m.Has(key)) {
			bad = append(bad, fmt.Sprintf("The %s parameter (%d ms) may not be less than (%d ms).%s", name, n, least, at.of(key)))
		}
	}
	low("totem.max_network_delay", "max_network_delay", p.MaxNetworkDelayMs, minTimeoutMs)
	low("totem.token", "token timeout", p.TokenMs, minTimeoutMs)
	if p.TokenWarningPct > 100 {
		bad = append(bad, fmt.Sprintf("The token warning parameter (%d%%) must be between 0 (disabled) and 100.%s",
			p.TokenWarningPct, at.of("totem.token_warning")))
	}
	if _, err := m.GetUint32("totem.token_retransmit"); err == nil {
		low("totem.token_retransmit", "token retransmit timeout", p.TokenRetransmitMs, minTimeoutMs)
	} else if p.TokenRetransmitMs < minTimeoutMs && len(bad) == 0 {
		bad = append(bad, "Not appropriate token or token_retransmits_before_loss_const value set")
	}
	low("totem.hold", "token hold timeout", p.HoldMs, minHoldMs)
	low("totem.join", "join timeout", p.JoinMs, minTimeoutMs)
	low("totem.consensus", "consensus timeout", p.ConsensusMs, minTimeoutMs)
	if p.ConsensusMs < p.JoinMs && p.ConsensusMs >= minTimeoutMs {
		bad = append(bad, fmt.Sprintf("The consensus timeout parameter (%d ms) may not be less than join timeout (%d ms).%s",
			p.ConsensusMs, p.JoinMs, at.of("totem.join")))
	}
	low("totem.merge", "merge timeout", p.MergeMs, minTimeoutMs)
	low("totem.downcheck", "downcheck timeout", p.DowncheckMs, minTimeoutMs)
	return bad
}

// readSystem reads section system and the watchdog keys.
func readSystem(m *icmap.Map) System {
	s := System{IPCType: "native", SchedRR: true, MoveToRootCgroup: "auto", StateDir: DefaultStateDir, WatchdogTimeoutSecs: 6}
	get := func(key string, to *string) {
		if v, err := m.GetString(key); err == nil {
			*to = v
		}
	}
	get("system.qb_ipc_type", &s.IPCType)
	get("system.priority", &s.Priority)
	get("system.move_to_root_cgroup", &s.MoveToRootCgroup)
	get("system.state_dir", &s.StateDir)
	get("resources.watchdog_device", &s.WatchdogDevice)
	if v, err := m.GetString("system.sched_rr"); err == nil {
		s.SchedRR = v == "yes"
	}
	if v, err := m.GetString("system.allow_knet_handle_fallback"); err == nil {
		s.KnetHandleFallback = v == "yes"
	}
	if n, err := m.GetUint32("resources.watchdog_timeout"); err == nil {
		s.WatchdogTimeoutSecs = n
	}
	return s
}

func readQuorum(m *icmap.Map) Quorum {
	var q Quorum
	q.Provider, _ = m.GetString("quorum.provider")
	q.Device, _ = m.GetString("quorum.device.model")
	return q
}

// StateDir returns the state directory that a parsed configuration names; it
// is needed before everything else is known.
func StateDir(m *icmap.Map) string { return readSystem(m).StateDir }
