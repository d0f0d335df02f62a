package dynamo

import (
	"context"
	"fmt"

	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

// fillBlock draws units from the wallet into a token's block, so that the
// operation can be tried again. If the wallet has too few, the free units of other
// blocks go back to it first; see reclaim. Unless the operation requires all the
// units that its block lacks, it draws what there is. short is nil if the
// operation is to be tried again, or else says what little there is.
func (s *Store) fillBlock(ctx context.Context, found quota.Ledger, lacks int64, required bool, now int64) (short *token.Supply, err error) {
	reclaims := 0
	for attempt := range maxRewriteAttempts {
		stored, err := s.walletOf(ctx, found.UserID)
		if err != nil {
			return nil, err
		}
		if !stored.On || stored.Order != found.WalletOrder {
			return nil, s.followWallet(ctx, found, stored, now) // it is being turned on or off
		}
		w := stored.At(now)
		switch size := w.DrawSize(lacks); {
		case size < lacks && required && reclaims == maxReclaims:
			return nil, token.ErrContention // others draw what is returned
		case size < lacks && (required || reclaims == 0):
			reclaims++
			units, err := s.reclaim(ctx, w, found.Token, lacks, required, now)
			if err != nil {
				return nil, err
			}
			if required && units < lacks {
				return &token.Supply{Units: max(0, units), ResetsAt: stored.AsOf(now).EndsAt}, nil
			}
		case size == 0:
			return &token.Supply{}, nil
		default:
			drawn, tokenChanged, err := s.draw(ctx, found, stored, w, size)
			if drawn || tokenChanged || err != nil {
				return nil, err
			}
			if err := pause(ctx, attempt); err != nil {
				return nil, err
			}
		}
	}
	return nil, token.ErrContention
}

// walletOf reads a user's wallet.
func (s *Store) walletOf(ctx context.Context, userID int64) (token.Wallet, error) {
	it, err := s.get(ctx, walletKey(userID))
	if err != nil {
		return token.Wallet{}, fmt.Errorf("read wallet of user %d: %w", userID, err)
	}
	return readWallet(it, userID)
}

// draw moves units from the wallet to a token's block in one transaction. w is
// the stored wallet at the time of the draw. tokenChanged means that the token
// isn't as it was found.
func (s *Store) draw(ctx context.Context, found quota.Ledger, stored, w token.Wallet, units int64) (drawn, tokenChanged bool, err error) {
	block := found.Block
	if block.Number == 0 || block.Count != w.Count {
		block = token.Block{Count: w.Count, Meter: token.Meter{Number: found.LastMeter + 1, EndsAt: w.EndsAt}}
	}
	block.Drawn, block.Left = block.Drawn+units, block.Left+units
	reasons, err := s.transact(ctx,
		s.updateWrite(walletKey(w.UserID), takeFromWallet(stored, w, units)),
		s.updateWrite(tokenKey(found.UserID, found.ID), addToBlock(found, block, units)))
	switch {
	case reasons != nil:
		return false, reasons[1].failed, nil
	case err != nil:
		return false, false, fmt.Errorf("draw for token %d/%d: %w", found.UserID, found.ID, beforeOperation(err))
	}
	t := found.Token
	t.Block = block
	s.seen.keep(t)
	return true, false, nil
}

// takeFromWallet takes units from the wallet, which must be turned on and have
// them. A wallet whose count has ended, or not begun, is stored as w. The write that
// makes the wallet low for the first time says so.
func takeFromWallet(stored, w token.Wallet, units int64) *expression {
	e := newExpression()
	if w != stored {
		e.require(e.name(attrRevision).equals(stored.Revision))
		w, _ = w.Draw(units)
		for attr, value := range walletAttributes(w) {
			e.set(attr, value)
		}
	} else {
		requireCount(e, w)
		left := e.name(walletLeft)
		requireSame(e, walletLow, optionalNumber(int64(stored.Low)))
		if next, least := w.Draw(units); next.Low == stored.Low {
			e.require(left.atLeast(least))
		} else { // exact, so that a budget is low once
			e.require(left.equals(stored.Left))
			e.set(walletLow, number(int64(next.Low)))
		}
		e.assign(left, left.placeholder+" - "+e.value(number(units)))
	}
	e.add(attrRevision, 1)
	return e
}

// requireCount requires a wallet to be turned on and in the same count.
func requireCount(e *expression, w token.Wallet) {
	e.require(e.name(walletOrder).equals(w.Order))
	e.require(e.name(walletCount).equals(w.Count))
}

// addToBlock adds units to the block of a token, which then is the given one.
func addToBlock(found quota.Ledger, block token.Block, units int64) *expression {
	e := newExpression()
	e.require(e.name(attrHash).exists())
	e.add(attrRevision, 1)
	if block.Number == found.Block.Number {
		moveInBlock(e, block, units)
		return e
	}
	if found.LastMeter == 0 {
		e.require(e.name(attrLastMeter).absent())
	} else {
		e.require(e.name(attrLastMeter).equals(found.LastMeter)) // so it has no other meter than those that were found
	}
	requireSame(e, attrWallet, blockValue(found.Block))
	e.set(attrWallet, blockValue(block))
	e.set(attrLastMeter, number(block.Number))
	if len(metersByNumber(found.Token)) == 0 {
		e.set(attrMeters, mapOf(item{meterName(block.Number): number(block.Left)}))
		return e
	}
	e.require(e.name(attrMeters).exists()) // else its other meters were removed since
	e.assign(meterOf(e, block.Number), e.value(number(block.Left)))
	if found.Block.Number != 0 {
		e.remove(meterOf(e, found.Block.Number))
	}
	return e
}

// moveInBlock adds units to a block, or takes free ones if the number is
// negative.
func moveInBlock(e *expression, block token.Block, units int64) {
	e.require(e.name(attrWallet, blockNumber).equals(block.Number))
	left, drawn := meterOf(e, block.Number), e.name(attrWallet, blockDrawn)
	if units < 0 {
		e.require(left.atLeast(-units))
	}
	for _, a := range []attribute{left, drawn} {
		e.assign(a, a.placeholder+" + "+e.value(number(units)))
	}
}

// returnWrites return what is free in the block of a removed token to its user's
// wallet. What is held at that Unix second can't be charged any more, so it counts
// as used. The writes require the block to be of the wallet's present count;
// otherwise it is void.
func (s *Store) returnWrites(t token.Token, at int64) []write {
	if t.Block.Count == 0 {
		return nil
	}
	e := newExpression()
	requireCount(e, token.Wallet{Order: t.WalletOrder, Count: t.Block.Count})
	back := t.BlockUse(at).Remaining
	e.add(walletLeft, back)
	e.add(walletGone, t.Block.Drawn-back)
	e.add(attrRevision, 1)
	return []write{s.updateWrite(walletKey(t.UserID), e)}
}
