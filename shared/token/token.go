// Package token says what an API token is, which rules it keeps and what the
// service does with it. It knows neither HTTP nor DynamoDB: requests come in
// as values, and storage is the Store contract.
package token

// Limits of a token's fields. Integers stay within 2^53-1, which every JSON
// client can hold exactly.
const (
	MaxInteger         = 1<<53 - 1
	MaxNameLength      = 50
	MaxModels          = 64
	MaxModelNameLength = 64
	MaxAllowIPs        = 32
	MaxGroupLength     = 64
	MaxExpiredTime     = 99_999_999_999 // later than that it is milliseconds

	// Never is the expiry of a token that does not expire.
	Never = -1
)

// A Token is one sk- credential of a user: who may use it, for how long and
// for how much. The key itself is not in it, only what remains of a key once
// it has been handed out: hash and mask.
type Token struct {
	ID      int64 // unique within its user, dense from 1, never reused
	UserID  int64
	Version int64 // 1 at creation, one more with every update
	KeyHash [32]byte
	Mask    string

	// The key before, if there was one, and the second from which it may not
	// be used any more.
	PreviousHash  [32]byte
	PreviousMask  string
	PreviousUntil int64

	Name               string
	Disabled           bool
	CreatedTime        int64 // Unix seconds, like all times here
	AccessedTime       int64
	ExpiredTime        int64 // Never, or the second from which the token is expired
	RemainQuota        int64 // units that are free, but for Holds that have lapsed; means nothing while UnlimitedQuota
	UsedQuota          int64 // units
	UnlimitedQuota     bool
	ModelLimitsEnabled bool
	Models             []string
	AllowIPs           []string // canonical addresses and prefixes
	Group              string
	Holds              []Hold // that nobody has ended or tidied up
}

// A Hold keeps units for a request that is under way.
type Hold struct {
	Quota          int64
	Debited        int64 // of Quota, what is kept from others: nothing, for a token that was unlimited
	ExpiresAt      int64 // the second from which its units are free again, or used, if it is a Lease
	ChargeOnExpiry bool
}

// FreeAt is what is free to spend at a second.
func (t Token) FreeAt(now int64) int64 {
	free := t.RemainQuota
	for _, h := range t.Holds {
		if h.ExpiresAt <= now && !h.ChargeOnExpiry {
			free += h.Debited
		}
	}
	return free
}

// RemainAt is what answers say is free to spend at a second.
func (t Token) RemainAt(now int64) int64 { return min(t.FreeAt(now), MaxInteger) }

// UsedAt is what has been charged at a second.
func (t Token) UsedAt(now int64) int64 {
	used := t.UsedQuota
	for _, h := range t.Holds {
		if h.ExpiresAt <= now && h.ChargeOnExpiry {
			used = AddSaturated(used, h.Quota)
		}
	}
	return used
}

// AddSaturated adds to a counter that stays at MaxInteger once it reaches it.
func AddSaturated(n, more int64) int64 { return min(n+more, MaxInteger) }

// HeldAt is what open holds keep from others at a second.
func (t Token) HeldAt(now int64) int64 {
	var held int64
	for _, h := range t.Holds {
		if h.ExpiresAt > now {
			held += h.Debited
		}
	}
	return held
}

// Status says whether a token may be used, in the API family's numbers.
type Status int

// The statuses, strongest reason first after Enabled.
const (
	Enabled   Status = 1
	Disabled  Status = 2
	Expired   Status = 3
	Exhausted Status = 4
)

// StatusAt derives the status at a Unix second. It is stored nowhere, so a
// top-up or an extension revives a token by itself.
func (t Token) StatusAt(now int64) Status {
	switch {
	case t.Disabled:
		return Disabled
	case t.ExpiredTime != Never && t.ExpiredTime <= now:
		return Expired
	case !t.UnlimitedQuota && t.FreeAt(now) <= 0:
		return Exhausted
	default:
		return Enabled
	}
}
