package history_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-api/latchkey/shared/history"
)

// What can be a secret in a URL is not shown.
func TestShownURL(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{ //nolint:gosec // examples
		"https://example.com/hooks":                       "https://example.com/hooks",
		"https://example.com:8443/a%2Fb":                  "https://example.com:8443/a%2Fb",
		"https://bob:secret@example.com/":                 "https://example.com/",
		"https://secret@example.com/?token=secret#secret": "https://example.com/?…",
		"https://example.com/?":                           "https://example.com/?",
		"https://exa mple.com/secret":                     "",
	} {
		if got := history.ShownURL(text); got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
}

// Each change of a webhook has its action, and the settings that differ.
func TestWebhookChanges(t *testing.T) {
	t.Parallel()
	plain := history.Webhook{URL: "https://example.com/a?k=1"}
	with := func(change func(*history.Webhook)) *history.Webhook {
		w := plain
		change(&w)
		return &w
	}
	off := with(func(w *history.Webhook) { w.DisabledReason = "gone" })
	for name, tt := range map[string]struct {
		before, after *history.Webhook
		want          string
	}{
		"created":          {nil, &plain, `webhook.created; url →"https://example.com/a?…"`},
		"created_disabled": {nil, with(func(w *history.Webhook) { w.DisabledReason = "user" }), `webhook.created; url →"https://example.com/a?…"; status →2; disabled_reason →"user"`},
		"deleted":          {&plain, nil, `webhook.deleted; url "https://example.com/a?…"→`},
		"url":              {&plain, with(func(w *history.Webhook) { w.URL = "https://b.example/" }), `webhook.updated; url "https://example.com/a?…"→"https://b.example/"`},
		"query":            {&plain, with(func(w *history.Webhook) { w.URL = "https://example.com/a?k=2" }), `webhook.updated; url "https://example.com/a?…"→"https://example.com/a?…"`},
		"types":            {&plain, with(func(w *history.Webhook) { w.Types = []string{"token.*"} }), `webhook.updated; types []→["token.*"]`},
		"disabled":         {&plain, off, `webhook.disabled; status 1→2; disabled_reason ""→"gone"`},
		"enabled":          {off, &plain, `webhook.enabled; status 2→1; disabled_reason "gone"→""`},
		"reason":           {off, with(func(w *history.Webhook) { w.DisabledReason = "user" }), `webhook.updated; disabled_reason "gone"→"user"`},
		"two":              {off, with(func(w *history.Webhook) { w.Types = []string{"a"} }), `webhook.updated; types []→["a"]; status 2→1; disabled_reason "gone"→""`},
		"rotated":          {&plain, with(func(w *history.Webhook) { w.PreviousSecretUntil = 7 }), `webhook.updated; previous_secret_until 0→7`},
		"nothing":          {&plain, &plain, `webhook.updated`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			action, changes := history.WebhookChanges(tt.before, tt.after)
			got := action
			for _, c := range changes {
				got += fmt.Sprintf("; %s %s→%s", c.Setting, c.Before, c.After)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
