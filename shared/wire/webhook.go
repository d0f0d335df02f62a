package wire

// A Webhook is a URL that events are sent to.
type Webhook struct {
	ID                  int64           `json:"id"`
	URL                 string          `json:"url"`
	Types               []string        `json:"types"`                           // patterns of event types; empty for all
	Status              Status          `json:"status"`                          // Enabled or Disabled
	DisabledReason      string          `json:"disabled_reason,omitempty"`       // user, gone or failing; "" if it is enabled
	CreatedTime         int64           `json:"created_time"`                    // Unix seconds
	PreviousSecretUntil int64           `json:"previous_secret_until,omitempty"` // Unix seconds until which the secret before signs, too
	FailingSince        int64           `json:"failing_since,omitempty"`         // Unix seconds of the first failure since the last success
	LastAttempt         *WebhookAttempt `json:"last_attempt,omitempty"`          // recorded at most once a minute, unless the outcome changes
}

// A NewWebhook is a webhook with a secret that is new: no other answer shows it.
type NewWebhook struct {
	Webhook
	Secret string `json:"secret"` // for VerifyWebhook of package client
}

// A WebhookAttempt is one delivery of an event.
type WebhookAttempt struct {
	EventID    string `json:"event_id"`
	EventType  string `json:"event_type"`
	Time       int64  `json:"time"`        // Unix seconds
	Attempt    int64  `json:"attempt"`     // from 1
	Delivered  bool   `json:"delivered"`   // the receiver answered 2xx
	HTTPStatus int64  `json:"http_status"` // 0 if there was no answer
	Failure    string `json:"failure,omitempty"`
	TookMillis int64  `json:"took_ms"`
}

// WebhookInput is the body of a create or an update. A field that is nil stays as it
// is.
type WebhookInput struct {
	URL    *string  `json:"url,omitempty"`
	Types  []string `json:"types,omitzero" separators:","`
	Status *int64   `json:"status,omitempty"` // Enabled or Disabled
}

// Webhooks is the answer to a list of webhooks.
type Webhooks struct {
	Items []Webhook `json:"items"` // by their ids
}
