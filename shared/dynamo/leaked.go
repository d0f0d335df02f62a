package dynamo

import (
	"context"
	"errors"
	"fmt"

	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/history"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

// RevokeKey implements gate.Revoker. It reads the token first, so that a key that
// is not the token's can't cost a write or keep others from writing. If a rotation
// comes in between, the refused write returns the token, in which the key is the
// previous one then.
func (s *Store) RevokeKey(ctx context.Context, key credential.Key, now int64) (revoked token.Token, err error) {
	l, err := s.lookup(ctx, key)
	for range maxRewriteAttempts {
		e := endKey(l.Token, key.Hash(), now, keyHolderOf(ctx))
		if errors.Is(err, quota.ErrKeyUnknown) || err == nil && e == nil {
			return revoked, nil
		}
		if err != nil {
			return revoked, err
		}
		revoked = l.Token // named also if the outcome is unknown
		found, applied, writeErr := s.update(ctx, tokenKey(key.UserID, key.TokenID), e, retryLeaked())
		switch {
		case writeErr != nil:
			return revoked, fmt.Errorf("revoke the key of token %d/%d: %w", key.UserID, key.TokenID, writeErr)
		case applied:
			return revoked, nil
		}
		l, err = readLedgerOf(found, key.UserID, key.Hash())
	}
	return revoked, fmt.Errorf("revoke the key of token %d/%d: %w", key.UserID, key.TokenID, token.ErrContention)
}

// endKey returns the write that ends a key of a token, or nil if the key has ended
// already. A previous key loses its grace period. The write adds to version and
// revision, so that no operation that has read the token before can still write.
func endKey(t token.Token, hash [32]byte, now int64, by changer) *expression {
	e := newExpression()
	switch asked := e.value(binary(hash[:])); {
	case t.KeyHash == hash && t.LeakedTime == 0:
		e.require(e.name(attrHash).placeholder + " = " + asked)
		e.require(e.name(attrLeaked).absent())
		e.set(attrLeaked, number(now))
		e.set(attrSealed, nil)
		e.set(attrSealedUntil, nil)
	case t.PreviousHash == hash && t.PreviousUntil != 0:
		e.require(e.name(attrPrevious).placeholder + " = " + asked)
		e.require(e.name(attrPreviousUntil).exists())
		e.set(attrPreviousUntil, nil)
	default:
		return nil
	}
	e.set(attrNote, by.note(history.TokenLeaked))
	e.add(attrVersion, 1)
	e.add(attrRevision, 1)
	return e
}
