// Package gate checks keys and moves their quota directly in the DynamoDB
// table, without the HTTP API. It is for gateways that are written in Go; the
// HTTP API's own endpoints use it too. A caller needs this package, package
// quota for questions, answers and errors, and a store from package dynamo.
//
// Package gateway builds on it and charges requests to model APIs.
// docs/data-plane.md describes the guarantees and the costs.
package gate

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/price"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

// DefaultTTL and MaxTTL are the default and the largest lifetime of a hold.
const (
	DefaultTTL = 15 * time.Minute
	MaxTTL     = quota.MaxHoldSeconds * time.Second
)

// A Store keeps the ledgers of tokens and the price table. A dynamo.Store is one.
type Store interface {
	quota.Store
	price.Source
}

// ForeignKeys find the tokens of keys that another system has issued. A
// dynamo.Store does.
type ForeignKeys interface {
	// FindForeignKey returns the key with the ids of its token. The error is
	// quota.ErrKeyUnknown or quota.ErrUnavailable.
	FindForeignKey(ctx context.Context, key string) (credential.Key, error)
	// FindHashes returns the ledgers of foreign keys by the SHA-256 of each, as
	// quota.Store.Lookup does: the zero Ledger for a key that is not known. No hash
	// may be there twice. The error is quota.ErrUnavailable.
	FindHashes(ctx context.Context, hashes [][32]byte, now int64) ([]quota.Ledger, error)
}

// A Gate checks the keys of one store. It is safe for concurrent use.
type Gate struct {
	store   quota.Store
	prices  *price.Cache
	now     func() time.Time
	leases  *leaseTable // nil without WithLeases
	foreign ForeignKeys // nil without WithForeignKeys
}

// An Option configures a Gate.
type Option func(*Gate)

// WithClock replaces the system's clock.
func WithClock(now func() time.Time) Option { return func(g *Gate) { g.now = now } }

// WithForeignKeys accepts keys that another system has issued, if a token was
// imported with them. Each text that could be such a key, and is not known to the
// process, costs half a read unit, or one without sk-.
func WithForeignKeys(keys ForeignKeys) Option { return func(g *Gate) { g.foreign = keys } }

var unknown = quota.Reason{Refusal: quota.RefusedUnknown} //nolint:gochecknoglobals // never changed

// New returns a Gate that checks the keys of a store, such as a dynamo.Store.
func New(store Store, options ...Option) *Gate {
	g := &Gate{store: store, now: time.Now}
	for _, option := range options {
		option(g)
	}
	g.prices = price.NewCache(store, g.now)
	return g
}

// Now returns the time of the gate's clock.
func (g *Gate) Now() time.Time { return g.now() }

// Verify reports whether a key allows what q asks, and spends q.Quota units if
// that is not 0. A refusal is not an error: the verdict contains the reason.
//
// A check is one strongly consistent read. A spend is one conditional write, or
// two in the cases that docs/data-plane.md lists. A spend with a request id is
// charged once, however often it is sent, as long as the id is remembered: at
// least the newest 16 for 15 minutes, older ones up to 30 seconds.
//
// The error is a *quota.InvalidError for an invalid question,
// quota.ErrRequestReused if the request id was used for another amount,
// quota.ErrContention or quota.ErrUnavailable. After quota.ErrUncertain the
// units may or may not have been spent; if the error is quota.ErrRepeatable
// too, it is safe to send the same spend again. With the option WithLeases the
// error can also be quota.ErrTooManyOpen.
func (g *Gate) Verify(ctx context.Context, key string, q quota.Question) (quota.Verdict, error) {
	q, err := q.Normalize()
	if err != nil {
		return quota.Verdict{}, err
	}
	now := g.now()
	k, err := g.find(ctx, key)
	if err != nil {
		return verdict(quota.Ledger{}, q, now.Unix(), err)
	}
	if q.Quota == 0 {
		l, err := g.lookup(ctx, k, now.Unix())
		return check(l, q, now, err)
	}
	if g.leases != nil && q.RequestID == "" {
		return g.leases.spend(ctx, k, q)
	}
	return g.spend(ctx, k, q, now)
}

// check returns the verdict on a question that spends nothing, for the result of a
// lookup.
func check(l quota.Ledger, q quota.Question, now time.Time, err error) (quota.Verdict, error) {
	if err == nil {
		err = q.Check(l.Token, now)
	}
	return verdict(l, q, now.Unix(), err)
}

