package wire

// VerifyInput is the body of a verification: what the key is to be used for. A
// nil field is absent.
type VerifyInput struct {
	Model     *string     `json:"model,omitempty"`
	Quota     *int64      `json:"quota,omitempty"`      // units to charge; 0 or absent only checks
	Usage     *ModelUsage `json:"usage,omitempty"`      // in place of Quota: charges what this usage of Model costs
	IP        *string     `json:"ip,omitempty"`         // address of the application that sent the key
	UserAgent *string     `json:"user_agent,omitempty"` // User-Agent header of that application; IP and UserAgent, or those of the request that has neither, are kept shortened as last used
	RequestID *string     `json:"request_id,omitempty"` // 22 to 128 characters of A-Z, a-z, 0-9, _ and -; a repeated request with the same id is charged once
}

// A ModelUsage is what one request used of a model. A nil field is 0.
type ModelUsage struct {
	InputTokens        *int64 `json:"input_tokens,omitempty"`          // without what was read from or written to a cache
	OutputTokens       *int64 `json:"output_tokens,omitempty"`         // with reasoning
	CacheReadTokens    *int64 `json:"cache_read_tokens,omitempty"`     // input read from a cache
	CacheWriteTokens   *int64 `json:"cache_write_tokens,omitempty"`    // input written to a cache for 5 minutes
	CacheWrite1hTokens *int64 `json:"cache_write_1h_tokens,omitempty"` // input written to a cache for 1 hour
	ReasoningTokens    *int64 `json:"reasoning_tokens,omitempty"`      // the part of OutputTokens that was reasoning
	Images             *int64 `json:"images,omitempty"`                // images made
	AudioSeconds       *int64 `json:"audio_seconds,omitempty"`         // audio transcribed or made, rounded up
}

// A Price says what a usage costs. Its fields are nil if the request had no
// usage.
type Price struct {
	PriceRevision *int64 `json:"price_revision,omitempty"` // of the price table; 0 if there is none
}

// A Verdict says whether a key may be used. If a token has the key, KeyInfo
// describes the token; otherwise it is nil.
type Verdict struct {
	Valid bool    `json:"valid"`
	Code  Refusal `json:"code"` // reason for the refusal; "" if valid
	*KeyInfo
	RefusalDetail
	Exhaustion
	Charged *int64 `json:"charged,omitempty"` // units that the usage cost; 0 if not valid, nil if the request had no usage
	Price
}

// An Exhaustion explains the refusals quota_exhausted and rate_limited, and
// disabled if its scope is user. Its fields are zero otherwise.
type Exhaustion struct {
	InProgressQuota *int64 `json:"in_progress_quota,omitempty"` // only for quota_exhausted: units held by requests in progress; what they do not use becomes free again
	Message         string `json:"message,omitempty"`           // what to do, for people
}

// A KeyInfo describes the token that a key belongs to.
type KeyInfo struct {
	TokenID            int64    `json:"token_id"`
	UserID             int64    `json:"user_id"`
	Name               string   `json:"name"`
	Group              string   `json:"group"`
	RemainQuota        int64    `json:"remain_quota"` // units free to spend; not meaningful if the quota is unlimited
	UnlimitedQuota     bool     `json:"unlimited_quota"`
	ExpiredTime        int64    `json:"expired_time"` // Unix seconds; -1 for never
	ModelLimitsEnabled bool     `json:"model_limits_enabled"`
	Models             []string `json:"models"`
	Limits
}

// ReserveInput is the body of a reservation. Quota or Usage is required. Without
// a RequestID, the answer has a new one.
type ReserveInput struct {
	VerifyInput
	TTLSeconds *int64 `json:"ttl_seconds,omitempty"` // how long the hold lasts if nothing ends it, 1 to 3600; absent means 900
}

// A Reservation describes a hold, or says why nothing is held.
type Reservation struct {
	Valid       bool    `json:"valid"`
	Code        Refusal `json:"code"` // why nothing is held; "" if valid
	RequestID   string  `json:"request_id"`
	Held        int64   `json:"held"`         // units
	RemainQuota int64   `json:"remain_quota"` // units free to spend
	ExpiresAt   int64   `json:"expires_at"`   // Unix seconds at which the hold expires; 0 if there is none
	Limits
	RefusalDetail
	Exhaustion
	Price
}

// HoldInput is the body of a settlement or a release. A nil field is absent.
type HoldInput struct {
	RequestID *string     `json:"request_id,omitempty"` // of the reservation; required
	Quota     *int64      `json:"quota,omitempty"`      // units to charge; absent to release
	Model     *string     `json:"model,omitempty"`      // with Usage
	Usage     *ModelUsage `json:"usage,omitempty"`      // in place of Quota: charges what this usage of Model costs
}

// A Settlement says what a hold's request was charged. Amounts are units.
type Settlement struct {
	RequestID   string `json:"request_id"`
	Charged     int64  `json:"charged"`
	Shortfall   int64  `json:"shortfall"`    // the part of the cost that the balance could not cover
	RemainQuota int64  `json:"remain_quota"` // free to spend
	Limits
	Price
}

// A Release says what a released hold gave back. Amounts are units.
type Release struct {
	RequestID   string `json:"request_id"`
	Released    int64  `json:"released"`
	RemainQuota int64  `json:"remain_quota"` // free to spend
	Limits
}

// RevokeInput is the body of a revocation. The body can be left out if the key is
// in the header Authorization.
type RevokeInput struct {
	Key *string `json:"key,omitempty"` // the key that is to end; it takes precedence over the header
}

// A UsageAnswer is the body of the usage route's answer. Clients of New API
// expect this form, which is not an Envelope.
type UsageAnswer struct {
	Code    bool   `json:"code"` // true
	Message string `json:"message"`
	Data    Usage  `json:"data"`
}

// Usage is what a key has used and has left, in units. TotalGranted is the sum
// of TotalUsed, TotalAvailable and the units of open holds.
type Usage struct {
	Object             string          `json:"object"` // "token_usage"
	Name               string          `json:"name"`
	TotalGranted       int64           `json:"total_granted"`
	TotalUsed          int64           `json:"total_used"`
	TotalAvailable     int64           `json:"total_available"`
	UnlimitedQuota     bool            `json:"unlimited_quota"`
	ModelLimits        map[string]bool `json:"model_limits"` // the names and patterns of the models that the key may call, each true
	ModelLimitsEnabled bool            `json:"model_limits_enabled"`
	ExpiresAt          int64           `json:"expires_at"` // Unix seconds; 0 for never
	Limits
}
