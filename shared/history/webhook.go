package history

import (
	"net/url"

	"github.com/latchkey-api/latchkey/shared/token"
)

// A Webhook is what can be changed of an endpoint of webhooks, without its secrets.
type Webhook struct {
	URL                 string
	Types               []string
	DisabledReason      string // "" if it is enabled
	PreviousSecretUntil int64
}

// WebhookChanges returns how the settings of an endpoint differ between two moments, and
// the action. before is nil if the endpoint is new; after is nil if it was deleted. The
// changes have URLs as ShownURL.
func WebhookChanges(before, after *Webhook) (action string, changes []Change) {
	if after == nil {
		return WebhookDeleted, []Change{{Setting: "url", Before: asJSON(ShownURL(before.URL))}}
	}
	c := comparison{isNew: before == nil}
	if c.isNew {
		before = &Webhook{}
	}
	c.add("url", webhookURL(before.URL), webhookURL(after.URL))
	c.add("types", before.Types, after.Types)
	c.add("previous_secret_until", before.PreviousSecretUntil, after.PreviousSecretUntil)
	settings := len(c.changes)
	c.add("status", webhookStatus(before), webhookStatus(after))
	status := len(c.changes)
	c.add("disabled_reason", before.DisabledReason, after.DisabledReason)
	switch {
	case c.isNew:
		return WebhookCreated, c.changes
	case settings == 0 && status > 0:
		return map[bool]string{true: WebhookEnabled, false: WebhookDisabled}[after.DisabledReason == ""], c.changes
	default:
		return WebhookUpdated, c.changes
	}
}

func webhookStatus(w *Webhook) token.Status {
	if w.DisabledReason == "" {
		return token.Enabled
	}
	return token.Disabled
}

// A webhookURL is compared as it is; cut replaces it by its ShownURL.
type webhookURL string

// ShownURL returns a URL without its user name and password, and with … in place of its
// query: either may be a secret. It is "" for a URL that can't be read.
func ShownURL(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return ""
	}
	if u.RawQuery != "" {
		u.RawQuery = "…"
	}
	u.User, u.Fragment, u.RawFragment = nil, "", ""
	return u.String()
}
