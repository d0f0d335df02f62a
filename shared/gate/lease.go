package gate

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/price"
	"github.com/latchkey-api/latchkey/shared/quota"
)

// LeaseDuration is how long a gate spends from a block of leased quota. A
// verdict of a gate with leases is out of date by at most that long.
const LeaseDuration = time.Second

const (
	// leaseTTL is when a block expires at the table if it was not given back.
	// All of it is charged then.
	leaseTTL = 10 * time.Second

	leaseTimeout = leaseTTL / 2 // of reserving or settling a block

	maxBlockGrowth    = 64      // times the units of WithLeases
	maxBaseBlockUnits = 1 << 46 // so that a grown block is still a valid quota
	maxSettleAttempts = 5       // of the gate; the store retries within each
)

// WithLeases makes a gate take quota in blocks, each of them a lease. It is for
// keys that spend more often than DynamoDB writes one item, 1,000 times a
// second. Verify then takes spends without a request id from the block, in this
// process and without a write.
//
// A block starts with the given number of units and lasts for LeaseDuration. If
// it is used up earlier, the next block is twice as large, up to 64 times the
// given number. If less than half of it is used, the next one is half as large,
// down to the given number.
//
// Verdicts can then be out of date. A deleted, disabled or changed token is noticed with
// the next block, so after LeaseDuration at the latest. Units that are leased
// and not spent are not free for others in the meantime. If the process dies,
// or can't reach the table to give a block back, the whole block is charged.
// The quota is never exceeded. Spends of a token with windows, model quotas or
// rates are not leased.
//
// A block is one of the quota.MaxOpenHolds open holds of its token, so Verify
// may return quota.ErrTooManyOpen. Call Close to give back unused units.
func WithLeases(units int64) Option {
	return func(g *Gate) {
		g.leases = &leaseTable{gate: g, baseBlockUnits: min(max(1, units), maxBaseBlockUnits), byKey: map[[32]byte]*lease{}}
	}
}

// Close gives back the unused units of all leases. The gate can still be used
// afterwards.
func (g *Gate) Close(ctx context.Context) error {
	if g.leases == nil {
		return nil
	}
	var errs []error
	for _, l := range g.leases.all() {
		l.mu.Lock()
		errs = append(errs, l.settleBlock(ctx))
		l.remove()
		l.mu.Unlock()
	}
	return errors.Join(errs...)
}

// A leaseTable has the leases of a gate, by the hash of their key.
type leaseTable struct {
	gate           *Gate
	baseBlockUnits int64

	mu    sync.Mutex
	byKey map[[32]byte]*lease
}

// A lease is a block of one token's quota, with the units spent from it. The
// block is empty while there is none.
type lease struct {
	table *leaseTable
	key   credential.Key

	mu             sync.Mutex
	removed        bool // it is no longer in the table
	nextBlockUnits int64
	block          quota.Reservation
	spentUnits     int64
	uses           []price.Use // of the spent units, by model
	endsAt         time.Time
	timer          *time.Timer
	unleasedUntil  time.Time // the token can't be leased; until then its spends go to the table
}

func (t *leaseTable) all() []*lease {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Collect(maps.Values(t.byKey))
}

// locked returns the lease of a key, with its mutex locked. It adds a lease
// without a block if there is none.
func (t *leaseTable) locked(key credential.Key) *lease {
	for {
		t.mu.Lock()
		l := t.byKey[key.Hash()]
		if l == nil {
			l = &lease{table: t, key: key, nextBlockUnits: t.baseBlockUnits}
			t.byKey[key.Hash()] = l
		}
		t.mu.Unlock()
		l.mu.Lock()
		if !l.removed {
			return l
		}
		l.mu.Unlock()
	}
}

// spend takes units from the key's block, or from a new one.
func (t *leaseTable) spend(ctx context.Context, key credential.Key, q quota.Question) (quota.Verdict, error) {
	now := t.gate.now()
	v, err := t.spendLeased(ctx, key, q, now)
	if errors.Is(err, quota.ErrNotLeasable) {
		return t.gate.spend(ctx, key, q, now)
	}
	return v, err
}

// spendLeased is spend for tokens that can be leased. For others, the error is
// quota.ErrNotLeasable.
func (t *leaseTable) spendLeased(ctx context.Context, key credential.Key, q quota.Question, now time.Time) (quota.Verdict, error) {
	l := t.locked(key)
	defer l.mu.Unlock()
	if now.Before(l.unleasedUntil) {
		return quota.Verdict{}, quota.ErrNotLeasable
	}
	if !now.Before(l.endsAt) || l.unspent() < q.Quota {
		v, err := l.replaceBlock(ctx, now, q.Quota)
		if errors.Is(err, quota.ErrNotLeasable) {
			l.unleasedUntil = now.Add(LeaseDuration)
			time.AfterFunc(LeaseDuration, l.removeLocked)
			return v, err
		}
		if err != nil || !v.Valid() {
			l.remove()
			return v, err
		}
	}
	v := quota.Verdict{Token: l.block.Token, At: now.Unix(), Remain: l.block.Remain + l.unspent()}
	var refused quota.RefusedError
	if errors.As(q.CheckIgnoringQuota(v.Token, now.Unix()), &refused) {
		v.Reason = refused.Reason
		return v, nil
	}
	l.spentUnits += q.Quota
	l.noteUse(q)
	v.Remain -= q.Quota
	return v, nil
}