// spend takes the question's units at the table.
func (g *Gate) spend(ctx context.Context, key credential.Key, q quota.Question, now time.Time) (quota.Verdict, error) {
	o := quota.OperationAt(quota.KindSpend, now)
	o.Question = q
	l, err := g.store.Do(ctx, key, o)
	return verdict(l, q, o.Now, err)
}

// verdict returns the verdict for the result of a lookup or an operation. If
// err is a refusal, it becomes the verdict's reason; other errors are returned.
func verdict(l quota.Ledger, q quota.Question, now int64, err error) (quota.Verdict, error) {
	v := quota.Verdict{Token: l.Token, At: now, Remain: l.RemainAt(now)}
	var refused quota.RefusedError
	switch {
	case err == nil:
		return v, nil
	case errors.Is(err, quota.ErrKeyUnknown):
		return quota.Verdict{Reason: unknown}, nil
	case errors.As(err, &refused):
		v.Reason, v.Free = refused.Reason, l.FreeFor(q.Model, now)
		switch {
		case v.Refusal == quota.RefusedExhausted && v.Scope == quota.ScopeToken:
			v.InProgress = l.HeldAt(now)
		case v.Refusal == quota.RefusedExhausted:
			v.InProgress = l.InProgress(now)
		}
		return v, nil
	default:
		return quota.Verdict{}, err
	}
}

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
		return refused(v), err
	}
	return o.Reservation(l), nil
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
// shortfall.
//
// Settle is one conditional write, or two if it charges more than was held or
// in another case that docs/data-plane.md lists. A repetition gets the same
// answer. The error is quota.ErrKeyUnknown, quota.ErrHoldNotFound,
// quota.ErrHoldExpired, quota.ErrHoldReleased, quota.ErrRequestReused if the
// hold was settled with another amount, or one of Verify's.
func (g *Gate) Settle(ctx context.Context, key, requestID string, units int64) (quota.Settlement, error) {
	o, l, err := g.endHold(ctx, key, quota.KindSettle, requestID, units)
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
	o, l, err := g.endHold(ctx, key, quota.KindRelease, requestID, 0)
	if err != nil {
		return quota.Release{}, err
	}
	return o.Release(l), nil
}

// endHold carries out a settlement or a release. It returns the operation, and
// the ledger after it.
func (g *Gate) endHold(ctx context.Context, key string, kind quota.Kind, requestID string, units int64) (quota.Operation, quota.Ledger, error) {
	o := quota.OperationAt(kind, g.now())
	o.Question = quota.Question{Quota: units, RequestID: requestID}
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

// Usage returns what a key has used and what is available, whatever the state
// of its token. It is one strongly consistent read. The error is
// quota.ErrKeyUnknown or quota.ErrUnavailable.
func (g *Gate) Usage(ctx context.Context, key string) (quota.Usage, error) {
	k, err := g.find(ctx, key)
	if err != nil {
		return quota.Usage{}, err
	}
	now := g.now().Unix()
	l, err := g.lookup(ctx, k, now)
	if err != nil {
		return quota.Usage{}, err
	}
	return l.UsageAt(now), nil
}

// find returns a key with the ids of its token. It needs no read, unless the key
// is foreign and not known to the process. The error is quota.ErrKeyUnknown or
// quota.ErrUnavailable.
func (g *Gate) find(ctx context.Context, key string) (credential.Key, error) {
	k, err := parseKey(key)
	switch {
	case err == nil:
		return k, nil
	case g.foreign == nil:
		return credential.Key{}, quota.ErrKeyUnknown
	default:
		return g.foreign.FindForeignKey(ctx, key) //nolint:wrapcheck // the error of the store
	}
}

// parseKey is credential.ParseKey that accepts a key without its prefix, too, as
// New API does.
func parseKey(s string) (credential.Key, error) {
	if !credential.HasKeyPrefix(s) {
		s = credential.KeyPrefix + s
	}
	return credential.ParseKey(s) //nolint:wrapcheck // its only error is ErrMalformed
}

// CouldBeKey reports whether a text can be a key at all, without a read.
func (g *Gate) CouldBeKey(key string) bool {
	_, err := parseKey(key)
	return err == nil || g.foreign != nil && len(credential.ForeignKeys(key)) > 0
}

// lookup reads the ledger of a key. For an old key whose grace period after a
// rotation has ended, the error is quota.ErrKeyUnknown.
func (g *Gate) lookup(ctx context.Context, key credential.Key, now int64) (quota.Ledger, error) {
	l, err := g.store.Lookup(ctx, key, now)
	if err == nil && !l.AcceptsKey(key.Hash(), now) {
		return quota.Ledger{}, quota.ErrKeyUnknown
	}
	return l, err
}
