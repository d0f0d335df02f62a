package token

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/latchkey-api/latchkey/shared/credential"
)

// A Service is what a tenant can do with its tokens. Each method admits the
// access token first; then it checks the input.
type Service struct {
	Store Store
	Now   func() time.Time
}

// Second is the service's clock in Unix seconds.
func (s *Service) UnixNow() int64 { return s.Now().Unix() }

// Admit answers only whether the access token may manage tokens:
// ErrUnauthorized, ErrUserDisabled, ErrForbidden or nil.
func (s *Service) Authorize(ctx context.Context, at credential.AccessToken) error {
	return s.Store.Authorize(ctx, s.caller(at))
}

// List returns one page of size tokens, newest first; pages count from 1.
func (s *Service) List(ctx context.Context, at credential.AccessToken, page, size int64) (Page, error) {
	return s.Store.List(ctx, s.caller(at), (page-1)*size, size)
}

// ListAfter returns up to size tokens with ids below id, newest first.
func (s *Service) ListAfter(ctx context.Context, at credential.AccessToken, id, size int64) (Page, error) {
	return s.Store.ListAfter(ctx, s.caller(at), id, size)
}

// Search returns one page of size tokens that a query finds in the newest
// window; pages count from 1. Total counts what it finds there. Next, if it is
// not 0, is where SearchAfter goes on with what the window did not reach.
func (s *Service) Search(ctx context.Context, at credential.AccessToken, q Query, page, size int64) (Page, error) {
	found, err := s.search(ctx, at, q, 0)
	n := int64(len(found.Tokens))
	from := min((page-1)*size, n)
	found.Tokens = found.Tokens[from:min(from+size, n)]
	return found, err
}

// SearchAfter returns up to size tokens with ids below id that a query finds
// in the window below it. Total counts what it finds there. Next, if it is not
// 0, is where to go on; there may be a Next where nothing was found.
func (s *Service) SearchAfter(ctx context.Context, at credential.AccessToken, q Query, id, size int64) (Page, error) {
	found, err := s.search(ctx, at, q, id)
	if int64(len(found.Tokens)) > size {
		found.Tokens = found.Tokens[:size]
		found.Next = found.Tokens[size-1].ID
	}
	return found, err
}

// search finds all that match in the window below an id, 0 for the newest.
func (s *Service) search(ctx context.Context, at credential.AccessToken, q Query, below int64) (Page, error) {
	q, err := q.Normalize()
	if err != nil {
		return Page{}, s.refuse(ctx, at, err)
	}
	found, err := s.Store.SearchWindow(ctx, s.caller(at), below)
	now := s.UnixNow()
	found.Tokens = slices.DeleteFunc(found.Tokens, func(t Token) bool { return !q.Matches(t, now) })
	found.Total = int64(len(found.Tokens))
	return found, err
}

// Get returns one token, or ErrNotFound.
func (s *Service) Get(ctx context.Context, at credential.AccessToken, id int64) (Token, error) {
	return s.Store.Get(ctx, s.caller(at), id)
}

// MaxBatch is how many tokens one request can make.
const MaxBatch = 50

// An Issued is a new key with its token. The key is nowhere else and can't
// be had again.
type IssuedToken struct {
	Token
	Key credential.Key
}

// An ItemError is what is wrong with one of several inputs.
type IndexError struct {
	Index int
	Err   error
}

func (e *IndexError) Error() string { return fmt.Sprintf("item %d: %v", e.Index, e.Err) }

func (e *IndexError) Unwrap() error { return e.Err }

// Create makes a token for each update, all or none. keep, if it is not
// nil, makes of them the answer that is kept for the request in the same
// write; it may be called more than once, and the last time counts. The error
// is an *ItemError around an *InvalidError, ErrTokenLimit, a *RateError, or
// one of Store.Create's.
func (s *Service) Create(ctx context.Context, at credential.AccessToken, updates []Settings, keep func([]IssuedToken) (SavedResponse, error)) ([]IssuedToken, error) {
	now := s.Now()
	drafts := make([]Token, len(updates))
	for i, u := range updates {
		var err error
		if drafts[i], err = New(u, at.UserID, now.Unix()); err != nil {
			return nil, s.refuse(ctx, at, &IndexError{i, err})
		}
	}
	made := make([]IssuedToken, len(drafts))
	_, err := s.Store.Create(ctx, caller(at, now.Unix()), func(u User) (NewTokens, error) {
		after, err := u.afterCreating(int64(len(drafts)), now.UnixMicro())
		if err != nil {
			return NewTokens{}, err
		}
		birth := NewTokens{RateTAT: after.RateTAT}
		for i, draft := range drafts {
			key := credential.NewKey(at.UserID, u.LastTokenID+int64(i)+1)
			draft.ID, draft.KeyHash, draft.Mask = key.TokenID, key.Hash(), key.Mask()
			made[i] = IssuedToken{draft, key}
			birth.Tokens = append(birth.Tokens, draft)
		}
		if keep != nil {
			kept, err := keep(made)
			birth.Response = &kept
			return birth, err
		}
		return birth, nil
	})
	return made, err
}

