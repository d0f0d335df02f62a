package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/latchkey-api/latchkey/shared/wire"
)

// webhooks runs the steps from a new webhook to its deletion. It is disabled, and its
// host name is one that never exists (RFC 6761, 6.4), so nothing is sent.
func (r *runner) webhooks(ctx context.Context, slash string) error {
	body, err := r.runStep(ctx, step{name: "create a webhook", method: http.MethodPost, path: wire.WebhooksPath + slash, body: `{"url":"https://smoke.invalid/","status":2}`, status: 201, contains: `"secret":"whsec_`})
	if err != nil {
		return err
	}
	var made wire.Envelope[wire.NewWebhook]
	if err := json.Unmarshal(body, &made); err != nil {
		return fmt.Errorf("create a webhook: read the answer: %w", err)
	}
	one := fmt.Sprintf("%s/%d", wire.WebhooksPath, made.Data.ID)
	r.createdWebhooks = append(r.createdWebhooks, one)
	return r.runSteps(ctx, []step{
		{name: "webhook at a private address", method: http.MethodPost, path: wire.WebhooksPath + slash, body: `{"url":"https://10.0.0.1/"}`, status: 400, code: wire.ErrInvalidParameter},
		{name: "list webhooks", method: http.MethodGet, path: wire.WebhooksPath + slash, status: 200, contains: `"disabled_reason":"user"`},
		{name: "change a webhook", method: http.MethodPut, path: one + slash, body: `{"types":["token.*"]}`, status: 200, contains: `"types":["token.*"]`},
		{name: "rotate a webhook", method: http.MethodPost, path: one + "/rotate" + slash, status: 200, contains: `"secret":"whsec_`},
		{name: "test a webhook", method: http.MethodPost, path: one + "/test" + slash, status: 200, contains: `"delivered":false`},
		{name: "delete a webhook", method: http.MethodDelete, path: one + slash, status: 200},
		{name: "delete a webhook again", method: http.MethodDelete, path: one + slash, status: 404, code: wire.ErrWebhookNotFound},
	})
}
