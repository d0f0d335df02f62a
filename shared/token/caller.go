package token

import (
	"crypto/subtle"
	"time"

	"github.com/latchkey-api/latchkey/shared/credential"
)

// A Caller is the sender of a request: the user that the access token names,
// the time, and a check that the stored user must pass before the store answers
// anything. The store calls Authorize with the user that it read, or with the
// zero User if there is none.
type Caller struct {
	UserID    int64
	Slot      int   // of the access token, from 0
	Now       int64 // Unix microseconds, for User.AdmitChanges
	Authorize func(User) error
}

// NewCaller returns the caller with an access token at a time. An
// unknown user, an empty slot, another hash and an expired or revoked access
// token give the same error, after a comparison in constant time.
func NewCaller(at credential.AccessToken, now time.Time) Caller {
	hash := at.Hash()
	return Caller{at.UserID, at.Slot, now.UnixMicro(), func(u User) error {
		var slot Slot
		if at.Slot >= 0 && at.Slot < MaxSlots {
			slot = u.Slots[at.Slot]
		}
		same := subtle.ConstantTimeCompare(slot.Hash[:], hash[:]) == 1
		switch {
		case !same || !slot.Valid(now.Unix()):
			return ErrUnauthorized
		case u.Disabled:
			return ErrUserDisabled
		case u.Role != RoleUser:
			return ErrForbidden
		default:
			return nil
		}
	}}
}
