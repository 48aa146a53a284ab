// Package history judges what the members of a process group say they sent and
// saw. It knows the promises of extended virtual synchrony and nothing of how
// they are kept, so it judges the C daemon, ours, mixed rings and the simulator
// alike.
//
//	recordings --Parse--> []Process --Check--> []Violation (property, reason, events)
//
// A [Process] is one connection to the group from its join to its end; a program
// that connects again is another process. What is checked is listed at
// [Property]; each check is a function in a file named after it and looks at
// all histories at once. A violation quotes the few events that contradict each
// other, because "order differs" about a million lines helps nobody.
//
// The package is pure: histories are values, nothing is read but the reader
// given to Parse. It answers to the papers on Totem and extended virtual
// synchrony (Amir, Moser, Melliar-Smith, Agarwal, Ciarfella: The Totem
// single-ring ordering and membership protocol, 1995, section 2), as far as CPG
// shows them to a client: transitional configurations are not visible there,
// so a message counts for the regular configuration it was delivered in.
package history
