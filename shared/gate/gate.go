// Package gate answers whether a key may be used, and moves its quota, at the
// table itself: no API Gateway and no Lambda are in between. It is for
// gateways that are written in Go, and the HTTP API's own endpoints ask it.
//
// What holds of its answers, and for how long, is in docs/data-plane.md.
package gate

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

// How long a hold lasts that nobody ends.
const (
	DefaultTTL = 15 * time.Minute
	MaxTTL     = 60 * time.Minute
)

// A Gate judges keys of one table. It is safe for concurrent use.
type Gate struct {
	store  quota.Store
	now    func() time.Time
	leases *leases // nil: none are taken
}

// An Option changes how a gate works.
type Option func(*Gate)

// WithClock gives a gate another clock than the system's.
func WithClock(now func() time.Time) Option { return func(g *Gate) { g.now = now } }

// New makes a gate that checks the keys of a store, such as a dynamo.Store.
func New(store quota.Store, options ...Option) *Gate {
	g := &Gate{store: store, now: time.Now}
	for _, option := range options {
		option(g)
	}
	return g
}

// Now returns the time by the gate's clock.
func (g *Gate) Now() time.Time { return g.now() }

// Verify answers whether a key may do what is asked, and spends q.Quota if
// that is not 0. A refusal is no error. To check takes one strongly
// consistent read; to spend, one conditional write. With a request id a spend
// is charged once, however often it is sent while it is remembered: for
// token.Remembered seconds on a quiet key, for 30 on a busy one.
//
// The error is a *token.InvalidError; token.ErrRequestReused if the request
// id was used for another amount; token.ErrContention; with leases,
// token.ErrTooManyOpen; or token.ErrUnavailable. After token.ErrUncertain nobody knows whether it was
// charged: it is token.ErrRepeatable as well if to ask again is safe.
func (g *Gate) Verify(ctx context.Context, key string, q quota.Question) (quota.Verdict, error) {
	q, err := q.Normalize()
	if err != nil {
		return quota.Verdict{}, err
	}
	k, err := credential.ParseKey(key)
	if err != nil {
		return quota.Verdict{Refusal: quota.RefusedUnknown}, nil //nolint:nilerr // it is nobody's key
	}
	now := g.now().Unix()
	if q.Quota == 0 {
		l, err := g.look(ctx, k, now)
		if err == nil {
			err = q.Check(l.Token, now)
		}
		return verdict(l, now, err)
	}
	if g.leases != nil && q.RequestID == "" {
		return g.leases.spend(ctx, k, q)
	}
	l, err := g.store.Do(ctx, k, quota.Operation{Kind: quota.KindSpend, Now: now, Question: q})
	return verdict(l, now, err)
}

// verdict makes an answer of a refusal; other errors stay errors.
func verdict(l quota.Ledger, now int64, err error) (quota.Verdict, error) {
	v := quota.Verdict{Token: l.Token, Remain: l.RemainAt(now)}
	var refused quota.RefusedError
	switch {
	case err == nil:
		return v, nil
	case errors.Is(err, quota.ErrKeyUnknown):
		return quota.Verdict{Refusal: quota.RefusedUnknown}, nil
	case errors.As(err, &refused):
		v.Refusal = refused.Refusal
		return v, nil
	default:
		return quota.Verdict{}, err
	}
}

// Reserve keeps units for a request, so that nobody else spends them, until
// Settle or Release names the same request id, or the hold's time is over:
// then they are free again without anybody doing anything. It is one
// conditional write, refuses as Verify does, and happens once for a request
// id, which is required. ttl is in whole seconds up to MaxTTL; 0 is
// DefaultTTL. The errors are those of Verify, and token.ErrTooManyOpen.
func (g *Gate) Reserve(ctx context.Context, key string, q quota.Question, ttl time.Duration) (quota.Reservation, error) {
	o, err := g.reserve(q, ttl)
	if err != nil {
		return quota.Reservation{}, err
	}
	refused := func(v quota.Verdict) quota.Reservation {
		return quota.Reservation{Verdict: v, RequestID: q.RequestID}
	}
	k, err := credential.ParseKey(key)
	if err != nil {
		return refused(quota.Verdict{Refusal: quota.RefusedUnknown}), nil //nolint:nilerr // it is nobody's key
	}
	l, err := g.store.Do(ctx, k, o)
	if err != nil {
		v, err := verdict(l, o.Now, err)
		return refused(v), err
	}
	return o.Reservation(l), nil
}

