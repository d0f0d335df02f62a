package gate

import (
	"context"
	"crypto/rand"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

// The lease of a gate ends LeaseDuration after it was asked for: so long at most,
// what a key is told may be older than the table. leaseTTL is when the table
// itself ends one that nobody gave back, and charges all of it.
const (
	LeaseDuration = time.Second
	leaseTTL      = 10 * time.Second

	mostGrowth = 64      // of a block
	mostBlock  = 1 << 46 // units, so that it can grow
	endTries   = 5       // each of some attempts, to give a block back
)

// WithLeases lets a gate take quota in blocks of so many units, for keys that
// spend more often than DynamoDB writes one item (1,000 times a second). What
// Verify spends without a request id then comes out of the block in this
// process, without a write. A block that is used up before its time is
// followed by one of twice the size, one that is hardly used by a smaller.
//
// The price is staleness: a deleted, disabled or changed token is noticed with
// the next block, after LeaseDuration at the latest. What a process has leased and
// not spent is not free for others meanwhile, and if the process dies, or can't
// reach the table to give it back, it is charged. Nothing is ever spent beyond
// the quota. A block is one of the token's token.MaxOpenHolds holds: Verify may
// answer token.ErrTooManyOpen. Close gives back what is left.
func WithLeases(units int64) Option {
	return func(g *Gate) {
		g.leases = &leases{gate: g, block: min(max(1, units), mostBlock), byKey: map[[32]byte]*lease{}}
	}
}

// Close gives back what is leased. The gate can be used afterwards.
func (g *Gate) Close(ctx context.Context) error {
	if g.leases == nil {
		return nil
	}
	var errs []error
	for _, l := range g.leases.all() {
		l.mu.Lock()
		errs = append(errs, l.end(ctx))
		l.forget()
		l.mu.Unlock()
	}
	return errors.Join(errs...)
}

// leases are those of a gate, by the hash of their key.
type leases struct {
	gate  *Gate
	block int64

	mu    sync.Mutex
	byKey map[[32]byte]*lease
}

// A lease is a block of one token's quota, and what has gone of it. Without a
// block it is no more in leases.
type lease struct {
	of  *leases
	key credential.Key

	mu    sync.Mutex
	over  bool  // a new lease is in its place
	size  int64 // of the next block
	block quota.Reservation
	spent int64
	until time.Time
	timer *time.Timer
}

func (ls *leases) all() []*lease {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	return slices.Collect(maps.Values(ls.byKey))
}

// lock finds or makes the lease of a key, for the caller to unlock.
func (ls *leases) lock(key credential.Key) *lease {
	for {
		ls.mu.Lock()
		l := ls.byKey[key.Hash()]
		if l == nil {
			l = &lease{of: ls, key: key, size: ls.block}
			ls.byKey[key.Hash()] = l
		}
		ls.mu.Unlock()
		l.mu.Lock()
		if !l.over {
			return l
		}
		l.mu.Unlock()
	}
}

// spend takes units out of the key's block, or of the next one.
func (ls *leases) spend(ctx context.Context, key credential.Key, q quota.Question) (quota.Verdict, error) {
	l := ls.lock(key)
	defer l.mu.Unlock()
	now := ls.gate.now()
	if !now.Before(l.until) || l.left() < q.Quota {
		v, err := l.renew(ctx, now, q.Quota)
		if err != nil || !v.Valid() {
			l.forget()
			return v, err
		}
	}
	v := quota.Verdict{Token: l.block.Token, Remain: l.block.Remain + l.left()}
	var refused quota.RefusedError
	if errors.As(q.CheckIgnoringQuota(v.Token, now.Unix()), &refused) {
		v.Refusal = refused.Refusal
		return v, nil
	}
	l.spent += q.Quota
	v.Remain -= q.Quota
	return v, nil
}

func (l *lease) left() int64 { return l.block.Held - l.spent }

// renew gives the block back and takes another one, of at least so many
// units. Where the token has less than a block, it takes what is there. A
// caller that goes meanwhile does not cut it short: the block would be lost.
func (l *lease) renew(ctx context.Context, now time.Time, least int64) (quota.Verdict, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaseTTL/2)
	defer cancel()
	want := max(least, l.nextSize(now))
	_ = l.end(ctx) // what can't be given back is charged
	for {
		o := quota.Operation{
			Kind: quota.KindReserve, Now: now.Unix(), ExpiresAt: now.Add(leaseTTL).Unix(), ChargeOnExpiry: true,
			Question: quota.Question{Quota: want, RequestID: "lease-" + rand.Text()},
		}
		ledger, err := l.of.gate.store.Do(ctx, l.key, o)
		v, err := verdict(ledger, o.Now, err)
		switch {
		case err != nil:
			return quota.Verdict{}, err
		case v.Valid():
			l.block, l.spent, l.until = o.Reservation(ledger), 0, now.Add(LeaseDuration)
			l.timer = time.AfterFunc(LeaseDuration, l.expire(o.RequestID))
			return v, nil
		case v.Refusal == quota.RefusedExhausted && least <= v.Remain && v.Remain < want:
			want = v.Remain
		default:
			return v, nil
		}
	}
}

// nextSize is what the next block should have, after what became of this.
func (l *lease) nextSize(now time.Time) int64 {
	switch {
	case l.block.Held == 0:
	case now.Before(l.until):
		l.size = min(2*l.size, mostGrowth*l.of.block)
	case l.spent < l.size/2:
		l.size = max(l.of.block, l.size/2)
	}
	return l.size
}

// expire gives a block back that nobody has asked for since its time was up.
func (l *lease) expire(requestID string) func() {
	return func() {
		ctx, cancel := context.WithTimeout(context.Background(), leaseTTL/2)
		defer cancel()
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.block.RequestID == requestID {
			_ = l.end(ctx) // what can't be given back is charged
			l.forget()
		}
	}
}

// end charges what was spent of the block, and gives back the rest: again and
// again while the table refuses, for a key that has leases is a busy one.
// There is no block then, whether or not the table could be told.
func (l *lease) end(ctx context.Context) error {
	if l.block.RequestID == "" {
		return nil
	}
	l.timer.Stop()
	o := quota.Operation{
		Kind: quota.KindSettle, Now: l.of.gate.now().Unix(),
		Question: quota.Question{Quota: l.spent, RequestID: l.block.RequestID},
	}
	l.block, l.spent, l.until = quota.Reservation{}, 0, time.Time{}
	for try := 1; ; try++ {
		_, err := l.of.gate.store.Do(ctx, l.key, o)
		if errors.Is(err, quota.ErrKeyUnknown) {
			return nil // deleted, and its quota with it
		}
		if !errors.Is(err, token.ErrUnavailable) || try == endTries || ctx.Err() != nil {
			return err
		}
	}
}

// forget takes the lease out of leases.
func (l *lease) forget() {
	l.over = true
	l.of.mu.Lock()
	defer l.of.mu.Unlock()
	delete(l.of.byKey, l.key.Hash())
}
