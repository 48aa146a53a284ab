// Package quorum is service 3: it tells clients whether this partition is quorate, and who its members are.
//
// It decides nothing. A provider (daemon/engine/votequorum) publishes the state through service.API; without one the
// cluster is always quorate. The engine keeps the two models of the client interface: v0 reports one event with the
// state and the view, v1 separates the membership (sent when this service is activated) from the quorum decision.
//
//	provider -> service.API.PublishQuorum -> published -> events to trackers
//	sync engine -> SyncInit/SyncActivate  -> nodelist  -> events to v1 trackers
//
// Everything runs on the owner goroutine. It answers to exec/vsf_quorum.c of corosync 3.1.
package quorum