// reserve is the operation that makes a hold.
func (g *Gate) reserve(q quota.Question, ttl time.Duration) (quota.Operation, error) {
	q, err := q.Normalize()
	if err == nil {
		err = quota.CheckRequestID(q.RequestID)
	}
	if ttl == 0 {
		ttl = DefaultTTL
	}
	if err == nil && (ttl < time.Second || ttl > MaxTTL || ttl%time.Second != 0) {
		err = &token.InvalidError{Field: "ttl_seconds", Reason: fmt.Sprintf("must be between 1 and %d", MaxTTL/time.Second)}
	}
	now := g.now().Unix()
	return quota.Operation{Kind: quota.KindReserve, Now: now, ExpiresAt: now + int64(ttl/time.Second), Question: q}, err
}

// Settle charges a hold what its request has cost, also if the key is
// disabled, expired or exhausted by then. What it held beyond that is free
// again; what it did not hold is charged as far as the balance goes, and the
// shortfall named. It is one conditional write, two for what the hold does
// not cover, and happens once for a request id.
//
// The error is token.ErrKeyUnknown; token.ErrHoldNotFound, ErrHoldLapsed or
// ErrHoldReleased; token.ErrRequestReused if it was settled for another
// amount; or as for Verify.
func (g *Gate) Settle(ctx context.Context, key, requestID string, units int64) (quota.Settlement, error) {
	o, l, err := g.end(ctx, key, quota.Operation{Kind: quota.KindSettle, Question: quota.Question{Quota: units, RequestID: requestID}})
	if err != nil {
		return quota.Settlement{}, err
	}
	return o.Settlement(l), nil
}

// Release gives all that a hold has back. It is one conditional write, and
// happens once for a request id. The errors are those of Settle, with
// token.ErrHoldSettled in the place of ErrHoldReleased.
func (g *Gate) Release(ctx context.Context, key, requestID string) (quota.Release, error) {
	o, l, err := g.end(ctx, key, quota.Operation{Kind: quota.KindRelease, Question: quota.Question{RequestID: requestID}})
	if err != nil {
		return quota.Release{}, err
	}
	return o.Release(l), nil
}

func (g *Gate) end(ctx context.Context, key string, o quota.Operation) (quota.Operation, quota.Ledger, error) {
	err := token.CheckQuota("quota", o.Quota)
	if err == nil {
		err = quota.CheckRequestID(o.RequestID)
	}
	if err != nil {
		return o, quota.Ledger{}, err
	}
	k, err := credential.ParseKey(key)
	if err != nil {
		return o, quota.Ledger{}, quota.ErrKeyUnknown
	}
	o.Now = g.now().Unix()
	l, err := g.store.Do(ctx, k, o)
	return o, l, err
}

// Usage tells what a key has used, whatever state it is in, in one strongly
// consistent read. An unknown key is token.ErrKeyUnknown.
func (g *Gate) Usage(ctx context.Context, key string) (quota.Usage, error) {
	k, err := credential.ParseKey(key)
	if err != nil {
		return quota.Usage{}, quota.ErrKeyUnknown
	}
	now := g.now().Unix()
	l, err := g.look(ctx, k, now)
	if err != nil {
		return quota.Usage{}, err
	}
	return l.UsageAt(now), nil
}

// look reads the token of a key that is not over.
func (g *Gate) look(ctx context.Context, key credential.Key, now int64) (quota.Ledger, error) {
	l, err := g.store.Lookup(ctx, key)
	if err == nil && !l.AcceptsKey(key.Hash(), now) {
		return quota.Ledger{}, quota.ErrKeyUnknown
	}
	return l, err
}
