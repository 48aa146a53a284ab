package stats

import (
	"github.com/corosync-go/corosync/daemon/totem/srp"
)

// Prefixes of registrations.
const (
	PrefixPG   = "stats.pg."
	PrefixSRP  = "stats.srp."
	PrefixIPC  = "stats.ipcs."
	PrefixKnet = "stats.knet."
)

// PG emits stats.pg.*: free slots of the send queue, and slots that are set
// aside for messages announced.
func PG(o *Out, queueAvail, reserved uint32) {
	o.Uint32("msg_queue_avail", queueAvail)
	o.Uint32("msg_reserved", reserved)
}

// SRP emits stats.srp.*; sendFailures is the number of sends in a row that the
// transport has failed.
func SRP(o *Out, s *srp.Stats, sendFailures uint32) {
	o.Uint64("orf_token_tx", s.OrfTokenTx)
	o.Uint64("orf_token_rx", s.OrfTokenRx)
	o.Uint64("memb_merge_detect_tx", s.MembMergeDetectTx)
	o.Uint64("memb_merge_detect_rx", s.MembMergeDetectRx)
	o.Uint64("memb_join_tx", s.MembJoinTx)
	o.Uint64("memb_join_rx", s.MembJoinRx)
	o.Uint64("mcast_tx", s.McastTx)
	o.Uint64("mcast_retx", s.McastRetx)
	o.Uint64("mcast_rx", s.McastRx)
	o.Uint64("memb_commit_token_tx", s.MembCommitTokenTx)
	o.Uint64("memb_commit_token_rx", s.MembCommitTokenRx)
	o.Uint64("token_hold_cancel_tx", s.TokenHoldCancelTx)
	o.Uint64("token_hold_cancel_rx", s.TokenHoldCancelRx)
	o.Uint64("operational_entered", s.OperationalEntered)
	o.Uint64("operational_token_lost", s.OperationalTokenLost)
	o.Uint64("gather_entered", s.GatherEntered)
	o.Uint64("gather_token_lost", s.GatherTokenLost)
	o.Uint64("commit_entered", s.CommitEntered)
	o.Uint64("commit_token_lost", s.CommitTokenLost)
	o.Uint64("recovery_entered", s.RecoveryEntered)
	o.Uint64("recovery_token_lost", s.RecoveryTokenLost)
	o.Uint64("consensus_timeouts", s.ConsensusTimeouts)
	o.Uint64("rx_msg_dropped", s.RxMsgDropped)
	o.Uint64("time_since_token_last_received", uint64(s.TimeSinceTokenLastReceived.Milliseconds()))
	o.Uint32("continuous_gather", s.ContinuousGather)
	o.Uint32("continuous_sendmsg_failures", sendFailures)
	o.Bool("firewall_enabled_or_nic_failure", s.FirewallEnabledOrNICFailure)
	o.Uint32("mtt_rx_token", s.MttRxToken)
	o.Uint32("avg_token_workload", s.AvgTokenWorkload)
	o.Uint32("avg_backlog_calc", s.AvgBacklogCalc)
}

// KnetLink are the counters of one link to one node.
type KnetLink struct {
	Enabled, Connected                                         bool
	MTU                                                        uint32
	TxDataPackets, RxDataPackets, TxDataBytes, RxDataBytes     uint64
	TxPingPackets, RxPingPackets, TxPingBytes, RxPingBytes     uint64
	TxPongPackets, RxPongPackets, TxPongBytes, RxPongBytes     uint64
	TxPMTUPackets, RxPMTUPackets, TxPMTUBytes, RxPMTUBytes     uint64
	TxTotalPackets, RxTotalPackets, TxTotalBytes, RxTotalBytes uint64
	TxTotalErrors, TxTotalRetries                              uint64
	TxPMTUErrors, TxPMTURetries, TxPingErrors, TxPingRetries   uint32
	TxPongErrors, TxPongRetries, TxDataErrors, TxDataRetries   uint32
	LatencyMin, LatencyMax, LatencyAve, LatencySamples         uint32 // microseconds
	DownCount, UpCount                                         uint32
}

