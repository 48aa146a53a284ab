package config

import (
	"fmt"
	"strings"

	"github.com/corosync-go/corosync/daemon/icmap"
)

// Reload says what a reload may do with a key.
type Reload uint8

// The reload classes.
const (
	Live    Reload = iota // takes effect
	Fixed                 // a change is refused with a notice, the old value stays
	NewLink               // takes effect for links that the reload adds
	Restart               // is stored, and read when the daemon starts again
)

// String is the word of the manual page.
func (r Reload) String() string { return [...]string{"yes", "no", "new links only", "at restart"}[r] }

// Key is one line of the schema: a key of the configuration file.
//
// N in Name stands for a link or node number. What is not in the table is
// stored as a string and otherwise ignored.
type Key struct {
	Name    string
	Type    icmap.Type
	Default string           // as an administrator would write it, or a formula; "" for none
	Unit    string           // ms, s, bytes, percent, messages, ...
	Range   string           // numbers allowed, LOW..HIGH; "" for all of the type. For the reader: validate.go and engines check
	Values  []string         // the only texts allowed; nil for any
	Names   map[string]uint8 // texts that stand for numbers of type u8; any base is allowed for these
	Refusal string           // text of the C daemon for another one
	Reload  Reload
	// Runtime: the value in use is published as runtime.config.NAME. Zero: 0 is a
	// value and not "the default".
	Runtime, Zero bool
	Help          string
}

// section returns the section in which the key must stand: its name without
// the last word and without numbers.
func (k *Key) section() string {
	s := strings.ReplaceAll(k.Name, ".N.", ".")
	return s[:strings.LastIndexByte(s, '.')]
}

// word returns the key as it is written in its section.
func (k *Key) word() string { return k.Name[strings.LastIndexByte(k.Name, '.')+1:] }

var yesNo = []string{"yes", "no"}

const (
	u8  = icmap.TypeUint8
	u16 = icmap.TypeUint16
	u32 = icmap.TypeUint32
	i32 = icmap.TypeInt32
	u64 = icmap.TypeUint64
	str = icmap.TypeString
)

