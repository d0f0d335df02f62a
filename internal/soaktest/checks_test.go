package soaktest_test

import (
	"fmt"

	"github.com/latchkey-api/latchkey/shared/wire"
)

// A drift compares one kind of numbers of the ledger and of the server.
type drift struct {
	kind           string
	ledger, server int64 // sums
	differ         int64 // the sum of all differences, whichever way they go
	compared       int64 // how many numbers
	examples       []string
}

// add compares two numbers of something that an example can name.
func (d *drift) add(of any, ledger, server int64) {
	d.ledger += ledger
	d.server += server
	d.differ += max(ledger-server, server-ledger)
	d.compared++
	const most = 5
	if ledger != server && len(d.examples) < most {
		d.examples = append(d.examples, fmt.Sprintf("%v: %d and %d", of, ledger, server))
	}
}

// atLeast adds a count of changes, of which some requests were repeated.
func (d *drift) atLeast(of any, ledger, repeated, server int64) {
	if server > ledger {
		ledger += min(repeated, server-ledger)
	}
	d.add(of, ledger, server)
}

// compare compares what the server says with the ledger. It reads nothing.
func (s *soak) compare(seen map[*account]*observation) []*drift {
	lists, used := &drift{kind: "tokens in the lists"}, &drift{kind: "units used, of each token"}
	left, windows := &drift{kind: "units left, of each token with a quota"}, &drift{kind: "units in the last short window, of each token that has one"}
	over := &drift{kind: "units charged beyond a short window's quota"}
	wallets, places := &drift{kind: "units used, of each budget"}, &drift{kind: "units of each budget, wherever they are"}
	requests, units, tokens := &drift{kind: "requests in the history, by day and model"}, &drift{kind: "units in the history, by day and model"}, &drift{kind: "input and output in the history, by day and model"}
	byToken := &drift{kind: "units in the history, by token"}
	audit, events := &drift{kind: "entries in the audit trails"}, &drift{kind: "events that webhooks got"}
	for _, a := range s.accounts {
		o := seen[a]
		lists.add(a.name, int64(len(a.entries)), o.total)
		lists.add(a.name, int64(len(a.entries)), int64(len(o.tokens)))
		for id, e := range a.entries {
			one := o.tokens[id] // zero if it is missing
			used.add(e.on(a), e.used, one.UsedQuota)
			if e.granted > 0 && (!e.mayHold || one.RemainQuota > e.granted-e.used) {
				left.add(e.on(a), e.granted-e.used, one.RemainQuota)
			}
			if e.minutes == nil {
				continue
			}
			windows.add(e.on(a), e.minutes[o.minute.ResetsAt], o.minute.Used)
			for _, n := range e.minutes {
				over.add(e.on(a), 0, max(n-e.minute, 0))
			}
		}
		if a.budget > 0 {
			wallets.add(a.name, a.spent, o.budget.Used)
			places.add(a.name, a.budget, allOf(o.budget))
		}
		want, got := byModel(a.use), byModel(o.days)
		for k := range union(want, got) {
			requests.add(a.with(k), want[k].requests, got[k].requests)
			units.add(a.with(k), want[k].units, got[k].units)
			tokens.add(a.with(k), want[k].input+want[k].output, got[k].input+got[k].output)
		}
		for id := range union(a.tokenUse, o.tokenU) {
			byToken.add(a.with(id), a.tokenUse[id].units, o.tokenU[id].units)
		}
		audit.atLeast(a.name, a.changes, a.repeated, o.audit)
		if a.hooked {
			events.atLeast(a.name, a.hookable, a.repeated, o.events)
		}
	}
	return []*drift{lists, used, left, windows, over, wallets, places, requests, units, tokens, byToken, audit, events}
}

// with names something of an account.
func (a *account) with(of any) string { return fmt.Sprint(a.name, " ", of) }

// on names a token of an account.
func (e *entry) on(a *account) string { return a.with(e.id) }

func allOf(b wire.Budget) int64 { return b.Remaining + b.InTokens + b.Held + b.Used }

// byModel returns the sums as they are, or without their days if there are two: the
// server's day is that of the table's stream, which may be a moment later.
func byModel(all map[useKey]sums) map[useKey]sums {
	days, merged := map[int64]bool{}, map[useKey]sums{}
	for k, s := range all {
		days[k.day] = true
		k.day = 0
		merged[k] = merged[k].plus(s)
	}
	if len(days) == 1 {
		return all
	}
	return merged
}

func union[K comparable, V any](a, b map[K]V) map[K]bool {
	all := map[K]bool{}
	for k := range a {
		all[k] = true
	}
	for k := range b {
		all[k] = true
	}
	return all
}
