// Package token defines API tokens and their owners, the rules that both keep,
// and the operations on them. Requests come in as plain values; storage is
// behind the Store and UserStore interfaces.
package token

// Limits of a token's fields. Lengths are in characters. Integers stay within
// 2^53-1, the largest range that every JSON client represents exactly.
const (
	MaxInteger         = 1<<53 - 1
	MaxNameLength      = 50
	MaxModels          = 64
	MaxModelNameLength = 256
	MaxModelsBytes     = 4096 // of all models of a token together: each write of the token costs their size
	MaxAllowIPs        = 32
	MaxGroupLength     = 64
	MaxWindows         = 3
	MaxModelQuotas     = 8
	MaxRate            = 1_000_000_000  // requests or units per minute
	MaxOpenHolds       = 50             // of one token
	MaxExpiredTime     = 99_999_999_999 // Unix seconds; a larger number is probably in milliseconds

	// Never is the ExpiredTime of a token that does not expire.
	Never = -1
)

// A Token is one API token of a user: who may use it, until when and for how
// much. It holds the hash and the mask of its key, and the key itself only as a
// SealedKey. All times are Unix seconds.
type Token struct {
	ID      int64 // unique for its user; counts up from 1 and is never reused
	UserID  int64
	Version int64 // 1 at creation, plus 1 with every update
	KeyHash [32]byte
	Mask    string

	SealedKey SealedKey // see IssuedKey

	// The key before the last rotation, if there was one, and the second from
	// which it is refused.
	PreviousHash  [32]byte
	PreviousMask  string
	PreviousUntil int64

	// LeakedTime is the Unix second at which somebody revoked the present key by
	// showing it; 0 if nobody did. Only a rotation makes the token usable again.
	LeakedTime int64

	ForeignHash  [32]byte // of the key with which the token was imported, if it kept that
	ImportedFrom string   // the system that issued that key

	Name               string
	Disabled           bool
	Stopped            bool // the operator has stopped the keys of the user, see User.KeysStopped
	CreatedTime        int64
	AccessedTime       int64
	ExpiredTime        int64 // the second from which the token is expired, or Never
	RemainQuota        int64 // free units, with Raise, and without those of Holds that have expired; ignored while UnlimitedQuota is set
	UsedQuota          int64 // units charged so far
	UnlimitedQuota     bool
	ModelLimitsEnabled bool
	Models             []string // names, and patterns that end with "*", see AllowsModel
	AllowIPs           []string // addresses and CIDR prefixes in canonical form
	Group              string
	GroupGranted       bool   // see PriceGroup
	Holds              []Hold // neither settled nor released; some may have expired

	Raise       Raise // of the lifetime quota
	Windows     []Window
	ModelQuotas []ModelQuota
	Rates
	// The state of the rates, as the "theoretical arrival time" of GCRA in Unix
	// nanoseconds: when all requests or units so far would have come if they had
	// kept to the rate exactly.
	RequestTAT, UnitTAT int64
	// UnitRateSince is the second at which an update added UnitsPerMinute; 0 if
	// the token was created with it. Holds from before do not count in it.
	UnitRateSince int64

	UsesWallet  bool  // each use counts in the Block, which the token draws from its user's Wallet
	WalletOrder int64 // the newest Wallet.Order that the token follows
	Block       Block
	Supply      Supply // not stored, and set only where the store says so

	LastUse LastUse // as it was last recorded, about once an hour
}

// A LastUse says when and from where a token's key was used.
type LastUse struct {
	Time      int64  // Unix second; 0 if none was recorded
	Network   string // of the client's address, such as 203.0.113.0/24; "" if it is not known
	UserAgent string // the name of the client's program, such as curl; "" if it is not known
}

// LastUsed returns the token's last use, as far as it is recorded. AccessedTime is
// later than LastUse.Time if the token was charged since; network and user agent are
// then those of a use in the hour before.
func (t Token) LastUsed() LastUse {
	u := t.LastUse
	if t.AccessedTime > t.CreatedTime || t.UsedQuota > 0 {
		u.Time = max(u.Time, t.AccessedTime)
	}
	return u
}

// A Hold sets units aside for a request in progress.
type Hold struct {
	Quota        int64
	Debited      int64   // units taken from RemainQuota: Quota, or 0 if the token was unlimited
	ExpiresAt    int64   // the Unix second from which the hold no longer counts
	ExpiryCharge int64   // units, at most Quota, that count as used from ExpiresAt; the others are free
	Meters       []int64 // the numbers of the meters that the units were taken from
}

// FreeAt returns the units that are free to spend at a Unix second. It can
// exceed MaxInteger if quota was raised while units were held. It is below 0 if
// a raise has ended of which units were used.
func (t Token) FreeAt(now int64) int64 {
	free := t.RemainQuota - t.Raise.EndedUnits(now)
	for _, h := range t.Holds {
		if h.ExpiresAt <= now {
			free += max(0, h.Debited-h.ExpiryCharge)
		}
	}
	return free
}

// RemainAt is FreeAt, but from 0 to MaxInteger. Answers to clients show it.
func (t Token) RemainAt(now int64) int64 { return max(0, min(t.FreeAt(now), MaxInteger)) }

// UsedAt returns the units that have been charged by a Unix second.
func (t Token) UsedAt(now int64) int64 {
	used := t.UsedQuota
	for _, h := range t.Holds {
		if h.ExpiresAt <= now {
			used = AddSaturated(used, h.ExpiryCharge)
		}
	}
	return used
}

// AddSaturated returns n+more, but at most MaxInteger.
func AddSaturated(n, more int64) int64 { return min(n+more, MaxInteger) }

// HeldAt returns the units that open holds set aside at a Unix second.
func (t Token) HeldAt(now int64) int64 {
	var held int64
	for _, h := range t.Holds {
		if h.ExpiresAt > now {
			held += h.Debited
		}
	}
	return held
}

// Status says whether a token can be used. The numbers are those of New API.
type Status int

// The statuses. If several apply, a token has the first of Disabled, Expired
// and Exhausted.
const (
	Enabled   Status = 1
	Disabled  Status = 2
	Expired   Status = 3
	Exhausted Status = 4
)

// StatusAt returns the token's status at a Unix second. It is computed, never
// stored: more quota or a later expiry makes a token usable again.
func (t Token) StatusAt(now int64) Status {
	switch {
	case t.Disabled || t.Stopped || t.LeakedTime != 0:
		return Disabled
	case t.ExpiredTime != Never && t.ExpiredTime <= now:
		return Expired
	case !t.UnlimitedQuota && t.FreeAt(now) <= 0, t.ResetsAt(now) > 0:
		return Exhausted
	default:
		return Enabled
	}
}

// CountsUnits reports whether a hold that was made at a time in Unix milliseconds
// counts in the token's rate of units as it is now.
func (t Token) CountsUnits(madeAt int64) bool {
	return t.UnitsPerMinute > 0 && madeAt >= 1000*t.UnitRateSince
}
