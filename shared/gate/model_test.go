package gate_test

import (
	"fmt"
	"math"
	"slices"

	"github.com/anishathalye/porcupine"
)

// A tokenModel is a token as the API's description defines it, for one client
// at a time. It is written from that description, independently of the product's
// code, to test the code against it. It is comparable, as porcupine needs.
type tokenModel struct {
	deleted, disabled, unlimited bool
	leaked                       bool   // the clients' key was revoked while it was the token's present key
	rotations                    int    // since the clients' key was created; 2 means two or more
	oldKeyUntil                  int64  // the second at which the clients' key ends, after a rotation
	holdsUntil                   int64  // the second at which all holds of the previous key have expired
	onlyModel                    string // the model that the token is limited to, or ""
	free, used                   int64
	requests                     [4]requestModel // by index in requestIDs
	own                          [ownHolds]requestModel
	limits                       limitsModel
}

// requestIDs returns the ids that clients use. They are few, so that clients
// use the same ones.
func requestIDs() []string { return []string{"r0", "r1", "r2", "r3"} }

// A requestModel is what happened under one request id.
type requestModel struct {
	state           requestState
	quota           int64  // spent or held
	backing         int64  // what the hold took from the free units; 0 for an unlimited token
	expiresAt       int64  // the hold's
	settledQuota    int64  // the amount of the settlement
	endedAt         int64  // the second of the spend, or of the hold's end
	firstResult     result // of the spend or the reservation
	endOfHoldResult result // of the settlement or the release
	counted         countedModel
	onExpiry        int64 // units that are charged if the hold expires; all if there are fewer
	walletPeriod    int64 // of the wallet, in which the hold's units count; see walletModel
}

type requestState int

const (
	stateUnused requestState = iota
	stateSpent
	stateOpen
	stateSettled
	stateReleased
	stateExpired
)

// held returns the units that open holds take from the free ones.
func (m tokenModel) held() (units int64) {
	for _, r := range m.requests {
		if r.state == stateOpen {
			units += r.backing
		}
	}
	for _, r := range m.own {
		if r.state == stateOpen {
			units += r.backing
		}
	}
	return units
}

// tidied returns the token after the holds that have reached their time have
// expired, and what ended 15 minutes ago is forgotten.
func (m tokenModel) tidied(now int64) tokenModel {
	for i := range m.requests {
		r := &m.requests[i]
		if r.state == stateOpen && r.expiresAt <= now {
			m.expire(r)
		}
		if r.state != stateUnused && r.state != stateOpen && now-r.endedAt >= 15*60 {
			*r = requestModel{}
		}
	}
	for i := range m.own {
		if r := &m.own[i]; r.state == stateOpen && r.expiresAt <= now {
			m.expire(r)
		}
	}
	return m
}

// expire ends a hold that has reached its time. r is in m.
func (m *tokenModel) expire(r *requestModel) {
	r.state, r.endedAt = stateExpired, r.expiresAt
	charged, rest := min(r.onExpiry, r.quota), *r
	rest.quota -= charged
	m.used += charged
	m.free += max(0, r.backing-charged)
	m.limits = m.limits.giveBack(rest)
}

// dropsKey reports whether a rotation forgets a key with which open holds may
// have been made.
func (m tokenModel) dropsKey(now int64) bool {
	return !m.deleted && m.rotations > 0 && now < m.holdsUntil && m.openHolds() > 0
}

// chargeOpenHolds makes open holds charged if they expire.
func (m *tokenModel) chargeOpenHolds() {
	for _, all := range [][]requestModel{m.requests[:], m.own[:]} {
		for i := range all {
			if all[i].state == stateOpen {
				all[i].onExpiry = math.MaxInt64
			}
		}
	}
}

// step returns the token after an operation, and the operation's result. An
// operation that changes nothing does not store expired holds either: the clock
// of another client may be behind.
func (m tokenModel) step(op operation) (tokenModel, result) {
	tidied := m.tidied(op.now)
	next, res := tidied.apply(op)
	switch op.kind {
	case opRotateKey:
		if m.dropsKey(op.now) {
			next.chargeOpenHolds()
			return next, res
		}
		next, _ = m.apply(op)
		return next, res
	case opDelete, opLeak, opDisable, opUnlimit, opLimit, opAllowOne, opAllowAll: // they don't look at holds
		next, _ = m.apply(op)
		return next, res
	case opEnable, opSetQuota: // they end the holds that have expired, whatever comes of it
		return next, res
	case opCheck, opSpend, opReserve, opSettle, opRelease, opUsage, opHold, opGrowHold, opSettleHold, opReleaseHold:
	}
	if next == tidied {
		return m, res
	}
	return next, res
}