// maxUses is how many models the settlement of a block tells apart; the others
// count as one without a name.
const maxUses = 8

// noteUse adds what a spend was for to the uses of the block.
func (l *lease) noteUse(q quota.Question) {
	use := q.Use
	use.Model, use.Requests, use.Units = cmp.Or(use.Model, q.Model), 1, q.Quota
	same := func(u price.Use) bool { return u.Model == use.Model }
	if len(l.uses) >= maxUses && !slices.ContainsFunc(l.uses, same) {
		use.Model = ""
	}
	if i := slices.IndexFunc(l.uses, same); i >= 0 {
		l.uses[i] = l.uses[i].Plus(use)
		return
	}
	l.uses = append(l.uses, use)
}

func (l *lease) unspent() int64 { return l.block.Held - l.spentUnits }

// replaceBlock settles the block and reserves another one with at least
// minUnits. If the token has fewer units than a block, the block is all of
// them. The reservation continues if ctx is cancelled, because otherwise its
// units would be charged and not used.
func (l *lease) replaceBlock(ctx context.Context, now time.Time, minUnits int64) (quota.Verdict, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaseTimeout)
	defer cancel()
	l.resizeNextBlock(now)
	units := max(minUnits, l.nextBlockUnits)
	_ = l.settleBlock(ctx) // if it fails, the whole block is charged
	for {
		o := quota.OperationAt(quota.KindReserve, now)
		o.ExpiresAt, o.Lease = now.Add(leaseTTL).Unix(), true
		o.Question = quota.Question{Quota: units, RequestID: "lease-" + rand.Text(), ExpiryCharge: quota.ChargeAll}
		ledger, err := l.table.gate.store.Do(ctx, l.key, o)
		v, err := verdict(ledger, o.Question, o.Now, err)
		switch {
		case err != nil:
			return quota.Verdict{}, err
		case v.Valid():
			l.block, l.spentUnits, l.uses, l.endsAt = o.Reservation(ledger), 0, nil, now.Add(LeaseDuration)
			l.timer = time.AfterFunc(LeaseDuration, func() { l.expire(o.RequestID) })
			return v, nil
		case v.Refusal == quota.RefusedExhausted && minUnits <= v.Remain && v.Remain < units:
			units = v.Remain
		default:
			return v, nil
		}
	}
}

// resizeNextBlock adapts the size of the next block to the use of this one.
func (l *lease) resizeNextBlock(now time.Time) {
	switch {
	case l.block.Held == 0:
	case now.Before(l.endsAt):
		l.nextBlockUnits = min(2*l.nextBlockUnits, maxBlockGrowth*l.table.baseBlockUnits)
	case l.spentUnits < l.nextBlockUnits/2:
		l.nextBlockUnits = max(l.table.baseBlockUnits, l.nextBlockUnits/2)
	}
}

// expire settles the block with this request id, if no spend has replaced it
// in the meantime.
func (l *lease) expire(requestID string) {
	ctx, cancel := context.WithTimeout(context.Background(), leaseTimeout)
	defer cancel()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.block.RequestID == requestID {
		_ = l.settleBlock(ctx) // if it fails, the whole block is charged
		l.remove()
	}
}

// settleBlock charges the units spent from the block and gives back the rest.
// It retries while the table refuses, because a key with leases is a busy one.
// Afterwards the lease has no block, even if the settlement failed.
func (l *lease) settleBlock(ctx context.Context) error {
	if l.block.RequestID == "" {
		return nil
	}
	l.timer.Stop()
	o := quota.OperationAt(quota.KindSettle, l.table.gate.now())
	o.Question = quota.Question{Quota: l.spentUnits, RequestID: l.block.RequestID}
	o.Uses = append([]price.Use{}, l.uses...)
	l.block, l.spentUnits, l.uses, l.endsAt = quota.Reservation{}, 0, nil, time.Time{}
	for attempt := 1; ; attempt++ {
		_, err := l.table.gate.store.Do(ctx, l.key, o)
		if errors.Is(err, quota.ErrKeyUnknown) {
			return nil // the token was deleted, or the block is charged when it expires
		}
		if !errors.Is(err, quota.ErrUnavailable) || attempt == maxSettleAttempts || ctx.Err() != nil {
			return err
		}
	}
}

func (l *lease) removeLocked() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.remove()
}

// remove takes the lease out of the table.
func (l *lease) remove() {
	l.removed = true
	l.table.mu.Lock()
	defer l.table.mu.Unlock()
	delete(l.table.byKey, l.key.Hash())
}
