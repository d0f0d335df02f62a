package quota

import (
	"errors"

	"github.com/latchkey-api/latchkey/shared/token"
)

// block returns the meter of the token's block. A block that has ended has
// nothing until the store draws another, which Apply can't.
func (l *Ledger) block(now int64) *token.Meter {
	if b := &l.Block; b.EndsAt != 0 && b.EndsAt <= now {
		*b = token.Block{}
	}
	return &l.Block.Meter
}

// RefusedByWallet refuses for lack of units in the token's block and in what it
// could draw from the wallet.
func RefusedByWallet(s token.Supply) error {
	return RefusedError{Reason{Refusal: RefusedExhausted, Scope: ScopeWallet, ResetsAt: s.ResetsAt}}
}

// shortage returns how many units a token that uses a wallet must draw from it
// before the given units, or at least one, can be taken from its block.
func shortage(t token.Token, units, now int64) int64 {
	if !t.UsesWallet {
		return 0
	}
	return max(0, max(1, units)-t.BlockUse(now).Remaining)
}

// Shortage returns how many units the token must draw from its wallet before
// Apply, so that it isn't the token's block that prevents the operation, or
// charges less than a settlement asks for. required is false if the operation
// can do with fewer.
func (o Operation) Shortage(l Ledger) (units int64, required bool) {
	if !l.UsesWallet {
		return 0, false
	}
	l = l.Compact(o.Now)
	r, known := o.Record(l)
	units = o.Quota
	if o.Kind == KindGrow || o.Kind == KindSettle {
		units -= r.Quota
	}
	if o.EndsHold() {
		if o.Kind == KindRelease || !known || r.State != StateOpen || r.Meters == nil || units <= 0 {
			return 0, false
		}
		return shortage(l.Token, units, o.Now), false
	}
	var refused RefusedError
	if _, _, err := o.Apply(l); errors.As(err, &refused) && refused.Scope == ScopeWallet {
		return shortage(l.Token, units, o.Now), true
	}
	return 0, false
}
