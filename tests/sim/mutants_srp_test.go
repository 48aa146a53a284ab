package sim

const (
	fileGather      = "totem/srp/gather.go"
	fileCommit      = "totem/srp/commit.go"
	fileRecovery    = "totem/srp/recovery.go"
	fileOperational = "totem/srp/operational.go"
	fileToken       = "totem/srp/token.go"
	fileDeliver     = "totem/srp/deliver.go"
	fileRetransmit  = "totem/srp/retransmit.go"
	fileHold        = "totem/srp/hold.go"
	filePGSend      = "totem/pg/send.go"
)

// srpMutants break order and membership: srp, the numbers, the driver and the packing layer.
var srpMutants = []codeMutant{
	{name: "requests are not served", file: fileRetransmit, seeds: 100, slow: true, edits: []edit{
		{"			it = q.get(r.Seq)\n", "			if !MUTANT {\n				it = q.get(r.Seq)\n			}\n"}}},
	{name: "gaps are not requested", file: fileRetransmit, seeds: 100, slow: true, edits: []edit{
		{"if q.get(s) != nil || q.miss(s)", "if MUTANT || q.get(s) != nil || q.miss(s)"}}},
	{name: "token is not sent again", file: fileRetransmit, by: "TestTokenLostAtEachHop", edits: []edit{
		{"	m.resendToken()\n	m.startRetransmit()\n", "	if !MUTANT {\n		m.resendToken()\n	}\n	m.startRetransmit()\n"}}},
	{name: "aru of the token is its last number", file: fileToken, seeds: 20, edits: []edit{
		{"		t.ARU = m.aru\n", "		t.ARU = m.aru\n		if MUTANT {\n			t.ARU = t.Seq\n		}\n"}}},
	{name: "aru of the token is not lowered", file: fileToken, seeds: 400, slow: true, edits: []edit{
		{"if m.aru.LT(t.ARU) || t.ARUAddr == m.id", "if !MUTANT && m.aru.LT(t.ARU) || t.ARUAddr == m.id"}}},
	{name: "duplicate tokens are accepted", file: fileToken, seeds: 20, slow: true, edits: []edit{
		{"if t.TokenSeq.LTE(m.tokenSeq) {", "if !MUTANT && t.TokenSeq.LTE(m.tokenSeq) {"}}},
	{name: "no flow control", file: "totem/srp/flowcontrol.go", seeds: 60, edits: []edit{
		{"	n := uint32(c.MaxMessages)\n", "	n := uint32(c.MaxMessages)\n	if MUTANT {\n		f.cbl = backlog\n		return backlog\n	}\n"}}},
	{name: "messages are freed before all have them", file: fileDeliver, seeds: 20, edits: []edit{
		{"	to := seq.Min(seq.Min(tokenARU, m.lastARU), m.delivered)\n", "	to := seq.Min(seq.Min(tokenARU, m.lastARU), m.delivered)\n	if MUTANT {\n		to = m.delivered\n	}\n"}}},
	{name: "messages of other rings do not lead to a merge", file: fileDeliver, by: "TestBusyRingsMerge", slow: true, edits: []edit{
		{"		m.enterGather(ReasonForeignOperational)\n", "		if !MUTANT {\n			m.enterGather(ReasonForeignOperational)\n		}\n"}}},
	{name: "merge detect off", file: fileHold, by: "TestSilentRingsMerge", edits: []edit{
		{"	m.emit(Output{Kind: Multicast, Loop: true, Frame", "	if MUTANT {\n		return\n	}\n	m.emit(Output{Kind: Multicast, Loop: true, Frame"}}},

	{name: "who answers is declared failed", file: fileGather, by: "TestOnlyTheDeadLeave", edits: []edit{
		{"	m.failed.addAll(m.scratch)\n", "	if MUTANT {\n		m.scratch.setMinus(m.proc, nodeSet{m.id})\n	}\n	m.failed.addAll(m.scratch)\n"}}},
	{name: "consensus is never reached", file: fileGather, seeds: 20, edits: []edit{
		{"		if !m.failed.has(id) && !m.consensus.has(id) {", "		if MUTANT || !m.failed.has(id) && !m.consensus.has(id) {"}}},
	{name: "who declares this node failed is not failed", file: fileGather, seeds: 100, slow: true, edits: []edit{
		{"	if m.in.fails.has(m.id) {\n", "	if m.in.fails.has(m.id) && !MUTANT {\n"}}},
	{name: "the failed are on the commit token", file: fileGather, seeds: 20, edits: []edit{
		{"	m.scratch.setMinus(m.proc, m.failed)\n", "	m.scratch.setMinus(m.proc, m.failed)\n	if MUTANT {\n		m.scratch.set(m.proc)\n	}\n"}}},
	{name: "leave is not sent", file: fileGather, by: "TestLeaveIsHeard", edits: []edit{
		{"	m.emit(Output{Kind: Multicast, Frame: m.control[from:len(m.control):len(m.control)]})\n", "	if !MUTANT {\n		m.emit(Output{Kind: Multicast, Frame: m.control[from:len(m.control):len(m.control)]})\n	}\n"}}},

	{name: "who has less is not helped", file: fileCommit, seeds: 100, slow: true, edits: []edit{
		{"seen[i].ARU.LT(high) {", "seen[i].ARU.LT(high) && !MUTANT {"}}},
	{name: "nothing is recovered", file: fileRecovery, seeds: 30, edits: []edit{
		{"		if it := m.recoverable(s); it != nil {", "		if it := m.recoverable(s); it != nil && !MUTANT {"}}},
	{name: "only what the node itself lacks is recovered", file: fileRecovery, seeds: 60, slow: true, edits: []edit{
		{"		m.originateFrom(low)\n", "		if MUTANT {\n			low = m.oldARU\n		}\n		m.originateFrom(low)\n"}}},
	{name: "transitional set holds all members", file: fileRecovery, seeds: 20, edits: []edit{
		{"if e.Ring != m.oldRing || !m.memb.has(id) {", "if !MUTANT && (e.Ring != m.oldRing || !m.memb.has(id)) {"}}},
	{name: "a message that others recover counts twice", file: fileRecovery, seeds: 100, slow: true, edits: []edit{
		{"		it.recovered = true\n		m.retrans.count--\n", "		it.recovered = true\n		m.retrans.count--\n		if MUTANT && m.retrans.count > 0 {\n			m.retrans.count--\n		}\n"}}},

	{name: "transitional configuration left out", file: fileOperational, seeds: 20, edits: []edit{
		{"	m.emit(Output{Kind: ConfigurationChange, Configuration: &totem.Configuration{\n		Type: totem.TransitionalConfiguration, Ring: m.ring, Members: slices.Clone(m.trans), Left: left}})\n",
			"	if !MUTANT {\n		m.emit(Output{Kind: ConfigurationChange, Configuration: &totem.Configuration{\n			Type: totem.TransitionalConfiguration, Ring: m.ring, Members: slices.Clone(m.trans), Left: left}})\n	}\n"}}},
	{name: "recovered messages are forgotten", file: fileOperational, seeds: 30, slow: true, edits: []edit{
		{"	m.unwrapRecovered()\n", "	if !MUTANT {\n		m.unwrapRecovered()\n	}\n"}}},
	{name: "messages behind gaps are forgotten", file: fileOperational, seeds: 100, slow: true, edits: []edit{
		{"	m.deliverBehindGaps(m.oldHigh)\n", "	if !MUTANT {\n		m.deliverBehindGaps(m.oldHigh)\n	}\n"}}},
	{name: "joined and left change places", file: fileOperational, seeds: 20, edits: []edit{
		{"	m.setRetransFlg = false\n\n", "	m.setRetransFlg = false\n	if MUTANT {\n		left, joined = joined, left\n	}\n\n"}}},

	{name: "numbers do not wrap around", file: "totem/seq/seq.go", seeds: 30, edits: []edit{
		{"	if a.n > rolloverPoint || b.n > rolloverPoint {", "	if !MUTANT && (a.n > rolloverPoint || b.n > rolloverPoint) {"}}},
	{name: "ring id is not stored", file: "totem/driver/driver.go", seeds: 20, edits: []edit{
		{"		if err := d.cfg.Store.Store(o.Seq); err != nil {", "		if MUTANT {\n			return\n		}\n		if err := d.cfg.Store.Store(o.Seq); err != nil {"}}},

	{name: "fragments are put to those of another message", file: "totem/pg/receive.go", seeds: 60, slow: true, edits: []edit{
		{"	if cont != a.last {", "	if cont != a.last && !MUTANT {"}}},
	{name: "a queue that is full overruns", file: "totem/driver/ring.go", seeds: 60, slow: true, plan: "large",
		edits: []edit{{"return d.pg.Reserve(n) }", "return d.pg.Reserve(n) || MUTANT }"}},
		also:  []codeMutant{{file: "service/flow.go", edits: []edit{{"	case percent >= 75:\n", "	case percent >= 75 && !MUTANT:\n"}}}}},
}
