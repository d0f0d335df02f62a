package webhook

import (
	"context"
	"crypto/rand"
	"time"

	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/event"
	"github.com/latchkey-api/latchkey/shared/token"
)

// A Store keeps the endpoints of users. The rules of token.Store about callers,
// reads, writes and errors hold for it, too: a change of an endpoint counts as a
// change.
type Store interface {
	token.Authorizer

	// Endpoints returns the endpoints of the caller, by their ids.
	Endpoints(ctx context.Context, c token.Caller) ([]Endpoint, error)

	// CreateEndpoint stores an endpoint under the user's next id, and returns it. If
	// there is one with its secret already, that is returned: the call is a
	// repetition. The error is ErrLimit if the user has MaxEndpoints.
	CreateEndpoint(ctx context.Context, c token.Caller, e Endpoint) (Endpoint, error)

	// UpdateEndpoint changes an endpoint and returns it as stored. The error is
	// ErrNotFound if there is none.
	UpdateEndpoint(ctx context.Context, c token.Caller, id int64, change Change) (Endpoint, error)

	// DeleteEndpoint removes an endpoint. The error is ErrNotFound if there is none.
	DeleteEndpoint(ctx context.Context, c token.Caller, id int64) error
}

// A Change is what UpdateEndpoint changes.
type Change struct {
	URL      *string   // nil leaves it
	Types    *[]string // nil leaves them
	Disabled *bool     // false forgets why it was disabled, and since when attempts fail
	// Secret replaces the endpoint's secret, unless it is that already; the old one
	// signs until PreviousUntil. Nil leaves it.
	Secret        *Secret
	PreviousUntil int64
}

// A Service is what a user can do with its endpoints. Every method checks the access
// token first, as those of token.Service do.
type Service struct {
	Store Store
	Now   func() time.Time
	Rules Rules

	// Send makes one attempt to deliver an event.
	Send func(ctx context.Context, e Endpoint, happened event.Event, number int) Attempt
}

// Settings are what a user chooses of an endpoint; nil leaves a setting as it is, or
// at its default.
type Settings struct {
	URL      *string
	Types    *[]string
	Disabled *bool
}

// check returns the settings with their types as CheckTypes has them.
func (s Settings) check(rules Rules) (Settings, error) {
	if s.URL != nil {
		if err := rules.CheckURL(*s.URL); err != nil {
			return s, err
		}
	}
	if s.Types != nil {
		types, err := CheckTypes(*s.Types)
		s.Types = &types
		return s, err
	}
	return s, nil
}

// List returns the endpoints of the caller, by their ids.
func (s *Service) List(ctx context.Context, at credential.AccessToken) ([]Endpoint, error) {
	return s.Store.Endpoints(ctx, s.caller(at))
}

// Create makes an endpoint with a new secret. A repetition with the same secret
// returns the first endpoint. The errors are ErrLimit and *token.InvalidError.
func (s *Service) Create(ctx context.Context, at credential.AccessToken, settings Settings, secret Secret) (Endpoint, error) {
	settings, err := settings.check(s.Rules)
	if err == nil && settings.URL == nil {
		err = invalidURL("is missing: send a URL such as https://example.com/webhooks")
	}
	if err != nil {
		return Endpoint{}, s.refuse(ctx, at, err)
	}
	e := Endpoint{UserID: at.UserID, URL: *settings.URL, CreatedTime: s.Now().Unix(), Secret: secret}
	if settings.Types != nil {
		e.Types = *settings.Types
	}
	if settings.Disabled != nil && *settings.Disabled {
		e.Disabled = ByUser
	}
	return s.Store.CreateEndpoint(ctx, s.caller(at), e)
}

// Update changes settings of an endpoint. The errors are ErrNotFound and
// *token.InvalidError.
func (s *Service) Update(ctx context.Context, at credential.AccessToken, id int64, settings Settings) (Endpoint, error) {
	settings, err := settings.check(s.Rules)
	if err != nil {
		return Endpoint{}, s.refuse(ctx, at, err)
	}
	return s.Store.UpdateEndpoint(ctx, s.caller(at), id, Change{URL: settings.URL, Types: settings.Types, Disabled: settings.Disabled})
}

// Rotate gives an endpoint a new secret. Both sign for RotationOverlap. A repetition
// with the same secret changes nothing. The error is ErrNotFound if there is no such
// endpoint.
func (s *Service) Rotate(ctx context.Context, at credential.AccessToken, id int64, secret Secret) (Endpoint, error) {
	until := s.Now().Add(RotationOverlap).Unix()
	return s.Store.UpdateEndpoint(ctx, s.caller(at), id, Change{Secret: &secret, PreviousUntil: until})
}

// Delete removes an endpoint. Attempts that have begun may still reach it. The error
// is ErrNotFound if there is no such endpoint.
func (s *Service) Delete(ctx context.Context, at credential.AccessToken, id int64) error {
	return s.Store.DeleteEndpoint(ctx, s.caller(at), id)
}

// Test sends an event.Test to an endpoint, also to a disabled one, and returns what it
// came to. It counts as a change. The error is ErrNotFound if there is no such
// endpoint.
func (s *Service) Test(ctx context.Context, at credential.AccessToken, id int64) (Attempt, error) {
	e, err := s.Store.UpdateEndpoint(ctx, s.caller(at), id, Change{})
	if err != nil {
		return Attempt{}, err
	}
	test, err := event.New(at.UserID, "evt_test_"+rand.Text(), event.Test, s.Now(), event.Tested{WebhookID: e.ID})
	if err != nil {
		return Attempt{}, err
	}
	return s.Send(ctx, e, test, 1), nil
}

func (s *Service) caller(at credential.AccessToken) token.Caller { return token.NewCaller(at, s.Now()) }

// refuse returns the error of invalid input. Authentication errors take precedence.
func (s *Service) refuse(ctx context.Context, at credential.AccessToken, bad error) error {
	if err := s.Store.Authorize(ctx, s.caller(at)); err != nil {
		return err
	}
	return bad
}
