package dynamo

import (
	"context"
	"errors"
	"fmt"

	"github.com/latchkey-api/latchkey/shared/token"
)

// StopTokens implements token.UserStore. Each token remembers the order that
// reached it last, so a slow call can't undo what a newer order did. Tokens that
// were created after u was read are not its business: if keys are stopped, none
// can be, and otherwise they work.
func (s *Store) StopTokens(ctx context.Context, u token.User, report token.Progress) (changed int64, err error) {
	done := int64(0)
	err = s.eachBucket(ctx, u.ID, u.LastTokenID, func(items []item) error {
		var ids []int64
		for _, it := range items {
			r := reader{item: it}
			id, order, stopped := r.number(SortKey), r.number(attrStopOrder), r.flag(attrStopped)
			if r.err != nil {
				return fmt.Errorf("read the tokens of user %s: %w", u.Name, r.err)
			}
			if id > u.LastTokenID || order >= u.StopOrders || revoked(it) {
				continue
			}
			ids = append(ids, id)
			if stopped != u.KeysStopped() {
				changed++
			}
		}
		errs := forEach(ids, func(id int64) error { return s.stopToken(ctx, u, id) })
		if err := errors.Join(errs...); err != nil {
			return fmt.Errorf("stop the tokens of user %s: %w", u.Name, err)
		}
		done += int64(len(items))
		report.Report(done, u.TokenCount())
		return nil
	})
	return changed, err
}

// stopToken writes what the user's last order says into a token, unless a newer
// order did, or the token is gone. It adds to the revision, so that no operation
// that has read the token before can still write.
func (s *Store) stopToken(ctx context.Context, u token.User, id int64) error {
	e := newExpression()
	order := e.name(attrStopOrder)
	e.require(e.name(attrHash).exists())
	e.require(order.absent() + " OR " + order.atMost(u.StopOrders-1))
	e.set(attrStopOrder, number(u.StopOrders))
	e.set(attrStopped, optionalFlag(u.KeysStopped()))
	e.add(attrRevision, 1)
	_, _, err := s.update(ctx, tokenKey(u.ID, id), e, retryStop())
	return err
}
