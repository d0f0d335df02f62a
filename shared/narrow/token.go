package narrow

import (
	"reflect"
	"slices"

	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

// Token returns the ledger of a restored token that is as narrow as both at a Unix
// second. Its keys, use and open holds are those of the live one, its name that of
// the restored one. fits is false if no token can have the limits of both, or if no
// address is allowed by both: then it has those of the live one, and is disabled.
//
// A live token that uses a wallet keeps its block, so the wallet must be the live
// one, too.
func Token(live, restored quota.Ledger, now int64) (_ quota.Ledger, fits bool) {
	live, restored = live.Compact(now), restored.Compact(now)
	next := live
	next.Name = restored.Name
	next.Disabled = live.Disabled || restored.Disabled
	next.Stopped = live.Stopped || restored.Stopped
	next.ExpiredTime = earlier(live.ExpiredTime, restored.ExpiredTime)
	next.AccessedTime = max(live.AccessedTime, restored.AccessedTime)
	next.UsedQuota = max(live.UsedQuota, restored.UsedQuota)
	limitModels(&next.Token, live.Token, restored.Token)
	fits = limitAddresses(&next.Token, live.Token, restored.Token)
	narrowBalance(&next, live, restored)
	narrowRates(&next, live, restored, now)
	if !narrowWindows(&next, live, restored, now) || !narrowModelQuotas(&next, live, restored, now) {
		next.Windows, next.ModelQuotas, next.LastMeter = live.Windows, live.ModelQuotas, live.LastMeter
		fits = false
	}
	next.Disabled = next.Disabled || !fits
	next.RemainQuota, next.UnlimitedQuota = next.Balance.Free(), next.Balance.Unlimited
	return next, fits
}

// WithKeys returns a live token with the keys of the restored one, but for what was
// revoked of them because it had leaked.
func WithKeys(live, restored token.Token) token.Token {
	leaked, until := restored.LeakedTime, restored.PreviousUntil
	if live.KeyHash == restored.KeyHash {
		leaked = max(leaked, live.LeakedTime)
	}
	if live.PreviousHash == restored.PreviousHash {
		until = min(until, live.PreviousUntil)
	}
	live.KeyHash, live.Mask, live.SealedKey, live.LeakedTime = restored.KeyHash, restored.Mask, restored.SealedKey, leaked
	live.PreviousHash, live.PreviousMask, live.PreviousUntil = restored.PreviousHash, restored.PreviousMask, until
	return live
}

// earlier returns the earlier of two expiries.
func earlier(a, b int64) int64 {
	if a == token.Never || b == token.Never {
		return max(a, b)
	}
	return min(a, b)
}

func limitModels(next *token.Token, live, restored token.Token) {
	next.ModelLimitsEnabled = live.ModelLimitsEnabled || restored.ModelLimitsEnabled
	switch {
	case live.ModelLimitsEnabled && restored.ModelLimitsEnabled:
		all := patterns(live.Models, restored.Models)
		next.Models = all[:min(len(all), token.MaxModels)]
	case restored.ModelLimitsEnabled:
		next.Models = restored.Models
	}
}

func limitAddresses(next *token.Token, live, restored token.Token) (ok bool) {
	all, ok := addresses(live.AllowIPs, restored.AllowIPs)
	if ok {
		next.AllowIPs = all[:min(len(all), token.MaxAllowIPs)]
	}
	return ok
}

// narrowBalance gives the token the smaller quota of both: what is free and held,
// without a raise, and then the smaller raise.
func narrowBalance(next *quota.Ledger, live, restored quota.Ledger) {
	next.Raise = smallerRaise(live.Raise, restored.Raise)
	next.Balance.Unlimited = live.Balance.Unlimited && restored.Balance.Unlimited
	has := owned(live)
	switch {
	case live.Balance.Unlimited && !restored.Balance.Unlimited:
		has = owned(restored) - max(0, live.UsedQuota-restored.UsedQuota)
	case live.Balance.Unlimited || !restored.Balance.Unlimited:
		has = min(has, owned(restored))
	}
	next.Balance.Left = has - debited(live) + next.Raise.Units
}

// owned returns the units that are free or held, without a raise.
func owned(l quota.Ledger) int64 {
	return l.Balance.Free() - l.Raise.Units + debited(l)
}

func debited(l quota.Ledger) (units int64) {
	for _, h := range l.Holds {
		units += h.Debited
	}
	return units
}

func smallerRaise(a, b token.Raise) token.Raise {
	if a.Units == 0 || b.Units == 0 {
		return token.Raise{}
	}
	return token.Raise{Units: min(a.Units, b.Units), Until: min(a.Until, b.Until)}
}

func narrowRates(next *quota.Ledger, live, restored quota.Ledger, now int64) {
	next.Rates = token.Rates{
		RequestsPerMinute: minLimit(live.RequestsPerMinute, restored.RequestsPerMinute),
		UnitsPerMinute:    minLimit(live.UnitsPerMinute, restored.UnitsPerMinute),
		MaxConcurrent:     minLimit(live.MaxConcurrent, restored.MaxConcurrent),
	}
	next.RequestTAT, next.UnitTAT = max(live.RequestTAT, restored.RequestTAT), max(live.UnitTAT, restored.UnitTAT)
	switch {
	case live.UnitsPerMinute > 0 || next.UnitsPerMinute == 0:
		next.UnitRateSince = live.UnitRateSince
	case !sameHolds(live, restored):
		next.UnitRateSince = now + 1 // the live token's holds did not count in the rate
	default:
		next.UnitRateSince = restored.UnitRateSince
	}
}

func sameHolds(a, b quota.Ledger) bool { return reflect.DeepEqual(a.Records, b.Records) }

// Differences returns what a restored token will have that it did not have.
func Differences(restored, next quota.Ledger, now int64) []Kind {
	was := restored.Compact(now)
	var kinds []Kind
	differs := func(k Kind, different bool) {
		if different {
			kinds = append(kinds, k)
		}
	}
	differs(Keys, was.KeyHash != next.KeyHash || was.LeakedTime != next.LeakedTime || was.PreviousHash != next.PreviousHash || was.PreviousUntil != next.PreviousUntil)
	differs(Disabled, was.Disabled != next.Disabled || was.Stopped != next.Stopped)
	differs(Expiry, was.ExpiredTime != next.ExpiredTime)
	differs(Models, was.ModelLimitsEnabled != next.ModelLimitsEnabled || !slices.Equal(was.Models, next.Models))
	differs(Addresses, !slices.Equal(was.AllowIPs, next.AllowIPs))
	differs(Limits, was.Rates != next.Rates || was.Raise != next.Raise || was.Balance.Unlimited != next.Balance.Unlimited ||
		!slices.EqualFunc(was.Windows, next.Windows, func(a, b token.Window) bool {
			return a.Period == b.Period && a.Quota == b.Quota && a.Raise == b.Raise
		}) ||
		!slices.EqualFunc(was.ModelQuotas, next.ModelQuotas, func(a, b token.ModelQuota) bool { return a.Model == b.Model && a.Quota == b.Quota }))
	differs(Spent, !sameUse(was, next))
	differs(Groups, was.Group != next.Group || was.GroupGranted != next.GroupGranted)
	differs(Budgets, was.UsesWallet != next.UsesWallet || was.WalletOrder != next.WalletOrder)
	return kinds
}

func sameUse(a, b quota.Ledger) bool {
	return a.Balance.Left == b.Balance.Left && a.UsedQuota == b.UsedQuota && a.LastMeter == b.LastMeter &&
		a.RequestTAT == b.RequestTAT && a.UnitTAT == b.UnitTAT && a.UnitRateSince == b.UnitRateSince && a.Block == b.Block &&
		slices.EqualFunc(a.Windows, b.Windows, func(x, y token.Window) bool { return x.Meter == y.Meter }) &&
		slices.EqualFunc(a.ModelQuotas, b.ModelQuotas, func(x, y token.ModelQuota) bool { return x.Meter == y.Meter }) &&
		sameHolds(a, b)
}
