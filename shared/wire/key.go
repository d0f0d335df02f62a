package wire

// A Verdict says whether a key may be used. Code is why not. What follows is
// there for keys that are known.
type Verdict struct {
	Valid bool    `json:"valid"`
	Code  Refusal `json:"code"`
	*KeyHolder
}

// A KeyHolder is the token of a key, as a gateway needs it.
type KeyHolder struct {
	TokenID            int64    `json:"token_id"`
	UserID             int64    `json:"user_id"`
	Name               string   `json:"name"`
	Group              string   `json:"group"`
	RemainQuota        int64    `json:"remain_quota"` // units that are free to spend
	UnlimitedQuota     bool     `json:"unlimited_quota"`
	ExpiredTime        int64    `json:"expired_time"` // -1 = never
	ModelLimitsEnabled bool     `json:"model_limits_enabled"`
	Models             []string `json:"models"`
}

// QuestionInput is the body of a verification: what the key is to be used
// for. A nil field is absent.
type VerifyInput struct {
	Model     *string `json:"model,omitempty"`
	Quota     *int64  `json:"quota,omitempty"` // units
	IP        *string `json:"ip,omitempty"`    // of who sent the key
	RequestID *string `json:"request_id,omitempty"`
}

// HoldInput is the body of a settlement or a release: which hold, and what to
// charge of it.
type HoldInput struct {
	RequestID *string `json:"request_id,omitempty"`
	Quota     *int64  `json:"quota,omitempty"` // units; to settle
}

// ReservationInput is the body of a reservation. Quota and RequestID are
// required.
type ReserveInput struct {
	VerifyInput
	TTLSeconds *int64 `json:"ttl_seconds,omitempty"`
}

// A Reservation is a hold, or why there is none.
type Reservation struct {
	Valid       bool    `json:"valid"`
	Code        Refusal `json:"code"` // as of a Verdict
	RequestID   string  `json:"request_id"`
	Held        int64   `json:"held"`         // units
	RemainQuota int64   `json:"remain_quota"` // units that are free to spend
	ExpiresAt   int64   `json:"expires_at"`   // when the hold ends by itself; 0 if there is none
}

// A Settlement is how a hold was charged, in units.
type Settlement struct {
	RequestID   string `json:"request_id"`
	Charged     int64  `json:"charged"`
	Shortfall   int64  `json:"shortfall"`    // what the balance did not have
	RemainQuota int64  `json:"remain_quota"` // what is free to spend
}

// A Return is how a hold was given back, in units.
type Release struct {
	RequestID   string `json:"request_id"`
	Released    int64  `json:"released"`     // what the hold had
	RemainQuota int64  `json:"remain_quota"` // what is free to spend
}

// A UsageAnswer is the whole body of the answer.
type UsageAnswer struct {
	Code    bool   `json:"code"` // true
	Message string `json:"message"`
	Data    Usage  `json:"data"`
}

// A Usage is what a key has used and has left, in units. TotalGranted is the
// sum of both, and of what is held for requests under way.
type Usage struct {
	Object             string          `json:"object"` // token_usage
	Name               string          `json:"name"`
	TotalGranted       int64           `json:"total_granted"`
	TotalUsed          int64           `json:"total_used"`
	TotalAvailable     int64           `json:"total_available"`
	UnlimitedQuota     bool            `json:"unlimited_quota"`
	ModelLimits        map[string]bool `json:"model_limits"`
	ModelLimitsEnabled bool            `json:"model_limits_enabled"`
	ExpiresAt          int64           `json:"expires_at"` // Unix seconds; 0 = never
}
