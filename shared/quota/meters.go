package quota

import (
	"slices"

	"github.com/latchkey-api/latchkey/shared/token"
)

// metersFor returns the meters that a use of a model counts in, for the caller
// to change. It starts those that have ended or were never used. The ledger
// must be compacted.
func (l *Ledger) metersFor(model string, now int64) []*token.Meter {
	var meters []*token.Meter
	for i := range l.Windows {
		w := &l.Windows[i]
		if w.Number == 0 || w.EndsAt <= now {
			_, endsAt := w.Bounds(now)
			l.start(&w.Meter, w.Quota+w.Raise.Units, endsAt)
		}
		meters = append(meters, &w.Meter)
	}
	for i := range l.ModelQuotas {
		q := &l.ModelQuotas[i]
		if model == "" || !token.MatchesModel(q.Model, model) {
			continue
		}
		if q.Number == 0 {
			l.start(&q.Meter, q.Quota, 0)
		}
		meters = append(meters, &q.Meter)
	}
	if l.UsesWallet {
		meters = append(meters, l.block(now))
	}
	return meters
}

// start begins a new count of a meter.
func (l *Ledger) start(m *token.Meter, units, endsAt int64) {
	l.LastMeter++
	*m = token.Meter{Number: l.LastMeter, Left: units, EndsAt: endsAt}
}

// metersOf returns those of a hold's meters that still count, for the caller to
// change. The others have ended, and what is returned to them vanishes.
func (l *Ledger) metersOf(r Record) []*token.Meter {
	var meters []*token.Meter
	for _, m := range l.allMeters() {
		if m.Number != 0 && slices.Contains(r.Meters, m.Number) {
			meters = append(meters, m)
		}
	}
	return meters
}

func (l *Ledger) allMeters() []*token.Meter {
	var meters []*token.Meter
	for i := range l.Windows {
		meters = append(meters, &l.Windows[i].Meter)
	}
	for i := range l.ModelQuotas {
		meters = append(meters, &l.ModelQuotas[i].Meter)
	}
	return append(meters, &l.Block.Meter)
}

// endRaises takes back the units of the raises that have ended. The ledger must
// own its windows.
func (l *Ledger) endRaises(now int64) {
	if units := l.Raise.EndedUnits(now); units > 0 {
		l.Balance.Left -= units
		l.Raise = token.Raise{}
	}
	for i := range l.Windows {
		w := &l.Windows[i]
		if units := w.Raise.EndedUnits(now); units > 0 {
			if w.Number != 0 {
				w.Left -= units
			}
			w.Raise = token.Raise{}
		}
	}
}

// take subtracts units from meters. It returns the meters' numbers.
func take(meters []*token.Meter, units int64) []int64 {
	var numbers []int64
	for _, m := range meters {
		m.Left -= units
		numbers = append(numbers, m.Number)
	}
	return numbers
}

// leastLeft returns the units that are free in each of the meters, but at most
// the given number. It is never negative.
func leastLeft(meters []*token.Meter, atMost int64) int64 {
	for _, m := range meters {
		atMost = min(atMost, m.Left)
	}
	return max(0, atMost)
}
