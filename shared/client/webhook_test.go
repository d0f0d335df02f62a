package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-api/latchkey/shared/client"
	"github.com/latchkey-api/latchkey/shared/event"
	"github.com/latchkey-api/latchkey/shared/webhook"
)

// signed returns the headers and the body of a webhook.
func signed(t testing.TB, secrets ...webhook.Secret) (http.Header, []byte) {
	t.Helper()
	e, err := event.New(1, "evt_1", event.TokenCreated, time.Unix(1_700_000_000, 0), map[string]int64{"token_id": 7})
	if err != nil {
		t.Fatal(err)
	}
	body, err := e.Encode()
	if err != nil {
		t.Fatal(err)
	}
	header := http.Header{}
	webhook.SetHeader(header, secrets, e.ID, time.Now(), body)
	return header, body
}

// VerifyWebhook returns the event of a webhook that one of the secrets has signed,
// and no other.
func TestVerifyWebhook(t *testing.T) {
	t.Parallel()
	before, after, other := webhook.NewSecret(), webhook.NewSecret(), webhook.NewSecret().Reveal()
	header, body := signed(t, after, before)
	for _, secrets := range [][]string{{before.Reveal()}, {after.Reveal() + "\n"}, {other, before.Reveal()}} {
		if e, err := client.VerifyWebhook(secrets, header, body, time.Now()); err != nil || e.ID != "evt_1" || string(e.Data) != `{"token_id":7}` {
			t.Errorf("got %v, %v", e, err)
		}
	}
	for want, got := range map[error]error{
		webhook.ErrSignature: errorOf(client.VerifyWebhook([]string{other}, header, body, time.Now())),
		webhook.ErrTimestamp: errorOf(client.VerifyWebhook([]string{before.Reveal()}, header, body, time.Now().Add(time.Hour))),
		webhook.ErrHeaders:   errorOf(client.VerifyWebhook([]string{before.Reveal()}, http.Header{}, body, time.Now())),
		webhook.ErrSecret:    errorOf(client.VerifyWebhook([]string{"secret"}, header, body, time.Now())),
	} {
		if !errors.Is(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	}
}

// A receiver verifies a webhook before it reads anything of it.
func ExampleVerifyWebhook() {
	secret := webhook.NewSecret() // in a receiver: os.Getenv("WEBHOOK_SECRET")
	receive := func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
		if err != nil {
			return
		}
		event, err := client.VerifyWebhook([]string{secret.Reveal()}, r.Header, body, time.Now())
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		fmt.Println(event.ID, event.Type, string(event.Data))
		w.WriteHeader(http.StatusNoContent)
	}

	body := `{"id":"evt_1","type":"token.created","timestamp":"2026-11-27T09:00:00Z","data":{"token_id":7}}`
	r := httptest.NewRequestWithContext(context.Background(), http.MethodPost, "/webhooks", strings.NewReader(body))
	webhook.SetHeader(r.Header, []webhook.Secret{secret}, "evt_1", time.Now(), []byte(body))
	receive(httptest.NewRecorder(), r)
	// Output: evt_1 token.created {"token_id":7}
}
