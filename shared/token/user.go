package token

import (
	"fmt"
	"strings"
)

// MaxSlots is the largest number of valid access tokens that one user can
// have. More than one lets an old and a new access token overlap during a
// rotation.
const MaxSlots = 5

// A Role says what a user may do. The zero Role may do nothing.
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
	StopOrders    int64 // how often the operator has stopped the user's keys or let them work again; odd while they are stopped
	Deleting      bool  // the operator has begun to delete the user, which can't be undone
	Version       int64 // 1 at creation, plus 1 with every change by the operator
	Created       int64 // Unix seconds
	Slots         [MaxSlots]Slot
	LastTokenID   int64 // the highest token id in use so far; ids have no gaps
	DeletedTokens int64 // how many tokens were deleted
	Limits        Limits
	Groups        []string // granted by the operator, see Grants
	UsesWallet    bool     // new tokens use the user's Wallet
	WalletOrder   int64    // the Wallet.Order that new tokens follow
	PolicyVersion int64    // the Version that set the user's policy; 0 if there is none
	Policy        *Policy  // nil without one; only set where the store says so
	RateTAT       int64    // Unix microseconds; the state of the create rate limit, see Limits
	ChangeTAT     int64    // Unix microseconds; the state of the change rate limit, see AdmitChanges
}

// TokenCount returns the number of tokens that the user has.
func (u User) TokenCount() int64 { return u.LastTokenID - u.DeletedTokens }

// KeysStopped reports whether the operator has stopped the keys of all the
// user's tokens.
func (u User) KeysStopped() bool { return u.StopOrders%2 == 1 }

// stopKeys stops the user's keys or lets them work again.
func (u *User) stopKeys(stop bool) {
	if u.KeysStopped() != stop {
		u.StopOrders++
	}
}

// A Slot holds the hash of one access token. The zero Slot is empty.
type Slot struct {
	Hash        [32]byte
	UserVersion int64 // the User.Version that the access token was issued with; the newest has the highest
	Created     int64 // Unix seconds
	Expires     int64 // Unix seconds; 0 is never
}

// Valid reports whether the slot holds an access token that has not expired at
// a Unix second.
func (s Slot) Valid(now int64) bool {
	return s.Hash != [32]byte{} && (s.Expires == 0 || s.Expires > now)
}

const alphanumerics = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// CheckUserName returns the name without surrounding white space, or an
// *InvalidError.
func CheckUserName(name string) (string, error) {
	name = strings.TrimSpace(name)
	const longest = 50
	if name == "" || len(name) > longest || strings.Trim(name, alphanumerics+"._@-") != "" || !strings.Contains(alphanumerics, name[:1]) {
		return "", invalid("user name", "must be 1 to 50 letters, digits, dots, underscores, hyphens or @, beginning with a letter or digit")
	}
	return name, nil
}

// CheckRole returns the role with that name, or an *InvalidError.
func CheckRole(name string) (Role, error) {
	switch role := Role(name); role {
	case RoleGuest, RoleUser:
		return role, nil
	default:
		return "", invalid("role", fmt.Sprintf("must be %s or %s", RoleUser, RoleGuest))
	}
}
