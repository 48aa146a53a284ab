// Package lcr is Live Component Replacement: the registry that every engine, transport, configuration reader and log
// target of the daemon is taken from.
//
// A component has a name, a version, the names of components it needs, and a constructor. The daemon refers to none
// directly: it asks a [Registry] for (name, version) and gets a [Ref], which counts who uses it, so that a component is
// never withdrawn under its user. What is linked into the program is registered at start from the ordered list in
// daemon/node; the registry then is the only way to it.
//
// The package is a leaf: it knows no engine, no configuration and no totem, and a constructor is a value whose type the
// asker names (see [Constructor]). It has no goroutine; a Registry is used from one goroutine.
//
// It answers to lcr/lcr_ifact.c of corosync 1.4 (lcr_ifact_reference, lcr_ifact_release).
package lcr
