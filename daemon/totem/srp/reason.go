package srp

// Reason is why GATHER was entered. The numbers appear in the log.
type Reason uint8

// The reasons (enum gather_state_from).
const (
	ReasonConsensusTimeout        Reason = 0
	ReasonMissing                 Reason = 1 // not used
	ReasonTokenLostOperational    Reason = 2
	ReasonConsensusTimeoutExpired Reason = 3
	ReasonTokenLostCommit         Reason = 4
	ReasonTokenLostRecovery       Reason = 5
	ReasonFailedToReceive         Reason = 6
	ReasonForeignOperational      Reason = 7
	ReasonForeignGather           Reason = 8
	ReasonMergeOperational        Reason = 9
	ReasonMergeGather             Reason = 10
	ReasonMergeDuringJoin         Reason = 11
	ReasonJoinOperational         Reason = 12
	ReasonJoinCommit              Reason = 13
	ReasonJoinRecovery            Reason = 14
	ReasonInterfaceChange         Reason = 15
)

// Texts that administrators search for; they are those of the C daemon.
var reasonTexts = [...]string{
	ReasonConsensusTimeout:        "consensus timeout",
	ReasonMissing:                 "MISSING",
	ReasonTokenLostOperational:    "The token was lost in the OPERATIONAL state.",
	ReasonConsensusTimeoutExpired: "The consensus timeout expired.",
	ReasonTokenLostCommit:         "The token was lost in the COMMIT state.",
	ReasonTokenLostRecovery:       "The token was lost in the RECOVERY state.",
	ReasonFailedToReceive:         "failed to receive",
	ReasonForeignOperational:      "foreign message in operational state",
	ReasonForeignGather:           "foreign message in gather state",
	ReasonMergeOperational:        "merge during operational state",
	ReasonMergeGather:             "merge during gather state",
	ReasonMergeDuringJoin:         "merge during join",
	ReasonJoinOperational:         "join during operational state",
	ReasonJoinCommit:              "join during commit state",
	ReasonJoinRecovery:            "join during recovery",
	ReasonInterfaceChange:         "interface change",
}

// String returns the text in the log.
func (r Reason) String() string {
	if int(r) < len(reasonTexts) {
		return reasonTexts[r]
	}
	return "UNKNOWN"
}

var stateNames = [...]string{Operational: "OPERATIONAL", Gather: "GATHER", Commit: "COMMIT", Recovery: "RECOVERY"}

// String returns the name of the state in the log.
func (s State) String() string {
	if s >= Operational && int(s) < len(stateNames) {
		return stateNames[s]
	}
	return "UNKNOWN"
}
