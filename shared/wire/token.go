package wire

import (
	"encoding/json"

	"github.com/latchkey-api/latchkey/shared/token"
)

// A Status says whether a token can be used.
type Status = token.Status

// The statuses. Enabled and Disabled can be set; Expired and Exhausted follow
// from the token's time and quota.
const (
	Enabled   = token.Enabled
	Disabled  = token.Disabled
	Expired   = token.Expired
	Exhausted = token.Exhausted
)

// A Token is a token as the API shows it. Times are Unix seconds, quotas are
// units. Key is a mask, except in the answer to a create or a rotation.
type Token struct {
	ID                 int64    `json:"id"`
	UserID             int64    `json:"user_id"`
	Key                string   `json:"key"`
	Name               string   `json:"name"`
	Status             Status   `json:"status"` // 1 enabled, 2 disabled, 3 expired, 4 exhausted
	CreatedTime        int64    `json:"created_time"`
	AccessedTime       int64    `json:"accessed_time"` // when the key last charged, held or released quota; at first CreatedTime
	ExpiredTime        int64    `json:"expired_time"`  // -1 for never
	RemainQuota        int64    `json:"remain_quota"`  // free to spend; not meaningful if the quota is unlimited
	UsedQuota          int64    `json:"used_quota"`
	UnlimitedQuota     bool     `json:"unlimited_quota"`
	ModelLimitsEnabled bool     `json:"model_limits_enabled"` // only the models in Models may be used
	Models             []string `json:"models"`
	ModelLimits        string   `json:"model_limits"` // Models joined by commas, for clients of New API
	AllowIPs           string   `json:"allow_ips"`    // addresses and CIDR ranges, one per line; "" allows all
	Subnet             string   `json:"subnet"`       // AllowIPs joined by commas, for clients of One API
	Group              string   `json:"group"`
	PreviousKey        string   `json:"previous_key,omitempty"`   // mask of the key before the last rotation, while it works
	PreviousUntil      int64    `json:"previous_until,omitempty"` // when the previous key stops working
	LeakedTime         int64    `json:"leaked_time,omitempty"`    // when somebody revoked the key by showing it; the status is then Disabled until the token is rotated
	Imported           string   `json:"imported,omitempty"`       // the system whose key the token was imported with, such as "litellm"
	Extra              *Extra   `json:"extra,omitempty"`          // of the lifetime quota
	LastUsed           *LastUse `json:"last_used,omitempty"`      // nil if the key was never used
	Limits
	ResetsAt int64 `json:"resets_at,omitempty"` // Unix seconds; if windows are used up: when the key works again
}

// A LastUse says when a token's key was last used, and from where at the last time
// that this was recorded, which is about once an hour.
type LastUse struct {
	Time      int64  `json:"time"`                 // Unix seconds; checks may be up to an hour later
	Network   string `json:"network,omitempty"`    // of the client's address, such as 203.0.113.0/24
	UserAgent string `json:"user_agent,omitempty"` // the name of the client's program, such as curl
}

// TokenInput is the body of a create, and a part of the body of an update. A
// nil field is absent, which means the default on create and unchanged on
// update. An empty list that is not nil clears the list. In JSON a list can
// also be one string, split at the characters in the separators tag.
type TokenInput struct {
	ID                 *int64   `json:"id,omitempty"`                         // the token to update; ignored on create
	Name               *string  `json:"name,omitempty"`                       // 1 to 50 characters; required on create
	Status             *int64   `json:"status,omitempty"`                     // 1 enables, 2 disables
	ExpiredTime        *int64   `json:"expired_time,omitempty"`               // Unix seconds; -1 for never, the default
	RemainQuota        *int64   `json:"remain_quota,omitempty"`               // units, 0 to MaxInteger; default 0
	UnlimitedQuota     *bool    `json:"unlimited_quota,omitempty"`            // default false
	ModelLimitsEnabled *bool    `json:"model_limits_enabled,omitempty"`       // default false
	Models             []string `json:"models,omitzero" separators:","`       // up to 64 names of 1 to 256 characters; "*" at the end stands for any rest
	ModelLimits        []string `json:"model_limits,omitzero" separators:","` // another name of models; if both are present and differ, the one that differs from the stored list counts
	AllowIPs           []string `json:"allow_ips,omitzero" separators:",\n"`  // up to 32 addresses and CIDR ranges; empty allows all
	Subnet             []string `json:"subnet,omitzero" separators:",\n"`     // another name of allow_ips, as model_limits of models
	Group              *string  `json:"group,omitempty"`                      // up to 64 characters
	LimitsInput
}

// UpdateInput is the body of an update. ID is required.
type UpdateInput struct {
	TokenInput
	QuotaDelta *int64 `json:"quota_delta,omitempty"` // units to add, or to subtract if negative; must not be combined with RemainQuota
}

// TokensInput is the body of a batch create: 1 to MaxBatch objects, each in
// the form of a TokenInput.
type TokensInput struct {
	Tokens []json.RawMessage `json:"tokens,omitzero"`
}

// Tokens are the tokens that a batch has created, in the order of the request.
type Tokens struct {
	Items []Token `json:"items"`
}

// A TokenPage is a page of tokens, newest first.
type TokenPage struct {
	Page     int64   `json:"page,omitempty"` // the page's number, if the request asked for one
	PageSize int64   `json:"page_size"`
	Total    int64   `json:"total"` // all tokens of the user; in a search, all matches among the tokens that it read
	Items    []Token `json:"items"`
	Next     int64   `json:"next,omitempty"` // if not 0, there may be older tokens: send it as the parameter after
}

// RotateInput is the body of a rotation. The body can be left out.
type RotateInput struct {
	GraceSeconds *int64 `json:"grace_seconds,omitempty"` // how long the old key keeps working, 0 to MaxGraceSeconds; absent means 0
}
