package token

import (
	"context"
	"time"
)

// A Service is what a tenant can do with its tokens. Each method admits the
// access token first; then it checks the input.
type Service struct {
	Store Store
	Now   func() time.Time
}

// Second is the service's clock in Unix seconds.
func (s *Service) Second() int64 { return s.Now().Unix() }

// Admit answers only whether the access token may manage tokens:
// ErrUnauthorized, ErrUserDisabled, ErrForbidden or nil.
func (s *Service) Admit(ctx context.Context, at AccessToken) error {
	return s.Store.Admit(ctx, s.caller(at))
}

// List returns one page of size tokens, newest first; pages count from 1.
func (s *Service) List(ctx context.Context, at AccessToken, page, size int64) (Page, error) {
	return s.Store.Page(ctx, s.caller(at), (page-1)*size, size)
}

// ListAfter returns up to size tokens with ids below id, newest first.
func (s *Service) ListAfter(ctx context.Context, at AccessToken, id, size int64) (Page, error) {
	return s.Store.After(ctx, s.caller(at), id, size)
}

// Get returns one token, or ErrNotFound.
func (s *Service) Get(ctx context.Context, at AccessToken, id int64) (Token, error) {
	return s.Store.Get(ctx, s.caller(at), id)
}

// Create makes a token and its key. The key is nowhere else and can't be
// had again.
func (s *Service) Create(ctx context.Context, at AccessToken, u Update) (Token, Key, error) {
	draft, err := Draft(u, at.UserID, s.Second())
	if err != nil {
		return Token{}, Key{}, s.refuse(ctx, at, err)
	}
	var key Key
	t, err := s.Store.Create(ctx, s.caller(at), func(id int64) Token {
		key = NewKey(at.UserID, id)
		minted := draft
		minted.ID, minted.KeyHash, minted.Mask = id, key.Hash(), key.Mask()
		return minted
	})
	return t, key, err
}

// Update changes the fields of a token that are present in u; see
// Change.Reconsider for what it may answer besides ErrNotFound.
func (s *Service) Update(ctx context.Context, at AccessToken, id int64, u Update) (Token, error) {
	u, err := u.Normalize()
	if err != nil {
		return Token{}, s.refuse(ctx, at, err)
	}
	return s.Store.Update(ctx, s.caller(at), id, u.change(s.Second()))
}

// SetStatus enables or disables a token and changes nothing else. Enabling
// one that would stay unusable is ErrExpired or ErrExhausted.
func (s *Service) SetStatus(ctx context.Context, at AccessToken, id int64, disabled bool) (Token, error) {
	change := Change{Update: Update{Disabled: &disabled}, NeedsUsable: !disabled, Now: s.Second()}
	return s.Store.Update(ctx, s.caller(at), id, change)
}

// Delete removes a token; its key is refused from then on.
func (s *Service) Delete(ctx context.Context, at AccessToken, id int64) error {
	return s.Store.Delete(ctx, s.caller(at), id)
}

// refuse answers bad input, but only to a caller who may know: who is not
// admitted hears that first.
func (s *Service) refuse(ctx context.Context, at AccessToken, bad error) error {
	if err := s.Admit(ctx, at); err != nil {
		return err
	}
	return bad
}

func (s *Service) caller(at AccessToken) Caller { return caller(at, s.Second()) }
