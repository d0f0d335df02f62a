package client

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"time"

	"github.com/latchkey-api/latchkey/shared/wire"
)

// The API remembers the request ID of a spend for 30 s on a busy key. A retry
// that arrives later would be charged again. So the last attempt begins within
// spendRetryWindow of the first and ends spendTimeout later; the API answers
// within 6 s.
const (
	spendAttempts    = 3
	spendTimeout     = 7 * time.Second
	spendRetryWindow = 20 * time.Second
)

// Verify checks whether a key may be used, and charges in.Quota units if that
// is above 0, or what in.Usage costs. A refusal is not an error: Valid is false, and Code says why. A
// charge without in.RequestID is sent once, because a retry could charge
// twice; everything else is retried. If in.RequestID was used for another
// amount, the error is wire.ErrRequestReused.
func (c *Client) Verify(ctx context.Context, key string, in wire.VerifyInput) (wire.Verdict, error) {
	charges := in.Usage != nil || in.Quota != nil && *in.Quota != 0
	r := c.withKey(key, http.MethodPost, wire.VerifyPath, in)
	r.repeatable = !charges || in.RequestID != nil
	if charges {
		r = r.bounded()
		r.attempts = spendAttempts
	}
	verdict, err := call[wire.Verdict](ctx, r)
	if errors.Is(err, errCredential) {
		return wire.Verdict{Code: wire.RefusedUnknown}, nil // a malformed key is a refusal, as from the API
	}
	return verdict, err
}

// Reserve holds in.Quota units, or what in.Usage costs, for the request
// in.RequestID until Settle, Release or until in.TTLSeconds have passed, 1 to
// 3600 (default 900). The quota or the usage is required. Without a request ID, Reserve makes a random one, so that
// a retry holds nothing more; the reservation has it. A refusal is not an
// error: Valid is false, and Code says why. Errors: wire.ErrRequestReused if
// in.RequestID was used for another amount; wire.ErrHoldSettled,
// wire.ErrHoldReleased or wire.ErrHoldExpired if its hold has ended;
// wire.ErrTooManyOpen.
func (c *Client) Reserve(ctx context.Context, key string, in wire.ReserveInput) (wire.Reservation, error) {
	if in.RequestID == nil {
		in.RequestID = new(rand.Text())
	}
	reservation, err := call[wire.Reservation](ctx, c.withKey(key, http.MethodPost, wire.ReservePath, in).bounded())
	if errors.Is(err, errCredential) {
		return wire.Reservation{Code: wire.RefusedUnknown}, nil // as Verify does
	}
	return reservation, err
}

// Settle ends a hold and charges what its request has cost, in units, 0 or
// more. It may be more than was held; Shortfall is what the balance did not
// have. Errors: wire.ErrHoldNotFound, wire.ErrHoldExpired,
// wire.ErrHoldReleased; wire.ErrRequestReused if the hold was settled with
// another amount.
func (c *Client) Settle(ctx context.Context, key, requestID string, quota int64) (wire.Settlement, error) {
	in := wire.HoldInput{RequestID: &requestID, Quota: &quota}
	return call[wire.Settlement](ctx, c.withKey(key, http.MethodPost, wire.SettlePath, in).bounded())
}

// SettleUsage is Settle with what a usage of a model costs. If the price table was
// changed since a settlement whose answer was lost, the error can be
// wire.ErrRequestReused: the hold was settled, once. If the usage has no price,
// the error is wire.ErrModelNotPriced, and the hold stays.
func (c *Client) SettleUsage(ctx context.Context, key, requestID, model string, usage wire.ModelUsage) (wire.Settlement, error) {
	in := wire.HoldInput{RequestID: &requestID, Model: &model, Usage: &usage}
	return call[wire.Settlement](ctx, c.withKey(key, http.MethodPost, wire.SettlePath, in).bounded())
}

// Release ends a hold and charges nothing. Errors: wire.ErrHoldNotFound,
// wire.ErrHoldExpired, wire.ErrHoldSettled.
func (c *Client) Release(ctx context.Context, key, requestID string) (wire.Release, error) {
	in := wire.HoldInput{RequestID: &requestID}
	return call[wire.Release](ctx, c.withKey(key, http.MethodPost, wire.ReleasePath, in).bounded())
}

// Revoke ends a key for good, also one of another user: whoever has it may do that.
// It needs no access token. For a key that is unknown or was revoked before, it does
// nothing and returns no error. The owner has to rotate the token to use it again.
func (c *Client) Revoke(ctx context.Context, key string) error {
	_, err := call[any](ctx, c.withKey("", http.MethodPost, wire.RevokePath, wire.RevokeInput{Key: &key}))
	return err
}

// Usage returns how much a key has used and has left, in units. If no token
// has the key, the error is wire.ErrUnauthorized.
func (c *Client) Usage(ctx context.Context, key string) (wire.Usage, error) {
	var answer wire.UsageAnswer
	_, err := c.withKey(key, http.MethodGet, wire.UsagePath+"/", nil).send(ctx, &answer)
	if err == nil && !answer.Code {
		err = c.foreign("a success")
	}
	return answer.Data, err
}

// withKey returns a request that a key authenticates instead of the access
// token.
func (c *Client) withKey(key, method, path string, in any) request {
	return request{client: c, method: method, path: path, credential: secret(key), in: in, repeatable: true, attempts: maxAttempts}
}

// bounded returns the request with the time limits of a spend.
func (r request) bounded() request {
	r.attemptTimeout, r.retryWindow = spendTimeout, spendRetryWindow
	return r
}
