package token

import "context"

// Progress is called from time to time with how many of a user's tokens are
// done, by one goroutine at a time. It may be nil.
type Progress func(done, of int64)

// Report calls the function if there is one.
func (p Progress) Report(done, of int64) {
	if p != nil {
		p(done, of)
	}
}

// A UserStop is the result of stopping a user or undoing it.
type UserStop struct {
	User   User
	Before User  // as it was before this call
	Tokens int64 // how many tokens this call has stopped, let work again or removed
}

// Disable stops the keys of a user's tokens and, unless keysOnly is set, also
// disables the user, so that its access tokens are refused. Afterwards no key is
// accepted, except by processes that lease quota, for as long as a lease lasts.
// Holds can still be settled and released.
//
// Meanwhile no token can be created. After an error, some keys may still be
// accepted, and Disable can be repeated. If another call gives the opposite
// order in the meantime, the last one wins and the error of the first is
// ErrContention.
func (s *UserService) Disable(ctx context.Context, name string, keysOnly bool, report Progress) (UserStop, error) {
	return s.stop(ctx, name, report, func(u *User) {
		u.Disabled = u.Disabled || !keysOnly
		u.stopKeys(true)
	})
}

// Enable undoes Disable, whatever it has stopped. After an error, it can be
// repeated.
func (s *UserService) Enable(ctx context.Context, name string, report Progress) (UserStop, error) {
	return s.stop(ctx, name, report, func(u *User) {
		u.Disabled = false
		u.stopKeys(false)
	})
}

func (s *UserService) stop(ctx context.Context, name string, report Progress, edit func(*User)) (UserStop, error) {
	var out UserStop
	u, err := s.change(ctx, name, func(u *User) error {
		out.Before = *u
		edit(u)
		return nil
	})
	out.User = u
	if err != nil || u.StopOrders == 0 { // its keys were never stopped
		return out, err
	}
	if out.Tokens, err = s.Store.StopTokens(ctx, u, report); err != nil {
		return out, err
	}
	now, err := s.find(ctx, name)
	if err == nil && (now.ID != u.ID || now.StopOrders != u.StopOrders) {
		err = ErrContention
	}
	return out, err
}

// Delete removes a user and all of its tokens for good. The first step makes
// the user's access tokens invalid, and only Delete can continue from there.
// Afterwards no key is accepted, except by processes that lease quota, for as
// long as a lease lasts, and another user can have the name. After an error,
// Delete can be repeated.
func (s *UserService) Delete(ctx context.Context, name string, report Progress) (UserStop, error) {
	u, err := s.Store.FindUser(ctx, name)
	out := UserStop{Before: u}
	if err != nil {
		return out, err
	}
	if !u.Deleting {
		u.Deleting, u.Disabled, u.Slots = true, true, [MaxSlots]Slot{}
		if u, err = s.Store.ChangeUser(ctx, u); err != nil {
			return out, err
		}
	}
	out.User = u
	out.Tokens, err = s.Store.RemoveUser(ctx, u, report)
	return out, err
}
