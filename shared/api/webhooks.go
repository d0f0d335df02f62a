package api

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/webhook"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// ListWebhooks is GET /api/user/self/webhooks.
var ListWebhooks = Route{
	Endpoint: Endpoint{Name: "webhooks", Method: http.MethodGet, Path: wire.WebhooksPath},
	serve: func(s Services, r *http.Request) (response, error) {
		return withWebhooks(s, r, readNothing, func(ctx context.Context, at credential.AccessToken, _ struct{}) (response, error) {
			endpoints, err := s.Webhooks.List(ctx, at)
			list := wire.Webhooks{Items: make([]wire.Webhook, len(endpoints))}
			for i, e := range endpoints {
				list.Items[i] = webhookView(e, s.Tokens.UnixNow())
			}
			return okResponse(list), err
		})
	},
}

// CreateWebhook is POST /api/user/self/webhooks. Only its response shows the secret.
var CreateWebhook = Route{
	Endpoint: Endpoint{Name: "createwebhook", Method: http.MethodPost, Path: wire.WebhooksPath, Function: "webhooks"},
	serve: func(s Services, r *http.Request) (response, error) {
		var in webhookInput
		return replayable(s.Tokens, r, func() (err error) {
			in, err = readWebhook(r)
			return err
		}, func(at credential.AccessToken, idem *idempotency) (response, error) {
			return withNewSecret(r.Context(), s, at, idem, func(secret webhook.Secret) (response, error) {
				e, err := s.Webhooks.Create(r.Context(), at, in.Settings, secret)
				return createdResponse(webhookWithSecret(e, s.Tokens.UnixNow()), ""), err // no GET has one webhook
			})
		})
	},
}

// UpdateWebhook is PUT /api/user/self/webhooks/{id}. Status 1 enables a webhook that
// was disabled, for whatever reason.
var UpdateWebhook = Route{
	Endpoint: Endpoint{Name: "updatewebhook", Method: http.MethodPut, Path: wire.WebhookPath, Function: "webhooks"},
	serve: func(s Services, r *http.Request) (response, error) {
		return withWebhooks(s, r, readWebhookUpdate, func(ctx context.Context, at credential.AccessToken, in webhookInput) (response, error) {
			e, err := s.Webhooks.Update(ctx, at, in.id, in.Settings)
			return okResponse(webhookView(e, s.Tokens.UnixNow())), err
		})
	},
}

// DeleteWebhook is DELETE /api/user/self/webhooks/{id}.
var DeleteWebhook = Route{
	Endpoint: Endpoint{Name: "deletewebhook", Method: http.MethodDelete, Path: wire.WebhookPath, Function: "webhooks"},
	serve: func(s Services, r *http.Request) (response, error) {
		return withWebhooks(s, r, pathID, func(ctx context.Context, at credential.AccessToken, id int64) (response, error) {
			return okResponse(nil), s.Webhooks.Delete(ctx, at, id)
		})
	},
}

// RotateWebhook is POST /api/user/self/webhooks/{id}/rotate: a new secret. The old one
// signs for another day, too.
var RotateWebhook = Route{
	Endpoint: Endpoint{Name: "rotatewebhook", Method: http.MethodPost, Path: wire.WebhookRotatePath, Function: "webhooks"},
	serve: func(s Services, r *http.Request) (response, error) {
		var id int64
		return replayable(s.Tokens, r, func() (err error) {
			id, err = readShowKey(r)
			return err
		}, func(at credential.AccessToken, idem *idempotency) (response, error) {
			return withNewSecret(r.Context(), s, at, idem, func(secret webhook.Secret) (response, error) {
				e, err := s.Webhooks.Rotate(r.Context(), at, id, secret)
				return okResponse(webhookWithSecret(e, s.Tokens.UnixNow())), err
			})
		})
	},
}

