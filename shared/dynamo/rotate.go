package dynamo

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/latchkey-api/latchkey/shared/history"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

// clockSkewSeconds is by how much the clocks of two processes may differ without
// a rotation taking an open hold for an expired one.
const clockSkewSeconds = 60

// Rotate implements token.Store. It is one write without a read, in which DynamoDB
// copies the current hash and mask to the attributes of the previous key. Only
// if open holds may be of the previous key, which the rotation drops, it also
// marks the open holds, so that they are charged if they expire: their requests
// can't be charged any more. If the rotation names a version, it can't be applied
// twice and the store may repeat a write; otherwise the store sends it again only
// if it was not applied.
func (s *Store) Rotate(ctx context.Context, c token.Caller, id int64, plan func() (token.KeyRotation, error)) (token.Token, error) {
	by, err := s.authorizeChanges(ctx, c, 1)
	if err != nil {
		return token.Token{}, err
	}
	rotation, err := plan()
	if err != nil {
		return token.Token{}, err
	}
	uncertain := false
	t, err := s.rotate(ctx, c.UserID, id, rotation, c.Now/1_000_000, by.note(history.TokenRotated), &uncertain)
	if uncertain && errors.Is(err, token.ErrContention) {
		err = token.ErrUncertain // an attempt without an answer may still arrive
	}
	if err != nil {
		err = fmt.Errorf("rotate token %d/%d: %w", c.UserID, id, err)
	}
	return t, err
}

// rotate tries again at once if another caller has changed the token: the item
// that it then has gets older with time.
func (s *Store) rotate(ctx context.Context, userID, id int64, rotation token.KeyRotation, now int64, note types.AttributeValue, uncertain *bool) (token.Token, error) {
	policy := retryNotApplied()
	if rotation.Version != 0 {
		policy = retryIdempotent()
	}
	policy.uncertain = uncertain
	e := directRotation(rotation, now)
	for range maxRewriteAttempts {
		rotateKey(e, rotation, now)
		e.set(attrNote, note)
		found, applied, err := s.update(ctx, tokenKey(userID, id), e, policy)
		if err != nil {
			return token.Token{}, err
		}
		if !applied && (found == nil || revoked(found)) {
			return token.Token{}, token.ErrNotFound
		}
		l, err := readLedger(found, userID)
		switch {
		case err != nil || applied || l.HasKey(rotation.Key.Hash()):
			return l.Token, err
		case rotation.Version != 0 && rotation.Version != l.Version:
			return l.Token, token.ErrVersionMismatch
		}
		if l.LeakedTime != 0 && rotation.PreviousUntil != 0 {
			rotation.PreviousUntil = 0
			e = directRotation(rotation, now)
			continue
		}
		next := l.ChargeOpenHolds(now)
		next.SealedKey = l.SealedKey // rotateKey replaces it, and a write can change an attribute once
		e = rewrite(l, next)
	}
	return token.Token{}, token.ErrContention
}

// directRotation returns the conditions of a rotation without a read: no hold has to
// be marked, and a key that has leaked gets no grace period.
func directRotation(rotation token.KeyRotation, now int64) *expression {
	e := newExpression()
	requireNoHoldOfPrevious(e, now)
	if rotation.PreviousUntil != 0 {
		e.require(e.name(attrLeaked).absent())
	}
	return e
}

// requireNoHoldOfPrevious requires that no open hold is of the previous key. A
// token that was rotated before attrPreviousHolds existed may have one.
func requireNoHoldOfPrevious(e *expression, now int64) {
	open := e.name(attrOpenHolds)
	e.require(e.name(attrPrevious).absent() + " OR " + e.name(attrPreviousHolds).atMost(now) + " OR " + open.absent() + " OR " + open.atMost(0))
}

func rotateKey(e *expression, rotation token.KeyRotation, now int64) {
	hash := rotation.Key.Hash()
	current, mask := e.name(attrHash), e.name(attrMask)
	e.require(current.exists())
	if rotation.Version != 0 {
		e.require(e.name(attrVersion).equals(rotation.Version))
	}
	e.assign(e.name(attrPrevious), current.placeholder)
	e.assign(e.name(attrPreviousMask), mask.placeholder)
	e.set(attrPreviousUntil, optionalNumber(rotation.PreviousUntil))
	e.set(attrPreviousHolds, number(max(now, rotation.PreviousUntil)+quota.MaxHoldSeconds+clockSkewSeconds))
	e.set(attrLeaked, nil)
	e.set(attrSealed, optionalBinary(rotation.SealedKey.Content))
	e.set(attrSealedUntil, optionalNumber(rotation.SealedKey.Until))
	e.set(attrHash, binary(hash[:]))
	e.set(attrMask, text(rotation.Key.Mask()))
	e.add(attrVersion, 1)
}

// requireKey requires the token to have the key with this hash: as its current
// key that has not leaked, or as its previous one within the grace period. ended
// also allows a key that has leaked, and the previous one after the grace period.
func requireKey(e *expression, hash [32]byte, now int64, ended bool) {
	asked := e.value(binary(hash[:]))
	isCurrent, isPrevious := e.name(attrHash).placeholder+" = "+asked, e.name(attrPrevious).placeholder+" = "+asked
	if !ended {
		isCurrent += " AND " + e.name(attrLeaked).absent()
		isPrevious += " AND " + e.name(attrPreviousUntil).above(now)
	}
	e.require(isCurrent + " OR " + isPrevious)
}
