package wire

// A Self is the user that an access token belongs to. Its names and numbers are
// those of New API. Quotas are units.
type Self struct {
	ID             int64  `json:"id"`
	Username       string `json:"username"`
	DisplayName    string `json:"display_name"` // same as Username
	Role           int64  `json:"role"`         // UserRole
	Status         Status `json:"status"`       // Enabled
	Group          string `json:"group"`        // the first group that the operator grants, or DefaultGroup
	Quota          int64  `json:"quota"`        // what no token has drawn from the budget; MaxInteger without a budget
	UsedQuota      int64  `json:"used_quota"`   // what tokens have drawn from the budget: used, held, or free in a token
	RequestCount   int64  `json:"request_count"`
	UnlimitedQuota bool   `json:"unlimited_quota"`     // there is no budget
	ResetsAt       int64  `json:"resets_at,omitempty"` // Unix seconds at which the budget is whole again; absent if it does not renew, or its period has not begun
}

// UserRole is the role of every user that may manage tokens.
const UserRole = 1

// DefaultGroup is the group of a user without granted groups.
const DefaultGroup = "default"

// A Budget is how many units all tokens of a user may use together, and where
// they are now. The budget is the sum of Remaining, InTokens, Held and Used; until a
// removal by expiry is counted, the units of that token are missing.
type Budget struct {
	Budget    int64   `json:"budget"`           // units for each period, or in all
	Period    string  `json:"period,omitempty"` // as of a Window; "" if the budget does not renew
	Timezone  string  `json:"timezone,omitempty"`
	Anchor    *Anchor `json:"anchor,omitempty"`
	Remaining int64   `json:"remaining"` // what no token has drawn; below 0 if the budget was lowered below what was drawn
	InTokens  int64   `json:"in_tokens"` // drawn by tokens, and free
	Held      int64   `json:"held"`      // by open holds
	Used      int64   `json:"used"`      // also by tokens that were deleted
	ResetsAt  int64   `json:"resets_at"` // Unix seconds at which the budget is whole again; 0 if it does not renew, or its period has not begun
}

// A Group is what a client of New API shows of a group that a token can have. Its
// names are those of New API.
type Group struct {
	Desc  string  `json:"desc"`  // the name of the group
	Ratio float64 `json:"ratio"` // by which prices are multiplied; for people, not to compute with
}
