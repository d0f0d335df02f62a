package dynamo

import (
	"context"

	"github.com/latchkey-api/latchkey/shared/token"
)

// reconcileWallet makes the parts of a user's budget add up, and returns how many
// units were missing. The tokens must be those that the counts say, so that no
// removal of a token has yet to be counted, which would return units, too.
func (s *Store) reconcileWallet(ctx context.Context, userID, now int64, dryRun bool) (int64, error) {
	for attempt := range maxReconcileAttempts {
		before, err := s.userByID(ctx, userID)
		if err != nil || !before.UsesWallet {
			return 0, err
		}
		h, err := s.Holdings(ctx, before, now)
		if err != nil || h.Missing == 0 || dryRun {
			return h.Missing, err
		}
		after, err := s.userByID(ctx, userID)
		if err != nil {
			return 0, err
		}
		if after.LastTokenID == before.LastTokenID && after.DeletedTokens == before.DeletedTokens && after.TokenCount() == h.Tokens {
			e := newExpression()
			e.require(e.name(attrRevision).equals(h.Revision))
			e.require(e.name(walletCount).equals(h.Count))
			e.add(attrRevision, 1)
			if h.Missing > 0 {
				e.add(walletGone, h.Missing)
			} else {
				e.add(walletLeft, h.Missing)
			}
			if _, applied, err := s.update(ctx, walletKey(userID), e, retryNotApplied()); applied || err != nil {
				return h.Missing, err
			}
		}
		if err := pause(ctx, attempt); err != nil {
			return 0, err
		}
	}
	return 0, token.ErrContention
}
