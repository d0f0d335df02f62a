package client

import (
	"context"
	"net/http"
	"time"

	"github.com/latchkey-api/latchkey/shared/api"
	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// The calls that a key authenticates, not the access token. A client that
// makes no others needs none.

// A busy key's spends are remembered for 30 s only, and one that comes after
// that is another spend: the last attempt has begun after spendWithin, and is
// over spendEach later. The API answers within 6 s.
const (
	spendAttempts = 3
	spendEach     = 7 * time.Second
	spendWithin   = 20 * time.Second
)

// Verify asks whether a key may be used so, and spends in.Quota if there is
// one. A refusal is no error. A spend without a request id is sent once; with
// one, and a check, it is sent again where no answer came.
func (c *Client) Verify(ctx context.Context, key string, in wire.VerifyInput) (wire.Verdict, error) {
	checks := in.Quota == nil || *in.Quota == 0
	r := c.ask(key, http.MethodPost, api.VerifyKey.Path, in, checks || in.RequestID != nil)
	if !checks {
		r = r.hasty()
		r.attempts = spendAttempts
	}
	return call[wire.Verdict](ctx, r)
}

// Reserve keeps quota for the request in.RequestID. A refusal is no error.
func (c *Client) Reserve(ctx context.Context, key string, in wire.ReserveInput) (wire.Reservation, error) {
	return call[wire.Reservation](ctx, c.ask(key, http.MethodPost, api.ReserveQuota.Path, in, true).hasty())
}

// Settle charges a hold what its request has cost, in units.
func (c *Client) Settle(ctx context.Context, key, requestID string, quota int64) (wire.Settlement, error) {
	in := wire.HoldInput{RequestID: &requestID, Quota: &quota}
	return call[wire.Settlement](ctx, c.ask(key, http.MethodPost, api.SettleHold.Path, in, true).hasty())
}

// Release gives back all that a hold has.
func (c *Client) Release(ctx context.Context, key, requestID string) (wire.Release, error) {
	in := wire.HoldInput{RequestID: &requestID}
	return call[wire.Release](ctx, c.ask(key, http.MethodPost, api.ReleaseHold.Path, in, true).hasty())
}

// Usage tells what a key has used and has left.
func (c *Client) Usage(ctx context.Context, key string) (wire.Usage, error) {
	var answer wire.UsageAnswer
	err := c.ask(key, http.MethodGet, wire.UsagePath+"/", nil, true).send(ctx, &answer)
	if err == nil && !answer.Code {
		err = c.notTheAPI("a success")
	}
	return answer.Data, err
}

func (c *Client) ask(key, method, path string, in any, repeatable bool) request {
	return request{client: c, method: method, path: path, credential: credential.NewSecret(key), in: in, repeatable: repeatable, attempts: attempts}
}

// hasty is a request that the API tells from its repetition for a short time.
func (r request) hasty() request {
	r.each, r.within = spendEach, spendWithin
	return r
}