// Keep keeps a part of a request, unless one is kept already, and returns
// the one that is.
func (s *Service) SaveResponse(ctx context.Context, at credential.AccessToken, r *IdempotentRequest, part ResponsePart, content []byte) ([]byte, error) {
	sealed, err := s.Store.SaveResponse(ctx, s.caller(at), r.Seal(part, content))
	if err != nil {
		return nil, err
	}
	return r.Open(part, sealed)
}

// Recall returns the answer that is kept for a request: ErrNotKept if there is
// none, ErrOtherRequest if it is another's.
func (s *Service) LoadResponse(ctx context.Context, at credential.AccessToken, r *IdempotentRequest) ([]byte, error) {
	sealed, err := s.Store.LoadResponse(ctx, s.caller(at), r.id, s.UnixNow())
	if err != nil {
		return nil, err
	}
	return r.Open(PartResponse, sealed)
}

// Update changes the fields of a token that are present in u. The token must
// have one of the versions, else the error is ErrVersionMismatch; nil versions
// allow any. For the other errors besides ErrNotFound see Change.Reconsider.
func (s *Service) Update(ctx context.Context, at credential.AccessToken, id int64, u Settings, versions Versions) (Token, error) {
	u, err := u.Normalize()
	if err != nil {
		return Token{}, s.refuse(ctx, at, err)
	}
	change := u.change(s.UnixNow())
	change.Versions = versions
	return s.Store.Update(ctx, s.caller(at), id, change)
}

// SetStatus enables or disables a token and changes nothing else. Enabling a
// token that would stay unusable is ErrExpired or ErrExhausted. The token must
// have one of the versions, else the error is ErrVersionMismatch; nil versions
// allow any.
func (s *Service) SetStatus(ctx context.Context, at credential.AccessToken, id int64, disabled bool, versions Versions) (Token, error) {
	change := s.statusChange(disabled)
	change.Versions = versions
	return s.Store.Update(ctx, s.caller(at), id, change)
}

func (s *Service) statusChange(disabled bool) Change {
	return Change{Settings: Settings{Disabled: &disabled}, NeedsUsable: !disabled, Now: s.UnixNow()}
}

// Delete removes a token. Once it returns nil, the token's keys are refused.
// The token must have one of the versions, else the error is
// ErrVersionMismatch; nil versions allow any.
func (s *Service) Delete(ctx context.Context, at credential.AccessToken, id int64, versions Versions) error {
	return s.Store.Delete(ctx, s.caller(at), id, versions)
}

// SetStatusAll is SetStatus of several tokens, each for itself.
func (s *Service) SetStatusAll(ctx context.Context, at credential.AccessToken, ids []int64, disabled bool) ([]error, error) {
	return s.Store.UpdateAll(ctx, s.caller(at), ids, s.statusChange(disabled))
}

// DeleteAll removes several tokens, each for itself.
func (s *Service) DeleteAll(ctx context.Context, at credential.AccessToken, ids []int64) ([]error, error) {
	return s.Store.DeleteAll(ctx, s.caller(at), ids)
}

// Present reports which of the tokens there are.
func (s *Service) Exist(ctx context.Context, at credential.AccessToken, ids []int64) ([]bool, error) {
	return s.Store.Exist(ctx, s.caller(at), ids)
}

// refuse answers bad input, but only to a caller who may know: who is not
// admitted hears that first.
func (s *Service) refuse(ctx context.Context, at credential.AccessToken, bad error) error {
	if err := s.Authorize(ctx, at); err != nil {
		return err
	}
	return bad
}

func (s *Service) caller(at credential.AccessToken) Caller { return caller(at, s.UnixNow()) }
