package apitest

import (
	"net/http"
	"strings"
	"testing"

	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/webhook"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// webhooks creates, changes, rotates and deletes webhooks. Only the answers of a create
// and of a rotation have a secret, and a repetition of either has the same.
func webhooks(t *testing.T, target *Target) {
	const path, one, url = "/api/user/self/webhooks", "/api/user/self/webhooks/1", `{"url":"https://example.com/hooks"}`
	u := target.User(t, token.RoleUser)
	twice := func(path, body string, status int) wire.NewWebhook {
		t.Helper()
		first := u.Do(t, http.MethodPost, path, body, "Idempotency-Key", path)
		if again := u.Do(t, http.MethodPost, path, body, "Idempotency-Key", path); again.Body != first.Body || again.Status != first.Status {
			t.Errorf("%s: the second answer differs: %d %d", path, again.Status, first.Status)
		}
		made := wantData[wire.NewWebhook](t, first, status)
		if _, err := webhook.ParseSecret(made.Secret); err != nil {
			t.Errorf("%s: got %v for the secret", path, err)
		}
		return made
	}
	list := func(want int) []wire.Webhook {
		t.Helper()
		answer := u.Do(t, http.MethodGet, path, "")
		all := wantData[wire.Webhooks](t, answer, http.StatusOK).Items
		if len(all) != want || strings.Contains(answer.Body, webhook.SecretPrefix) {
			t.Fatalf("got %s, want %d webhooks, without secrets", answer.Body, want)
		}
		return all
	}
	put := func(body string) wire.Webhook {
		t.Helper()
		return wantData[wire.Webhook](t, u.Do(t, http.MethodPut, one, body), http.StatusOK)
	}
	list(0)
	made := twice(path, url, http.StatusCreated)
	if all := list(1); all[0].ID != 1 || all[0].URL != "https://example.com/hooks" || all[0].Status != wire.Enabled {
		t.Errorf("got %+v", all)
	}
	if w := put(`{"status":2}`); w.Status != wire.Disabled || w.DisabledReason != string(webhook.ByUser) {
		t.Errorf("disabled: got %+v", w)
	}
	if w := put(`{"types":["token.*"]}`); w.Status != wire.Disabled || len(w.Types) != 1 {
		t.Errorf("other types: got %+v, want it disabled still", w)
	}
	if w := put(`{"status":1,"types":[]}`); w.Status != wire.Enabled || w.DisabledReason != "" || len(w.Types) != 0 || w.PreviousSecretUntil != 0 {
		t.Errorf("enabled: got %+v", w)
	}
	if rotated := twice(one+"/rotate", "{}", http.StatusOK); rotated.Secret == made.Secret || rotated.PreviousSecretUntil == 0 {
		t.Errorf("got the same secret, or no time until which the one before signs: %d", rotated.PreviousSecretUntil)
	}
	for _, body := range []string{`{"status":3}`, `{"status":0}`} {
		wantFailure(t, u.Do(t, http.MethodPut, one, body), http.StatusBadRequest, "invalid_parameter", "status must be 1 to enable or 2 to disable the webhook.")
	}
	if w := list(1)[0]; w.Status != wire.Enabled || w.PreviousSecretUntil == 0 {
		t.Errorf("got %+v, want what was set", w)
	}
	other := target.User(t, token.RoleUser)
	for method, path := range map[string]string{http.MethodPut: one, http.MethodDelete: one, http.MethodPost: one + "/rotate"} {
		if got := other.Do(t, method, path, `{}`); got.Status != http.StatusNotFound {
			t.Errorf("%s by another user: got %d %s, want 404", method, got.Status, got.Body)
		}
	}
	if got := u.Do(t, http.MethodDelete, one, ""); got.Status != http.StatusOK {
		t.Errorf("got %d %s", got.Status, got.Body)
	}
	if got := u.Do(t, http.MethodDelete, one, ""); got.Status != http.StatusNotFound {
		t.Errorf("deleted twice: got %d", got.Status)
	}
	list(0)
}
