package gate

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/price"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

// A Hold is units that one request of this process holds. Nobody else knows its
// request id, so nobody else can end it, and the table forgets it in the write
// that ends it. A request that reserves and settles with a Hold costs two writes
// in two round trips, however many requests the key had before. With Reserve,
// Settle and Release, which other processes can repeat, each request leaves a
// record for a while.
//
// A Hold ends by itself at ExpiresAt, for example because this process has died. Keep
// moves that on. Units, ExpiryCharge and ExpiresAt never wait for a call.
type Hold struct {
	units, expiryCharge atomic.Int64
	expiresAt           atomic.Int64 // Unix second

	gate  *Gate
	key   credential.Key
	id    string
	ttl   time.Duration
	model string
	made  quota.Record // how the table recorded the reservation

	mu sync.Mutex // held during a call
	// remember keeps the record after the end: a copy of the reservation may
	// still arrive at the table, and must find that the hold has ended.
	remember bool
	cancel   bool        // the reservation may arrive after the release
	tried    bool        // an attempt to end the hold may have succeeded
	expired  error       // what the table said when the hold had expired
	ended    bool        // Settle or Release was called
	keeper   *time.Timer // nil before Keep
}

// Hold is Reserve for a request that this process also settles or releases. It
// ignores q.RequestID, and does not count a refusal, see RecordRefusal. The hold is nil if the key is refused or nothing is
// held. After quota.ErrUncertain the hold is not nil: the units may be held, now
// or when a delayed attempt arrives at the table. Release makes sure that they
// are not.
func (g *Gate) Hold(ctx context.Context, key string, q quota.Question, ttl time.Duration) (*Hold, quota.Reservation, error) {
	q.RequestID = "" // a new one
	o, err := g.newReserveOperation(q, ttl)
	if err != nil {
		return nil, quota.Reservation{}, err
	}
	k, err := g.find(ctx, key)
	if err != nil {
		v, err := verdict(quota.Ledger{}, o.Question, o.Now, err)
		return nil, quota.Reservation{Verdict: v}, err
	}
	o.Forget = true
	l, err := g.store.Do(ctx, k, o)
	h := &Hold{gate: g, key: k, id: o.RequestID, ttl: time.Duration(o.ExpiresAt-o.Now) * time.Second, model: o.Model, remember: l.Uncertain}
	h.units.Store(o.Quota)
	h.expiryCharge.Store(o.ExpiryCharge)
	h.expiresAt.Store(o.ExpiresAt)
	switch {
	case errors.Is(err, quota.ErrUncertain):
		h.remember, h.cancel = true, true
		return h, quota.Reservation{}, err
	case err != nil:
		v, err := verdict(l, o.Question, o.Now, err)
		return nil, quota.Reservation{Verdict: v}, err
	}
	h.made, _ = o.Record(l)
	r := o.Reservation(l)
	g.recordUse(ctx, k, o.Question, r.Verdict)
	r.RequestID = "" // it stays here
	return h, r, nil
}

// Units returns how many units are held.
func (h *Hold) Units() int64 { return h.units.Load() }

// ExpiryCharge returns how many of the units are charged if the hold expires.
func (h *Hold) ExpiryCharge() int64 { return min(h.expiryCharge.Load(), h.units.Load()) }

// ExpiresAt returns the Unix second at which the hold expires, or may do so after a
// renewal of which the outcome is unknown.
func (h *Hold) ExpiresAt() int64 { return h.expiresAt.Load() }

// Keep renews the hold about each time when a third of its ttl is left, until it is
// settled or released, or its key is refused. The ttl should be 5 seconds or more: the
// table counts whole seconds, and a renewal takes time. A second call does nothing.
func (h *Hold) Keep() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.keeper == nil && !h.ended {
		h.keeper = time.AfterFunc(h.untilRenewal(), h.keep)
	}
}

func (h *Hold) untilRenewal() time.Duration {
	return max((h.ttl-time.Second)*2/3, 100*time.Millisecond)
}

func (h *Hold) keep() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ended {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), renewTimeout)
	defer cancel()
	v, err := h.renew(ctx)
	switch {
	case errors.Is(err, quota.ErrUnavailable), errors.Is(err, quota.ErrContention):
		h.keeper.Reset(max(h.ttl/9, 100*time.Millisecond))
	case err == nil && v.Valid():
		h.keeper.Reset(h.untilRenewal())
	}
}

// renewTimeout is how long a renewal of Keep may take. The end of the hold waits for it.
const renewTimeout = 2 * time.Second

// Renew lets the hold expire its ttl from now, if its key is accepted and may use the
// model. It is one write, and can be repeated. The errors are those of Settle.
func (h *Hold) Renew(ctx context.Context) (quota.Verdict, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.renew(ctx)
}

