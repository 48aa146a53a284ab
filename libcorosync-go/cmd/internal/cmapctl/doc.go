// Package cmapctl is corosync-cmapctl: it shows, changes and tracks the keys of
// the configuration and statistics maps. Its output is parsed by pcs, crmsh and
// many scripts and does not change. Run is called once, from main; tests give
// it other surroundings. It answers to tools/corosync-cmapctl.c.
package cmapctl
