// Package interop runs our daemon among software that we did not write: the C
// daemon in one ring with it, Debian's client libraries and tools, Pacemaker,
// sbd, crmsh, pcs, qdevice, dlm_controld, and corosync's own test programs. It has no code to
// import.
//
// Every scenario is written once and takes the daemons as a parameter. It runs
// with C daemons alone too, because a scenario that fails there says nothing
// about ours. Where the peers are not installed the tests skip;
// tests/peers/install-debian.sh installs them.
//
// COROSYNC_TEST_PROGRAMS names a directory with corosync's own test programs
// (the test/ directory of its sources, built against the installed libraries);
// the tree holds neither them nor a way to get them. COROSYNC_1X_PROGRAMS does the
// same for the libraries, tools and test programs of corosync 1.4.
package interop
