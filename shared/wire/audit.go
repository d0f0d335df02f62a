package wire

import "encoding/json"

// An AuditPage is a page of an audit trail, newest first.
type AuditPage struct {
	PageSize int64        `json:"page_size"`
	Items    []AuditEntry `json:"items"`
	Next     string       `json:"next,omitempty"` // if not "", there may be older entries: send it as the parameter after

	BehindSeconds *int64 `json:"behind_seconds,omitempty"` // how long after it was made a change was in the trail, when that was last measured; absent if it never was
	MeasuredAt    int64  `json:"measured_at,omitempty"`    // Unix seconds of that measurement
}

// An AuditEntry is one administrative change of a token, of a webhook, or of the user.
type AuditEntry struct {
	ID          string        `json:"id"`
	Time        int64         `json:"time"`                   // Unix milliseconds
	Action      string        `json:"action"`                 // such as token.updated
	TokenID     int64         `json:"token_id,omitempty"`     // absent if the change is not one of a token
	WebhookID   int64         `json:"webhook_id,omitempty"`   // absent if the change is not one of a webhook
	TokenName   string        `json:"token_name,omitempty"`   // as it was after the change
	By          string        `json:"by"`                     // user, operator, key (whoever had the key), or service (Latchkey itself)
	AccessToken *int64        `json:"access_token,omitempty"` // of by user: the slot of the access token, from 0
	UserVersion int64         `json:"user_version,omitempty"` // of by user: tells the access token from others in the same slot
	Address     string        `json:"address,omitempty"`      // of the client
	RequestID   string        `json:"request_id,omitempty"`
	Command     string        `json:"command,omitempty"` // of by operator
	Changes     []AuditChange `json:"changes"`
}

// An AuditChange is a setting that was changed. The values are as the API shows them; absent if
// there was none. Lists of more than 10 entries are cut.
type AuditChange struct {
	Setting string          `json:"setting"`
	Before  json.RawMessage `json:"before,omitempty"`
	After   json.RawMessage `json:"after,omitempty"`
}
