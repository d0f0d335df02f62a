package client

import (
	"fmt"
	"net/http"
	"time"

	"github.com/latchkey-api/latchkey/shared/event"
	"github.com/latchkey-api/latchkey/shared/webhook"
)

// VerifyWebhook returns the event of a webhook that one of the secrets has signed
// within five minutes of now. The body must be as it was received. While you rotate a
// secret, pass the old and the new one. An event can be received more than once;
// ignore an event whose ID you have seen.
//
// The error says what is wrong; answer such a request with status 400 or 401.
// webhook.ErrHeaders, webhook.ErrTimestamp and webhook.ErrSignature can be told apart
// with errors.Is.
func VerifyWebhook(secrets []string, header http.Header, body []byte, now time.Time) (event.Event, error) {
	parsed := make([]webhook.Secret, len(secrets))
	for i, text := range secrets {
		var err error
		if parsed[i], err = webhook.ParseSecret(text); err != nil {
			return event.Event{}, fmt.Errorf("secret %d %w", i+1, err)
		}
	}
	if err := webhook.Verify(parsed, header, body, now); err != nil {
		return event.Event{}, err
	}
	return event.Decode(body)
}
