package quota

import (
	"slices"
	"time"

	"github.com/latchkey-api/latchkey/shared/price"
	"github.com/latchkey-api/latchkey/shared/token"
)

// A Kind is what an operation does.
type Kind int

// The kinds of operations.
const (
	KindSpend Kind = iota + 1
	KindReserve
	KindSettle
	KindRelease
	KindGrow
)

// An Operation moves units of one token. With a request id, it takes effect
// once, however often it is repeated. KindSettle and KindRelease find their
// hold by the request id and use no other fields of the Question than Quota, the
// units to charge, and Use. KindGrow raises an open hold to Quota units, ExpiryCharge and
// ExpiresAt, if the Question is allowed; a smaller number leaves the hold as it is.
type Operation struct {
	Kind      Kind
	Now       int64 // Unix seconds
	Nanos     int64 // the nanoseconds of the same moment within its second; they count for rates
	ExpiresAt int64 // Unix seconds; for KindReserve and KindGrow
	Lease     bool  // for KindReserve: the hold is for several requests, which the caller counts
	Own
	Question
}

// Own is about a hold that only the caller can end, because nobody else knows
// its request id. KindSettle and KindRelease then forget the hold: they drop its
// record in the write that ends it. Only a settlement with a shortfall keeps the
// record, because a repetition has to name the shortfall again.
//
// If the record is gone, a repetition can't see whether the hold was ended. The
// caller says so with Tried. The record of a hold that expired is kept for
// a while, as for every hold.
type Own struct {
	Forget  bool    // for KindSettle and KindRelease; for KindReserve, that the end will forget the hold
	Cancel  bool    // for KindRelease: if the hold is not there yet, record its end, so that a reservation on its way holds nothing
	Held    int64   // the hold's units, as far as the caller knows; lets a store end or grow the hold without a read
	Meters  []int64 // the record's Meters, PerUnit and MadeAt, as far as the caller knows
	PerUnit int64
	MadeAt  int64
	Uses    []price.Use // for KindSettle: what the hold was used for, of a hold for several requests; if not nil, it takes the place of Question.Use
	Tried   bool        // an earlier attempt of this operation may have ended the hold, and nobody else can
}

// OperationAt returns an operation of a kind at a time. It still needs a
// Question.
func OperationAt(kind Kind, now time.Time) Operation {
	return Operation{Kind: kind, Now: now.Unix(), Nanos: int64(now.Nanosecond())}
}

// UnixNano returns the operation's time in Unix nanoseconds.
func (o Operation) UnixNano() int64 { return o.Now*int64(time.Second) + o.Nanos }

// UnixMilli returns the operation's time in Unix milliseconds.
func (o Operation) UnixMilli() int64 { return o.UnixNano() / int64(time.Millisecond) }

// Repeatable reports whether the operation can be repeated without taking effect
// twice.
func (o Operation) Repeatable() bool { return o.RequestID != "" }

// EndsHold reports whether the operation settles or releases a hold.
func (o Operation) EndsHold() bool { return o.Kind == KindSettle || o.Kind == KindRelease }

// NeedsPermission reports whether the token must allow the operation. If not, any
// key of it will do, also the previous one after its grace period: the units of a
// hold, and those that Used says are used already, are charged whatever became of
// the token. So is what a hold is charged if it expires; but it is not renewed.
func (o Operation) NeedsPermission() bool {
	onlyCharges := o.Kind == KindGrow && o.Quota <= o.Held && o.ExpiresAt == 0 && o.ExpiryCharge > 0
	return !o.EndsHold() && (o.Kind != KindSpend || !o.Used) && !onlyCharges
}

// Record returns what the ledger remembers of the operation's request id, if
// anything.
func (o Operation) Record(l Ledger) (Record, bool) {
	r, ok := l.Records[RecordKey(o.RequestID)]
	return r, ok && o.RequestID != ""
}

// Apply returns the compacted ledger after the operation, and whether it differs
// from l: an operation that was applied before changes nothing. If the error is
// not nil, it returns l. The error is a RefusedError, ErrRequestReused,
// ErrTooManyOpen or one of the errors about holds.
func (o Operation) Apply(l Ledger) (Ledger, bool, error) {
	next := l.Compact(o.Now)
	var changed bool
	var err error
	switch {
	case o.EndsHold():
		changed, err = o.endHold(&next)
	case o.Kind == KindGrow:
		changed, err = o.grow(&next)
	default:
		changed, err = o.spendOrReserve(&next)
	}
	if err != nil || !changed {
		return l, false, err
	}
	next.AccessedTime = o.Now
	return next.syncToken(), true, nil
}

