package token

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/latchkey-api/latchkey/shared/credential"
)

// A Service is what a user can do with its tokens. Every method checks the
// access token before it reports anything else, invalid input included. If the
// check fails, the error is ErrUnauthorized, ErrUserDisabled or ErrForbidden.
type Service struct {
	Store Store
	Now   func() time.Time
}

// UnixNow returns the service's time in Unix seconds.
func (s *Service) UnixNow() int64 { return s.Now().Unix() }

// Authorize checks whether the access token may manage tokens, and nothing
// else.
func (s *Service) Authorize(ctx context.Context, at credential.AccessToken) error {
	return s.Store.Authorize(ctx, s.Caller(at))
}

// List returns a page of size tokens, newest first. Pages count from 1.
func (s *Service) List(ctx context.Context, at credential.AccessToken, page, size int64) (Page, error) {
	return s.Store.List(ctx, s.Caller(at), (page-1)*size, size)
}

// ListAfter returns up to size tokens with ids below id, newest first.
func (s *Service) ListAfter(ctx context.Context, at credential.AccessToken, id, size int64) (Page, error) {
	return s.Store.ListAfter(ctx, s.Caller(at), id, size)
}

// Search returns a page of size of the tokens that match a query among the
// newest tokens, see Reader.Search. Pages count from 1. Total is the
// number of matches. If Next is not 0, there are more matches, or older tokens that
// were not searched: SearchAfter continues there.
func (s *Service) Search(ctx context.Context, at credential.AccessToken, q Query, page, size int64) (Page, error) {
	return s.search(ctx, at, Search{Query: q, Skip: (page - 1) * size, Size: size})
}

// SearchAfter returns up to size of the tokens that match a query among the
// newest tokens with ids below id. Total is the number of matches. If Next is
// not 0, pass it to the next SearchAfter; there can be a Next even if nothing
// was found.
func (s *Service) SearchAfter(ctx context.Context, at credential.AccessToken, q Query, id, size int64) (Page, error) {
	return s.search(ctx, at, Search{Query: q, Below: id, Size: size})
}

func (s *Service) search(ctx context.Context, at credential.AccessToken, search Search) (Page, error) {
	var err error
	if search.Query, err = search.Query.Normalize(); err != nil {
		return Page{}, s.refuse(ctx, at, err)
	}
	search.Now = s.UnixNow()
	return s.Store.Search(ctx, s.Caller(at), search)
}

// Get returns one token, or ErrNotFound.
func (s *Service) Get(ctx context.Context, at credential.AccessToken, id int64) (Token, error) {
	return s.Store.Get(ctx, s.Caller(at), id)
}

// Account returns the user and its wallet as of now.
func (s *Service) Account(ctx context.Context, at credential.AccessToken) (User, Wallet, error) {
	u, w, err := s.Store.Account(ctx, s.Caller(at))
	return u, w.AsOf(s.UnixNow()), err
}

// Holdings returns where the units of the user's budget are. If the user has no
// wallet, the error is ErrNoBudget. The other errors are those of
// AccountReader.AccountHoldings.
func (s *Service) Holdings(ctx context.Context, at credential.AccessToken) (Holdings, error) {
	h, err := s.Store.AccountHoldings(ctx, s.Caller(at))
	if err == nil && !h.On {
		return Holdings{}, ErrNoBudget
	}
	return h, err
}

// MaxBatch is the largest number of tokens that one create can make.
const MaxBatch = 50

// An IssuedToken is a token with its new key.
type IssuedToken struct {
	Token
	Key credential.Key
}

// An IndexError is an error about one of several inputs.
type IndexError struct {
	Index int // of the input, from 0
	Err   error
}

func (e *IndexError) Error() string { return fmt.Sprintf("input %d: %v", e.Index, e.Err) }

func (e *IndexError) Unwrap() error { return e.Err }

