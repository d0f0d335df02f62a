package narrow

import (
	"slices"

	"github.com/latchkey-api/latchkey/shared/token"
)

// User returns a restored user that is as narrow as both. Its access tokens and
// groups are those of the live one, and its counters are never behind. Wallet and
// policy are apart; neither of the users is being deleted.
func User(live, restored token.User) token.User {
	next := restored
	next.Disabled = live.Disabled || restored.Disabled
	if live.Role != token.RoleUser {
		next.Role = live.Role
	}
	next.StopOrders = stopOrders(live, restored)
	next.Slots = slots(live.Slots, restored.Slots)
	next.Groups = live.Groups
	next.Limits = token.Limits{
		MaxTokens:        minLimit(live.Limits.MaxTokens, restored.Limits.MaxTokens),
		CreatesPerSecond: minLimit(live.Limits.CreatesPerSecond, restored.Limits.CreatesPerSecond),
		CreateBurst:      minLimit(live.Limits.CreateBurst, restored.Limits.CreateBurst),
		ChangesPerSecond: minLimit(live.Limits.ChangesPerSecond, restored.Limits.ChangesPerSecond),
		ChangeBurst:      minLimit(live.Limits.ChangeBurst, restored.Limits.ChangeBurst),
	}
	next.LastTokenID = max(live.LastTokenID, restored.LastTokenID)
	next.RateTAT, next.ChangeTAT = max(live.RateTAT, restored.RateTAT), max(live.ChangeTAT, restored.ChangeTAT)
	return next
}

// stopOrders returns a number of stop orders that is not below either, and odd if
// either user's keys are stopped.
func stopOrders(live, restored token.User) int64 {
	orders := max(live.StopOrders, restored.StopOrders)
	if stopped := live.KeysStopped() || restored.KeysStopped(); stopped != (orders%2 == 1) {
		orders++
	}
	return orders
}

// slots returns the live access tokens. One that both have expires at the earlier
// time.
func slots(live, restored [token.MaxSlots]token.Slot) [token.MaxSlots]token.Slot {
	for i := range live {
		at := slices.IndexFunc(restored[:], func(s token.Slot) bool { return s.Hash == live[i].Hash })
		if at >= 0 && live[i].Hash != ([32]byte{}) {
			live[i].Expires = minLimit(live[i].Expires, restored[at].Expires)
		}
	}
	return live
}

// UserDifferences returns what a restored user will have that it did not have.
func UserDifferences(restored, next token.User) []Kind {
	var kinds []Kind
	differs := func(k Kind, different bool) {
		if different {
			kinds = append(kinds, k)
		}
	}
	differs(UsersDisabled, restored.Disabled != next.Disabled || restored.Role != next.Role || restored.StopOrders != next.StopOrders)
	differs(AccessTokens, restored.Slots != next.Slots)
	differs(UserLimits, restored.Limits != next.Limits)
	differs(Groups, !slices.Equal(restored.Groups, next.Groups))
	differs(NewIDs, restored.LastTokenID != next.LastTokenID || restored.RateTAT != next.RateTAT || restored.ChangeTAT != next.ChangeTAT)
	return kinds
}

// Policy returns a policy that requires what both require. If both allow models,
// but no model is allowed by both, or if their windows don't fit together, it is the
// live policy, with the stricter rules about a limit and a lifetime.
func Policy(live, restored token.Policy) token.Policy {
	next := live
	next.RequireLimit = live.RequireLimit || restored.RequireLimit
	next.MaxLifetimeSeconds = minLimit(live.MaxLifetimeSeconds, restored.MaxLifetimeSeconds)
	next.DefaultRates = token.Rates{
		RequestsPerMinute: minLimit(live.DefaultRates.RequestsPerMinute, restored.DefaultRates.RequestsPerMinute),
		UnitsPerMinute:    minLimit(live.DefaultRates.UnitsPerMinute, restored.DefaultRates.UnitsPerMinute),
		MaxConcurrent:     minLimit(live.DefaultRates.MaxConcurrent, restored.DefaultRates.MaxConcurrent),
	}
	switch {
	case len(live.AllowedModels) == 0:
		next.AllowedModels = restored.AllowedModels
	case len(restored.AllowedModels) > 0:
		if both := patterns(live.AllowedModels, restored.AllowedModels); len(both) > 0 {
			next.AllowedModels = both[:min(len(both), token.MaxModels)]
		}
	}
	if all := maxWindows(live.MaxWindows, restored.MaxWindows); len(all) <= token.MaxWindows {
		next.MaxWindows = all
	}
	if len(next.DefaultWindows) == 0 {
		next.DefaultWindows = restored.DefaultWindows
	}
	if _, err := next.Normalize(); err != nil {
		next.DefaultWindows = nil // they don't have the max windows, which are then the default
	}
	return next
}

// maxWindows returns every window that either list has, with the smaller quota.
func maxWindows(live, restored []token.Window) []token.Window {
	all := slices.Clone(live)
	for _, r := range restored {
		at := slices.IndexFunc(all, func(w token.Window) bool { return w.Period == r.Period })
		if at < 0 {
			all = append(all, r)
			continue
		}
		all[at].Quota = min(all[at].Quota, r.Quota)
	}
	return all
}

// SamePolicy reports whether two policies are equal.
func SamePolicy(a, b token.Policy) bool {
	same := func(x, y []token.Window) bool {
		return slices.EqualFunc(x, y, func(a, b token.Window) bool { return a.Period == b.Period && a.Quota == b.Quota })
	}
	return a.RequireLimit == b.RequireLimit && a.MaxLifetimeSeconds == b.MaxLifetimeSeconds && a.DefaultRates == b.DefaultRates &&
		same(a.DefaultWindows, b.DefaultWindows) && same(a.MaxWindows, b.MaxWindows) && slices.Equal(a.AllowedModels, b.AllowedModels)
}

// WithBudget returns the wallet of a restored user with the budget that it had then.
// What was used since counts, unless the live wallet is off or counts other periods.
func WithBudget(live, restored token.Wallet) token.Wallet {
	if !live.On || !restored.On || live.Period != restored.Period {
		return restored
	}
	next := live.SetBudget(&restored.Budget)
	next.Revision = restored.Revision
	return next
}

// Wallet returns the wallet of a restored user. If both have a budget, it is the
// live one with the smaller budget. If only one has a budget, it is that one: what
// is left of a restored budget is what was left then, because the live table did
// not count since.
func Wallet(live, restored token.Wallet) token.Wallet {
	next := live
	next.UserID = restored.UserID
	switch {
	case live.On && restored.On:
		next.Units = min(live.Units, restored.Units)
		next.Left -= live.Units - next.Units
		next.Order, next.Count = max(live.Order, restored.Order), max(live.Count, restored.Count)
	case restored.On && restored.Order > live.Order: // an earlier run has made it so
		next = restored
	case restored.On:
		next = restored
		next.Order, next.Count = live.Order+1, max(live.Count, restored.Count)+1 // all blocks are void
		next.Gone = next.Units - next.Left
	default:
		next.Order, next.Count = max(live.Order, restored.Order), max(live.Count, restored.Count)
	}
	next.Revision = restored.Revision
	return next
}
