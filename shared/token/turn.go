package token

import (
	"context"
	"crypto/subtle"
	"fmt"

	"github.com/latchkey-api/latchkey/shared/credential"
)

// MaxGrace is the longest time, in seconds, for which a key may be used after
// another has taken its place: a week.
const MaxGraceSeconds = 7 * 24 * 60 * 60

// A Turn is a rotation: the key that takes the place of a token's key.
type KeyRotation struct {
	Key           credential.Key
	PreviousUntil int64 // the second from which the key before it may not be used; 0 is at once, whatever a clock says
	Version       int64 // the token's, as it must be then; 0 is any
}

// NewTurn makes a key for a token, and a grace, 0 to MaxGrace seconds, for
// the one before it.
func (s *Service) NewKeyRotation(ctx context.Context, at credential.AccessToken, id, grace int64) (KeyRotation, error) {
	if grace < 0 || grace > MaxGraceSeconds {
		return KeyRotation{}, s.refuse(ctx, at, invalid("grace_seconds", fmt.Sprintf("must be between 0, which ends the old key now, and %d", MaxGraceSeconds)))
	}
	turn := KeyRotation{Key: credential.NewKey(at.UserID, id)}
	if grace > 0 { // else at no second: the clock of who asks may be behind
		turn.PreviousUntil = s.UnixNow() + grace
	}
	return turn, nil
}

// Rotate gives a token another key. Id, quota and history stay; a key that
// was still in its grace ends. The same turn happens once.
func (s *Service) Rotate(ctx context.Context, at credential.AccessToken, id int64, turn KeyRotation) (IssuedToken, error) {
	t, err := s.Store.Rotate(ctx, s.caller(at), id, turn)
	return IssuedToken{t, turn.Key}, err
}

// Opens reports whether a key, by its hash, may be used at a second, as far
// as it is a matter of which key it is. It takes the same time for any key.
func (t Token) AcceptsKey(hash [32]byte, now int64) bool {
	current, previous := t.matchKey(hash)
	return current || previous && now < t.PreviousUntil
}

// Knows reports whether a key, by its hash, is the token's or was the one
// before. That much may end holds: who made one while it could, must be able
// to say what was used.
func (t Token) HasKey(hash [32]byte) bool {
	current, previous := t.matchKey(hash)
	return current || previous
}

func (t Token) matchKey(hash [32]byte) (current, previous bool) {
	current = subtle.ConstantTimeCompare(t.KeyHash[:], hash[:]) == 1
	previous = subtle.ConstantTimeCompare(t.PreviousHash[:], hash[:]) == 1
	return current, previous
}
