package quota

import "github.com/latchkey-api/latchkey/shared/token"

// A Verdict says whether a key may do what was asked.
type Verdict struct {
	Refusal Refusal     // "" if it may
	Token   token.Token // whose key it is; the zero Token for RefusedUnknown
	Remain  int64       // units that are free to spend; means nothing for an unlimited token
}

// Valid reports whether the key may do it.
func (v Verdict) Valid() bool { return v.Refusal == "" }

// A Reservation is the answer to a request to hold units. Where it is not
// valid, nothing is held.
type Reservation struct {
	Verdict
	RequestID string
	Held      int64 // units
	ExpiresAt int64 // the Unix second at which they go back if nobody ends the hold
}

// A Settlement is how a hold was charged.
type Settlement struct {
	Token     token.Token
	RequestID string
	Charged   int64 // units
	Shortfall int64 // units that were to be charged and that the balance did not have
	Remain    int64 // units that are free to spend
}

// A Return is how a hold was given back.
type Release struct {
	Token     token.Token
	RequestID string
	Released  int64 // units that the hold had
	Remain    int64 // units that are free to spend
}

// A Usage is what a key tells its holder of itself. Of a limited token,
// Granted = Available + what is held + Used.
type Usage struct {
	Token                    token.Token
	Granted, Used, Available int64 // units
}

// UsageAt returns the token's usage at a Unix second.
func (l Ledger) UsageAt(now int64) Usage {
	u := Usage{Token: l.Token, Used: l.UsedAt(now), Available: l.RemainAt(now)}
	u.Granted = min(u.Available+l.HeldAt(now)+u.Used, token.MaxInteger)
	return u
}

// The answers to an operation, from the ledger as it was left. Those about a
// request id come from its record alone, so that they are the same whenever
// it is asked for again.

// Reservation is the answer to Reserve.
func (o Operation) Reservation(l Ledger) Reservation {
	r, _ := o.Record(l)
	verdict := Verdict{Token: l.Token, Remain: min(r.BeforeReserve.debit(r.Quota).Free(), token.MaxInteger)}
	return Reservation{Verdict: verdict, RequestID: o.RequestID, Held: r.Quota, ExpiresAt: r.ExpiresAt}
}

// Settlement is the answer to Settle.
func (o Operation) Settlement(l Ledger) Settlement {
	r, _ := o.Record(l)
	return Settlement{l.Token, o.RequestID, r.Charged, r.Requested - r.Charged, min(r.BeforeEnd.debit(r.Charged).Free()+r.Debited(), token.MaxInteger)}
}

// Return is the answer to Release.
func (o Operation) Release(l Ledger) Release {
	r, _ := o.Record(l)
	return Release{l.Token, o.RequestID, r.Quota, min(r.BeforeEnd.Free()+r.Debited(), token.MaxInteger)}
}
