package dynamo

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

// Errors that end a walk over tokens.
var (
	errEnough        = errors.New("enough")
	errWalletChanged = errors.New("wallet has another count")
)

// reclaim returns free units from the blocks of a user's other tokens to the
// wallet, until it has the wanted number. It is false if they had none while the
// wallet was unchanged. As a
// user whose budget is used up may go on asking, a process that has found nothing
// does not look again for a second, or longer if the user has more than
// tokensPerSecond tokens, unless the wallet has changed.
func (s *Store) reclaim(ctx context.Context, w token.Wallet, except, want, now int64) (bool, error) {
	if s.empty.is(w, now) {
		return false, nil
	}
	var got int64
	looked, err := s.eachFreeBlock(ctx, w, now, func(l quota.Ledger) error {
		if l.ID == except {
			return nil
		}
		units, err := s.returnBlock(ctx, w, l, now)
		if got += units; err == nil && got >= want {
			err = errEnough
		}
		return err
	})
	switch {
	case got > 0 || errors.Is(err, errWalletChanged):
		return true, nil
	case err != nil:
		return false, fmt.Errorf("reclaim for the wallet of user %d: %w", w.UserID, err)
	}
	after, err := s.walletOf(ctx, w.UserID)
	if err != nil || after.Revision != w.Revision {
		return true, err
	}
	s.empty.keep(w, now, looked)
	return false, nil
}

// eachFreeBlock calls do for each of a user's tokens that has free units in a
// block of the wallet's count, those of expired holds included. It returns how
// many tokens it has looked at.
func (s *Store) eachFreeBlock(ctx context.Context, w token.Wallet, now int64, do func(quota.Ledger) error) (looked int64, err error) {
	meta, err := s.get(ctx, userKey(w.UserID))
	if err != nil {
		return 0, err
	}
	u, _, err := readUser(meta, w.UserID)
	if err != nil {
		return 0, err
	}
	err = s.eachToken(ctx, w.UserID, u.LastTokenID, func(it item, t token.Token) error {
		looked++
		if t.Block.Count != w.Count || revoked(it) || t.BlockUse(now).Remaining == 0 {
			return nil
		}
		l, err := readLedger(it, w.UserID)
		if err != nil {
			return err
		}
		return do(l)
	})
	return looked, err
}

// returnBlock moves the free units of a token's block to the wallet. It returns
// how many these were, 0 if the token has used them in the meantime. The error is
// errWalletChanged if the wallet has another count.
func (s *Store) returnBlock(ctx context.Context, w token.Wallet, l quota.Ledger, now int64) (int64, error) {
	for range maxChangeAttempts {
		if l.HasExpiredHold(now) {
			if err := s.compact(ctx, l, now); err != nil {
				return 0, err
			}
			l = l.Compact(now)
		}
		units := l.Block.Left
		if l.Block.Count != w.Count || units <= 0 {
			return 0, nil
		}
		from, to := newExpression(), newExpression()
		from.require(from.name(attrHash).exists())
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
			return 0, errWalletChanged
		case len(reasons[0].item) == 0 || revoked(reasons[0].item):
			return 0, nil
		}
		if l, err = readLedger(reasons[0].item, l.UserID); err != nil {
			return 0, err
		}
	}
	return 0, nil
}

// beforeOperation returns the error of a write that was made before the caller's
// operation: that has certainly not been applied.
func beforeOperation(err error) error {
	if errors.Is(err, token.ErrUncertain) {
		return fmt.Errorf("%w: %s", token.ErrUnavailable, err.Error())
	}
	return err
}

// drawable returns how many units a token could draw at a Unix second, as far as
// that is needed to know if there are any: those of the wallet or, if it has none,
// those in the blocks of other tokens.
func (s *Store) drawable(ctx context.Context, t token.Token, now int64) (int64, error) {
	w, err := s.walletOf(ctx, t.UserID)
	switch {
	case err != nil:
		return 0, err
	case !w.On || w.Order != t.WalletOrder:
		return token.MaxInteger, nil // it is being turned on or off
	}
	w = w.At(now)
	if w.Left > 0 || s.empty.is(w, now) {
		return max(0, w.Left), nil
	}
	units := w.Left
	looked, err := s.eachFreeBlock(ctx, w, now, func(l quota.Ledger) error {
		if l.ID != t.ID {
			units += l.BlockUse(now).Remaining
		}
		if units > 0 {
			return errEnough
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return 0, err
	}
	if units <= 0 {
		s.empty.keep(w, now, looked)
	}
	return max(0, units), nil
}

const (
	maxEmptyWallets = 10_000
	tokensPerSecond = 1_000 // that are looked at in vain
)

// emptyWallets remembers for which users no block had free units.
type emptyWallets struct {
	mu   sync.Mutex
	byID map[int64]emptyUntil
}

// An emptyUntil is the second until which the blocks count as empty, while the
// wallet has a Revision.
type emptyUntil struct{ second, revision int64 }

func (e *emptyWallets) is(w token.Wallet, now int64) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	found := e.byID[w.UserID]
	return now < found.second && found.revision == w.Revision
}

// keep remembers an empty wallet. looked is the number of tokens that were looked
// at.
func (e *emptyWallets) keep(w token.Wallet, now, looked int64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.byID == nil || len(e.byID) >= maxEmptyWallets {
		e.byID = map[int64]emptyUntil{}
	}
	e.byID[w.UserID] = emptyUntil{now + max(1, looked/tokensPerSecond), w.Revision}
}
