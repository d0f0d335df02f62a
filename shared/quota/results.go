package quota

import "github.com/latchkey-api/latchkey/shared/token"

// A Verdict says whether a key may do what a Question asks.
type Verdict struct {
	Reason             // why not; the zero value if it may
	Token  token.Token // the key's token; the zero Token for RefusedUnknown
	At     int64       // the Unix second that the verdict is about
	Remain int64       // free units; meaningless for an unlimited token
	Free   int64       // of a refusal: units free in every quota that the question counts in
	// InProgress is how many units open holds keep, if the refusal is
	// RefusedExhausted. What their requests do not use becomes free again.
	InProgress int64
}

// Valid reports whether the key may do it.
func (v Verdict) Valid() bool { return v.Refusal == "" }

// MayFitLater reports whether a number of units that are not free now may be free
// once the requests in progress have ended. If not, the units are spent.
func (v Verdict) MayFitLater(units int64) bool {
	return v.InProgress > 0 && token.AddSaturated(v.Free, v.InProgress) >= max(1, units)
}

// A Reservation is the result of reserving units. If it is not valid, nothing
// is held.
type Reservation struct {
	Verdict
	RequestID string
	Held      int64 // units
	ExpiresAt int64 // the Unix second at which the hold expires unless it is settled or released
}

// A Settlement is the result of settling a hold.
type Settlement struct {
	Token     token.Token
	At        int64 // the Unix second that the settlement is about
	RequestID string
	Charged   int64 // units
	Shortfall int64 // units that could not be charged because the balance did not have them
	Remain    int64 // free units
}

// A Release is the result of releasing a hold.
type Release struct {
	Token     token.Token
	At        int64 // the Unix second that the release is about
	RequestID string
	Released  int64 // units of the hold
	Remain    int64 // free units
}

// A Usage is what the holder of a key can see of its quota, in units. For a
// limited token, Granted is the sum of Available, Used and the units of open
// holds, or less if a raise has ended of which units were used.
type Usage struct {
	Token                    token.Token
	At                       int64 // the Unix second that the usage is about
	Granted, Used, Available int64
	Revision                 int64 // of the ledger
}

// UsageAt returns the token's usage at a Unix second.
func (l Ledger) UsageAt(now int64) Usage {
	u := Usage{Token: l.Token, At: now, Used: l.UsedAt(now), Available: l.RemainAt(now), Revision: l.Revision}
	u.Granted = max(0, min(l.FreeAt(now)+l.HeldAt(now)+u.Used, token.MaxInteger))
	return u
}

// The methods below return the result of an operation from the ledger that it
// left. They use only the record of the request id, so repeating a request
// gives the same numbers. If the record was forgotten, all of the cost was
// charged, and Remain is the balance at present.

// Reservation returns the result of a KindReserve operation.
func (o Operation) Reservation(l Ledger) Reservation {
	r, _ := o.Record(l)
	verdict := Verdict{Token: l.Token, At: o.Now, Remain: shown(r.BeforeReserve.debit(r.Quota).Free())}
	return Reservation{Verdict: verdict, RequestID: o.RequestID, Held: r.Quota, ExpiresAt: r.ExpiresAt}
}

// Settlement returns the result of a KindSettle operation.
func (o Operation) Settlement(l Ledger) Settlement {
	r, known := o.Record(l)
	if !known {
		return Settlement{l.Token, o.Now, o.RequestID, o.Quota, 0, l.RemainAt(o.Now)}
	}
	return Settlement{l.Token, o.Now, o.RequestID, r.Charged, r.Requested - r.Charged, shown(r.BeforeEnd.debit(r.Charged).Free() + r.Debited())}
}

// Release returns the result of a KindRelease operation.
func (o Operation) Release(l Ledger) Release {
	r, known := o.Record(l)
	if !known {
		return Release{l.Token, o.Now, o.RequestID, o.Held, l.RemainAt(o.Now)}
	}
	return Release{l.Token, o.Now, o.RequestID, r.Quota, shown(r.BeforeEnd.Free() + r.Debited())}
}

// shown returns free units as answers show them.
func shown(free int64) int64 { return max(0, min(free, token.MaxInteger)) }
