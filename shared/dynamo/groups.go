package dynamo

import (
	"context"
	"fmt"

	"github.com/latchkey-api/latchkey/shared/dynamo/pages"
	"github.com/latchkey-api/latchkey/shared/token"
)

// GrantGroups implements token.UserStore. It reads all tokens of the user and
// writes those whose group was granted and no longer is, or the other way round.
func (s *Store) GrantGroups(ctx context.Context, u token.User) error {
	for bucket := range pages.BucketOf(max(u.LastTokenID, 1)) + 1 {
		items, err := s.query(ctx, tokenPartition(u.ID, bucket), pages.Span{Lo: 1, Hi: token.MaxInteger})
		if err != nil {
			return fmt.Errorf("read the groups of user %s: %w", u.Name, err)
		}
		for _, it := range items {
			t, err := readToken(it, u.ID)
			if err != nil {
				return err
			}
			if t.GroupGranted == u.Grants(t.Group) || revoked(it) {
				continue
			}
			e := newExpression()
			e.require(e.name(attrGroup).placeholder + " = " + e.value(text(t.Group))) // else an update has decided in the meantime
			e.set(attrGroupGranted, optionalFlag(u.Grants(t.Group)))
			if _, _, err := s.update(ctx, tokenKey(u.ID, t.ID), e, retryIdempotent()); err != nil {
				return fmt.Errorf("grant the group of token %d/%d: %w", u.ID, t.ID, err)
			}
		}
	}
	return nil
}
