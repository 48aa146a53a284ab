package totem

import (
	"errors"
	"fmt"
)

// NodeID identifies a processor on the wire and in every interface. Zero is not a node: it means "none" or "self"
// depending on the message.
type NodeID uint32

// MaxNodes is the largest number of members of a ring (PROCESSOR_COUNT_MAX).
const MaxNodes = 384

// MaxMessage is the largest message, in bytes, that a client may multicast (MESSAGE_SIZE_MAX).
const MaxMessage = 1 << 20

// Errors of every function that takes a message to be sent.
var (
	// ErrQueueFull says that the message does not fit into the send queue now; try again later.
	ErrQueueFull = errors.New("totem send queue full")
	// ErrTooBig says that the message can never be sent.
	ErrTooBig = errors.New("message larger than totem can send")
)

// RingID identifies a ring: the representative that formed it and a sequence number that grows with every formation.
// (struct memb_ring_id)
type RingID struct {
	Rep NodeID
	Seq uint64
}

// String prints the ring id as corosync logs it, in hexadecimal.
func (r RingID) String() string { return fmt.Sprintf("%x.%x", uint32(r.Rep), r.Seq) }

// Guarantee is the delivery guarantee that a sender asks for. It travels in the frame; 3.1 delivers everything in
// agreed order.
type Guarantee int32

// The guarantees of the protocol.
const (
	Agreed Guarantee = 0
	Safe   Guarantee = 1
)

// ConfigurationType says which of the two configuration changes of extended virtual synchrony this is.
type ConfigurationType uint8

// The configuration changes, with the values of enum totem_configuration_type.
const (
	RegularConfiguration      ConfigurationType = 0
	TransitionalConfiguration ConfigurationType = 1
)

// String returns the name of the type.
func (t ConfigurationType) String() string {
	if t == TransitionalConfiguration {
		return "transitional"
	}
	return "regular"
}

// Configuration is one configuration change as it is handed upwards. The lists are in ascending node order, and are
// valid during the call that hands the change over; who keeps them copies them.
//
// A transitional configuration carries the id of the new ring (a deviation of corosync's from the papers), the members
// that come along from the old ring and those that left. A regular configuration carries all members and those joined.
type Configuration struct {
	Type    ConfigurationType
	Ring    RingID
	Members []NodeID
	Joined  []NodeID
	Left    []NodeID
}