// Emit emits one link; the caller is Under("nodeN.linkM.").
func (k *KnetLink) Emit(o *Out) {
	o.Bool("enabled", k.Enabled)
	o.Bool("connected", k.Connected)
	o.Uint32("mtu", k.MTU)
	o.Uint64("tx_data_packets", k.TxDataPackets)
	o.Uint64("rx_data_packets", k.RxDataPackets)
	o.Uint64("tx_data_bytes", k.TxDataBytes)
	o.Uint64("rx_data_bytes", k.RxDataBytes)
	o.Uint64("tx_ping_packets", k.TxPingPackets)
	o.Uint64("rx_ping_packets", k.RxPingPackets)
	o.Uint64("tx_ping_bytes", k.TxPingBytes)
	o.Uint64("rx_ping_bytes", k.RxPingBytes)
	o.Uint64("tx_pong_packets", k.TxPongPackets)
	o.Uint64("rx_pong_packets", k.RxPongPackets)
	o.Uint64("tx_pong_bytes", k.TxPongBytes)
	o.Uint64("rx_pong_bytes", k.RxPongBytes)
	o.Uint64("tx_pmtu_packets", k.TxPMTUPackets)
	o.Uint64("rx_pmtu_packets", k.RxPMTUPackets)
	o.Uint64("tx_pmtu_bytes", k.TxPMTUBytes)
	o.Uint64("rx_pmtu_bytes", k.RxPMTUBytes)
	o.Uint64("tx_total_packets", k.TxTotalPackets)
	o.Uint64("rx_total_packets", k.RxTotalPackets)
	o.Uint64("tx_total_bytes", k.TxTotalBytes)
	o.Uint64("rx_total_bytes", k.RxTotalBytes)
	o.Uint64("tx_total_errors", k.TxTotalErrors)
	// The C daemon shows the retries of sending under this name.
	o.Uint64("rx_total_retries", k.TxTotalRetries)
	o.Uint32("tx_pmtu_errors", k.TxPMTUErrors)
	o.Uint32("tx_pmtu_retries", k.TxPMTURetries)
	o.Uint32("tx_ping_errors", k.TxPingErrors)
	o.Uint32("tx_ping_retries", k.TxPingRetries)
	o.Uint32("tx_pong_errors", k.TxPongErrors)
	o.Uint32("tx_pong_retries", k.TxPongRetries)
	o.Uint32("tx_data_errors", k.TxDataErrors)
	o.Uint32("tx_data_retries", k.TxDataRetries)
	o.Uint32("latency_min", k.LatencyMin)
	o.Uint32("latency_max", k.LatencyMax)
	o.Uint32("latency_ave", k.LatencyAve)
	o.Uint32("latency_samples", k.LatencySamples)
	o.Uint32("down_count", k.DownCount)
	o.Uint32("up_count", k.UpCount)
}

// KnetHandle are the counters of the whole transport. Times are nanoseconds.
type KnetHandle struct {
	TxUncompressedPackets, TxCompressedPackets       uint64
	TxCompressedOriginalBytes, TxCompressedSizeBytes uint64
	TxCompressTimeMin, TxCompressTimeMax             uint64
	TxCompressTimeAve                                uint64
	RxCompressedPackets                              uint64
	RxCompressedOriginalBytes, RxCompressedSizeBytes uint64
	RxCompressTimeMin, RxCompressTimeMax             uint64
	RxCompressTimeAve                                uint64
	TxCryptTimeMin, TxCryptTimeMax, TxCryptTimeAve   uint64
	TxCryptByteOverhead, TxCryptPackets              uint64
	RxCryptTimeMin, RxCryptTimeMax, RxCryptTimeAve   uint64
	RxCryptPackets                                   uint64
}

// Emit emits the handle; the caller is Under("handle.").
func (k *KnetHandle) Emit(o *Out) {
	o.Uint64("tx_uncompressed_packets", k.TxUncompressedPackets)
	o.Uint64("tx_compressed_packets", k.TxCompressedPackets)
	o.Uint64("tx_compressed_original_bytes", k.TxCompressedOriginalBytes)
	o.Uint64("tx_compressed_size_bytes", k.TxCompressedSizeBytes)
	o.Uint64("tx_compress_time_min", k.TxCompressTimeMin)
	o.Uint64("tx_compress_time_max", k.TxCompressTimeMax)
	o.Uint64("tx_compress_time_ave", k.TxCompressTimeAve)
	o.Uint64("rx_compressed_packets", k.RxCompressedPackets)
	o.Uint64("rx_compressed_original_bytes", k.RxCompressedOriginalBytes)
	o.Uint64("rx_compressed_size_bytes", k.RxCompressedSizeBytes)
	o.Uint64("rx_compress_time_min", k.RxCompressTimeMin)
	o.Uint64("rx_compress_time_max", k.RxCompressTimeMax)
	o.Uint64("rx_compress_time_ave", k.RxCompressTimeAve)
	o.Uint64("tx_crypt_time_min", k.TxCryptTimeMin)
	o.Uint64("tx_crypt_time_max", k.TxCryptTimeMax)
	o.Uint64("tx_crypt_time_ave", k.TxCryptTimeAve)
	o.Uint64("tx_crypt_byte_overhead", k.TxCryptByteOverhead)
	o.Uint64("tx_crypt_packets", k.TxCryptPackets)
	o.Uint64("rx_crypt_time_min", k.RxCryptTimeMin)
	o.Uint64("rx_crypt_time_max", k.RxCryptTimeMax)
	o.Uint64("rx_crypt_time_ave", k.RxCryptTimeAve)
	o.Uint64("rx_crypt_packets", k.RxCryptPackets)
}
