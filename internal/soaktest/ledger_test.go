package soaktest_test

import (
	"sync"

	"github.com/latchkey-api/latchkey/shared/wire"
)

// An account is a user, and the ledger of what the server has acknowledged to it.
type account struct {
	id           int64
	name, access string
	budget       int64 // units; 0 for none
	small        bool  // the budget is too small for the traffic
	hooked       bool  // it has a webhook

	mu       sync.Mutex
	entries  map[int64]*entry // of the tokens that exist, by id
	spent    int64            // units, also of tokens that were deleted
	use      map[useKey]sums
	tokenUse map[int64]sums // by id of the token, also of those that were deleted
	changes  int64          // administrative changes
	repeated int64          // how many more may have been made, because the server was too busy to answer
	hookable int64          // changes of the types that the webhook gets
	order    []int64        // ids of the tokens that the account had at first
}

// A useKey is a day, as a Unix second, and a model.
type useKey struct {
	day   int64
	model string
}

type sums struct{ requests, units, input, output int64 }

// An entry is the ledger of one token.
type entry struct {
	id      int64
	key     string
	granted int64            // units of the lifetime quota; 0 if it is unlimited
	used    int64            // units
	minutes map[int64]int64  // units of the window of a minute, by when it ends; nil without one
	minute  int64            // the quota of that window
	tight   bool             // the lifetime quota is too small for the traffic
	mayHold bool             // a request that was not answered may hold units
	charge  func(c charging) // adds a charge to the account and to the entry
}

// A charging is what a request was charged.
type charging struct {
	model         string
	units         int64
	input, output int64
	windows       []wire.Window // as they were when the units were reserved or spent
	day           int64
}

const daySeconds = 24 * 60 * 60

// add makes an entry for a token that the server has created.
func (a *account) add(id int64, key string, granted int64) *entry {
	e := &entry{id: id, key: key, granted: granted}
	e.charge = func(c charging) { a.record(e, c) }
	a.mu.Lock()
	defer a.mu.Unlock()
	a.entries[id] = e
	return e
}

func (a *account) record(e *entry, c charging) {
	a.mu.Lock()
	defer a.mu.Unlock()
	e.used += c.units
	a.spent += c.units
	one := sums{1, c.units, c.input, c.output}
	k := useKey{c.day, c.model}
	a.use[k] = a.use[k].plus(one)
	a.tokenUse[e.id] = a.tokenUse[e.id].plus(one)
	for _, w := range c.windows {
		if w.Period == shortWindow && e.minutes != nil {
			e.minutes[w.ResetsAt] += c.units
		}
	}
}

func (s sums) plus(other sums) sums {
	return sums{s.requests + other.requests, s.units + other.units, s.input + other.input, s.output + other.output}
}

// changed counts an administrative change. Each repetition of its request may have made
// it once more.
func (a *account) changed(repeated int64, hookable bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.changes++
	a.repeated += repeated
	if hookable {
		a.hookable++
	}
}

// remove takes the entry of a deleted token out.
func (a *account) remove(id int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.entries, id)
}

// mayRefuse reports whether a refusal is right by what the ledger knows: a quota or a
// budget is too small for the traffic.
func (a *account) mayRefuse(e *entry, scope string) bool {
	switch scope {
	case "token":
		return e.tight
	case "window:" + shortWindow:
		return e.minutes != nil
	case "wallet":
		return a.small
	default:
		return false
	}
}
