package dynamo

import (
	"context"
	"fmt"

	"github.com/latchkey-api/latchkey/shared/history"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

// Wallet implements token.UserStore.
func (s *Store) Wallet(ctx context.Context, userID int64) (token.Wallet, error) {
	return s.walletOf(ctx, userID)
}

// SetBudget implements token.UserStore. One transaction changes the wallet and
// META, so that from then on new tokens follow the wallet's order.
func (s *Store) SetBudget(ctx context.Context, u token.User, b *token.Budget) (token.User, token.Wallet, error) {
	for attempt := range maxChangeAttempts {
		stored, err := s.walletOf(ctx, u.ID)
		if err != nil {
			return u, stored, err
		}
		w := stored.SetBudget(b)
		w.Revision++
		meta, wallet := newExpression(), newExpression()
		meta.require(meta.name(attrVersion).equals(u.Version))
		meta.add(attrVersion, 1)
		meta.set(attrUserWallet, userWallet(w))
		if stored.Revision == 0 {
			wallet.require(wallet.name(PartitionKey).absent())
		} else {
			wallet.require(wallet.name(attrRevision).equals(stored.Revision))
		}
		it := walletItem(w)
		it[attrNote] = operatorOf(ctx).note(history.BudgetSet)
		reasons, err := s.transact(ctx, s.updateWrite(userKey(u.ID), meta), s.putWrite(it, wallet))
		switch {
		case err == nil:
			u, err := s.userByID(ctx, u.ID)
			return u, w, err
		case reasons == nil:
			return u, w, fmt.Errorf("change wallet of user %s: %w", u.Name, err)
		case reasons[0].failed:
			return u, w, token.ErrContention
		}
		if err := pause(ctx, attempt); err != nil { // a token has drawn
			return u, w, err
		}
	}
	return u, token.Wallet{}, token.ErrContention
}

// Account implements token.Store. It reads the user and the wallet in one round
// trip.
func (s *Store) Account(ctx context.Context, c token.Caller) (token.User, token.Wallet, error) {
	found, err := s.batchGet(ctx, userKey(c.UserID), walletKey(c.UserID))
	if err != nil {
		return token.User{}, token.Wallet{}, fmt.Errorf("read wallet of user %d: %w", c.UserID, err)
	}
	u, _, err := authorizeUser(found[0], c)
	if err != nil {
		return token.User{}, token.Wallet{}, err
	}
	w, err := readWallet(found[1], c.UserID)
	return u, w, err
}

// AccountHoldings implements token.Store.
func (s *Store) AccountHoldings(ctx context.Context, c token.Caller) (token.Holdings, error) {
	u, _, err := s.readCaller(ctx, c)
	if err != nil {
		return token.Holdings{}, err
	}
	if !u.UsesWallet {
		return token.Holdings{}, nil
	}
	if err := s.admitChanges(ctx, c, u, token.ChangesOfReading(u.TokenCount())); err != nil {
		return token.Holdings{}, err
	}
	return s.Holdings(ctx, u, c.Now/1_000_000)
}

// FollowWallet implements token.UserStore.
func (s *Store) FollowWallet(ctx context.Context, u token.User, w token.Wallet, now int64, progress func(id int64)) error {
	err := s.followAll(ctx, u, w, now, progress)
	if err != nil || w.Left >= 0 {
		return err
	}
	return s.raiseLeft(ctx, u.ID, now) // the budget was lowered below what was drawn
}

func (s *Store) followAll(ctx context.Context, u token.User, w token.Wallet, now int64, progress func(id int64)) error {
	return s.eachToken(ctx, u.ID, u.LastTokenID, func(it item, l quota.Ledger) error {
		for attempt := range maxChangeAttempts {
			if _, changes := l.Follow(w); !changes || it == nil || revoked(it) {
				progress(l.ID)
				return nil
			}
			var applied bool
			var err error
			if it, applied, err = s.writeFollowing(ctx, l, w, now); applied || err != nil {
				progress(l.ID)
				return err
			}
			if it != nil {
				if l, err = readLedger(it, u.ID); err != nil {
					return err
				}
			}
			if err := pause(ctx, attempt); err != nil {
				return err
			}
		}
		return token.ErrContention
	})
}

// followWallet is FollowWallet for one token that was found in the way of an
// operation. It is not an error if another caller has changed the token.
func (s *Store) followWallet(ctx context.Context, found quota.Ledger, w token.Wallet, now int64) error {
	_, _, err := s.writeFollowing(ctx, found, w, now)
	return err
}

func (s *Store) writeFollowing(ctx context.Context, found quota.Ledger, w token.Wallet, now int64) (item, bool, error) {
	next := found.Compact(now)
	next.Token, _ = next.Follow(w)
	policy := retryIdempotent()
	policy.noAnswer, policy.notApplied = token.ErrUnavailable, token.ErrUnavailable // a repetition finds nothing to change
	it, applied, err := s.update(ctx, tokenKey(found.UserID, found.ID), rewrite(found, next), policy)
	if err != nil {
		return nil, false, fmt.Errorf("change wallet of token %d/%d: %w", found.UserID, found.ID, err)
	}
	return it, applied, nil
}

// Holdings implements token.UserStore.
func (s *Store) Holdings(ctx context.Context, u token.User, now int64) (token.Holdings, error) {
	for attempt := range maxReconcileAttempts {
		before, err := s.walletOf(ctx, u.ID)
		if err != nil {
			return token.Holdings{}, err
		}
		h := token.NewHoldings(before.AsOf(now))
		err = s.eachToken(ctx, u.ID, u.LastTokenID, func(it item, l quota.Ledger) error {
			h.Add(l.Token, holdsEndedAt(it, now))
			return nil
		})
		if err != nil {
			return token.Holdings{}, err
		}
		after, err := s.walletOf(ctx, u.ID)
		switch {
		case err != nil:
			return token.Holdings{}, err
		case after == before: // nothing was drawn or returned meanwhile
			return h, nil
		}
		if err := pause(ctx, attempt); err != nil {
			return token.Holdings{}, err
		}
	}
	return token.Holdings{}, token.ErrContention
}
