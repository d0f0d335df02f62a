package dynamo

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

// Lookup implements quota.Store. A token with free units in its block costs no
// read of the wallet.
func (s *Store) Lookup(ctx context.Context, key credential.Key, now int64) (quota.Ledger, error) {
	l, err := s.lookup(ctx, key)
	if err != nil {
		return l, err
	}
	return s.supplied(ctx, l, now)
}

// supplied returns a ledger with what its token could draw from its user's wallet,
// if it has no free unit of its own.
func (s *Store) supplied(ctx context.Context, l quota.Ledger, now int64) (quota.Ledger, error) {
	var err error
	if l.UsesWallet && l.BlockUse(now).Remaining == 0 {
		l.Supply, err = s.supply(ctx, l.Token, now)
	}
	return l, err
}

func (s *Store) lookup(ctx context.Context, key credential.Key) (_ quota.Ledger, err error) {
	defer func() { s.forgetForeign(key, err) }()
	it, err := s.get(ctx, tokenKey(key.UserID, key.TokenID))
	if err != nil {
		return quota.Ledger{}, fmt.Errorf("look up token %d/%d: %w", key.UserID, key.TokenID, err)
	}
	return readLedgerOf(it, key.UserID, key.Hash())
}

// readLedgerOf reads the item at a key's address. It is ErrKeyUnknown unless
// the key is the token's current or previous one.
func readLedgerOf(it item, userID int64, hash [32]byte) (quota.Ledger, error) {
	l, err := readLedger(it, userID)
	if err == nil && !l.HasKey(hash) {
		err = quota.ErrKeyUnknown
	}
	if err != nil {
		return quota.Ledger{}, err
	}
	return l, nil
}

// Do implements quota.Store.
func (s *Store) Do(ctx context.Context, key credential.Key, o quota.Operation) (quota.Ledger, error) {
	uncertain := false // an attempt got no answer; it may have been applied, or may yet be
	l, err := s.operate(ctx, key, o, &uncertain)
	s.forgetForeign(key, err)
	l.Uncertain = uncertain
	if err != nil && uncertain && !errors.Is(err, token.ErrUncertain) {
		// A refusal now would claim that nothing was charged.
		return quota.Ledger{}, fmt.Errorf("operate on token %d/%d: %w, then: %s", key.UserID, key.TokenID, token.ErrRepeatable, err.Error())
	}
	return l, err
}

// operate first writes without a read, on the condition that nothing prevents
// the operation and nothing has to be compacted. If that condition fails, DynamoDB
// returns the item. Either the item answers the operation, or operate applies
// the operation to it and stores the result, on the condition that the item is
// unchanged. If another caller has changed it, the first write may work now.
func (s *Store) operate(ctx context.Context, key credential.Key, o quota.Operation, uncertain *bool) (quota.Ledger, error) {
	filled := false
	for attempt := range maxRewriteAttempts {
		found, applied, err := s.tryDirectWrite(ctx, key, o, uncertain)
		if applied || err != nil {
			return found, err
		}
		if o.NeedsPermission() && !found.AcceptsKey(key.Hash(), o.Now) {
			return quota.Ledger{}, quota.ErrKeyUnknown
		}
		if lacks, required := o.Shortage(found); lacks > 0 && (required || !filled) {
			filled = true
			supply, err := s.fillBlock(ctx, found, lacks, required, o.Now)
			switch {
			case err != nil:
				return found, err
			case supply == nil:
				continue
			case required:
				found.Supply = *supply
				return found, quota.RefusedByWallet(*supply)
			}
		}
		o.Tried = o.Tried || o.Forget && *uncertain
		next, changed, err := o.Apply(found)
		if err != nil || !changed {
			return found, err
		}
		found, applied, err = s.writeOperation(ctx, key, o, rewrite(found, next), uncertain)
		if err == nil {
			s.seen.keep(found.Token)
		}
		if applied || err != nil {
			return found, err
		}
		if err := pause(ctx, attempt); err != nil {
			return quota.Ledger{}, err
		}
	}
	return quota.Ledger{}, token.ErrContention
}

// tryDirectWrite makes the operation's direct write, or reads the item if there
// is no such write for a token with these limits.
func (s *Store) tryDirectWrite(ctx context.Context, key credential.Key, o quota.Operation, uncertain *bool) (found quota.Ledger, applied bool, err error) {
	if e := directWrite(key, o, s.seen.get(key)); e != nil {
		found, applied, err = s.writeOperation(ctx, key, o, e, uncertain)
	} else {
		found, err = s.lookup(ctx, key)
	}
	if err == nil {
		s.seen.keep(found.Token)
	}
	return found, applied, err
}

// writeOperation makes one conditional write for an operation. It returns the
// ledger as it is afterwards: changed if applied, else as it was stored.
func (s *Store) writeOperation(ctx context.Context, key credential.Key, o quota.Operation, e *expression, uncertain *bool) (_ quota.Ledger, applied bool, err error) {
	policy := retryNotApplied()
	if o.Repeatable() {
		policy = retryRecorded(uncertain)
	}
	noteUse(e, o)
	found, applied, err := s.update(ctx, tokenKey(key.UserID, key.TokenID), e, policy)
	if err != nil {
		return quota.Ledger{}, false, fmt.Errorf("operate on token %d/%d: %w", key.UserID, key.TokenID, err)
	}
	if found == nil {
		return quota.Ledger{}, false, quota.ErrKeyUnknown
	}
	l, err := readLedgerOf(found, key.UserID, key.Hash())
	return l, applied, err
}

// rewrite replaces one ledger by another, on the condition that the stored
// item is unchanged.
func rewrite(found, next quota.Ledger) *expression {
	e := newExpression()
	e.require(e.name(attrHash).exists())
	e.require(e.name(attrVersion).equals(found.Version))
	e.require(e.name(attrRevision).absent() + " OR " + e.name(attrRevision).equals(found.Revision))
	attributes := ledgerItem(next)
	if found.Limited() { // also if its only limit was a raise that has ended
		maps.Copy(attributes, limitItem(next.Token))
	}
	if found.SealedKey.Content != nil && next.SealedKey.Content == nil {
		attributes[attrSealed], attributes[attrSealedUntil] = nil, nil
	}
	for attr, value := range attributes {
		e.set(attr, value)
	}
	e.add(attrRevision, 1)
	return e
}

// compact stores a ledger with its expired holds ended. It is not an error if
// another caller has changed the item in the meantime.
func (s *Store) compact(ctx context.Context, found quota.Ledger, now int64) error {
	policy := retryIdempotent()
	policy.noAnswer, policy.notApplied = token.ErrUnavailable, token.ErrUnavailable // a compacted item means the same as before
	_, _, err := s.update(ctx, tokenKey(found.UserID, found.ID), rewrite(found, found.Compact(now)), policy)
	if err != nil {
		return fmt.Errorf("compact token %d/%d: %w", found.UserID, found.ID, err)
	}
	return nil
}
