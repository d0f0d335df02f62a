package gate

import (
	"context"
	"time"

	"github.com/latchkey-api/latchkey/shared/quota"
)

// A KnownKey is what a gate knows of a key that another system has issued and of
// which only the SHA-256 is at hand. The Token is the zero Token if the key is
// refused as unknown.
type KnownKey struct {
	quota.Ledger
	now time.Time
}

// FindHashes looks keys up by the SHA-256 of each, as Verify looks up whole keys
// without a spend. No hash may be there twice. Without WithForeignKeys it knows
// none of them. It spends nothing, and costs two strongly consistent reads for each
// key. The error is quota.ErrUnavailable.
func (g *Gate) FindHashes(ctx context.Context, hashes [][32]byte) ([]KnownKey, error) {
	now := g.now()
	found := make([]KnownKey, len(hashes))
	if g.foreign == nil {
		return found, nil
	}
	ledgers, err := g.foreign.FindHashes(ctx, hashes, now.Unix())
	if err != nil {
		return nil, err //nolint:wrapcheck // the error of the store
	}
	for i, l := range ledgers {
		if l.ID != 0 && l.AcceptsKey(hashes[i], now.Unix()) {
			found[i].Ledger = l
		}
		found[i].now = now
	}
	return found, nil
}

// Verify answers a question about the key as Gate.Verify does, but spends nothing.
// The error is a *quota.InvalidError.
func (k KnownKey) Verify(q quota.Question) (quota.Verdict, error) {
	q, err := q.Normalize()
	if err != nil {
		return quota.Verdict{}, err
	}
	if k.ID == 0 {
		return quota.Verdict{Reason: unknown}, nil
	}
	return check(k.Ledger, q, k.now, nil)
}
