package dynamo

import (
	"context"
	"fmt"

	"github.com/latchkey-api/latchkey/shared/dynamo/pages"
	"github.com/latchkey-api/latchkey/shared/token"
)

// eachToken reads the tokens of a user with ids up to lastID, bucket by bucket,
// and calls do for each. It includes revoked tokens, and may include tokens with
// higher ids. It stops at the first error.
func (s *Store) eachToken(ctx context.Context, userID, lastID int64, do func(item, token.Token) error) error {
	for bucket := range pages.BucketOf(max(lastID, 1)) + 1 {
		items, err := s.query(ctx, tokenPartition(userID, bucket), pages.Span{Lo: 1, Hi: token.MaxInteger})
		if err != nil {
			return fmt.Errorf("read the tokens of user %d: %w", userID, err)
		}
		for _, it := range items {
			t, err := readToken(it, userID)
			if err != nil {
				return fmt.Errorf("read the tokens of user %d: %w", userID, err)
			}
			if err := do(it, t); err != nil {
				return err
			}
		}
	}
	return nil
}