func (m tokenModel) apply(op operation) (tokenModel, result) {
	switch op.kind {
	case opCheck, opSpend, opReserve:
		return m.verify(op)
	case opSettle, opRelease:
		return m.endHold(op)
	case opHold, opGrowHold, opSettleHold, opReleaseHold:
		return m.ownHold(op)
	case opUsage:
		if m.keyEnded(op.now) || m.disabled {
			return m, result{code: "unauthorized"}
		}
		return m, result{numbers: [3]int64{m.free + m.held() + m.used, m.used, m.free}}
	case opDelete:
		if m.deleted {
			return m, result{code: "token_not_found"}
		}
		m.deleted = true
		return m, result{}
	case opLeak: // the answer is always the same
		switch m.rotations {
		case 0:
			m.leaked = true
		case 1:
			m.oldKeyUntil = 0
		}
		return m, result{}
	case opDisable, opEnable, opSetQuota, opUnlimit, opLimit, opAllowOne, opAllowAll, opRotateKey:
	}
	return m.update(op)
}

// keyEnded reports whether the clients' key is refused.
func (m tokenModel) keyEnded(now int64) bool {
	return m.deleted || m.leaked || m.rotations == 2 || m.rotations == 1 && m.oldKeyUntil <= now
}

// refusal returns why the key is refused; the code is "" if it is not. A
// repeated request needs no free quota.
func (m tokenModel) refusal(op operation, repeated bool) result {
	exhausted := m.limits.exhausted(op)
	switch {
	case m.keyEnded(op.now):
		return result{code: "not_found"}
	case m.disabled:
		return result{code: "disabled"}
	case !m.unlimited && !repeated && m.free < max(1, op.quota):
		return result{code: "quota_exhausted", scope: "token"}
	case !repeated && exhausted.code != "":
		return exhausted
	case op.model != "" && m.onlyModel != "" && op.model != m.onlyModel:
		return result{code: "model_not_allowed"}
	default:
		return result{}
	}
}

// pace returns why a new request is refused because of a rate.
func (m tokenModel) pace(op operation) result {
	if op.kind == opReserve || op.kind == opHold {
		if most := m.limits.of().concurrent; most > 0 && m.openHolds() >= most {
			return result{code: "rate_limited", scope: "rate:concurrent"}
		}
	}
	return m.limits.tooEarly(op)
}

func (m tokenModel) openHolds() (n int64) {
	for _, all := range [][]requestModel{m.requests[:], m.own[:]} {
		for _, r := range all {
			if r.state == stateOpen {
				n++
			}
		}
	}
	return n
}

// verify checks the key, and spends or reserves.
func (m tokenModel) verify(op operation) (tokenModel, result) {
	i := slices.Index(requestIDs(), op.requestID)
	var r requestModel
	if i >= 0 && op.kind != opCheck {
		r = m.requests[i]
	}
	withBalance := func(res result) result {
		res.numbers = [3]int64{m.free}
		if op.kind == opReserve {
			res.numbers = [3]int64{0, m.free, 0}
		}
		if m.keyEnded(op.now) {
			res.numbers = [3]int64{}
		} else if op.kind == opCheck {
			res.quotas = m.quotaUses(op.now)
		}
		return res
	}
	if refused := m.refusal(op, r.state != stateUnused); refused.code != "" {
		return m, withBalance(refused)
	}
	if op.kind == opCheck {
		return m, withBalance(m.limits.tooEarly(op))
	}
	switch {
	case r.state != stateUnused && (r.quota != op.quota || (r.state == stateSpent) != (op.kind == opSpend)):
		return m, result{code: "request_id_reused"}
	case r.state == stateSpent:
		return m, withBalance(result{})
	case r.state == stateSettled:
		return m, result{code: "hold_settled"}
	case r.state == stateReleased:
		return m, result{code: "hold_released"}
	case r.state == stateExpired:
		return m, result{code: "hold_expired"}
	case r.state == stateOpen:
		return m, r.firstResult
	}
	if refused := m.pace(op); refused.code != "" {
		return m, withBalance(refused)
	}
	r.quota = op.quota
	m.limits, r.counted = m.limits.count(op)
	if !m.unlimited {
		m.free -= op.quota
		r.backing = op.quota
	}
	if op.kind == opSpend {
		r.state, r.endedAt = stateSpent, op.now
		m.used += op.quota
		r.firstResult, r.counted = withBalance(result{}), countedModel{}
	} else {
		r.state, r.expiresAt = stateOpen, op.now+op.ttlSeconds
		r.firstResult = result{numbers: [3]int64{op.quota, m.free, r.expiresAt}}
	}
	if i >= 0 {
		m.requests[i] = r
	}
	return m, r.firstResult
}

