// Package quorumtool is corosync-quorumtool: quorum, votes and members, and the
// means to change them. Its output is parsed by pcs, crmsh, Proxmox and
// exporters and does not change. Run is called once, from main; tests give it
// other surroundings. It answers to tools/corosync-quorumtool.c.
package quorumtool
