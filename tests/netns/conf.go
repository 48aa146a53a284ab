//go:build linux

package netns

import (
	"fmt"
	"strings"
)

// KV is one "key: value" line of corosync.conf. A list of them keeps its order
// and may repeat a key.
type KV struct{ Key, Value string }

// Transports as written in totem.transport.
const (
	UDPU = "udpu"
	UDP  = "udp"
	Knet = "knet"
)

// Options describes a cluster. The zero value is one node over udpu.
type Options struct {
	// Nodes is the number of nodes, 1..200. Zero means 1.
	Nodes int
	// Links is the number of networks every node is on, 1..8 (more than one
	// only with Knet). Zero means 1.
	Links int
	// Transport is UDPU (the meaning of the empty string), UDP or Knet.
	Transport string
	// TokenMS is totem.token in milliseconds. Zero means 1000; a negative value
	// leaves the key out, so the daemon's default holds.
	TokenMS int
	// IPv6 makes the nodelist name the IPv6 addresses of the nodes.
	IPv6 bool
	// MTU of the nodes' interfaces in bytes; zero means the kernel's 1500.
	MTU int
	// Totem, Quorum and Logging are further keys of these sections. A key that
	// the harness would write too replaces the harness's line.
	Totem, Quorum, Logging []KV
	// TotemText is put into the totem section as it is (an interface block).
	TotemText string
	// QuorumText is put into the quorum section as it is (a device block).
	QuorumText string
	// Tail is put after all sections as it is.
	Tail string
	// Listed is how many nodes the nodelist names, if not all: more for nodes
	// that do not exist, fewer for ones that run something else.
	Listed int
	// Daemon is what nodes run unless told otherwise; zero means [CDaemon].
	Daemon Daemon
	// Daemons overrides Daemon per node: Daemons[i] for node i+1.
	Daemons []Daemon
	// Debug turns debug logging on.
	Debug bool
	// Tools is the directory of the client tools that the harness itself uses
	// for waiting; empty means the ones in PATH.
	Tools string
}

func (o *Options) fill() {
	if o.Nodes == 0 {
		o.Nodes = 1
	}
	if o.Links == 0 {
		o.Links = 1
	}
	if o.Transport == "" {
		o.Transport = UDPU
	}
	if o.TokenMS == 0 {
		o.TokenMS = 1000
	}
	if o.Listed == 0 {
		o.Listed = o.Nodes
	}
	if o.Daemon.Path == "" {
		o.Daemon = CDaemon()
	}
}

func writeSection(b *strings.Builder, name string, base, extra []KV, text string) {
	fmt.Fprintf(b, "%s {\n", name)
	over := map[string]bool{}
	for _, kv := range extra {
		over[kv.Key] = true
	}
	for _, kv := range base {
		if !over[kv.Key] {
			fmt.Fprintf(b, "\t%s: %s\n", kv.Key, kv.Value)
		}
	}
	for _, kv := range extra {
		fmt.Fprintf(b, "\t%s: %s\n", kv.Key, kv.Value)
	}
	b.WriteString(text)
	b.WriteString("}\n\n")
}

// Conf returns the corosync.conf that every node of the cluster gets.
func (o Options) Conf() string {
	o.fill()
	var b strings.Builder
	totem := []KV{{"version", "2"}, {"cluster_name", "lab"}, {"transport", o.Transport}}
	if o.TokenMS > 0 {
		totem = append(totem, KV{"token", fmt.Sprint(o.TokenMS)})
	}
	if o.Transport == Knet {
		// In libknet 1.25 a discovery of the path MTU that another request interrupts
		// is not made up for before the next interval (1.34 makes up for it), and
		// a link whose discovery failed, as it does when it goes down meanwhile, carries
		// nothing until then. The default of 30 seconds is longer than tests wait.
		totem = append(totem, KV{"crypto_cipher", "none"}, KV{"crypto_hash", "none"}, KV{"knet_pmtud_interval", "5"})
	}
	writeSection(&b, "totem", totem, o.Totem, o.TotemText)
	writeSection(&b, "quorum", []KV{{"provider", "corosync_votequorum"}}, o.Quorum, o.QuorumText)
	debug := "off"
	if o.Debug {
		debug = "on"
	}
	writeSection(&b, "logging", []KV{
		{"to_stderr", "no"}, {"to_syslog", "no"}, {"to_logfile", "yes"},
		{"logfile", "/var/log/corosync/corosync.log"}, {"timestamp", "hires"}, {"debug", debug},
	}, o.Logging, "")
	b.WriteString("nodelist {\n")
	for id := 1; id <= o.Listed; id++ {
		b.WriteString("\tnode {\n")
		for l := 0; l < o.Links; l++ {
			ip := nodeIP(l, id)
			if o.IPv6 {
				ip = nodeIP6(l, id)
			}
			fmt.Fprintf(&b, "\t\tring%d_addr: %s\n", l, ip)
		}
		fmt.Fprintf(&b, "\t\tnodeid: %d\n\t\tname: n%d\n\t}\n", id, id)
	}
	b.WriteString("}\n")
	b.WriteString(o.Tail)
	return b.String()
}