// endHold settles or releases.
func (m tokenModel) endHold(op operation) (tokenModel, result) {
	if m.deleted || m.rotations == 2 { // the previous key may end holds, the one before it may not
		return m, result{code: "unauthorized"}
	}
	i := slices.Index(requestIDs(), op.requestID)
	r := m.requests[i]
	switch {
	case r.state == stateUnused || r.state == stateSpent:
		return m, result{code: "hold_not_found"}
	case r.state == stateExpired:
		return m, result{code: "hold_expired"}
	case r.state == stateSettled && op.kind == opRelease:
		return m, result{code: "hold_settled"}
	case r.state == stateReleased && op.kind == opSettle:
		return m, result{code: "hold_released"}
	case r.state == stateSettled && r.settledQuota != op.quota:
		return m, result{code: "request_id_reused"}
	case r.state != stateOpen:
		return m, r.endOfHoldResult
	}
	m.free += r.backing
	m.limits = m.limits.giveBack(r)
	r.endedAt = op.now
	if op.kind == opRelease {
		m.limits = m.limits.correct(r, 0, op)
		r.state, r.endOfHoldResult = stateReleased, result{numbers: [3]int64{r.quota, m.free}}
		m.requests[i] = r
		return m, r.endOfHoldResult
	}
	m, charged := m.charge(r, op)
	r.state, r.settledQuota = stateSettled, op.quota
	r.endOfHoldResult = result{numbers: [3]int64{charged, op.quota - charged, m.free}}
	m.requests[i] = r
	return m, r.endOfHoldResult
}

// charge charges what a settlement asks for, as far as the quotas have it. The
// hold's units were given back before.
func (m tokenModel) charge(r requestModel, op operation) (tokenModel, int64) {
	charged := op.quota
	if op.chargeable > 0 {
		charged = min(charged, op.chargeable-1)
	}
	if !m.unlimited {
		charged = min(charged, max(m.free, r.quota)) // what was held while the token was unlimited, too
	}
	m.limits, charged = m.limits.charge(r, charged, op)
	if !m.unlimited {
		m.free -= min(charged, m.free)
	}
	m.used += charged
	return m, charged
}

// update carries out the owner's operations, except for the deletion.
func (m tokenModel) update(op operation) (tokenModel, result) {
	if m.deleted {
		return m, result{code: "token_not_found"}
	}
	switch op.kind { //nolint:exhaustive // apply carries out the others
	case opDisable:
		m.disabled = true
	case opEnable:
		if m.leaked {
			return m, result{code: "key_leaked"}
		}
		if !m.unlimited && m.free <= 0 {
			return m, result{code: "token_exhausted"}
		}
		m.disabled = false
	case opSetQuota:
		if !m.unlimited {
			m.free = op.quota
		}
	case opUnlimit, opLimit:
		m.unlimited = op.kind == opUnlimit
	case opAllowOne:
		m.onlyModel = op.model
	case opAllowAll:
		m.onlyModel = ""
	case opRotateKey:
		m.rotations = min(m.rotations+1, 2)
		m.oldKeyUntil = 0 // at once, whatever the clocks say
		if op.ttlSeconds > 0 && !m.leaked {
			m.oldKeyUntil = op.now + op.ttlSeconds
		}
		m.leaked = false
		m.holdsUntil = op.now + op.ttlSeconds + 60*60 + 60
	}
	return m, result{numbers: [3]int64{m.free, m.used}}
}

// An observation is what a client knows after an operation.
type observation struct {
	result
	outcome
}

// matches reports whether the observation is consistent with the model's result.
func (o observation) matches(want result) bool {
	if o.outcome == uncertain {
		return true
	}
	for i, n := range o.numbers {
		if n == anyNumber {
			want.numbers[i] = anyNumber
		}
	}
	return o.result == want
}

// porcupineModel returns the model in porcupine's form. In it, an operation
// with an uncertain outcome is always done: if it was not, porcupine orders it
// last, where nobody sees its effect.
func porcupineModel(first tokenModel) porcupine.Model {
	return porcupine.Model{
		Init: func() any { return first },
		Step: func(state, input, output any) (bool, any) {
			next, want := state.(tokenModel).step(input.(operation))
			return output.(observation).matches(want), next
		},
		DescribeOperation: func(input, output any) string {
			o := output.(observation)
			if o.outcome == uncertain {
				return fmt.Sprint(input, " -> uncertain")
			}
			return fmt.Sprint(input, " -> ", o.code, o.numbers, " ", o.scope, o.wait, o.quotas)
		},
	}
}