// Schema is the table of keys. Validation, types, the keys that a reload may
// not change and the manual page are read from it.
var Schema = []Key{
	{Name: "totem.version", Type: u32, Reload: Fixed, Range: "2..2", Help: "version of the configuration file"},
	{Name: "totem.config_version", Type: u64, Default: "0", Help: "a node with a lower version than others leaves the cluster at start"},
	{Name: "totem.cluster_name", Type: str, Reload: Fixed, Help: "name of the cluster; the udp multicast address is made from it"},
	{Name: "totem.transport", Type: str, Default: "knet", Reload: Fixed, Help: "knet, udpu or udp; knet is refused when the daemon starts, it is not there yet"},
	{Name: "totem.ip_version", Type: str, Default: "ipv6-4 (udp: ipv4)", Reload: Fixed,
		Values: []string{"ipv4", "ipv6", "ipv6-4", "ipv4-6"}, Refusal: "Invalid ip_version type",
		Help: "which addresses a name may resolve to, in order of preference"},
	{Name: "totem.ip_dscp", Type: u8, Default: "0", Range: "0..63", Reload: Fixed, Names: dscpNames,
		Refusal: "number (0..63) or symbolical dscp value",
		Help:    "differentiated services code point of all packets, a number or one of cs0..cs7, af11..af43, ef; 0 leaves it to the transport (3.1.10)"},
	{Name: "totem.link_mode", Type: str, Default: "passive", Help: "use of several knet links: passive, active or rr"},
	{Name: "totem.crypto_model", Type: str, Default: "nss", Values: []string{"nss", "openssl"},
		Refusal: "Invalid crypto model. Should be nss or openssl", Help: "library name; both mean the same here"},
	{Name: "totem.crypto_cipher", Type: str, Default: "none", Values: []string{"none", "aes256", "aes192", "aes128"},
		Refusal: "Invalid cipher type. Should be none, aes256, aes192 or aes128", Help: "encryption of the knet transport; needs a hash"},
	{Name: "totem.crypto_hash", Type: str, Default: "none", Values: []string{"none", "md5", "sha1", "sha256", "sha384", "sha512"},
		Refusal: "Invalid hash type. Should be none, md5, sha1, sha256, sha384 or sha512", Help: "authentication of the knet transport"},
	{Name: "totem.secauth", Type: str, Default: "off", Help: "on: cipher aes256 and hash sha256 where these are not given"},
	{Name: "totem.keyfile", Type: str, Default: "/etc/corosync/authkey", Help: "file with 128 to 4096 random bytes"},
	{Name: "totem.key", Type: str, Help: "the key itself, instead of keyfile"},
	{Name: "totem.token", Type: u32, Default: "3000", Unit: "ms", Runtime: true,
		Range: "30..", Help: "time without token until the token is declared lost; in use: plus token_coefficient for each node above two"},
	{Name: "totem.token_coefficient", Type: u32, Default: "650", Unit: "ms", Zero: true, Help: "see token"},
	{Name: "totem.token_warning", Type: u32, Default: "75", Unit: "percent", Runtime: true, Zero: true,
		Range: "0..100", Help: "part of token after which a late token is logged; 0 is off"},
	{Name: "totem.token_retransmit", Type: u32, Default: "token / (token_retransmits_before_loss_const + 0.2)", Unit: "ms", Runtime: true,
		Range: "30..", Help: "time after which the token is sent again"},
	{Name: "totem.token_retransmits_before_loss_const", Type: u32, Default: "4", Runtime: true, Help: "see token_retransmit"},
	{Name: "totem.hold", Type: u32, Default: "token_retransmit * 0.8 - 10", Unit: "ms", Runtime: true,
		Range: "14..", Help: "time that the representative holds the token of an idle ring"},
	{Name: "totem.join", Type: u32, Default: "50", Unit: "ms", Runtime: true, Range: "30..", Help: "interval of join messages"},
	{Name: "totem.send_join", Type: u32, Default: "0", Unit: "ms", Runtime: true, Zero: true, Help: "upper bound of a random delay before join messages"},
	{Name: "totem.consensus", Type: u32, Default: "1.2 * token", Unit: "ms", Runtime: true, Range: "30..", Help: "time to wait for consensus on a membership"},
	{Name: "totem.merge", Type: u32, Default: "200", Unit: "ms", Runtime: true, Range: "30..", Help: "interval of merge detection on an idle ring"},
	{Name: "totem.downcheck", Type: u32, Default: "1000", Unit: "ms", Runtime: true, Range: "30..", Help: "checked, and without effect: the kernel tells when the interface comes back"},
	{Name: "totem.fail_recv_const", Type: u32, Default: "2500", Unit: "rotations", Runtime: true, Help: "rotations without a message until a node is failed"},
	{Name: "totem.seqno_unchanged_const", Type: u32, Default: "30", Unit: "rotations", Runtime: true, Help: "rotations without traffic until merge detection"},
	{Name: "totem.heartbeat_failures_allowed", Type: u32, Default: "0", Runtime: true, Zero: true, Help: "0 is off"},
	{Name: "totem.max_network_delay", Type: u32, Default: "50", Unit: "ms", Runtime: true, Range: "30..", Help: "for the heartbeat"},
	{Name: "totem.window_size", Type: u32, Default: "50", Unit: "messages", Runtime: true, Help: "messages of all nodes in one rotation"},
	{Name: "totem.max_messages", Type: u32, Default: "17", Unit: "messages", Runtime: true, Help: "messages of one node in one rotation"},
	{Name: "totem.miss_count_const", Type: u32, Default: "5", Runtime: true, Help: "token visits until a missing message is requested"},
	{Name: "totem.netmtu", Type: u32, Default: "1500 (knet: automatic)", Unit: "bytes", Reload: Fixed, Help: "MTU of the network"},
	{Name: "totem.threads", Type: u32, Default: "0", Reload: Fixed, Help: "no effect"},
	{Name: "totem.clear_node_high_bit", Type: str, Default: "no", Reload: Restart, Help: "yes: clear bit 31 of generated node ids"},
	{Name: "totem.nodeid", Type: u32, Help: "ignored with a warning; the nodelist decides"},
	{Name: "totem.block_unlisted_ips", Type: str, Default: "yes", Runtime: true, Help: "ignore packets from addresses that are not in the nodelist"},
	{Name: "totem.cancel_token_hold_on_retransmit", Type: str, Default: "no", Runtime: true, Help: "yes: do not hold the token while retransmissions are wanted"},
	{Name: "totem.knet_pmtud_interval", Type: u32, Default: "30", Unit: "s", Runtime: true, Help: "interval of path MTU discovery"},
	{Name: "totem.knet_mtu", Type: u32, Default: "0", Unit: "bytes", Runtime: true, Help: "0: discover the path MTU"},
	{Name: "totem.knet_compression_model", Type: str, Default: "none", Runtime: true,
		Values:  []string{"zlib", "lz4", "lz4hc", "lzo2", "lzma", "bzip2", "zstd"},
		Refusal: "Invalid compression model. Should be zlib, lz4, lz4hc, lzo2, lzma, bzip2 or zstd", Help: "compression of the knet transport"},
	{Name: "totem.knet_compression_threshold", Type: u32, Default: "0", Unit: "bytes", Runtime: true, Zero: true, Help: "smallest packet to compress; 0 means 100"},
	{Name: "totem.knet_compression_level", Type: i32, Default: "0", Runtime: true, Zero: true, Help: "level of the compression library"},
	{Name: "totem.rrp_mode", Type: str, Reload: Fixed, Help: "no effect; of corosync 1 and 2"},
	{Name: "totem.rrp_token_expired_timeout", Type: u32, Help: "no effect"},
	{Name: "totem.rrp_problem_count_timeout", Type: u32, Help: "no effect"},
	{Name: "totem.rrp_problem_count_threshold", Type: u32, Help: "no effect"},
	{Name: "totem.rrp_problem_count_mcast_threshold", Type: u32, Help: "no effect"},
	{Name: "totem.rrp_autorecovery_check_timeout", Type: u32, Help: "no effect"},
	{Name: "totem.vsftype", Type: str, Help: "no effect"},

	{Name: "totem.interface.N.linknumber", Type: u8, Default: "0", Range: "0..7", Help: "link that the section is about"},
	{Name: "totem.interface.N.bindnetaddr", Type: str, Reload: Fixed, Help: "address or network of the local interface; made from the nodelist"},
	{Name: "totem.interface.N.mcastaddr", Type: str, Reload: Fixed, Help: "multicast address (udp); made from cluster_name"},
	{Name: "totem.interface.N.broadcast", Type: str, Default: "no", Reload: Fixed, Help: "yes: broadcast instead of multicast (udp)"},
	{Name: "totem.interface.N.mcastport", Type: u16, Default: "5405 + N", Reload: NewLink, Help: "port of all nodes on that link; 0 is the default"},
	{Name: "totem.interface.N.ttl", Type: u8, Default: "1", Reload: Fixed, Help: "time to live of multicast packets (udp)"},
	{Name: "totem.interface.N.knet_link_priority", Type: u8, Default: "1", Help: "higher is preferred in link_mode passive"},
	{Name: "totem.interface.N.knet_ping_interval", Type: u32, Default: "token / (knet_pong_count * 2)", Unit: "ms", Help: "interval of pings on the link"},
	{Name: "totem.interface.N.knet_ping_timeout", Type: u32, Default: "token / knet_pong_count", Unit: "ms", Help: "time without pong until the link is down"},
	{Name: "totem.interface.N.knet_ping_precision", Type: u32, Default: "2048", Help: "samples of the latency average"},
	{Name: "totem.interface.N.knet_pong_count", Type: u32, Default: "2", Help: "pongs until the link is up"},
	{Name: "totem.interface.N.knet_transport", Type: str, Default: "udp", Reload: NewLink, Help: "udp or sctp"},

	{Name: "nodelist.node.N.nodeid", Type: u32, Help: "identity of the node; required with knet, 1..65535"},
	{Name: "nodelist.node.N.name", Type: str, Help: "host name; required with several links"},
	{Name: "nodelist.node.N.quorum_votes", Type: u32, Default: "1", Help: "votes of the node"},

	{Name: "quorum.provider", Type: str, Reload: Fixed, Help: "corosync_votequorum, or nothing"},
	{Name: "quorum.expected_votes", Type: u32, Default: "sum of the nodelist's votes", Help: "votes of the whole cluster"},
	{Name: "quorum.votes", Type: u32, Default: "1", Help: "votes of this node, without a nodelist"},
	{Name: "quorum.last_man_standing_window", Type: u32, Default: "10000", Unit: "ms", Reload: Restart, Help: "time until expected votes are lowered"},
	{Name: "quorum.leaving_timeout", Type: u32, Help: "no effect"},
	{Name: "quorum.two_node", Type: u8, Default: "0", Help: "1: one of two nodes is enough"},
	{Name: "quorum.expected_votes_tracking", Type: u8, Default: "0", Reload: Restart, Help: "1: remember the highest expected votes"},
	{Name: "quorum.allow_downscale", Type: u8, Default: "0", Reload: Restart, Help: "1: lower expected votes when a node leaves cleanly"},
	{Name: "quorum.wait_for_all", Type: u8, Default: "0 (1 with two_node)", Reload: Restart, Help: "1: quorum for the first time only with all nodes"},
	{Name: "quorum.auto_tie_breaker", Type: u8, Default: "0", Reload: Restart, Help: "1: half of the votes may be enough"},
	{Name: "quorum.auto_tie_breaker_node", Type: str, Default: "lowest", Reload: Restart, Help: "lowest, highest or a list of node ids"},
	{Name: "quorum.last_man_standing", Type: u8, Default: "0", Reload: Restart, Help: "1: lower expected votes when nodes are lost"},
	{Name: "quorum.device.model", Type: str, Help: "net: corosync-qdevice"},
	{Name: "quorum.device.timeout", Type: u32, Default: "10000", Unit: "ms", Help: "time until the device is considered dead"},
	{Name: "quorum.device.sync_timeout", Type: u32, Default: "30000", Unit: "ms", Help: "the same during membership changes"},
	{Name: "quorum.device.votes", Type: u32, Default: "number of nodes - 1", Help: "votes of the device"},
	{Name: "quorum.device.master_wins", Type: u8, Default: "0", Help: "read by the device"},

	{Name: "system.qb_ipc_type", Type: str, Default: "native", Reload: Fixed, Values: []string{"native", "shm", "socket"},
		Refusal: "Invalid system.qb_ipc_type", Help: "how clients exchange messages with the daemon"},
	{Name: "system.sched_rr", Type: str, Default: "yes", Reload: Fixed, Values: yesNo,
		Refusal: "Invalid system.sched_rr value", Help: "round robin realtime scheduling of the main thread"},
	{Name: "system.priority", Type: str, Default: "0 (max where sched_rr failed)", Reload: Fixed, Help: "nice value: max, min or a number"},
	{Name: "system.move_to_root_cgroup", Type: str, Default: "auto", Reload: Fixed, Values: []string{"yes", "no", "auto"},
		Refusal: "Invalid system.move_to_root_cgroup", Help: "auto: where realtime scheduling fails otherwise"},
	{Name: "system.allow_knet_handle_fallback", Type: str, Default: "no", Reload: Fixed, Values: yesNo,
		Refusal: "Invalid system.allow_knet_handle_fallback", Help: "yes: start without privileges of knet"},
	{Name: "system.state_dir", Type: str, Default: "/var/lib/corosync", Reload: Fixed, Help: "working directory of the daemon"},

	{Name: "resources.watchdog_timeout", Type: u32, Default: "6", Unit: "s", Range: "2..120", Help: "timeout of the watchdog device"},
	{Name: "resources.watchdog_device", Type: str, Default: "off", Reload: Restart, Help: "path of the device"},
	{Name: "resources.system.poll_period", Type: u64, Default: "3000", Unit: "ms", Range: "500..120000", Help: "interval of samples and of checks, in memory_used and load_15min"},
	{Name: "resources.process.poll_period", Type: u64, Default: "3000", Unit: "ms", Range: "500..120000", Help: "interval of checks of processes of SAM users"},

	{Name: "logging.fileline", Type: str, Default: "off", Help: "on: write file and line"},
	{Name: "logging.function_name", Type: str, Default: "off", Help: "on: write the function"},
	{Name: "logging.timestamp", Type: str, Default: "hires", Help: "on, off or hires"},
	{Name: "logging.blackbox", Type: str, Default: "on", Help: "on: keep recent messages in memory"},
	{Name: "logging.to_stderr", Type: str, Default: "yes", Help: "yes or no"},
	{Name: "logging.to_syslog", Type: str, Default: "yes", Help: "yes or no"},
	{Name: "logging.to_logfile", Type: str, Default: "no", Help: "yes or no"},
	{Name: "logging.logfile", Type: str, Help: "path"},
	{Name: "logging.logfile_priority", Type: str, Default: "info", Help: "alert crit debug emerg err info notice warning"},
	{Name: "logging.syslog_priority", Type: str, Default: "info", Help: "the same for syslog"},
	{Name: "logging.syslog_facility", Type: str, Default: "daemon", Help: "daemon, local0..local7, ..."},
	{Name: "logging.debug", Type: str, Default: "off", Help: "on, off or trace"},
}

