package gate_test

// ownHold makes, grows or ends a hold that only one client knows. That client
// repeats an operation until it knows the result, so the model need not tell the
// repetitions apart.
func (m tokenModel) ownHold(op operation) (tokenModel, result) {
	r := m.own[op.own]
	switch op.kind { //nolint:exhaustive // the others end the hold
	case opHold:
		return m.makeHold(op, r)
	case opGrowHold:
		return m.growHold(op, r)
	}
	if m.deleted || m.rotations == 2 {
		return m, result{code: "unauthorized"}
	}
	switch r.state { //nolint:exhaustive // nobody else can have settled it
	case stateExpired:
		return m, result{code: "hold_expired"}
	case stateReleased:
		return m, result{}
	case stateUnused: // the reservation did not arrive, and must not do so later
		m.own[op.own].state = stateReleased
		return m, result{}
	}
	m.free += r.backing
	m.limits = m.limits.giveBack(r)
	r.state = stateReleased
	var res result
	if op.kind == opReleaseHold {
		m.limits = m.limits.correct(r, 0, op)
	} else {
		var charged int64
		m, charged = m.charge(r, op)
		r.state = stateSettled
		res.numbers = [3]int64{charged, op.quota - charged, m.free}
	}
	m.own[op.own] = r
	return m, res
}

func (m tokenModel) makeHold(op operation, r requestModel) (tokenModel, result) {
	if r.state != stateUnused {
		return m, result{code: "released before it arrived"} // the caller was told that the outcome is unknown
	}
	refused := m.refusal(op, false)
	if refused.code == "" {
		refused = m.pace(op)
	}
	if refused.code != "" {
		if !m.keyEnded(op.now) {
			refused.numbers = [3]int64{0, m.free, 0}
		}
		return m, refused
	}
	r = requestModel{state: stateOpen, quota: op.quota, expiresAt: op.now + op.ttlSeconds, onExpiry: expiryCharge(op)}
	if !m.unlimited {
		m.free -= op.quota
		r.backing = op.quota
	}
	m.limits, r.counted = m.limits.count(op)
	m.own[op.own] = r
	return m, result{numbers: [3]int64{op.quota, m.free, r.expiresAt}}
}

// growHold takes the difference from the free units. A hold from before the token
// became limited or unlimited does, too.
func (m tokenModel) growHold(op operation, r requestModel) (tokenModel, result) {
	switch {
	case m.keyEnded(op.now):
		return m, result{code: "not_found"}
	case r.state != stateOpen:
		return m, result{code: "hold_expired"}
	}
	more := op.quota - r.quota
	if more <= 0 {
		return m, result{numbers: [3]int64{m.free}}
	}
	needed, before := op, m
	needed.quota = more
	m.free += r.backing
	if r.backing = 0; !m.unlimited {
		m.free -= r.quota
	}
	if refused := m.refusal(needed, false); refused.code != "" {
		refused.numbers = [3]int64{before.free}
		return before, refused
	}
	m.limits = m.limits.grow(r, needed)
	r.quota = op.quota
	if !m.unlimited {
		r.backing = op.quota
		m.free -= more
	}
	m.own[op.own] = r
	return m, result{numbers: [3]int64{m.free}}
}
