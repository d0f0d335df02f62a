// Package client is a typed client of the token API. A program needs this
// package and package wire, which has the types of requests and answers.
//
// A client retries what is safe to retry. A request that creates or rotates
// carries an idempotency key, so that a retry after a lost answer changes
// nothing.
//
// An answer that reports a failure is an *Error. Compare it with the codes of
// package wire: errors.Is(err, wire.ErrTokenNotFound). Beside the codes that a
// method names, every call can fail with wire.ErrUnauthorized,
// wire.ErrInvalidParameter, wire.ErrRateLimited, wire.ErrUnavailable and
// wire.ErrInternal, and every call with an access token also with
// wire.ErrUserDisabled and wire.ErrForbidden. ErrForeign reports a server that
// is not the token API.
// Other errors come from the network or the context.
package client

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// A Client manages the tokens of one user, and checks and charges keys. It is
// safe for concurrent use. Printing it does not show its access token.
type Client struct {
	base        string
	accessToken credential.Secret
	http        *http.Client
}

// An Option changes how New makes a client.
type Option func(*Client)

// WithHTTPClient sets the HTTP client that sends the requests. The default one
// ends an attempt after 30 s and does not follow redirects, because a redirect
// could carry the access token to another server. Nil keeps the default.
func WithHTTPClient(c *http.Client) Option {
	return func(to *Client) {
		if c != nil {
			to.http = c
		}
	}
}

// New returns a client of the API at a base URL such as
// https://api.example.com, with or without a trailing slash. White space
// around the access token is ignored, so the content of a file will do. A
// client that only calls Verify, Reserve, Settle, Release, Usage and Revoke needs
// no access token.
func New(baseURL, accessToken string, options ...Option) *Client {
	c := &Client{
		base:        strings.TrimSuffix(baseURL, "/"),
		accessToken: secret(accessToken),
		http:        &http.Client{Timeout: 30 * time.Second, CheckRedirect: refuseRedirect},
	}
	for _, option := range options {
		option(c)
	}
	return c
}

func refuseRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// secret returns an access token or a key without the white space around it.
func secret(s string) credential.Secret { return credential.NewSecret(strings.TrimSpace(s)) }

// An Error is an answer that reports a failure. errors.Is compares it with the
// codes of package wire.
type Error struct {
	Status     int           // HTTP status
	Code       wire.Code     // the kind of failure
	Message    string        // a sentence for people
	RequestID  string        // for the operator's logs; "" if a proxy in front of the API answered
	RetryAfter time.Duration // how long to wait before the next attempt; 0 if the answer does not say
}

// Error returns the message, the code and the request ID.
func (e *Error) Error() string {
	if e.RequestID == "" {
		return fmt.Sprintf("%s (%s)", strings.TrimSuffix(e.Message, "."), e.Code)
	}
	return fmt.Sprintf("%s (%s, request %s)", strings.TrimSuffix(e.Message, "."), e.Code, e.RequestID)
}

// Is reports whether target is the error's code.
func (e *Error) Is(target error) bool { return target == error(e.Code) }

// ErrForeign reports an answer that the token API does not give. The base URL
// is probably wrong; trying again does not help.
var ErrForeign = errors.New("is not an answer of the token API: check the base URL")

func (c *Client) foreign(answered string) error {
	return fmt.Errorf("%s answered %s, which %w", c.base, answered, ErrForeign)
}