// TestWebhook is POST /api/user/self/webhooks/{id}/test: it sends an event at once and
// answers with what it came to.
var TestWebhook = Route{
	Endpoint: Endpoint{Name: "testwebhook", Method: http.MethodPost, Path: wire.WebhookTestPath, Function: "webhooks"},
	serve: func(s Services, r *http.Request) (response, error) {
		return withWebhooks(s, r, readShowKey, func(ctx context.Context, at credential.AccessToken, id int64) (response, error) {
			a, err := s.Webhooks.Test(ctx, at, id)
			return okResponse(attemptView(a)), err
		})
	},
}

// withWebhooks is withAccessToken for what calls the service of webhooks.
func withWebhooks[In any](s Services, r *http.Request, read func(*http.Request) (In, error), call func(context.Context, credential.AccessToken, In) (response, error)) (response, error) {
	var in In
	return authenticated(s.Tokens, r, func() (err error) {
		in, err = read(r)
		return err
	}, func(at credential.AccessToken) (response, error) { return call(r.Context(), at, in) })
}

// withNewSecret makes a secret for a request. If the request has an Idempotency-Key,
// the secret is saved first, so that a repetition has the same, and the response is
// saved, too.
func withNewSecret(ctx context.Context, s Services, at credential.AccessToken, idem *idempotency, call func(webhook.Secret) (response, error)) (response, error) {
	secret := webhook.NewSecret()
	if idem == nil {
		return call(secret)
	}
	if err := idem.replayed(ctx, s.Tokens, at); err != nil {
		return response{}, err
	}
	plan, err := json.Marshal(secret.Key())
	if err != nil {
		return response{}, err
	}
	if plan, err = s.Tokens.SaveResponse(ctx, at, idem.IdempotentRequest, token.PartPlan, plan); err != nil {
		return response{}, err
	}
	var key []byte
	if err := json.Unmarshal(plan, &key); err != nil {
		return response{}, err
	}
	a, err := call(webhook.SecretOf(key))
	if err != nil {
		return response{}, err
	}
	return idem.save(ctx, s.Tokens, at, a)
}

type webhookInput struct {
	id int64
	webhook.Settings
}

func readWebhook(r *http.Request) (webhookInput, error) {
	var body wire.WebhookInput
	if err := decode(r, &body); err != nil {
		return webhookInput{}, err
	}
	in := webhookInput{Settings: webhook.Settings{URL: body.URL}}
	if body.Types != nil {
		in.Types = &body.Types
	}
	if body.Status != nil {
		status := token.Status(*body.Status)
		if status != token.Enabled && status != token.Disabled {
			return in, &token.InvalidError{Field: "status", Reason: "must be 1 to enable or 2 to disable the webhook"}
		}
		in.Disabled = new(status == token.Disabled)
	}
	return in, nil
}

func readWebhookUpdate(r *http.Request) (webhookInput, error) {
	in, err := readWebhook(r)
	if err == nil {
		in.id, err = pathID(r)
	}
	return in, err
}

// webhookView returns an endpoint in its wire form, without its secret.
func webhookView(e webhook.Endpoint, now int64) wire.Webhook {
	shown := wire.Webhook{
		ID: e.ID, URL: e.URL, Types: append([]string{}, e.Types...), Status: wire.Enabled, DisabledReason: string(e.Disabled),
		CreatedTime: e.CreatedTime, FailingSince: e.FailingSince,
	}
	if e.Disabled != "" {
		shown.Status = wire.Disabled
	}
	if now < e.PreviousUntil {
		shown.PreviousSecretUntil = e.PreviousUntil
	}
	if e.Last.Time != 0 {
		shown.LastAttempt = new(attemptView(e.Last))
	}
	return shown
}

func webhookWithSecret(e webhook.Endpoint, now int64) wire.NewWebhook {
	return wire.NewWebhook{Webhook: webhookView(e, now), Secret: e.Secret.Reveal()}
}

func attemptView(a webhook.Attempt) wire.WebhookAttempt {
	return wire.WebhookAttempt{
		EventID: a.EventID, EventType: string(a.EventType), Time: a.Time, Attempt: int64(a.Number), Delivered: a.Failure == "",
		HTTPStatus: int64(a.Status), Failure: string(a.Failure), TookMillis: a.Took.Milliseconds(),
	}
}
