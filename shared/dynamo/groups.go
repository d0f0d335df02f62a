package dynamo

import (
	"context"
	"fmt"

	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

// GrantGroups implements token.UserStore. It reads all tokens of the user and
// writes those whose group was granted and no longer is, or the other way round.
func (s *Store) GrantGroups(ctx context.Context, u token.User) error {
	return s.eachToken(ctx, u.ID, u.LastTokenID, func(it item, t quota.Ledger) error {
		if t.GroupGranted == u.Grants(t.Group) || revoked(it) {
			return nil
		}
		e := newExpression()
		e.require(e.name(attrGroup).placeholder + " = " + e.value(text(t.Group))) // else an update has decided in the meantime
		e.set(attrGroupGranted, optionalFlag(u.Grants(t.Group)))
		if _, _, err := s.update(ctx, tokenKey(u.ID, t.ID), e, retryIdempotent()); err != nil {
			return fmt.Errorf("grant the group of token %d/%d: %w", u.ID, t.ID, err)
		}
		return nil
	})
}
