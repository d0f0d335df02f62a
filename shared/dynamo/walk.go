package dynamo

import (
	"context"
	"fmt"
	"math"

	"github.com/latchkey-api/latchkey/shared/dynamo/pages"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

// eachToken reads the tokens of a user with ids up to lastID, bucket by bucket,
// and calls do for each. It includes revoked tokens, and may include tokens with
// higher ids. It stops at the first error.
func (s *Store) eachToken(ctx context.Context, userID, lastID int64, do func(item, quota.Ledger) error) error {
	return s.eachBucket(ctx, userID, lastID, func(items []item) error {
		for _, it := range items {
			l, err := readLedger(it, userID)
			if err != nil {
				return fmt.Errorf("read the tokens of user %d: %w", userID, err)
			}
			if err := do(it, l); err != nil {
				return err
			}
		}
		return nil
	})
}

// EachToken implements token.UserStore.
func (s *Store) EachToken(ctx context.Context, u token.User, do func(token.Token) error) error {
	return s.eachToken(ctx, u.ID, u.LastTokenID, func(it item, l quota.Ledger) error {
		if revoked(it) {
			return nil
		}
		return do(l.Token)
	})
}

// eachBucket is eachToken for all items of a bucket together.
func (s *Store) eachBucket(ctx context.Context, userID, lastID int64, do func([]item) error) error {
	for bucket := range pages.BucketOf(max(lastID, 1)) + 1 {
		items, err := s.query(ctx, tokenPartition(userID, bucket), wholePartition())
		if err != nil {
			return fmt.Errorf("read the tokens of user %d: %w", userID, err)
		}
		if err := do(items); err != nil {
			return err
		}
	}
	return nil
}

func wholePartition() pages.Span { return pages.Span{Lo: math.MinInt64, Hi: math.MaxInt64} }
