package gate_test

import (
	"fmt"
	"slices"

	"github.com/anishathalye/porcupine"
)

// A model is a token as the endpoints' description has it, for one caller at
// a time. It is written from that description, not from package token, and
// holds the package to it. Being comparable, it is its own identity.
type model struct {
	gone, disabled, unlimited bool
	turns                     int    // how often it was rotated since it had the clients' key; more than once is twice
	until                     int64  // from which that key is over, once it was rotated
	only                      string // the model that it is limited to, "" if it is not
	free, used                int64
	requests                  [4]request // by number of their ids
}

// requestIDs are few, so that clients meet.
func requestIDs() []string { return []string{"r0", "r1", "r2", "r3"} }

// A request is all that became of a request id.
type request struct {
	state
	quota, backing, until, asked int64
	over                         int64  // the second at which it ended
	reserved, ended              answer // what was told
}

type state int

const (
	unknown state = iota
	spent
	open
	settled
	released
	lapsed
)

// held is what open holds keep from others.
func (m model) held() (n int64) {
	for _, r := range m.requests {
		if r.state == open {
			n += r.backing
		}
	}
	return n
}

// at is the token once the holds that have reached their time are home, and
// what ended 15 minutes ago is forgotten.
func (m model) at(now int64) model {
	for i := range m.requests {
		r := &m.requests[i]
		if r.state == open && r.until <= now {
			r.state, r.over = lapsed, r.until
			m.free += r.backing
		}
		if r.state != unknown && r.state != open && now-r.over >= 15*60 {
			*r = request{}
		}
	}
	return m
}

// step answers what is asked, and says what the token is then. What changes
// nothing does not bring holds home for good either: another's clock may be
// behind.
func (m model) step(a ask) (model, answer) {
	then := m.at(a.now)
	next, says := then.hear(a)
	if next == then {
		return m, says
	}
	return next, says
}

func (m model) hear(a ask) (model, answer) {
	switch a.does {
	case check, charge, reserve:
		return m.take(a)
	case settle, release:
		return m.end(a)
	case usage:
		if m.over(a.now) || m.disabled {
			return m, answer{code: "unauthorized"}
		}
		return m, answer{numbers: [3]int64{m.free + m.held() + m.used, m.used, m.free}}
	case remove:
		if m.gone {
			return m, answer{code: "token_not_found"}
		}
		m.gone = true
		return m, answer{}
	case disable, enable, grant, unlimit, limit, allowOne, allowEach, rotate:
	}
	return m.change(a)
}

// over reports whether the clients' key may not be used any more.
func (m model) over(now int64) bool {
	return m.gone || m.turns == 2 || m.turns == 1 && m.until <= now
}

// refusal is why a key may not do what is asked, "" if it may. A request that
// was granted before needs no quota.
func (m model) refusal(a ask, known bool) string {
	switch {
	case m.over(a.now):
		return "not_found"
	case m.disabled:
		return "disabled"
	case !m.unlimited && !known && m.free < max(1, a.quota):
		return "quota_exhausted"
	case a.model != "" && m.only != "" && a.model != m.only:
		return "model_not_allowed"
	default:
		return ""
	}
}

func (m model) take(a ask) (model, answer) {
	i := slices.Index(requestIDs(), a.id)
	var r request
	if i >= 0 && a.does != check {
		r = m.requests[i]
	}
	remain := func(code string) answer {
		got := answer{code: code, numbers: [3]int64{m.free}}
		if a.does == reserve {
			got.numbers = [3]int64{0, m.free, 0}
		}
		if m.over(a.now) {
			got.numbers = [3]int64{}
		}
		return got
	}
	if code := m.refusal(a, r.state != unknown); code != "" || a.does == check {
		return m, remain(code)
	}
	switch {
	case r.state != unknown && (r.quota != a.quota || (r.state == spent) != (a.does == charge)):
		return m, answer{code: "request_id_reused"}
	case r.state == spent:
		return m, remain("")
	case r.state != unknown:
		return m, r.reserved
	}
	r.quota = a.quota
	if !m.unlimited {
		m.free -= a.quota
		r.backing = a.quota
	}
	if a.does == charge {
		r.state, r.over = spent, a.now
		m.used += a.quota
		r.reserved = remain("")
	} else {
		r.state, r.until = open, a.now+a.ttl
		r.reserved = answer{numbers: [3]int64{a.quota, m.free, r.until}}
	}
	if i >= 0 {
		m.requests[i] = r
	}
	return m, r.reserved
}

func (m model) end(a ask) (model, answer) {
	if m.gone || m.turns == 2 { // the key before may end holds, the one before that may not
		return m, answer{code: "unauthorized"}
	}
	i := slices.Index(requestIDs(), a.id)
	r := m.requests[i]
	switch {
	case r.state == unknown || r.state == spent:
		return m, answer{code: "hold_not_found"}
	case r.state == lapsed:
		return m, answer{code: "hold_expired"}
	case r.state == settled && a.does == release:
		return m, answer{code: "hold_settled"}
	case r.state == released && a.does == settle:
		return m, answer{code: "hold_released"}
	case r.state == settled && r.asked != a.quota:
		return m, answer{code: "request_id_reused"}
	case r.state != open:
		return m, r.ended
	}
	m.free += r.backing
	r.over = a.now
	if a.does == release {
		r.state, r.ended = released, answer{numbers: [3]int64{r.quota, m.free}}
		m.requests[i] = r
		return m, r.ended
	}
	charged := a.quota
	if !m.unlimited {
		charged = min(a.quota, m.free)
		m.free -= charged
	}
	m.used += charged
	r.state, r.asked, r.ended = settled, a.quota, answer{numbers: [3]int64{charged, a.quota - charged, m.free}}
	m.requests[i] = r
	return m, r.ended
}

// change is what the operator does, but to delete.
func (m model) change(a ask) (model, answer) {
	if m.gone {
		return m, answer{code: "token_not_found"}
	}
	switch a.does { //nolint:exhaustive // the others are answered elsewhere
	case disable:
		m.disabled = true
	case enable:
		if !m.unlimited && m.free <= 0 {
			return m, answer{code: "token_exhausted"}
		}
		m.disabled = false
	case grant:
		if !m.unlimited {
			m.free = a.quota
		}
	case unlimit, limit:
		m.unlimited = a.does == unlimit
	case allowOne:
		m.only = a.model
	case rotate:
		m.turns = min(m.turns+1, 2)
		m.until = a.now + a.ttl
	case allowEach:
		m.only = ""
	}
	return m, answer{numbers: [3]int64{m.free, m.used}}
}

// A hearing is an answer with what it is worth.
type hearing struct {
	answer
	outcome
}

// agrees reports whether what was heard is what the model says.
func (h hearing) agrees(want answer) bool {
	if h.outcome == unsure {
		return true
	}
	for i, n := range h.numbers {
		if n == untold {
			want.numbers[i] = untold
		}
	}
	return h.answer == want
}

// linearizable is the model as porcupine wants it, from a first state. What
// was done or not is done in it: where it was not, it comes last, and nobody
// sees it.
func linearizable(first model) porcupine.Model {
	return porcupine.Model{
		Init: func() any { return first },
		Step: func(state, input, output any) (bool, any) {
			next, want := state.(model).step(input.(ask))
			return output.(hearing).agrees(want), next
		},
		DescribeOperation: func(input, output any) string {
			h := output.(hearing)
			if h.outcome == unsure {
				return fmt.Sprint(input, " -> unsure")
			}
			return fmt.Sprint(input, " -> ", h.code, h.numbers)
		},
	}
}
