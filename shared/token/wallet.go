package token

import (
	"errors"

	"github.com/latchkey-api/latchkey/shared/period"
)

// A Budget is how many units all tokens of a user may use together, in each
// period or, without one, in all.
type Budget struct {
	Units         int64 // 0 to MaxInteger
	period.Period       // Length "" does not renew
}

// Normalize returns the budget in canonical form. The error is an
// *InvalidError.
func (b Budget) Normalize() (Budget, error) {
	if err := CheckQuota("budget", b.Units); err != nil {
		return Budget{}, err
	}
	if b.Length == "" {
		if b.Period != (period.Period{}) {
			return Budget{}, invalid("timezone", "needs a period: a budget that does not renew has no time zone and no anchor")
		}
		return b, nil
	}
	p, err := b.Period.Normalize()
	var bad *period.InvalidError
	if errors.As(err, &bad) {
		return Budget{}, invalid(bad.Field, bad.Reason)
	}
	return Budget{b.Units, p}, err
}

// A Wallet is what is left of a user's budget. Tokens do not use it directly:
// each draws a Block from it and is used from that, so that a use writes only
// the token. At every moment
//
//	budget = left in the wallet + drawn by tokens + used by removed tokens
//
// and what a token has drawn is free in its block, held or used.
type Wallet struct {
	UserID int64
	On     bool  // if not, the user's tokens are used without it
	Order  int64 // plus 1 whenever the wallet is turned on or off; 0 if the user never had one
	Budget
	Count    int64   // numbers the periods of the budget: blocks of another count are void
	Left     int64   // units that were not drawn; below 0 if the budget was lowered below what was drawn
	EndsAt   int64   // the Unix second at which the count ends; 0 if it does not, or has not begun
	Gone     int64   // units of this count that tokens had used which are removed
	Low      Lowness // the lowest that draws have made Left since this count began or the budget was set; units may have come back
	Revision int64   // plus 1 with every write of the wallet
}

// drawParts is the largest part of a wallet that a token draws at once, unless
// it needs more: a smaller part means more draws, a larger one more units that
// lie unused in blocks.
const drawParts = 64

// At returns the wallet at a Unix second: if its count has ended, it has a new
// one with the whole budget. A period of a fixed length begins with its first
// draw, which is At.
func (w Wallet) At(now int64) Wallet {
	if w.EndsAt != 0 && w.EndsAt <= now {
		w.Count, w.Left, w.Gone, w.EndsAt, w.Low = w.Count+1, w.Units, 0, 0, NotLow
	}
	if w.EndsAt == 0 && w.Length != "" {
		_, w.EndsAt = w.Bounds(now)
	}
	return w
}

// AsOf returns the wallet to show at a Unix second. It is At, but EndsAt is 0 if a
// period of a fixed length has not begun.
func (w Wallet) AsOf(now int64) Wallet {
	begun := w.EndsAt > now
	w = w.At(now)
	if !begun && !w.IsCalendar() {
		w.EndsAt = 0
	}
	return w
}

// DrawSize returns how many units a token should draw that needs some: at least
// that many, or all that is left if that is less.
func (w Wallet) DrawSize(need int64) int64 {
	return max(0, min(w.Left, max(need, w.Left/drawParts)))
}

// Draw returns the wallet after a draw of units, of which the present wallet has at
// least that many. If the wallet is already as low as the result, a draw need not
// change Low; least is how many units it must have left for that to be true.
func (w Wallet) Draw(units int64) (next Wallet, least int64) {
	w.Left -= units
	w.Low = max(w.Low, LownessOf(w.Left, w.Units))
	if w.Low < NothingLeft {
		units += (w.Low + 1).bound(w.Units) + 1
	}
	return w, units
}

// SetBudget returns the wallet with another budget, or turned off if that is
// nil. A wallet that is turned on, or gets another period, begins anew. A
// change of only the units keeps what was drawn.
func (w Wallet) SetBudget(b *Budget) Wallet {
	switch {
	case b == nil && w.On:
		w.On, w.Order, w.Count = false, w.Order+1, w.Count+1
	case b == nil:
	case w.On && w.Period == b.Period:
		w.Left += b.Units - w.Units
		w.Budget = *b
		w.Low = LownessOf(w.Left, w.Units)
	default:
		if !w.On {
			w.Order++
		}
		w.On, w.Budget, w.Count, w.Left, w.Gone, w.EndsAt, w.Low = true, *b, w.Count+1, b.Units, 0, 0, NotLow
	}
	return w
}

// A Supply is what a token could draw from its user's wallet.
type Supply struct {
	Units    int64
	ResetsAt int64 // the Unix second at which the wallet is whole again; 0 if it does not renew
}

// A Block is what a token has drawn from its user's wallet.
type Block struct {
	Count int64 // the wallet's Count that it was drawn from; 0 before the first draw
	Drawn int64 // units drawn and not returned: free, held or used
	Meter       // Left is free
}

// BlockUse returns the use of the token's block at a Unix second. Remaining is
// without what the token could still draw.
func (t Token) BlockUse(now int64) Use {
	if !t.Block.runs(now) {
		return Use{}
	}
	return t.use(t.Block.Drawn, t.Block.Meter, now)
}

// Follow returns the token as an order of its user's wallet makes it: with or
// without the wallet, and without a block of an older count. changed is false if
// nothing is to be done, for example because the token has followed a newer order.
func (t Token) Follow(w Wallet) (_ Token, changed bool) {
	switch {
	case w.Order > t.WalletOrder:
		t.UsesWallet, t.WalletOrder, t.Block = w.On, w.Order, Block{}
	case w.Order == t.WalletOrder && t.Block.Count != 0 && t.Block.Count < w.Count:
		t.Block = Block{}
	default:
		return t, false
	}
	return t, true
}

// Holdings say where the units of a user's budget are at a moment.
type Holdings struct {
	Wallet
	Free    int64 // drawn by tokens, and free
	Held    int64 // by open holds
	Used    int64 // also by tokens that were removed
	Missing int64 // drawn by tokens that no longer exist; 0 but for tokens whose removal has yet to be counted
	Tokens  int64 // that the user has
}

// NewHoldings returns the holdings of a wallet, to which all tokens of its user
// must be added.
func NewHoldings(w Wallet) Holdings {
	return Holdings{Wallet: w, Used: w.Gone, Missing: w.Units - w.Left - w.Gone}
}

// Add adds a token at a Unix second. For a token that is being deleted, that is
// the second at which its deletion began: what was held then stays so until the
// deletion is counted, and is used from then on.
func (h *Holdings) Add(t Token, now int64) {
	h.Tokens++
	if t.Block.Count != h.Count || h.Count == 0 {
		return
	}
	use := t.BlockUse(now)
	h.Free += use.Remaining
	h.Used += use.Used
	h.Held += t.Block.Drawn - use.Remaining - use.Used
	h.Missing -= t.Block.Drawn
}
