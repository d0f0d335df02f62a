package dynamo

import (
	"context"
	"errors"
	"fmt"

	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

// errEnough ends a walk over tokens.
var errEnough = errors.New("enough")

// reclaim returns free units from the blocks of a user's other tokens to the
// wallet, so that it has the units that a token's block lacks. It returns how many
// units the token can draw at most; if these are too few, and all are required,
// it returns none of them to the wallet, but for those that the wallet is short of
// because the budget was lowered.
func (s *Store) reclaim(ctx context.Context, w token.Wallet, t token.Token, lacks int64, required bool, now int64) (int64, error) {
	own := t.BlockUse(now).Remaining
	if total, known := s.totals.get(w, now); known && total-own < lacks && required {
		return total - own, nil
	}
	found, total, err := s.look(ctx, w, t.ID, lacks-w.Left, now)
	if err != nil {
		return 0, err
	}
	if total-own < lacks && required {
		return total - own, s.returnBlocks(ctx, w, found, -w.Left, now)
	}
	return lacks, s.returnBlocks(ctx, w, found, lacks-w.Left, now)
}

// A freeBlock is a token with free units in its block.
type freeBlock struct {
	quota.Ledger
	revoked bool  // the token is being deleted
	units   int64 // that are free
}

// look finds tokens whose blocks have free units that can go back to the wallet,
// those of expired holds included, until it has the wanted number. If there are
// fewer, total is how many units all tokens together can use, at most; else it is
// token.MaxInteger.
//
// The total is what remains of the budget without what is used and held, and not
// the sum of what is free, because units may move from a block that is yet to be
// read to one that was. So it is at least what is free when the look ends, but for
// what holds have returned meanwhile.
func (s *Store) look(ctx context.Context, w token.Wallet, except, want, now int64) (found []freeBlock, total int64, err error) {
	meta, err := s.get(ctx, userKey(w.UserID))
	if err != nil {
		return nil, 0, err
	}
	u, _, err := readUser(meta, w.UserID)
	if err != nil {
		return nil, 0, err
	}
	var units int64
	all := token.NewHoldings(w)
	err = s.eachToken(ctx, w.UserID, u.LastTokenID, func(it item, l quota.Ledger) error {
		all.Add(l.Token, holdsEndedAt(it, now))
		free := l.BlockUse(now).Remaining
		if revoked(it) {
			free = l.Block.Left // what its expired holds have goes back with its removal
		}
		if l.Block.Count != w.Count || l.ID == except || free <= 0 {
			return nil
		}
		found = append(found, freeBlock{l, revoked(it), free})
		if units += free; units >= want {
			return errEnough
		}
		return nil
	})
	switch {
	case errors.Is(err, errEnough):
		return found, token.MaxInteger, nil
	case err != nil:
		return nil, 0, fmt.Errorf("look for units of user %d: %w", w.UserID, err)
	}
	total = all.Units - all.Used - all.Held
	if all.Missing > 0 {
		after, err := s.walletOf(ctx, w.UserID)
		if err != nil {
			return nil, 0, err
		}
		if after.Revision == w.Revision { // nothing has moved: a removed token has them that was not counted yet
			total -= all.Missing
		}
	}
	s.totals.keep(w, total, now, all.Tokens)
	return found, total, nil
}

// returnBlocks moves free units of blocks to the wallet until it has got the
// wanted number.
func (s *Store) returnBlocks(ctx context.Context, w token.Wallet, blocks []freeBlock, want, now int64) error {
	for _, b := range blocks {
		if want <= 0 {
			break
		}
		units, err := s.returnBlock(ctx, w, b, now)
		if err != nil || units < 0 {
			return err
		}
		want -= units
	}
	return nil
}

// returnBlock moves free units of a token's block to the wallet: all, or fewer if
// the token uses them at the same time. It returns how many these were, below 0 if
// the wallet has another count.
func (s *Store) returnBlock(ctx context.Context, w token.Wallet, b freeBlock, now int64) (int64, error) {
	l := b.Ledger
	for attempt := range maxChangeAttempts {
		if !b.revoked && l.HasExpiredHold(now) {
			if err := s.compact(ctx, l, now); err != nil {
				return 0, err
			}
			l = l.Compact(now)
		}
		if l.Block.Count != w.Count || l.Block.Left <= 0 {
			return 0, nil
		}
		units := max(1, l.Block.Left>>attempt)
		from, to := newExpression(), newExpression()
		from.add(attrRevision, 1)
		moveInBlock(from, l.Block, -units)
		requireCount(to, w)
		to.add(walletLeft, units)
		to.add(attrRevision, 1)
		reasons, err := s.transact(ctx,
			s.updateWrite(tokenKey(l.UserID, l.ID), from), s.updateWrite(walletKey(w.UserID), to))
		switch {
		case reasons == nil && err == nil:
			return units, nil
		case reasons == nil:
			return 0, beforeOperation(err)
		case reasons[1].failed:
			return -1, nil
		case len(reasons[0].item) == 0:
			return 0, nil
		}
		if l, err = readLedger(reasons[0].item, l.UserID); err != nil {
			return 0, err
		}
		b.revoked = revoked(reasons[0].item)
	}
	return 0, nil
}

// raiseLeft returns free units of blocks to the wallet until nothing is missing in
// it, or no block has any.
func (s *Store) raiseLeft(ctx context.Context, userID, now int64) error {
	for range maxReclaims {
		w, err := s.walletOf(ctx, userID)
		if err != nil || w.Left >= 0 {
			return err
		}
		found, _, err := s.look(ctx, w, 0, -w.Left, now)
		if err != nil || len(found) == 0 {
			return err
		}
		if err := s.returnBlocks(ctx, w, found, -w.Left, now); err != nil {
			return err
		}
	}
	return token.ErrContention
}

// beforeOperation returns the error of a write that was made before the caller's
// operation: that has certainly not been applied.
func beforeOperation(err error) error {
	if errors.Is(err, token.ErrUncertain) {
		return fmt.Errorf("%w: %s", token.ErrUnavailable, err.Error())
	}
	return err
}

// supply returns what a token without a free unit in its block could draw at a
// Unix second, as far as that is needed to know if there is any: what the wallet
// has or, if it has nothing, what blocks of other tokens have.
func (s *Store) supply(ctx context.Context, t token.Token, now int64) (token.Supply, error) {
	stored, err := s.walletOf(ctx, t.UserID)
	switch {
	case err != nil:
		return token.Supply{}, err
	case !stored.On || stored.Order != t.WalletOrder:
		return token.Supply{Units: token.MaxInteger}, nil // it is being turned on or off
	}
	w := stored.At(now)
	supply := token.Supply{Units: max(0, w.Left), ResetsAt: stored.AsOf(now).EndsAt}
	if total, known := s.totals.get(w, now); w.Left > 0 || known && total <= 0 {
		return supply, nil
	}
	found, _, err := s.look(ctx, w, t.ID, 1-w.Left, now)
	if err != nil {
		return token.Supply{}, err
	}
	units := w.Left
	for _, b := range found {
		units += b.units
	}
	supply.Units = max(0, units)
	return supply, nil
}

const (
	maxReclaims     = 8     // for one operation
	tokensPerSecond = 1_000 // that are looked at in vain
)

// usableTotals remember, by user, how many units can be left at most, in the
// wallet and in all blocks together.
type usableTotals struct {
	byUser recent[int64, *usableTotal]
}

// A usableTotal counts until a second, for a count of the wallet and a budget.
type usableTotal struct{ units, second, count, budget int64 }

func (u *usableTotals) get(w token.Wallet, now int64) (units int64, known bool) {
	found, known := u.byUser.get(w.UserID)
	if !known || now >= found.second || found.count != w.Count || found.budget != w.Units {
		return 0, false
	}
	return found.units, true
}

// keep remembers a total for a second, or longer if the user has more than
// 2 * tokensPerSecond tokens: a user whose budget is used up may go on asking.
func (u *usableTotals) keep(w token.Wallet, units, now, tokens int64) {
	u.byUser.keep(w.UserID, &usableTotal{units, now + max(1, tokens/tokensPerSecond), w.Count, w.Units})
}