// Create makes a token for each of the settings: all or none of them. If
// respond is not nil, its result is saved with the tokens, as the response for
// repetitions of the request. respond may be called more than once; the last
// result counts.
//
// Invalid settings are an *IndexError that wraps an *InvalidError, and settings
// that the user's policy refuses one that wraps a *PolicyError. Other errors are
// ErrKeysStopped, ErrTokenLimit, a *CreateRateError and those of Writer.Create.
func (s *Service) Create(ctx context.Context, at credential.AccessToken, settings []Settings, respond func([]IssuedToken) (SavedResponse, error)) ([]IssuedToken, error) {
	now := s.Now()
	settings = slices.Clone(settings)
	for i, one := range settings {
		if one.HasTwoLists() {
			var err error
			if one, err = one.normalizeNew(); err != nil {
				return nil, s.refuse(ctx, at, &IndexError{i, err})
			}
			settings[i] = one
		}
		if one.Models == nil {
			one.ModelLimitsEnabled = nil // the user's policy may give the models
		}
		if _, err := New(one, at.UserID, now.Unix()); err != nil {
			return nil, s.refuse(ctx, at, &IndexError{i, err})
		}
	}
	var issued []IssuedToken
	_, err := s.Store.Create(ctx, NewCaller(at, now), func(u User) (NewTokens, error) {
		after, err := u.afterCreating(int64(len(settings)), now.UnixMicro())
		if err != nil {
			return NewTokens{}, err
		}
		tokens, err := u.newTokens(settings, now.Unix())
		if err != nil {
			return NewTokens{}, err
		}
		created := NewTokens{RateTAT: after.RateTAT}
		if issued, err = issue(tokens, at, u.LastTokenID+1, now.Unix()); err != nil {
			return NewTokens{}, err
		}
		for _, one := range issued {
			created.Tokens = append(created.Tokens, one.Token)
		}
		if respond != nil {
			response, err := respond(issued)
			created.Response = &response
			return created, err
		}
		return created, nil
	})
	return issued, err
}

// newTokens returns new tokens of the user at a Unix second. The error is an
// *IndexError.
func (u User) newTokens(settings []Settings, now int64) ([]Token, error) {
	tokens := make([]Token, len(settings))
	for i, one := range settings {
		t, err := or(u.Policy, Policy{}).newToken(one, u.ID, now)
		if err == nil {
			err = u.checkGroup(t.Group)
		}
		if err != nil {
			return nil, &IndexError{i, err}
		}
		t.GroupGranted = u.Grants(t.Group)
		t.UsesWallet, t.WalletOrder = u.UsesWallet, u.WalletOrder
		tokens[i] = t
	}
	return tokens, nil
}

// issue gives each of the caller's new tokens an id, counting up from firstID, and
// a key.
func issue(tokens []Token, at credential.AccessToken, firstID, now int64) ([]IssuedToken, error) {
	issued := make([]IssuedToken, len(tokens))
	for i, t := range tokens {
		key := credential.NewKey(at.UserID, firstID+int64(i))
		sealed, err := sealKey(at, key, now)
		if err != nil {
			return nil, err
		}
		t.ID, t.KeyHash, t.Mask, t.SealedKey = key.TokenID, key.Hash(), key.Mask(), sealed
		issued[i] = IssuedToken{t, key}
	}
	return issued, nil
}

// SaveResponse saves a part of a request's response, unless that part is saved
// already, and returns the part that is now saved.
func (s *Service) SaveResponse(ctx context.Context, at credential.AccessToken, r *IdempotentRequest, part ResponsePart, content []byte) ([]byte, error) {
	sealed, err := s.Store.SaveResponse(ctx, s.Caller(at), r.Seal(part, content))
	if err != nil {
		return nil, err
	}
	return r.Open(part, sealed)
}

// LoadResponse returns the response that is saved for a request. The error is
// ErrNoSavedResponse if there is none, and ErrIdempotencyMismatch if it is that
// of another request with the same idempotency key.
func (s *Service) LoadResponse(ctx context.Context, at credential.AccessToken, r *IdempotentRequest) ([]byte, error) {
	return s.loadPart(ctx, at, r, PartResponse)
}

