package main

import (
	"strings"
	"testing"

	"github.com/latchkey-api/latchkey/shared/webhook"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// TestAdvice checks that each failure of a test has its own advice.
func TestAdvice(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		failure webhook.Failure
		status  int64
		want    string
	}{
		{webhook.FailConnection, 0, "start the receiver"},
		{webhook.FailName, 0, "check the URL"},
		{webhook.FailAddress, 0, "not public"},
		{webhook.FailURL, 0, "tokenctl webhook update"},
		{webhook.FailTLS, 0, "certificate"},
		{webhook.FailTimeout, 0, "a test within 4 seconds, and other events within 15"},
		{webhook.FailRedirect, 302, "set the URL to the target"},
		{webhook.FailGone, 410, "disables the webhook"},
		{webhook.FailStatus, 500, "read its log"},
		{webhook.FailStatus, 400, "secret"},
		{webhook.FailStatus, 404, "docs/webhooks.md"},
	} {
		if got := adviceOf(wire.WebhookAttempt{Failure: string(c.failure), HTTPStatus: c.status}); !strings.Contains(got, c.want) {
			t.Errorf("%s %d: got %q, want %q", c.failure, c.status, got, c.want)
		}
	}
}
