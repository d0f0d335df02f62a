package token

import (
	"crypto/subtle"
	"fmt"
	"regexp"
	"strings"

	"github.com/latchkey-api/latchkey/shared/credential"
)

// MaxSlots is how many access tokens of one user can be valid at a time, so
// that a rotation overlaps.
const MaxSlots = 5

// Role is what a user may do. The zero Role may do nothing.
type Role string

// The roles, lowest first.
const (
	RoleGuest Role = "guest" // may not manage tokens
	RoleUser  Role = "user"  // manages its own tokens
)

// A User owns tokens and manages them with access tokens.
type User struct {
	ID            int64
	Name          string
	Role          Role
	Disabled      bool
	Version       int64 // 1 at creation, one more with every change by the operator
	Created       int64 // Unix seconds
	Slots         [MaxSlots]Slot
	LastTokenID   int64 // token ids ever given
	DeletedTokens int64 // deletions counted
	Limits        Limits
	RateTAT       int64 // Unix microseconds; how far its creates are ahead, see take
}

// Live counts the user's tokens.
func (u User) TokenCount() int64 { return u.LastTokenID - u.DeletedTokens }

// A Slot holds what is stored of one access token. The zero Slot is empty.
type Slot struct {
	Hash        [32]byte
	UserVersion int64 // the user's version that brought it: higher is newer
	Created     int64 // Unix seconds
	Expires     int64 // Unix seconds; 0 = never
}

// Valid reports whether the slot holds an access token that is not expired.
func (s Slot) Valid(now int64) bool {
	return s.Hash != [32]byte{} && (s.Expires == 0 || s.Expires > now)
}

// CheckUserName returns the name in canonical form or an *InvalidError.
func CheckUserName(name string) (string, error) {
	name = strings.TrimSpace(name)
	if !regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._@-]{0,49}$`).MatchString(name) {
		return "", invalid("user name", "must be 1 to 50 letters, digits, dots, underscores, hyphens or @, beginning with a letter or digit")
	}
	return name, nil
}

// CheckRole returns the role of that name or an *InvalidError.
func CheckRole(name string) (Role, error) {
	switch role := Role(name); role {
	case RoleGuest, RoleUser:
		return role, nil
	default:
		return "", invalid("role", fmt.Sprintf("must be %s or %s", RoleUser, RoleGuest))
	}
}

// A Caller is whoever sent a request: the user that the access token names,
// and the test that this user, as stored, must pass before anything is
// answered. The store calls Admit with what it read, a zero User if there is
// none.
type Caller struct {
	UserID    int64
	Authorize func(User) error
}

// caller makes the test for an access token. Unknown user, unknown slot,
// wrong secret, revoked and expired are one error, found in constant time.
func caller(at credential.AccessToken, now int64) Caller {
	hash := at.Hash()
	return Caller{at.UserID, func(u User) error {
		var slot Slot
		if at.Slot >= 0 && at.Slot < MaxSlots {
			slot = u.Slots[at.Slot]
		}
		same := subtle.ConstantTimeCompare(slot.Hash[:], hash[:]) == 1
		switch {
		case !same || !slot.Valid(now):
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