// spendOrReserve takes units from the balance. A repetition is not refused for
// lack of quota, because its units are already taken; but it is refused if the
// key may no longer be used. A rotation may have raised what its hold is charged if
// it expires.
func (o Operation) spendOrReserve(l *Ledger) (bool, error) {
	old, known := o.Record(*l)
	var exhausted error
	if !known {
		exhausted = o.exhausted(l.Token, o.Quota, o.Now)
	}
	err := exhausted
	if o.NeedsPermission() {
		err = o.check(l.Token, exhausted, o.Now)
	}
	switch {
	case err != nil:
		return false, err
	case known && (old.Quota != o.Quota || o.ExpiryCharge > old.ExpiryCharge || (old.State == StateSpent) != (o.Kind == KindSpend)):
		return false, ErrRequestReused
	case known && o.Kind == KindReserve:
		return false, old.endError()
	case known:
		return false, nil
	case o.Lease && l.Limited():
		return false, ErrNotLeasable
	case o.Kind == KindReserve && !o.Used && l.MaxConcurrent > 0 && l.OpenHolds() >= l.MaxConcurrent:
		return false, RefusedError{Reason{Refusal: RefusedRate, Scope: ScopeConcurrent}}
	case o.Kind == KindReserve && l.OpenHolds() >= MaxOpenHolds:
		return false, ErrTooManyOpen
	}
	if !o.Used {
		if err := checkRates(l.Token, o.Quota, o.UnixNano()); err != nil {
			return false, err
		}
	}
	if shortage(l.Token, o.Quota, o.Now) > 0 {
		return false, RefusedByWallet(token.Supply{}) // the store looks whether there is any
	}
	o.recordUse(l)
	l.Balance = l.Balance.debit(o.Quota)
	return true, nil
}

// recordUse counts the operation in the token's meters and rates, and records
// its request id.
func (o Operation) recordUse(l *Ledger) {
	numbers := take(l.metersFor(o.Model, o.Now), o.Quota)
	perUnit := countRates(&l.Token, o.Quota, o.UnixNano())
	record := Record{State: StateSpent, Quota: o.Quota, EndedAt: o.Now}
	if o.Kind == KindReserve {
		record = Record{
			State: StateOpen, Quota: o.Quota, ExpiresAt: o.ExpiresAt, ExpiryCharge: o.ExpiryCharge,
			BeforeReserve: l.Balance, Meters: numbers, PerUnit: perUnit, Model: o.Model,
		}
		if perUnit > 0 {
			record.MadeAt = o.UnixMilli()
		}
		if l.EarliestExpiry == 0 || o.ExpiresAt < l.EarliestExpiry {
			l.EarliestExpiry = o.ExpiresAt
		}
	} else {
		l.UsedQuota = token.AddSaturated(l.UsedQuota, o.Quota)
	}
	if o.RequestID != "" {
		l.Records[RecordKey(o.RequestID)] = record
	}
}

// endHold settles or releases a hold. It does so even if the token has been
// disabled, has expired or is exhausted: what was used must be charged.
func (o Operation) endHold(l *Ledger) (bool, error) {
	r, known := o.Record(*l)
	switch {
	case !known && o.Tried:
		return false, nil // only this caller can have ended it, without a shortfall
	case !known && o.Cancel:
		r = Record{State: StateOpen, BeforeReserve: l.Balance} // a hold of nothing, to release
	case !known || r.State == StateSpent:
		return false, ErrHoldNotFound
	case r.State == StateExpired:
		return false, r.endError()
	case r.State == StateSettled && o.Kind == KindRelease:
		return false, ErrHoldSettled
	case r.State == StateReleased && o.Kind == KindSettle:
		return false, ErrHoldReleased
	case r.State == StateSettled && r.Requested != o.Quota:
		return false, ErrRequestReused
	case r.State != StateOpen:
		return false, nil
	}
	r.BeforeEnd, r.EndedAt, r.Model = l.Balance, o.Now, ""
	l.Balance.Left += r.Debited()
	r.State = StateReleased
	take(l.metersOf(r), -r.Quota)
	if o.Kind == KindSettle {
		r.State, r.Requested, r.Charged = StateSettled, o.Quota, o.Quota
		if !l.Balance.Unlimited {
			// Held units can always be charged, even if a raise has ended since, or the
			// token was unlimited then and has fewer now: its owner could do that to
			// make the request free.
			r.Charged = min(o.Quota, max(l.Balance.Left, r.Quota))
		}
		r.Charged = o.takeCharged(l, r)
		paid := r.Charged
		if r.BeforeReserve.Unlimited {
			paid = min(paid, max(0, l.Balance.Left))
		}
		l.Balance = l.Balance.debit(paid)
		l.UsedQuota = token.AddSaturated(l.UsedQuota, r.Charged)
	}
	correctUnits(&l.Token, r, r.Charged, o.UnixNano())
	l.Records[RecordKey(o.RequestID)] = r
	if o.Forget && r.Charged == r.Requested {
		delete(l.Records, RecordKey(o.RequestID))
	}
	return true, nil
}

