package token

import (
	"context"
	"time"

	"github.com/latchkey-api/latchkey/shared/credential"
)

// A UserService is what the operator does with users. It asks nobody for
// permission: whoever can reach the store may call it.
type UserService struct {
	Store UserStore
	Now   func() time.Time
}

// A UserStore keeps users; see Store for what holds of its methods.
type UserStore interface {
	// AddUser gives the next user id to the user that mint makes for it.
	// mint may be called more than once; the last user counts. A name that
	// is taken is ErrUserExists.
	AddUser(ctx context.Context, mint func(id int64) User) (User, error)

	// FindUser returns the user of that name or ErrUserNotFound.
	FindUser(ctx context.Context, name string) (User, error)

	// Users returns all users by id.
	Users(ctx context.Context) ([]User, error)

	// ChangeUser stores role, disabled, limits and slots of u, if its version is
	// still the stored one, and adds one to it; else it is ErrContention.
	ChangeUser(ctx context.Context, u User) (User, error)

	// Reconcile recounts a user's tokens as UserService.Reconcile says. now is
	// the Unix second. Rivals that are too many are ErrContention; what was
	// repaired before any error stays.
	Reconcile(ctx context.Context, userID, now int64, dryRun bool) (Reconciliation, error)
}

// Create makes a user with its first access token, valid for the given time
// or, with 0, until it is revoked.
func (a *UserService) Create(ctx context.Context, name string, role Role, valid time.Duration) (User, credential.AccessToken, error) {
	name, err := CheckUserName(name)
	if err != nil {
		return User{}, credential.AccessToken{}, err
	}
	var at credential.AccessToken
	u, err := a.Store.AddUser(ctx, func(id int64) User {
		at = credential.NewAccessToken(id, 0)
		u := User{ID: id, Name: name, Role: role, Version: 1, Created: a.Now().Unix(), Limits: DefaultLimits()}
		u.Slots[0] = a.slot(at, u.Version, valid)
		return u
	})
	return u, at, err
}

// A Rotation is the outcome of Rotate.
type AccessTokenRotation struct {
	User    User
	Issued  *credential.AccessToken // nil if a rotation under way was only completed
	Revoked int                     // access tokens that ended
}

// Rotate issues another access token; the older ones stay valid. With
// revoke it completes the rotation: afterwards one token is valid, the
// newest. If no rotation was under way, that starts and completes one.
// Without a free slot it is ErrSlotsFull; a validity where no token is issued
// is an *InvalidError.
func (a *UserService) RotateAccessToken(ctx context.Context, name string, revoke bool, valid time.Duration) (AccessTokenRotation, error) {
	var out AccessTokenRotation
	u, err := a.change(ctx, name, func(u *User) error {
		now := a.Now().Unix()
		out = AccessTokenRotation{}
		newest, free, live := inspectSlots(u.Slots, now)
		if revoke && live > 1 && valid > 0 {
			return invalid("the expiry", "is for a new access token, and completing a rotation issues none: leave it out")
		}
		if !revoke || live < 2 {
			if free < 0 {
				return ErrSlotsFull
			}
			at := credential.NewAccessToken(u.ID, free)
			u.Slots[free] = a.slot(at, u.Version+1, valid)
			out.Issued, newest = &at, free
		}
		if revoke {
			for i := range u.Slots {
				if i == newest {
					continue
				}
				if u.Slots[i].Valid(now) {
					out.Revoked++
				}
				u.Slots[i] = Slot{}
			}
		}
		return nil
	})
	out.User = u
	return out, err
}

// SetDisabled switches a user off or on; its access tokens stay.
func (a *UserService) SetDisabled(ctx context.Context, name string, disabled bool) (User, error) {
	return a.change(ctx, name, func(u *User) error {
		u.Disabled = disabled
		return nil
	})
}

// SetLimits lets edit change a user's limits; an *InvalidError says what can't
// be.
func (a *UserService) SetLimits(ctx context.Context, name string, edit func(*Limits)) (User, error) {
	return a.change(ctx, name, func(u *User) error {
		edit(&u.Limits)
		return u.Limits.Check()
	})
}

// List returns all users by id.
func (a *UserService) List(ctx context.Context) ([]User, error) { return a.Store.Users(ctx) }

func (a *UserService) change(ctx context.Context, name string, edit func(*User) error) (User, error) {
	u, err := a.Store.FindUser(ctx, name)
	if err != nil {
		return User{}, err
	}
	if err := edit(&u); err != nil {
		return User{}, err
	}
	return a.Store.ChangeUser(ctx, u)
}

func (a *UserService) slot(at credential.AccessToken, version int64, valid time.Duration) Slot {
	s := Slot{Hash: at.Hash(), UserVersion: version, Created: a.Now().Unix()}
	if valid > 0 {
		s.Expires = a.Now().Add(valid).Unix()
	}
	return s
}

// survey finds the newest valid slot, a free one (-1: none), and how many
// are valid.
func inspectSlots(slots [MaxSlots]Slot, now int64) (newest, free, live int) {
	newest, free = -1, -1
	highest := int64(-1)
	for i, s := range slots {
		switch {
		case !s.Valid(now):
			if free < 0 {
				free = i
			}
		default:
			live++
			if s.UserVersion > highest {
				newest, highest = i, s.UserVersion
			}
		}
	}
	return newest, free, live
}