// dscpNames are the code points of RFC 2474, 2597 and 3246.
var dscpNames = func() map[string]uint8 {
	m := map[string]uint8{"ef": 46}
	for class := range uint8(8) {
		m[fmt.Sprintf("cs%d", class)] = class << 3
		for drop := uint8(1); class >= 1 && class <= 4 && drop <= 3; drop++ {
			m[fmt.Sprintf("af%d%d", class, drop)] = class<<3 | drop<<1
		}
	}
	return m
}()

// byWord finds keys by section and word: "totem" "token".
var byWord = func() map[[2]string]*Key {
	m := make(map[[2]string]*Key, len(Schema))
	for i := range Schema {
		k := &Schema[i]
		m[[2]string{k.section(), k.word()}] = k
	}
	return m
}()

// fixedKeys lists what a reload may not change, in the order in which the C
// daemon reports it. Its list has keys of totem.interface without link number
// too; those never exist.
var fixedKeys = []string{
	"totem.version", "totem.threads", "totem.ip_version", "totem.ip_dscp", "totem.rrp_mode", "totem.netmtu",
	"totem.transport", "totem.cluster_name", "quorum.provider",
	"system.move_to_root_cgroup", "system.allow_knet_handle_fallback", "system.sched_rr",
	"system.priority", "system.qb_ipc_type", "system.state_dir",
}

// reloadPrefixes are the sections whose vanished keys a reload deletes, in order.
var reloadPrefixes = []string{"logging.", "totem.", "nodelist.", "quorum.", "uidgid.config.", "nozzle."}

// Values lists the texts that a key of the schema allows; nil for any.
func Values(key string) []string {
	for i := range Schema {
		if Schema[i].Name == key {
			return Schema[i].Values
		}
	}
	return nil
}
