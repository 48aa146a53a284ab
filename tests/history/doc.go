// Package history judges what the members of a process group say they sent and
// saw. It knows the promises of extended virtual synchrony and nothing of how
// they are kept, so it judges the C daemon, ours, mixed rings and the simulator
// alike.
//
//	recordings --Parse--> []Process --Check------> []Violation (property, reason, events)
//	observers in daemons: []Life ----CheckLives---> order and membership below all groups
//	                                 CheckQuorum--> decisions of votequorum, by its options
//	                                 CheckFlow----> frames per visit and rotation of the token
//	                                 CheckHealing-> one ring of all within a bound
//	clients of a map: []MapOp -------CheckMap-----> reads and events
//
// A [Process] is one connection to the group from its join to its end; a program
// that connects again is another process. What is checked is listed at
// [Property]; each check is a function in a file named after it and looks at
// all histories at once. A violation quotes the few events that contradict each
// other, because "order differs" about a million lines helps nobody.
//
// Safe delivery is no property of its own: 3.1 carries the guarantee in its frames and delivers in agreed order all the same.
// What is left of it is SameSet: what one delivers, all that go on with it deliver.
//
// The checks are checked: one table a rule, a good history and the least damage to it; random histories of a model that
// keeps the promises, which must pass, and random damage to those, which must be found (HISTORY=n repeats one); and broken
// daemons in tests/sim (make sim-mutants).
//
// The package is pure: histories are values, nothing is read but the reader
// given to Parse. It answers to the papers on Totem and extended virtual
// synchrony (Amir, Moser, Melliar-Smith, Agarwal, Ciarfella: The Totem
// single-ring ordering and membership protocol, 1995, section 2), as far as CPG
// shows them to a client: transitional configurations are not visible there,
// so a message counts for the regular configuration it was delivered in.
package history
