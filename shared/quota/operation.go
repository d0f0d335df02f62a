package quota

import (
	"errors"

	"github.com/latchkey-api/latchkey/shared/token"
)

// What an operation on a hold can answer besides success.
var (
	// ErrKeyUnknown: no token has this key, or no more.
	ErrKeyUnknown = errors.New("key is not known")
	// ErrRequestReused: the request id was used for another amount, or for
	// something else.
	ErrRequestReused = errors.New("request id was used for something else")
	// ErrTooManyOpen: the token has MaxOpenHolds open holds.
	ErrTooManyOpen = errors.New("too many open holds")
	// ErrHoldNotFound: no hold has this request id, or it is forgotten.
	ErrHoldNotFound = errors.New("hold not found")
	// ErrHoldLapsed: nobody ended the hold in time; its units went back.
	ErrHoldExpired = errors.New("hold has lapsed")
	// ErrHoldSettled: releasing a hold that was settled.
	ErrHoldSettled = errors.New("hold is settled")
	// ErrHoldReleased: settling a hold that was released.
	ErrHoldReleased = errors.New("hold is released")
)

// A Kind is what an operation does.
type Kind int

// The kinds of operations.
const (
	KindSpend Kind = iota + 1
	KindReserve
	KindSettle
	KindRelease
)

// An Operation moves units of one token at one second. With a request id it
// happens once, however often it is asked for; Settle and Release name the
// hold by it and have no other question.
type Operation struct {
	Kind           Kind
	Now            int64
	ExpiresAt      int64 // of a hold
	ChargeOnExpiry bool  // the hold is charged if nobody ends it
	Question
}

// Repeatable reports whether the operation tells its own repetition.
func (o Operation) Repeatable() bool { return o.RequestID != "" }

// Ends reports whether the operation ends a hold: that takes no permission.
func (o Operation) EndsHold() bool { return o.Kind == KindSettle || o.Kind == KindRelease }

// Record is what the ledger remembers of the operation's request id.
func (o Operation) Record(l Ledger) (Record, bool) {
	r, ok := l.Records[RecordKey(o.RequestID)]
	return r, ok && o.RequestID != ""
}

// Apply returns the ledger as the operation leaves it, tidied, and whether
// that differs: an operation that was done before changes nothing. The error
// is a RefusedError, or one of ErrRequestReused, ErrTooManyOpen and those of
// holds; the ledger is then as it was.
func (o Operation) Apply(l Ledger) (Ledger, bool, error) {
	next := l.Compact(o.Now)
	var changed bool
	var err error
	if o.Kind == KindSpend || o.Kind == KindReserve {
		changed, err = o.spendOrReserve(&next)
	} else {
		changed, err = o.endHold(&next)
	}
	if err != nil || !changed {
		return l, false, err
	}
	next.AccessedTime = o.Now
	return next.syncToken(), true, nil
}

// take spends or holds. What was charged already is not refused for want of
// quota, but a key that may not be used any more gets no second yes.
func (o Operation) spendOrReserve(l *Ledger) (bool, error) {
	old, known := o.Record(*l)
	exhausted := !known && !l.Balance.Unlimited && l.Balance.Free() < max(1, o.Quota)
	err := o.Question.check(l.Token, exhausted, o.Now)
	switch {
	case err != nil:
		return false, err
	case known && (old.Quota != o.Quota || old.ChargeOnExpiry != o.ChargeOnExpiry || (old.State == StateSpent) != (o.Kind == KindSpend)):
		return false, ErrRequestReused
	case known:
		return false, nil
	case o.Kind == KindReserve && l.OpenHolds() >= MaxOpenHolds:
		return false, ErrTooManyOpen
	}
	record := Record{State: StateSpent, Quota: o.Quota, EndedAt: o.Now}
	if o.Kind == KindReserve {
		record = Record{State: StateOpen, Quota: o.Quota, ExpiresAt: o.ExpiresAt, ChargeOnExpiry: o.ChargeOnExpiry, BeforeReserve: l.Balance}
		if l.EarliestExpiry == 0 || o.ExpiresAt < l.EarliestExpiry {
			l.EarliestExpiry = o.ExpiresAt
		}
	} else {
		l.UsedQuota = token.AddSaturated(l.UsedQuota, o.Quota)
	}
	if o.RequestID != "" {
		l.Records[RecordKey(o.RequestID)] = record
	}
	l.Balance = l.Balance.debit(o.Quota)
	return true, nil
}

// end settles or releases a hold. The token may be disabled, expired or
// exhausted by then: what was used is charged all the same.
func (o Operation) endHold(l *Ledger) (bool, error) {
	r, known := o.Record(*l)
	switch {
	case !known || r.State == StateSpent:
		return false, ErrHoldNotFound
	case r.State == StateExpired:
		return false, ErrHoldExpired
	case r.State == StateSettled && o.Kind == KindRelease:
		return false, ErrHoldSettled
	case r.State == StateReleased && o.Kind == KindSettle:
		return false, ErrHoldReleased
	case r.State == StateSettled && r.Requested != o.Quota:
		return false, ErrRequestReused
	case r.State != StateOpen:
		return false, nil
	}
	r.BeforeEnd, r.EndedAt = l.Balance, o.Now
	l.Balance.Left += r.Debited()
	r.State = StateReleased
	if o.Kind == KindSettle {
		r.State, r.Requested, r.Charged = StateSettled, o.Quota, o.Quota
		if !l.Balance.Unlimited {
			r.Charged = min(o.Quota, l.Balance.Left)
		}
		l.Balance = l.Balance.debit(r.Charged)
		l.UsedQuota = token.AddSaturated(l.UsedQuota, r.Charged)
	}
	l.Records[RecordKey(o.RequestID)] = r
	return true, nil
}
