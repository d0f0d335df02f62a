package wire

// Limits are what bounds a token beside its lifetime quota. A limit that a
// token does not have is left out.
type Limits struct {
	Windows           []Window     `json:"windows,omitempty"`             // quotas that renew
	ModelQuotas       []ModelQuota `json:"model_quotas,omitempty"`        // quotas of some models
	RequestsPerMinute int64        `json:"requests_per_minute,omitempty"` // spends and reservations
	UnitsPerMinute    int64        `json:"units_per_minute,omitempty"`    // units spent or reserved
	MaxConcurrent     int64        `json:"max_concurrent,omitempty"`      // open holds
}

// A Window is a quota that renews, and its use now. Units of open holds are
// neither used nor remaining.
type Window struct {
	Period    string  `json:"period"` // hour, day, week, month, or a length such as 5h that begins with the first use
	Quota     int64   `json:"quota"`  // units for each period
	Timezone  string  `json:"timezone,omitempty"`
	Anchor    *Anchor `json:"anchor,omitempty"`
	Used      int64   `json:"used"`
	Remaining int64   `json:"remaining"`
	ResetsAt  int64   `json:"resets_at"` // Unix seconds at which the quota is whole again; 0 if the period has not begun
	Extra     *Extra  `json:"extra,omitempty"`
}

// An Extra makes a quota larger until a time. The quota's remaining units
// include it.
type Extra struct {
	Units     int64 `json:"units"`     // by which the quota is larger
	Remaining int64 `json:"remaining"` // free units of it; those of the quota itself are used first
	Until     int64 `json:"until"`     // Unix seconds from which it no longer counts
}

// An ExtraInput is the body of a request for an Extra. Units and, unless they
// are 0, Until are required. Timezone and Anchor are only needed if more than one
// window has the period.
type ExtraInput struct {
	Units    *int64       `json:"units,omitempty"`  // 1 to MaxInteger, in place of the quota's present extra; 0 ends that
	Until    *int64       `json:"until,omitempty"`  // Unix seconds, up to 366 days ahead
	Window   *string      `json:"window,omitempty"` // the period of a window of the token; absent means the lifetime quota
	Timezone *string      `json:"timezone,omitempty"`
	Anchor   *AnchorInput `json:"anchor,omitempty"`
}

// An Anchor says where in a calendar period a window begins.
type Anchor struct {
	Hour    int64 `json:"hour"`              // of a day, week or month: 0 to 23
	Weekday int64 `json:"weekday,omitempty"` // of a week: 1 (Monday) to 7
	Day     int64 `json:"day,omitempty"`     // of a month: 1 to 31; 29 to 31 are the last day of a shorter month
}

// A ModelQuota is a quota of some models, and its use now. It does not renew.
type ModelQuota struct {
	Model     string `json:"model"` // a name, or a prefix followed by *
	Quota     int64  `json:"quota"` // units
	Used      int64  `json:"used"`
	Remaining int64  `json:"remaining"`
}

// LimitsInput are the limits in the body of a create or an update. A nil field
// is absent, which means no limit on create and unchanged on update. An empty
// list that is not nil removes the limits.
type LimitsInput struct {
	Windows           []WindowInput     `json:"windows,omitzero"`              // up to 3; replaces the token's windows
	ModelQuotas       []ModelQuotaInput `json:"model_quotas,omitzero"`         // up to 8; replaces the token's model quotas
	RequestsPerMinute *int64            `json:"requests_per_minute,omitempty"` // 0 (no limit) to 1,000,000,000
	UnitsPerMinute    *int64            `json:"units_per_minute,omitempty"`    // 0 (no limit) to 1,000,000,000
	MaxConcurrent     *int64            `json:"max_concurrent,omitempty"`      // 0 (no limit) to 50
}

// A WindowInput describes a Window. Period and Quota are required.
type WindowInput struct {
	Period   *string      `json:"period,omitempty"`
	Quota    *int64       `json:"quota,omitempty"`    // units, 1 to MaxInteger
	Timezone *string      `json:"timezone,omitempty"` // IANA name, default UTC; only for hour, day, week and month
	Anchor   *AnchorInput `json:"anchor,omitempty"`   // only for day, week and month
}

// An AnchorInput describes an Anchor. The default is midnight of Monday or of
// the first day.
type AnchorInput struct {
	Hour    *int64 `json:"hour,omitempty"`
	Weekday *int64 `json:"weekday,omitempty"`
	Day     *int64 `json:"day,omitempty"`
}

// A ModelQuotaInput describes a ModelQuota. Both fields are required.
type ModelQuotaInput struct {
	Model *string `json:"model,omitempty"`
	Quota *int64  `json:"quota,omitempty"` // units, 0 to MaxInteger
}

// RefusalDetail says what refused, for the refusals quota_exhausted and
// rate_limited, and for disabled if its scope is user: the operator has stopped
// all keys of the user.
type RefusalDetail struct {
	Scope        string `json:"scope,omitempty"`          // token, window:day, model:gpt-5*, wallet, rate:requests, rate:units, rate:concurrent or user
	ResetsAt     int64  `json:"resets_at,omitempty"`      // Unix seconds at which the window or the budget renews
	RetryAfterMS int64  `json:"retry_after_ms,omitempty"` // milliseconds until the rate allows the same request
}