// takeCharged takes what a settlement charges from the hold's meters, to which
// the held units were returned before. What it charges beyond the hold is also
// taken from windows that began since. It returns the units that all of them
// have.
func (o Operation) takeCharged(l *Ledger, r Record) int64 {
	var since []*token.Meter
	if r.Charged > r.Quota && r.Meters != nil {
		for _, m := range l.metersFor("", o.Now) {
			if !slices.Contains(r.Meters, m.Number) {
				since = append(since, m)
			}
		}
	}
	meters := l.metersOf(r)
	charged := leastLeft(meters, r.Charged)
	if more := charged - r.Quota; more > 0 {
		charged = r.Quota + leastLeft(since, more)
	}
	// Held units can always be charged, even if a quota was lowered since.
	charged = max(charged, min(r.Charged, r.Quota))
	take(meters, charged)
	take(since, max(0, charged-r.Quota))
	return charged
}

// grow raises an open hold.
func (o Operation) grow(l *Ledger) (bool, error) {
	r, known := o.Record(*l)
	if !known || r.State == StateSpent {
		return false, ErrHoldNotFound
	}
	if r.State != StateOpen {
		return false, r.endError()
	}
	var err error
	more := o.Quota - r.Quota
	switch {
	case more > 0:
		err = o.take(l, &r, more)
	case o.ExpiresAt > r.ExpiresAt: // its units were allowed before
		err = o.CheckIgnoringQuota(l.Token, o.Now)
	case o.ExpiryCharge <= r.ExpiryCharge:
		return false, nil
	}
	if err != nil {
		return false, err
	}
	r.ExpiryCharge, r.ExpiresAt = max(r.ExpiryCharge, o.ExpiryCharge), max(r.ExpiresAt, o.ExpiresAt)
	l.Records[RecordKey(o.RequestID)] = r
	return true, nil
}

// take takes more units for a hold from the balance, unless the token is unlimited,
// and from each quota that it counts in, also if the question names another model. If
// the token became limited since, the hold takes all of its units from the balance; if
// it became unlimited, it returns them.
func (o Operation) take(l *Ledger, r *Record, more int64) error {
	if l.Balance.Unlimited != r.BeforeReserve.Unlimited {
		l.Balance.Left += r.Debited()
		l.Balance = l.Balance.debit(r.Quota)
		r.BeforeReserve.Unlimited = l.Balance.Unlimited
		l.RemainQuota = l.Balance.Free()
	}
	if err := o.check(l.Token, o.exhausted(l.Token, more, o.Now), o.Now); err != nil {
		return err
	}
	if shortage(l.Token, more, o.Now) > 0 {
		return RefusedByWallet(token.Supply{}) // the store looks whether there is any
	}
	meters := l.metersFor(o.Model, o.Now)
	for i, q := range l.ModelQuotas { // those of the hold's own model, which gets back what it does not use
		m := &l.ModelQuotas[i].Meter
		if m.Number == 0 || !slices.Contains(r.Meters, m.Number) || slices.Contains(meters, m) {
			continue
		}
		if m.Left < more {
			return RefusedError{Reason{Refusal: RefusedExhausted, Scope: ScopeModel + q.Model}}
		}
		meters = append(meters, m)
	}
	take(meters, more)
	correctUnits(&l.Token, *r, o.Quota, o.UnixNano())
	l.Balance = l.Balance.debit(more)
	r.Quota = o.Quota
	return nil
}
