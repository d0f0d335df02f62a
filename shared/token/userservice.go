package token

import (
	"context"
	"time"

	"github.com/latchkey-api/latchkey/shared/credential"
)

// A UserService is what the operator does with users. It checks no
// permissions: access to the store is the permission.
type UserService struct {
	Store UserStore
	Now   func() time.Time
}

// A UserStore keeps users. Its reads are as consistent and its writes as
// atomic as those of a Store, and they return ErrUnavailable and ErrUncertain
// in the same cases.
type UserStore interface {
	// AddUser stores the user that mint makes for the next user id and returns
	// it. It may call mint more than once; the last result is stored. If the
	// name is taken, the error is ErrUserExists.
	AddUser(ctx context.Context, mint func(id int64) User) (User, error)

	// FindUser returns the user with that name, or ErrUserNotFound.
	FindUser(ctx context.Context, name string) (User, error)

	// Users returns all users, by id.
	Users(ctx context.Context) ([]User, error)

	// ChangeUser stores the role, the disabled and deleting flags, the stop
	// orders, the limits and the slots of u, adds 1 to its version and returns
	// it as stored. If u.Version is not the stored version, the error is
	// ErrContention.
	ChangeUser(ctx context.Context, u User) (User, error)

	// StopTokens sets Token.Stopped of each of the user's tokens to
	// u.KeysStopped, unless that was done for a newer order, which is one with
	// more u.StopOrders. It returns for how many tokens that was a
	// change. It can be repeated.
	StopTokens(ctx context.Context, u User, report Progress) (changed int64, err error)

	// RemoveUser removes a user who is Deleting, with all tokens. The user's id
	// is never given again. It returns how many tokens it has removed. It can
	// be repeated; a user who was removed before is not an error.
	RemoveUser(ctx context.Context, u User, report Progress) (removed int64, err error)

	// ImportTokens stores the tokens that mint makes for a user, with their foreign
	// keys, as Writer.Create does. If one of the keys is another token's, the error
	// is ErrKeyTaken.
	ImportTokens(ctx context.Context, u User, mint func(User) (NewTokens, error)) ([]Token, error)

	// TokensOfForeignKeys returns which token has each foreign key, by the SHA-256
	// of the key; the zero TokenID if none has.
	TokensOfForeignKeys(ctx context.Context, hashes [][32]byte) ([]Address, error)

	// GrantGroups sets GroupGranted of each of the user's tokens by User.Grants.
	GrantGroups(ctx context.Context, u User) error

	// EachToken calls do with each of the user's tokens, by bucket, and stops at its
	// first error.
	EachToken(ctx context.Context, u User, do func(Token) error) error

	// Policy returns the user's policy.
	Policy(ctx context.Context, u User) (Policy, error)

	// SetPolicy replaces the user's policy and adds 1 to the user's version. If
	// u.Version is not the stored version, the error is ErrContention.
	SetPolicy(ctx context.Context, u User, p Policy) error

	// Wallet returns the user's wallet as it was last written; see Wallet.At.
	Wallet(ctx context.Context, userID int64) (Wallet, error)

	// SetBudget changes the user's wallet by Wallet.SetBudget and adds 1 to
	// the user's version. It returns both as stored. If u.Version is not the
	// stored version, the error is ErrContention.
	SetBudget(ctx context.Context, u User, b *Budget) (User, Wallet, error)

	// FollowWallet changes each of the user's tokens by Token.Follow, and calls
	// progress with the id of each token that it has looked at. If more was drawn
	// than the budget, it then returns free units of the tokens to the wallet.
	// Operations on tokens may go on meanwhile. It can be repeated after an error.
	// now is in Unix seconds.
	FollowWallet(ctx context.Context, u User, w Wallet, now int64, progress func(id int64)) error

	// Holdings returns where the units of the user's budget are at a Unix
	// second. It reads all of the user's tokens. If they draw and return units
	// all the time, the error is ErrContention.
	Holdings(ctx context.Context, u User, now int64) (Holdings, error)

	// Reconcile recounts a user's tokens as UserService.Reconcile describes.
	// now is in Unix seconds. Too many concurrent changes are ErrContention;
	// repairs made before an error stay.
	Reconcile(ctx context.Context, userID, now int64, dryRun bool) (Reconciliation, error)
}

// Create makes a user and its first access token. The access token is valid
// for the given duration or, if that is 0, until it is revoked.
func (s *UserService) Create(ctx context.Context, name string, role Role, valid time.Duration) (User, credential.AccessToken, error) {
	name, err := CheckUserName(name)
	if err != nil {
		return User{}, credential.AccessToken{}, err
	}
	var at credential.AccessToken
	u, err := s.Store.AddUser(ctx, func(id int64) User {
		at = credential.NewAccessToken(id, 0)
		u := User{ID: id, Name: name, Role: role, Version: 1, Created: s.Now().Unix(), Limits: DefaultLimits()}
		u.Slots[0] = s.slot(at, u.Version, valid)
		return u
	})
	return u, at, err
}

// An AccessTokenRotation is the result of RotateAccessToken.
type AccessTokenRotation struct {
	User    User
	Issued  *credential.AccessToken // nil if a rotation in progress was only completed
	Revoked int                     // how many valid access tokens were revoked
}