func (h *Hold) renew(ctx context.Context) (quota.Verdict, error) {
	o := h.operation(quota.KindGrow)
	o.Question = quota.Question{Model: h.model, Quota: h.Units(), RequestID: h.id}
	o.ExpiresAt = o.Now + int64(h.ttl/time.Second)
	l, err := h.raise(ctx, o)
	if err == nil || errors.Is(err, quota.ErrUncertain) {
		h.expiresAt.Store(max(h.ExpiresAt(), o.ExpiresAt))
	}
	return verdict(l, o.Question, o.Now, err)
}

// raise carries out an operation that raises the hold.
func (h *Hold) raise(ctx context.Context, o quota.Operation) (quota.Ledger, error) {
	l, err := h.gate.store.Do(ctx, h.key, o)
	return l, h.expiry(err)
}

// expiry returns the error of an operation on the hold. What the table has said about a
// hold that has expired is kept: the table may forget it.
func (h *Hold) expiry(err error) error {
	if errors.Is(err, quota.ErrHoldNotFound) { // no one else can have ended it
		err = quota.ErrorOfExpiry(h.ExpiryCharge())
	}
	switch {
	case h.expired != nil && (err == nil || errors.Is(err, quota.ErrHoldExpired)):
		return h.expired
	case errors.Is(err, quota.ErrHoldExpired):
		h.expired = err
	}
	return err
}

// Grow raises the hold to a number of units, for a request that turns out to
// cost more than was reserved, and what is charged if it expires to q.ExpiryCharge.
// Smaller numbers change nothing. q says what the key has to allow; its Quota and
// RequestID are ignored. If the key is refused, for example because less is free, the
// hold stays as it was. A key that is refused can still raise q.ExpiryCharge. Grow is one write and
// can be repeated. The errors are those of Settle.
func (h *Hold) Grow(ctx context.Context, q quota.Question, units int64) (quota.Verdict, error) {
	q.Quota, q.RequestID = units, h.id
	q, err := q.Normalize()
	if err != nil {
		return quota.Verdict{}, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	o := h.operation(quota.KindGrow)
	o.Question = q
	l, err := h.raise(ctx, o)
	if err == nil {
		h.units.Store(max(h.Units(), units))
		h.expiryCharge.Store(max(h.expiryCharge.Load(), q.ExpiryCharge))
	}
	return verdict(l, o.Question, o.Now, err)
}

// operation returns an operation on the hold at this moment, without its
// question.
func (h *Hold) operation(kind quota.Kind) quota.Operation {
	o := quota.OperationAt(kind, h.gate.now())
	o.Own = quota.Own{Held: h.Units(), Meters: h.made.Meters, PerUnit: h.made.PerUnit, MadeAt: h.made.MadeAt}
	return o
}

// Settle is Gate.Settle for this hold. If the error is quota.ErrUnavailable or
// quota.ErrContention, call it again with the same number of units, within a
// minute: the units are charged once. The error is quota.ErrHoldExpired if the
// hold had expired, which means that its units are free again; charge them with
// Verify. If it is a quota.HoldChargedError, so many of them were charged; charge only
// what exceeds them. It is never
// quota.ErrHoldNotFound. It is quota.ErrKeyUnknown if the token was deleted, or its
// key replaced twice; an attempt before may have charged the hold.
func (h *Hold) Settle(ctx context.Context, units int64, use price.Use) (quota.Settlement, error) {
	if err := token.CheckQuota("quota", units); err != nil {
		return quota.Settlement{}, err
	}
	o, l, err := h.end(ctx, quota.KindSettle, units, use)
	if err != nil {
		return quota.Settlement{}, err
	}
	s := o.Settlement(l)
	s.RequestID = ""
	return s, nil
}

// Release is Gate.Release for this hold, with the errors of Settle.
func (h *Hold) Release(ctx context.Context) error {
	_, _, err := h.end(ctx, quota.KindRelease, 0, price.Use{})
	return err
}

func (h *Hold) end(ctx context.Context, kind quota.Kind, units int64, use price.Use) (quota.Operation, quota.Ledger, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ended = true; h.keeper != nil {
		h.keeper.Stop()
	}
	o := h.operation(kind)
	o.Forget, o.Cancel, o.Tried = !h.remember, h.cancel, h.tried
	o.Question = quota.Question{Quota: units, RequestID: h.id, Use: use}
	l, err := h.gate.store.Do(ctx, h.key, o)
	late := o.Now >= h.ExpiresAt() // no attempt can end the hold any more
	if err == nil && late && !h.tried && !h.cancel {
		err = quota.ErrorOfExpiry(h.ExpiryCharge()) // the table has forgotten it
	}
	h.tried = h.tried || !late && (err == nil || errors.Is(err, quota.ErrUncertain))
	return o, l, h.expiry(err)
}
