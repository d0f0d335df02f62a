package gate

import (
	"context"
	"fmt"
	"time"

	"github.com/latchkey-api/latchkey/shared/price"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

// This file has the holds that any process can end, because its caller knows the
// request id. Those of one process are a Hold.

// Reserve holds q.Quota units for a request until Settle or Release is called
// with the reservation's request id. That is q.RequestID, or a random one if it
// is empty. No other request can spend the units in the meantime. If neither is called within ttl, the hold expires and
// the units are free again; no job is needed for that. ttl is a whole number of
// seconds, from one to MaxTTL; 0 means DefaultTTL.
//
// Reserve costs the same writes as a spend. It refuses a key for the same
// reasons as Verify. A repetition with the same request id gets the same
// answer, unless the key is refused by then. If the hold has ended, a
// repetition gets quota.ErrHoldSettled, quota.ErrHoldReleased or
// quota.ErrHoldExpired. Otherwise the error is one of Verify's, or
// quota.ErrTooManyOpen.
func (g *Gate) Reserve(ctx context.Context, key string, q quota.Question, ttl time.Duration) (quota.Reservation, error) {
	o, err := g.newReserveOperation(q, ttl)
	if err != nil {
		return quota.Reservation{}, err
	}
	refused := func(v quota.Verdict) quota.Reservation {
		return quota.Reservation{Verdict: v, RequestID: o.RequestID}
	}
	var l quota.Ledger
	k, err := g.find(ctx, key)
	if err == nil {
		l, err = g.store.Do(ctx, k, o)
	}
	if err != nil {
		v, err := verdict(l, o.Question, o.Now, err)
		if err == nil {
			g.recordUse(ctx, k, o.Question, v)
		}
		return refused(v), err
	}
	r := o.Reservation(l)
	g.recordUse(ctx, k, o.Question, r.Verdict)
	return r, nil
}

func (g *Gate) newReserveOperation(q quota.Question, ttl time.Duration) (quota.Operation, error) {
	now := g.now()
	if q.RequestID == "" {
		q.RequestID = quota.NewRequestID(q.Quota, now.UnixMilli())
	}
	q, err := q.Normalize()
	if ttl == 0 {
		ttl = DefaultTTL
	}
	if err == nil && (ttl < time.Second || ttl > MaxTTL || ttl%time.Second != 0) {
		err = &quota.InvalidError{Field: "ttl_seconds", Reason: fmt.Sprintf("must be between 1 and %d", MaxTTL/time.Second)}
	}
	o := quota.OperationAt(quota.KindReserve, now)
	o.ExpiresAt, o.Question = o.Now+int64(ttl/time.Second), q
	return o, err
}

// Settle ends a hold and charges the units that its request has used, even if
// the token has been disabled, has expired or is exhausted. Held units that
// were not used are free again. If more was used than held, the difference is
// charged as far as the balance allows, and the settlement reports the
// shortfall. use says what the units are for, as Question.Use; without a model in
// it, the reservation's counts.
//
// Settle is one conditional write, or two if it charges more than was held or
// in another case that docs/data-plane.md lists. A repetition gets the same
// answer. The error is quota.ErrKeyUnknown, quota.ErrHoldNotFound,
// quota.ErrHoldExpired, quota.ErrHoldReleased, quota.ErrRequestReused if the
// hold was settled with another amount, or one of Verify's.
func (g *Gate) Settle(ctx context.Context, key, requestID string, units int64, use price.Use) (quota.Settlement, error) {
	o, l, err := g.endHold(ctx, key, quota.KindSettle, requestID, units, use)
	if err != nil {
		return quota.Settlement{}, err
	}
	return o.Settlement(l), nil
}

// Release ends a hold without a charge: all of its units are free again. It
// costs the same writes as a spend. A repetition gets the same answer. The
// errors are those of Settle, except that quota.ErrHoldSettled takes the place
// of quota.ErrHoldReleased and quota.ErrRequestReused.
func (g *Gate) Release(ctx context.Context, key, requestID string) (quota.Release, error) {
	o, l, err := g.endHold(ctx, key, quota.KindRelease, requestID, 0, price.Use{})
	if err != nil {
		return quota.Release{}, err
	}
	return o.Release(l), nil
}

// endHold carries out a settlement or a release. It returns the operation, and
// the ledger after it.
func (g *Gate) endHold(ctx context.Context, key string, kind quota.Kind, requestID string, units int64, use price.Use) (quota.Operation, quota.Ledger, error) {
	o := quota.OperationAt(kind, g.now())
	o.Question = quota.Question{Quota: units, RequestID: requestID, Use: use}
	o.Held, o.MadeAt = quota.HoldOf(requestID)
	err := token.CheckQuota("quota", o.Quota)
	if err == nil {
		err = quota.CheckRequestID(o.RequestID)
	}
	if err != nil {
		return o, quota.Ledger{}, err
	}
	k, err := g.find(ctx, key)
	if err != nil {
		return o, quota.Ledger{}, err
	}
	l, err := g.store.Do(ctx, k, o)
	return o, l, err
}