// RotateAccessToken issues another access token, valid for the given duration
// or, if that is 0, until it is revoked. Older access tokens stay valid.
//
// With revoke, it completes the rotation: only the newest access token stays
// valid. If the user has one access token or none, it issues one first. If it
// issues none, a duration is an *InvalidError.
//
// If all slots hold valid access tokens, the error is ErrSlotsFull.
func (s *UserService) RotateAccessToken(ctx context.Context, name string, revoke bool, valid time.Duration) (AccessTokenRotation, error) {
	var out AccessTokenRotation
	u, err := s.change(ctx, name, func(u *User) error {
		now := s.Now().Unix()
		out = AccessTokenRotation{}
		newest, free, count := inspectSlots(u.Slots, now)
		if revoke && count > 1 && valid > 0 {
			return invalid("the expiry", "must be left out when a rotation is completed, because no access token is issued")
		}
		if !revoke || count < 2 {
			if free < 0 {
				return ErrSlotsFull
			}
			at := credential.NewAccessToken(u.ID, free)
			u.Slots[free] = s.slot(at, u.Version+1, valid)
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

// SetLimits changes a user's limits with edit. Limits that Limits.Check
// refuses are an *InvalidError.
func (s *UserService) SetLimits(ctx context.Context, name string, edit func(*Limits)) (User, error) {
	return s.change(ctx, name, func(u *User) error {
		edit(&u.Limits)
		return u.Limits.Check()
	})
}

// SetGroups replaces the groups that a user is granted, also for the tokens that
// it has: the group of a token that is no longer granted stays, but prices ignore
// it. Groups that CheckGroups refuses are an *InvalidError. After another error,
// some tokens may not have been changed; SetGroups can be repeated. An update of a
// token that is in progress may still use the old groups.
func (s *UserService) SetGroups(ctx context.Context, name string, groups []string) (User, error) {
	groups, err := CheckGroups(groups)
	if err != nil {
		return User{}, err
	}
	u, err := s.change(ctx, name, func(u *User) error {
		u.Groups = groups
		return nil
	})
	if err != nil {
		return u, err
	}
	return u, s.Store.GrantGroups(ctx, u)
}

// Policy returns the user with that name and its policy.
func (s *UserService) Policy(ctx context.Context, name string) (User, Policy, error) {
	u, err := s.find(ctx, name)
	if err != nil {
		return User{}, Policy{}, err
	}
	p, err := s.Store.Policy(ctx, u)
	return u, p, err
}

// SetPolicy changes a user's policy with edit. It applies to each create from
// then on, and to each update that has not begun; tokens that exist stay as they
// are. A policy that Policy.Normalize refuses is an *InvalidError.
func (s *UserService) SetPolicy(ctx context.Context, name string, edit func(*Policy)) (User, Policy, error) {
	u, p, err := s.Policy(ctx, name)
	if err != nil {
		return u, p, err
	}
	edit(&p)
	if p, err = p.Normalize(); err != nil {
		return u, p, err
	}
	return u, p, s.Store.SetPolicy(ctx, u, p)
}

// SetBudget gives all tokens of a user one budget together, or none if b is nil,
// and returns once each of the tokens follows. It calls progress after each
// token. Units that a token holds stay with it, even if the budget is lowered below
// what is used and held. A budget that Budget.Normalize refuses is an *InvalidError. After
// another error, some tokens may not follow yet; SetBudget can be repeated.
func (s *UserService) SetBudget(ctx context.Context, name string, b *Budget, progress func(done, of int64)) (Wallet, error) {
	if b != nil {
		normal, err := b.Normalize()
		if err != nil {
			return Wallet{}, err
		}
		b = &normal
	}
	u, err := s.find(ctx, name)
	if err != nil {
		return Wallet{}, err
	}
	u, w, err := s.Store.SetBudget(ctx, u, b)
	if err != nil {
		return w, err
	}
	done := int64(0)
	return w, s.Store.FollowWallet(ctx, u, w, s.Now().Unix(), func(int64) {
		done++
		progress(done, u.TokenCount())
	})
}

// Holdings returns the user with that name and where the units of its budget
// are.
func (s *UserService) Holdings(ctx context.Context, name string) (User, Holdings, error) {
	u, err := s.find(ctx, name)
	if err != nil {
		return User{}, Holdings{}, err
	}
	h, err := s.Store.Holdings(ctx, u, s.Now().Unix())
	return u, h, err
}

// List returns all users, by id.
func (s *UserService) List(ctx context.Context) ([]User, error) { return s.Store.Users(ctx) }

func (s *UserService) change(ctx context.Context, name string, edit func(*User) error) (User, error) {
	u, err := s.find(ctx, name)
	if err != nil {
		return User{}, err
	}
	if err := edit(&u); err != nil {
		return User{}, err
	}
	return s.Store.ChangeUser(ctx, u)
}

// find returns the user with that name, unless its deletion has begun.
func (s *UserService) find(ctx context.Context, name string) (User, error) {
	u, err := s.Store.FindUser(ctx, name)
	if err == nil && u.Deleting {
		err = ErrUserDeleting
	}
	return u, err
}

func (s *UserService) slot(at credential.AccessToken, version int64, valid time.Duration) Slot {
	slot := Slot{Hash: at.Hash(), UserVersion: version, Created: s.Now().Unix()}
	if valid > 0 {
		slot.Expires = s.Now().Add(valid).Unix()
	}
	return slot
}

// inspectSlots returns the indexes of the newest valid slot and of the first
// free one, each -1 if there is none, and the number of valid slots. A slot
// whose access token has expired is free.
func inspectSlots(slots [MaxSlots]Slot, now int64) (newest, free, valid int) {
	newest, free = -1, -1
	highest := int64(-1)
	for i, s := range slots {
		switch {
		case !s.Valid(now):
			if free < 0 {
				free = i
			}
		default:
			valid++
			if s.UserVersion > highest {
				newest, highest = i, s.UserVersion
			}
		}
	}
	return newest, free, valid
}