// LoadPlan is LoadResponse for the plan of a request.
func (s *Service) LoadPlan(ctx context.Context, at credential.AccessToken, r *IdempotentRequest) ([]byte, error) {
	return s.loadPart(ctx, at, r, PartPlan)
}

func (s *Service) loadPart(ctx context.Context, at credential.AccessToken, r *IdempotentRequest, part ResponsePart) ([]byte, error) {
	sealed, err := s.Store.LoadResponse(ctx, s.Caller(at), r.id, part, s.UnixNow())
	if err != nil {
		return nil, err
	}
	return r.Open(part, sealed)
}

// Update changes the settings of a token that are not nil. If the token has
// none of the versions, the error is ErrVersionMismatch; nil versions allow
// any. The other errors are ErrNotFound and those of Change.ResolveMismatch.
func (s *Service) Update(ctx context.Context, at credential.AccessToken, id int64, settings Settings, versions Versions) (Token, error) {
	settings, err := settings.Normalize()
	if err != nil {
		return Token{}, s.refuse(ctx, at, err)
	}
	change := settings.change(s.UnixNow())
	change.Versions = versions
	return s.Store.Update(ctx, s.Caller(at), id, change)
}

// Raise raises a quota of a token for a while. If the token has none of the
// versions, the error is ErrVersionMismatch, unless the same raise was set
// before; nil versions allow any. The other errors are ErrNotFound and
// *InvalidError.
func (s *Service) Raise(ctx context.Context, at credential.AccessToken, id int64, r RaiseChange, versions Versions) (Token, error) {
	now := s.UnixNow()
	if err := r.check(now); err != nil {
		return Token{}, s.refuse(ctx, at, err)
	}
	return s.Store.Update(ctx, s.Caller(at), id, Change{Raise: &r, Versions: versions, Now: now})
}

// SetStatus enables or disables a token and changes nothing else. If an enabled
// token would still be unusable, the error is ErrKeyLeaked, ErrExpired,
// ErrExhausted or ErrKeysStopped. If the token has none of the versions, the error is ErrVersionMismatch; nil
// versions allow any.
func (s *Service) SetStatus(ctx context.Context, at credential.AccessToken, id int64, disabled bool, versions Versions) (Token, error) {
	change := s.statusChange(disabled)
	change.Versions = versions
	return s.Store.Update(ctx, s.Caller(at), id, change)
}

func (s *Service) statusChange(disabled bool) Change {
	return Change{Settings: Settings{Disabled: &disabled}, NeedsUsable: !disabled, Now: s.UnixNow()}
}

// Delete removes a token. Once it returns nil, the token's keys are refused. If
// the token has none of the versions, the error is ErrVersionMismatch; nil
// versions allow any.
func (s *Service) Delete(ctx context.Context, at credential.AccessToken, id int64, versions Versions) error {
	return s.Store.Delete(ctx, s.Caller(at), id, versions)
}

// SetStatusAll enables or disables several tokens, each independently of the
// others. It returns one error or nil for each id, in order. plan is as for
// BatchWriter.
func (s *Service) SetStatusAll(ctx context.Context, at credential.AccessToken, ids []int64, disabled bool, plan BatchPlan) ([]error, error) {
	return s.Store.UpdateAll(ctx, s.Caller(at), ids, s.statusChange(disabled), plan)
}

// DeleteAll removes several tokens, each independently of the others. It
// returns one error or nil for each id, in order. plan is as for BatchWriter.
func (s *Service) DeleteAll(ctx context.Context, at credential.AccessToken, ids []int64, plan BatchPlan) ([]error, error) {
	return s.Store.DeleteAll(ctx, s.Caller(at), ids, plan)
}

// refuse returns the error of invalid input. Authentication errors take
// precedence over it.
func (s *Service) refuse(ctx context.Context, at credential.AccessToken, bad error) error {
	if err := s.Authorize(ctx, at); err != nil {
		return err
	}
	return bad
}

// Caller returns the caller with an access token, as of now.
func (s *Service) Caller(at credential.AccessToken) Caller { return NewCaller(at, s.Now()) }
