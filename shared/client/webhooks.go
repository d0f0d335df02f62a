package client

import (
	"context"
	"net/http"
	"strings"

	"github.com/latchkey-api/latchkey/shared/wire"
)

// Webhooks returns the webhooks of the user, by their ids.
func (c *Client) Webhooks(ctx context.Context) ([]wire.Webhook, error) {
	list, err := call[wire.Webhooks](ctx, ofWebhooks(c.manage(http.MethodGet, "", nil, nil)))
	return list.Items, err
}

// CreateWebhook creates a webhook. Only this answer has its secret. The error can be
// wire.ErrWebhookLimit.
func (c *Client) CreateWebhook(ctx context.Context, in wire.WebhookInput, options ...CallOption) (wire.NewWebhook, error) {
	return call[wire.NewWebhook](ctx, ofWebhooks(c.post("", in, options)))
}

// UpdateWebhook changes the settings of a webhook that are not nil. To get all types
// of events, send the type *. The error can be wire.ErrWebhookNotFound, also that of
// the methods below.
func (c *Client) UpdateWebhook(ctx context.Context, id int64, in wire.WebhookInput) (wire.Webhook, error) {
	return call[wire.Webhook](ctx, ofWebhooks(c.manage(http.MethodPut, tokenPath(id), in, nil)))
}

// RotateWebhook gives a webhook a new secret, which only this answer has. The old one
// signs, too, until PreviousSecretUntil.
func (c *Client) RotateWebhook(ctx context.Context, id int64, options ...CallOption) (wire.NewWebhook, error) {
	return call[wire.NewWebhook](ctx, ofWebhooks(c.post(tokenPath(id)+"/rotate", nil, options)))
}

// TestWebhook sends an event to a webhook at once, and returns what it came to. It
// waits for the receiver for four seconds.
func (c *Client) TestWebhook(ctx context.Context, id int64) (wire.WebhookAttempt, error) {
	return call[wire.WebhookAttempt](ctx, ofWebhooks(c.manage(http.MethodPost, tokenPath(id)+"/test", nil, nil)))
}

// DeleteWebhook deletes a webhook.
func (c *Client) DeleteWebhook(ctx context.Context, id int64) error {
	_, err := call[any](ctx, ofWebhooks(c.manage(http.MethodDelete, tokenPath(id), nil, nil)))
	return err
}

// ofWebhooks puts the path of the webhooks into the place of that of the tokens.
func ofWebhooks(r request) request {
	r.path = wire.WebhooksPath + strings.TrimPrefix(r.path, wire.TokensPath)
	return r
}
