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

// A Store keeps the ledgers of tokens and the price table, and ends keys. A
// dynamo.Store is one.
type Store interface {
	quota.Store
	price.Source
	Revoker
}

// A Revoker ends keys that have leaked.
type Revoker interface {
	// RevokeKey makes a key invalid for good at a Unix second. It returns the key's
	// token as it was before, and the zero Token if no token has the key or if it
	// was invalid already. The error is quota.ErrUnavailable or
	// quota.ErrContention; if it is quota.ErrRepeatable, the key may or may not have
	// been revoked, and the token is returned, too.
	RevokeKey(ctx context.Context, key credential.Key, now int64) (token.Token, error)
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
	revoker Revoker
	prices  *price.Cache
	now     func() time.Time
	leases  *leaseTable // nil without WithLeases
	foreign ForeignKeys // nil without WithForeignKeys
	uses    *useTable   // nil without WithUseRecords
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
	g := &Gate{store: store, revoker: store, now: time.Now}
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
	v, err := g.verify(ctx, k, q, now)
	if err == nil {
		g.recordUse(ctx, k, q, v)
	}
	return v, err
}

func (g *Gate) verify(ctx context.Context, k credential.Key, q quota.Question, now time.Time) (quota.Verdict, error) {
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

// Usage returns what a key has used and what is available, whatever the state
// of its token. It is one strongly consistent read. from is kept as the token's last
// use, unless the token is disabled. The error is quota.ErrKeyUnknown or
// quota.ErrUnavailable.
func (g *Gate) Usage(ctx context.Context, key string, from quota.Origin) (quota.Usage, error) {
	k, err := g.find(ctx, key)
	if err != nil {
		return quota.Usage{}, err
	}
	now := g.now().Unix()
	l, err := g.lookup(ctx, k, now)
	if err != nil {
		return quota.Usage{}, err
	}
	if !l.Disabled && !l.Stopped {
		g.recordUse(ctx, k, quota.Question{From: from}, quota.Verdict{Token: l.Token, At: now})
	}
	return l.UsageAt(now), nil
}

// Revoke makes a key invalid for good, whoever shows it. If it is the present key of
// its token, only a rotation makes the token usable again. If it is the previous
// one, only its grace period ends. Holds that were made with it can still be
// settled and released. A process that leases quota accepts the key until its lease
// ends.
//
// Revoke returns the token of the key as it was before, and the zero Token if the
// key is unknown or was invalid already; neither is an error. It is one strongly
// consistent read and one conditional write, or no write if there is nothing to
// revoke. It can be repeated, and has to be after any error, which is
// quota.ErrUnavailable or quota.ErrContention.
func (g *Gate) Revoke(ctx context.Context, key string) (token.Token, error) {
	k, err := g.find(ctx, key)
	if errors.Is(err, quota.ErrKeyUnknown) {
		return token.Token{}, nil
	}
	if err != nil {
		return token.Token{}, err
	}
	return g.revoker.RevokeKey(ctx, k, g.now().Unix())
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
