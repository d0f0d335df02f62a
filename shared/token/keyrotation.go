package token

import (
	"context"
	"crypto/subtle"
	"fmt"

	"github.com/latchkey-api/latchkey/shared/credential"
)

// MaxGraceSeconds is the longest grace period of a rotation: a week.
const MaxGraceSeconds = 7 * 24 * 60 * 60

// A KeyRotation gives a token a new key.
type KeyRotation struct {
	Key           credential.Key
	SealedKey     SealedKey
	PreviousUntil int64 // the Unix second from which the old key is refused; 0 is at once, independent of any clock
	Version       int64 // the version that the token must have; 0 is any
}

// NewKeyRotation makes a new key for a token. The token's present key stays
// valid for a grace period of 0 to MaxGraceSeconds.
func (s *Service) NewKeyRotation(ctx context.Context, at credential.AccessToken, id, graceSeconds int64) (KeyRotation, error) {
	if graceSeconds < 0 || graceSeconds > MaxGraceSeconds {
		return KeyRotation{}, s.refuse(ctx, at, invalid("grace_seconds", fmt.Sprintf("must be between 0 (the old key stops working at once) and %d", MaxGraceSeconds)))
	}
	rotation := KeyRotation{Key: credential.NewKey(at.UserID, id)}
	if graceSeconds > 0 { // otherwise a checker whose clock is behind would still accept the old key
		rotation.PreviousUntil = s.UnixNow() + graceSeconds
	}
	return rotation, nil
}

// Rotate replaces a token's key. The token keeps its id, its quota and its
// settings. An old key that is still in its grace period from an earlier
// rotation stops working. A key that has leaked gets no grace period. Repeating the
// same rotation changes nothing.
func (s *Service) Rotate(ctx context.Context, at credential.AccessToken, id int64, rotation KeyRotation) (IssuedToken, error) {
	return s.RotateAsPlanned(ctx, at, id, func() (KeyRotation, error) { return rotation, nil })
}

// RotateAsPlanned is Rotate with what plan returns. It calls plan once the
// caller is authorized and the change is within its limits; an error of plan is
// its error.
func (s *Service) RotateAsPlanned(ctx context.Context, at credential.AccessToken, id int64, plan func() (KeyRotation, error)) (IssuedToken, error) {
	var rotation KeyRotation
	t, err := s.Store.Rotate(ctx, s.Caller(at), id, func() (_ KeyRotation, err error) {
		if rotation, err = plan(); err == nil {
			rotation.SealedKey, err = sealKey(at, rotation.Key, s.UnixNow())
		}
		return rotation, err
	})
	return IssuedToken{t, rotation.Key}, err
}

// AcceptsKey reports whether the key with this hash is the token's key at a
// Unix second, unless that has leaked, or its previous key within the grace period.
// It does not check the token's status. It takes the same time for any hash.
func (t Token) AcceptsKey(hash [32]byte, now int64) bool {
	current, previous := t.matchKey(hash)
	return current && t.LeakedTime == 0 || previous && now < t.PreviousUntil
}

// HasKey reports whether the key with this hash is the token's key or its
// previous key, even after the grace period or if it has leaked. Such a key may
// still settle and release holds, because the use of a hold must be reported even
// then.
func (t Token) HasKey(hash [32]byte) bool {
	current, previous := t.matchKey(hash)
	return current || previous
}

func (t Token) matchKey(hash [32]byte) (current, previous bool) {
	current = subtle.ConstantTimeCompare(t.KeyHash[:], hash[:]) == 1
	previous = subtle.ConstantTimeCompare(t.PreviousHash[:], hash[:]) == 1
	return current, previous
}
