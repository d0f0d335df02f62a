package dynamo

import (
	"context"
	"fmt"
	"time"

	"github.com/latchkey-api/latchkey/shared/token"
)

// markCounted, in a MARK item, is 1 if the purge has put or seen it, and 0 if only
// Reconcile has: then the block of the token has yet to return to the wallet.
const markCounted = "counted"

// purgeMarkSeconds is how long a MARK item is kept. A stream keeps its records
// for 24 hours, and the queue of failed records for 14 days, so no record
// arrives later than that.
const purgeMarkSeconds = int64(15 * 24 * time.Hour / time.Second)

// Purged returns the token that DynamoDB removed because its time to live was
// over. ok is false for every other change: a caller that removes a token
// counts the removal itself.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/time-to-live-ttl-streams.html
func (r StreamRecord) Purged() (userID, id int64, ok bool) {
	if r.Event != "REMOVE" || r.Actor != "Service" || r.Principal != "dynamodb.amazonaws.com" {
		return 0, 0, false
	}
	return parseTokenKey(r.Partition, r.Number)
}

// CountPurges counts the tokens that DynamoDB removed. The records may come
// late, in any order and more than once. It stops at the first record that it
// can't count; done is the number of records before it, and counted is how
// many of these were purged tokens. now is in Unix seconds.
func (s *Store) CountPurges(ctx context.Context, records []StreamRecord, now int64) (done, counted int, err error) {
	for _, r := range records {
		if userID, id, ok := r.Purged(); ok {
			if err := s.CountPurge(ctx, userID, id, r.Before, now); err != nil {
				return done, counted, err
			}
			counted++
		}
		done++
	}
	return done, counted, nil
}

// CountPurge counts the removal of a token by DynamoDB. Further calls for the
// same token change nothing: the first one stores a MARK item that is kept for
// longer than a stream record may be repeated. Of a user who was deleted,
// nothing is counted. An id that was never given is an error. last is the item
// that was removed: what the token had drawn from its user's wallet and not used
// returns to it, also if Reconcile has counted the removal before.
func (s *Store) CountPurge(ctx context.Context, userID, id int64, last Item, now int64) error {
	t, err := readToken(last, userID)
	if err != nil {
		return fmt.Errorf("read purged token %d/%d: %w", userID, id, err)
	}
	for {
		writes := append([]write{s.putNew(purgeMarkItem(userID, id, now))}, s.countWrites(userID, id, nil)...)
		writes = append(writes, s.foreignWrites(t)...)
		back := s.returnWrites(t, now)
		reasons, err := s.transact(ctx, append(writes, back...)...)
		switch {
		case err == nil:
			return nil
		case reasons != nil && userGone(reasons[1]):
			return s.removeForeign(ctx, []item{last})
		case reasons != nil && reasons[0].failed:
			if err := s.returnLate(ctx, reasons[0].item, t, now); err != nil {
				return fmt.Errorf("return block of purged token %d/%d: %w", userID, id, err)
			}
			return nil
		case reasons != nil && back != nil && reasons[len(writes)].failed:
			t.Block = token.Block{} // void
		default:
			return fmt.Errorf("count purge of token %d/%d: %w", userID, id, err)
		}
	}
}

// returnLate returns what was free in a purged token's block if only Reconcile has
// put the mark. That has counted all of the block as used, or will.
func (s *Store) returnLate(ctx context.Context, mark item, t token.Token, now int64) error {
	r := reader{item: mark}
	back := t.BlockUse(now).Remaining
	if !r.has(markCounted) || r.number(markCounted) != 0 || back == 0 {
		return r.err
	}
	seen, wallet := newExpression(), newExpression()
	seen.require(seen.name(markCounted).equals(0))
	seen.set(markCounted, number(1))
	requireCount(wallet, token.Wallet{Order: t.WalletOrder, Count: t.Block.Count})
	wallet.add(walletLeft, back)
	wallet.add(walletGone, -back)
	wallet.add(attrRevision, 1)
	reasons, err := s.transact(ctx, s.updateWrite(purgeMarkKey(t.UserID, t.ID), seen), s.updateWrite(walletKey(t.UserID), wallet))
	if reasons != nil {
		return nil // it was returned before, or is void
	}
	return err
}

func purgeMarkItem(userID, id, now int64) item {
	it := purgeMarkKey(userID, id)
	it[TTL], it[markCounted] = number(now+purgeMarkSeconds), number(1)
	return it
}

// keepMark puts a MARK item that the purge has not seen, or keeps the one that is
// there for longer.
func (s *Store) keepMark(userID, id, now int64) write {
	e := newExpression()
	e.set(TTL, number(now+purgeMarkSeconds))
	counted := e.name(markCounted)
	e.assign(counted, "if_not_exists("+counted.placeholder+", "+e.value(number(0))+")")
	return s.updateWrite(purgeMarkKey(userID, id), e)
}
