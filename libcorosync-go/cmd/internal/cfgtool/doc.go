// Package cfgtool is corosync-cfgtool: links and nodes as the local daemon sees
// them, reload, log files, killing a node, shutdown. Its output is parsed by
// pcs, crmsh and exporters and does not change. Run is called once, from main;
// tests give it other surroundings. It answers to tools/corosync-cfgtool.c.
package cfgtool
