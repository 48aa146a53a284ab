package node

import (
	"github.com/corosync-go/corosync/daemon/config"
	"github.com/corosync-go/corosync/daemon/logsys"
	"github.com/corosync-go/corosync/daemon/totem"
	"github.com/corosync-go/corosync/daemon/totem/srp"
)

// protocol takes the parameters of the ring protocol from the configuration.
func (n *Node) protocol(c *config.Config) srp.Config {
	t := &c.Totem
	return srp.Config{
		NodeID:                      totem.NodeID(c.NodeID),
		NetMTU:                      frameMTU(c),
		Token:                       t.Token(),
		TokenWarning:                int(t.TokenWarningPct),
		TokenRetransmit:             t.TokenRetransmit(),
		Hold:                        t.Hold(),
		Join:                        t.Join(),
		SendJoin:                    t.SendJoin(),
		Consensus:                   t.Consensus(),
		Merge:                       t.Merge(),
		FailRecvConst:               int(t.FailRecvRotations),
		SeqnoUnchangedConst:         int(t.SeqnoUnchanged),
		HeartbeatFailuresAllowed:    int(t.HeartbeatFailures),
		MaxNetworkDelay:             t.MaxNetworkDelay(),
		WindowSize:                  int(t.WindowMsgs),
		MaxMessages:                 int(t.MaxMsgs),
		MissCountConst:              int(t.MissCount),
		CancelTokenHoldOnRetransmit: t.CancelHoldOnRetrans != 0,
		StartSeq:                    n.env.StartSeq,
		Check:                       n.env.Check,
		CRules:                      n.env.CRules,
		Buggify:                     n.env.Buggify,
	}
}

// logParameters logs the protocol parameters of c as 3.1 does at start and after a reload, for whoever compares nodes.
func (n *Node) logParameters(log logsys.Logger, c *config.Config) {
	t := &c.Totem
	log.Debugf("Token Timeout (%d ms) retransmit timeout (%d ms)", t.TokenMs, t.TokenRetransmitMs)
	if t.TokenWarningPct > 0 {
		late := t.TokenWarning().Milliseconds()
		log.Debugf("Token warning every %d ms (%d%% of Token Timeout)", late, t.TokenWarningPct)
		if late < int64(t.TokenRetransmitMs) {
			log.Debugf("The token warning interval (%d ms) is less than the token retransmit timeout (%d ms) "+
				"which can lead to spurious token warnings. Consider increasing the token_warning parameter.",
				late, t.TokenRetransmitMs)
		}
	} else {
		log.Debugf("Token warnings disabled")
	}
	log.Debugf("token hold (%d ms) retransmits before loss (%d retrans)", t.HoldMs, t.TokenRetransmits)
	log.Debugf("join (%d ms) send_join (%d ms) consensus (%d ms) merge (%d ms)", t.JoinMs, t.SendJoinMs, t.ConsensusMs, t.MergeMs)
	log.Debugf("downcheck (%d ms) fail to recv const (%d msgs)", t.DowncheckMs, t.FailRecvRotations)
	log.Debugf("seqno unchanged const (%d rotations) Maximum network MTU %d", t.SeqnoUnchanged, frameMTU(c))
	log.Debugf("window size per rotation (%d messages) maximum messages per rotation (%d messages)", t.WindowMsgs, t.MaxMsgs)
	log.Debugf("missed count const (%d messages)", t.MissCount)
	log.Debugf("heartbeat_failures_allowed (%d)", t.HeartbeatFailures)
	log.Debugf("max_network_delay (%d ms)", t.MaxNetworkDelayMs)
}
