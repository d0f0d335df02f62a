package dynamo

import (
	"context"
	"fmt"

	"github.com/latchkey-api/latchkey/shared/token"
)

// Rotate implements token.Store in one write of the token, in which DynamoDB copies the
// current hash and mask to the attributes of the previous key. If the rotation
// names a version, it can't be applied twice and the store may repeat the
// write; otherwise the store sends it again only if it was not applied.
func (s *Store) Rotate(ctx context.Context, c token.Caller, id int64, plan func() (token.KeyRotation, error)) (token.Token, error) {
	if err := s.authorizeChanges(ctx, c, 1); err != nil {
		return token.Token{}, err
	}
	rotation, err := plan()
	if err != nil {
		return token.Token{}, err
	}
	policy := retryNotApplied()
	if rotation.Version != 0 {
		policy = retryIdempotent()
	}
	found, applied, err := s.update(ctx, tokenKey(c.UserID, id), rotationExpression(rotation), policy)
	if err != nil {
		return token.Token{}, fmt.Errorf("rotate token %d/%d: %w", c.UserID, id, err)
	}
	if !applied && (found == nil || revoked(found)) {
		return token.Token{}, token.ErrNotFound
	}
	t, err := readToken(found, c.UserID)
	if err == nil && !applied && !t.HasKey(rotation.Key.Hash()) {
		err = token.ErrVersionMismatch
	}
	return t, err
}

func rotationExpression(rotation token.KeyRotation) *expression {
	hash := rotation.Key.Hash()
	e := newExpression()
	current, mask := e.name(attrHash), e.name(attrMask)
	e.require(current.exists())
	if rotation.Version != 0 {
		e.require(e.name(attrVersion).equals(rotation.Version))
	}
	e.assign(e.name(attrPrevious), current.placeholder)
	e.assign(e.name(attrPreviousMask), mask.placeholder)
	e.set(attrPreviousUntil, optionalNumber(rotation.PreviousUntil))
	e.set(attrHash, binary(hash[:]))
	e.set(attrMask, text(rotation.Key.Mask()))
	e.add(attrVersion, 1)
	return e
}

// requireKey requires the token to have the key with this hash: as its current
// key, or as its previous one within the grace period. afterGrace also allows
// the previous key after the grace period.
func requireKey(e *expression, hash [32]byte, now int64, afterGrace bool) {
	asked, previous := e.value(binary(hash[:])), e.name(attrPrevious)
	isPrevious := previous.placeholder + " = " + asked
	if !afterGrace {
		isPrevious += " AND " + e.name(attrPreviousUntil).above(now)
	}
	e.require(e.name(attrHash).placeholder + " = " + asked + " OR " + isPrevious)
}
