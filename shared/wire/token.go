package wire

import (
	"encoding/json"
)

// A Token is a token as the API shows it. Times are Unix seconds, quotas
// units. Key is the mask, except in the answer that created the token.
type Token struct {
	ID                 int64    `json:"id"`
	UserID             int64    `json:"user_id"`
	Key                string   `json:"key"`
	Name               string   `json:"name"`
	Status             Status   `json:"status"` // 1 enabled, 2 disabled, 3 expired, 4 exhausted
	CreatedTime        int64    `json:"created_time"`
	AccessedTime       int64    `json:"accessed_time"`
	ExpiredTime        int64    `json:"expired_time"` // -1 = never
	RemainQuota        int64    `json:"remain_quota"`
	UsedQuota          int64    `json:"used_quota"`
	UnlimitedQuota     bool     `json:"unlimited_quota"`
	ModelLimitsEnabled bool     `json:"model_limits_enabled"`
	Models             []string `json:"models"`
	ModelLimits        string   `json:"model_limits"` // the models again, for clients of the API family
	AllowIPs           string   `json:"allow_ips"`    // one address or prefix a line
	Group              string   `json:"group"`
	PreviousKey        string   `json:"previous_key,omitempty"` // the mask of the key before, while it works
	PreviousUntil      int64    `json:"previous_until,omitempty"`
}

// TokenInput is the body of a create or an update: what a caller may choose.
// A nil field is absent: the default on create, unchanged on update. The
// lists may come as arrays, or as strings with separators.
type TokenInput struct {
	ID                 *int64   `json:"id,omitempty"` // which token; for updates
	Name               *string  `json:"name,omitempty"`
	Status             *int64   `json:"status,omitempty"` // 1 enables, 2 disables
	ExpiredTime        *int64   `json:"expired_time,omitempty"`
	RemainQuota        *int64   `json:"remain_quota,omitempty"`
	UnlimitedQuota     *bool    `json:"unlimited_quota,omitempty"`
	ModelLimitsEnabled *bool    `json:"model_limits_enabled,omitempty"`
	Models             []string `json:"models,omitzero" separators:","`
	ModelLimits        []string `json:"model_limits,omitzero" separators:","` // alias of models, which wins
	AllowIPs           []string `json:"allow_ips,omitzero" separators:",\n"`
	Group              *string  `json:"group,omitempty"`
}

// UpdateInput is the body of an update.
type UpdateInput struct {
	TokenInput
	QuotaDelta *int64 `json:"quota_delta,omitempty"` // to add to what is left, in the place of remain_quota
}

// TokensInput is the body of a batch create: 1 to token.MaxBatch objects, each
// as of a create.
type TokensInput struct {
	Tokens []json.RawMessage `json:"tokens,omitzero"`
}

// Tokens are the tokens that a batch has created.
type Tokens struct {
	Items []Token `json:"items"`
}

// A TokenPage is a page of tokens. Page is there where pages were asked for,
// Next where ids were, and not on the last page; of a search also where it
// ended before the tokens do.
type TokenPage struct {
	Page     int64   `json:"page,omitempty"`
	PageSize int64   `json:"page_size"`
	Total    int64   `json:"total"`
	Items    []Token `json:"items"`
	Next     int64   `json:"next,omitempty"`
}

// RotationInput is the body of a rotation, which may be left out.
type RotateInput struct {
	GraceSeconds *int64 `json:"grace_seconds,omitempty"` // for how long the old key works; absent = 0
}
