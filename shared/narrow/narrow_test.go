package narrow_test

import (
	"slices"
	"testing"

	"github.com/latchkey-api/latchkey/shared/narrow"
	"github.com/latchkey-api/latchkey/shared/period"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

const now = 1_700_000_000

// newLedger returns a token that allows everything, with 100 units.
func newLedger() quota.Ledger {
	t := token.Token{ID: 1, UserID: 1, Version: 1, KeyHash: [32]byte{1}, Name: "app", ExpiredTime: token.Never}
	return quota.NewLedger(t, quota.Balance{Left: 100}, nil)
}

func day(units int64, m token.Meter) []token.Window {
	return []token.Window{{Period: period.Period{Length: "day"}, Quota: units, Meter: m}}
}

func gpt5(units int64, m token.Meter) []token.ModelQuota {
	return []token.ModelQuota{{Model: "gpt-5*", Quota: units, Meter: m}}
}

// Each case sets something of the live token, of the restored one, and what the
// result must be. Every case also holds with the two exchanged, except for what is
// the live state alone.
func TestToken(t *testing.T) {
	t.Parallel()
	meter := func(left int64) token.Meter { return token.Meter{Number: 1, Left: left, EndsAt: now + 500} }
	for name, c := range map[string]struct {
		live, restored func(*quota.Ledger)
		want           func(quota.Ledger) bool
		liveAlone      bool
	}{
		"key":            {live: func(l *quota.Ledger) { l.KeyHash = [32]byte{2} }, want: func(l quota.Ledger) bool { return l.KeyHash == [32]byte{2} }, liveAlone: true},
		"grace":          {restored: func(l *quota.Ledger) { l.PreviousHash, l.PreviousUntil = [32]byte{3}, now+50 }, want: func(l quota.Ledger) bool { return l.PreviousHash == [32]byte{} }, liveAlone: true},
		"leaked":         {live: func(l *quota.Ledger) { l.LeakedTime = now }, want: func(l quota.Ledger) bool { return l.LeakedTime == now }, liveAlone: true},
		"used":           {live: func(l *quota.Ledger) { l.UsedQuota = 7 }, want: func(l quota.Ledger) bool { return l.UsedQuota == 7 }},
		"disabled":       {live: func(l *quota.Ledger) { l.Disabled = true }, want: func(l quota.Ledger) bool { return l.Disabled }},
		"stopped":        {live: func(l *quota.Ledger) { l.Stopped = true }, want: func(l quota.Ledger) bool { return l.Stopped }},
		"expires":        {live: func(l *quota.Ledger) { l.ExpiredTime = now + 9 }, want: func(l quota.Ledger) bool { return l.ExpiredTime == now+9 }},
		"expires_before": {live: func(l *quota.Ledger) { l.ExpiredTime = now + 9 }, restored: func(l *quota.Ledger) { l.ExpiredTime = now + 90 }, want: func(l quota.Ledger) bool { return l.ExpiredTime == now+9 }},
		"models":         {live: func(l *quota.Ledger) { l.ModelLimitsEnabled, l.Models = true, []string{"a"} }, want: func(l quota.Ledger) bool { return l.AllowsModel("a") && !l.AllowsModel("b") }},
		"no_model": {
			live:     func(l *quota.Ledger) { l.ModelLimitsEnabled, l.Models = true, []string{"a"} },
			restored: func(l *quota.Ledger) { l.ModelLimitsEnabled, l.Models = true, []string{"b"} }, want: func(l quota.Ledger) bool { return !l.AllowsModel("a") && !l.AllowsModel("b") },
		},
		"pattern": {
			live:     func(l *quota.Ledger) { l.ModelLimitsEnabled, l.Models = true, []string{"gpt-5*", "b"} },
			restored: func(l *quota.Ledger) { l.ModelLimitsEnabled, l.Models = true, []string{"gpt-*"} }, want: func(l quota.Ledger) bool { return slices.Equal(l.Models, []string{"gpt-5*"}) },
		},
		"addresses": {live: func(l *quota.Ledger) { l.AllowIPs = []string{"10.0.0.0/8"} }, want: func(l quota.Ledger) bool { return slices.Equal(l.AllowIPs, []string{"10.0.0.0/8"}) }},
		"network": {
			live:     func(l *quota.Ledger) { l.AllowIPs = []string{"10.0.0.0/16", "192.0.2.1"} },
			restored: func(l *quota.Ledger) { l.AllowIPs = []string{"10.0.0.0/8"} }, want: func(l quota.Ledger) bool { return slices.Equal(l.AllowIPs, []string{"10.0.0.0/16"}) },
		},
		"no_address": {
			live:     func(l *quota.Ledger) { l.AllowIPs = []string{"10.0.0.1"} },
			restored: func(l *quota.Ledger) { l.AllowIPs = []string{"10.0.0.2"} }, want: func(l quota.Ledger) bool { return l.Disabled },
		},
		"units":     {live: func(l *quota.Ledger) { l.Balance.Left = 30 }, want: func(l quota.Ledger) bool { return l.Balance.Left == 30 }},
		"unlimited": {live: func(l *quota.Ledger) { l.Balance.Unlimited = true }, want: func(l quota.Ledger) bool { return !l.Balance.Unlimited && l.Balance.Left == 100 }},
		"raise": {
			live: func(l *quota.Ledger) { l.Raise, l.Balance.Left = token.Raise{Units: 50, Until: now + 100}, 150 },
			want: func(l quota.Ledger) bool { return l.Raise == token.Raise{} && l.Balance.Left == 100 },
		},
		"raises": {
			live:     func(l *quota.Ledger) { l.Raise, l.Balance.Left = token.Raise{Units: 50, Until: now + 100}, 120 },
			restored: func(l *quota.Ledger) { l.Raise, l.Balance.Left = token.Raise{Units: 10, Until: now + 200}, 110 },
			want: func(l quota.Ledger) bool {
				return l.Raise == token.Raise{Units: 10, Until: now + 100} && l.Balance.Left == 80
			},
		},
		"window":      {live: func(l *quota.Ledger) { l.Windows = day(5, token.Meter{}) }, want: func(l quota.Ledger) bool { return len(l.Windows) == 1 && l.Windows[0].Quota == 5 }},
		"windows":     {live: func(l *quota.Ledger) { l.Windows = day(5, token.Meter{}) }, restored: func(l *quota.Ledger) { l.Windows = day(9, token.Meter{}) }, want: func(l quota.Ledger) bool { return len(l.Windows) == 1 && l.Windows[0].Quota == 5 }},
		"used_window": {live: func(l *quota.Ledger) { l.Windows = day(50, meter(20)) }, restored: func(l *quota.Ledger) { l.Windows = day(50, meter(40)) }, want: func(l quota.Ledger) bool { return l.Windows[0].Left == 20 }},
		"quota":       {live: func(l *quota.Ledger) { l.ModelQuotas = gpt5(5, token.Meter{}) }, want: func(l quota.Ledger) bool { return len(l.ModelQuotas) == 1 && l.ModelQuotas[0].Quota == 5 }},
		"quotas":      {live: func(l *quota.Ledger) { l.ModelQuotas = gpt5(5, token.Meter{}) }, restored: func(l *quota.Ledger) { l.ModelQuotas = gpt5(9, token.Meter{}) }, want: func(l quota.Ledger) bool { return l.ModelQuotas[0].Quota == 5 }},
		"rate":        {live: func(l *quota.Ledger) { l.RequestsPerMinute = 5 }, want: func(l quota.Ledger) bool { return l.RequestsPerMinute == 5 }},
		"rates":       {live: func(l *quota.Ledger) { l.UnitsPerMinute = 5 }, restored: func(l *quota.Ledger) { l.UnitsPerMinute = 9 }, want: func(l quota.Ledger) bool { return l.UnitsPerMinute == 5 }},
		"used_rate":   {live: func(l *quota.Ledger) { l.UnitTAT = 5 }, want: func(l quota.Ledger) bool { return l.UnitTAT == 5 }},
		"open_holds":  {live: func(l *quota.Ledger) { l.MaxConcurrent = 5 }, restored: func(l *quota.Ledger) { l.MaxConcurrent = 9 }, want: func(l quota.Ledger) bool { return l.MaxConcurrent == 5 }},
		"too_many": {
			live: func(l *quota.Ledger) { l.Windows = periods("day", "week") }, restored: func(l *quota.Ledger) { l.Windows = periods("hour", "month") },
			want: func(l quota.Ledger) bool { return l.Disabled && len(l.Windows) == 2 },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			live, restored := newLedger(), newLedger()
			if c.live != nil {
				c.live(&live)
			}
			if c.restored != nil {
				c.restored(&restored)
			}
			check := func(live, restored quota.Ledger) {
				next, _ := narrow.Token(live, restored, now)
				if !c.want(next) {
					t.Errorf("got %+v", next)
				}
				if again, _ := narrow.Token(live, next, now); len(narrow.Differences(next, again, now)) > 0 {
					t.Errorf("a repetition changes %v", narrow.Differences(next, again, now))
				}
			}
			check(live, restored)
			if !c.liveAlone {
				check(restored, live)
			}
		})
	}
}

func periods(lengths ...string) (all []token.Window) {
	for _, length := range lengths {
		all = append(all, token.Window{Period: period.Period{Length: length}, Quota: 10})
	}
	return all
}

// A user's restrictions are those of both, and its access tokens the live ones.
func TestUser(t *testing.T) {
	t.Parallel()
	live := token.User{ID: 1, Name: "alice", Role: token.RoleUser, StopOrders: 2, LastTokenID: 9, Limits: token.Limits{MaxTokens: 5}}
	restored := token.User{ID: 1, Name: "alice", Role: token.RoleGuest, StopOrders: 1, LastTokenID: 4, Disabled: true, Limits: token.Limits{CreatesPerSecond: 1}}
	live.Slots[0], restored.Slots[0] = token.Slot{Hash: [32]byte{1}, Expires: 90}, token.Slot{Hash: [32]byte{1}, Expires: 50}
	restored.Slots[1] = token.Slot{Hash: [32]byte{2}}
	for _, next := range []token.User{narrow.User(live, restored), narrow.User(live, narrow.User(live, restored))} {
		want := token.User{
			ID: 1, Name: "alice", Role: token.RoleGuest, StopOrders: 3, LastTokenID: 9, Disabled: true,
			Limits: token.Limits{MaxTokens: 5, CreatesPerSecond: 1},
		}
		want.Slots[0] = token.Slot{Hash: [32]byte{1}, Expires: 50}
		if len(narrow.UserDifferences(want, next)) > 0 {
			t.Errorf("got %+v, want %+v", next, want)
		}
	}
	restored.Disabled, restored.StopOrders = false, 0
	live.Disabled, live.StopOrders = true, 1
	if next := narrow.User(live, restored); !next.Disabled || !next.KeysStopped() {
		t.Errorf("got %+v, want a disabled user with stopped keys", next)
	}
}

// A token that was unlimited since the backup has used units. If the operator keeps
// the limits of the backup, they count.
func TestWithLimitsCountsUse(t *testing.T) {
	t.Parallel()
	live, restored := newLedger(), newLedger()
	live.Balance.Unlimited, live.UsedQuota = true, 60
	next, _ := narrow.Token(narrow.WithLimits(live, restored, now), restored, now)
	if next.Balance.Unlimited || next.Balance.Free() != 40 {
		t.Errorf("got %+v, want 40 of 100 units left", next.Balance)
	}
}

// A wallet whose budget the operator keeps as in the backup has what was used since
// taken from it, if the live one counts the same periods.
func TestWithBudgetCountsUse(t *testing.T) {
	t.Parallel()
	day := period.Period{Length: "day"}
	was := token.Wallet{UserID: 1, On: true, Order: 1, Budget: token.Budget{Units: 100}, Count: 1, Left: 90}
	for name, c := range map[string]struct {
		live token.Wallet
		left int64
	}{
		"used":        {token.Wallet{UserID: 1, On: true, Order: 1, Budget: token.Budget{Units: 100}, Count: 1, Left: 20}, 20},
		"lowered":     {token.Wallet{UserID: 1, On: true, Order: 1, Budget: token.Budget{Units: 70}, Count: 1, Left: -10}, 20},
		"raised":      {token.Wallet{UserID: 1, On: true, Order: 1, Budget: token.Budget{Units: 500}, Count: 1, Left: 420}, 20},
		"turned_off":  {token.Wallet{UserID: 1, Order: 2, Budget: token.Budget{Units: 100}, Count: 2, Left: 20}, 90},
		"other_dates": {token.Wallet{UserID: 1, On: true, Order: 1, Budget: token.Budget{Units: 100, Period: day}, Count: 2, Left: 20}, 90},
	} {
		next := narrow.WithBudget(c.live, was)
		if next.Budget != was.Budget || !next.On || next.Left != c.left {
			t.Errorf("%s: got %+v, want %d units left of the budget of the backup", name, next, c.left)
		}
		if again := narrow.WithBudget(c.live, next); again != next {
			t.Errorf("%s: a repetition gives %+v, want %+v", name, again, next)
		}
	}
}

// A policy requires what either requires.
func TestPolicy(t *testing.T) {
	t.Parallel()
	strict := token.Policy{
		RequireLimit: true, MaxLifetimeSeconds: 3600, AllowedModels: []string{"gpt-5"}, MaxWindows: day(5, token.Meter{}),
		DefaultRates: token.Rates{RequestsPerMinute: 3},
	}
	loose := token.Policy{MaxLifetimeSeconds: 7200, AllowedModels: []string{"gpt-*"}, MaxWindows: day(50, token.Meter{}), DefaultWindows: day(20, token.Meter{})}
	for _, pair := range [][2]token.Policy{{strict, loose}, {loose, strict}, {strict, {}}, {{}, strict}} {
		if next := narrow.Policy(pair[0], pair[1]); !narrow.SamePolicy(next, strict) {
			t.Errorf("got %+v, want %+v", next, strict)
		}
	}
}

// A wallet has the smaller budget, and no more left than the live one.
func TestWallet(t *testing.T) {
	t.Parallel()
	wallet := func(order, units, left int64) token.Wallet {
		return token.Wallet{UserID: 1, On: order%2 == 1, Order: order, Budget: token.Budget{Units: units}, Count: order, Left: left}
	}
	for name, c := range map[string]struct {
		live, restored token.Wallet
		units, left    int64
		on             bool
	}{
		"used":        {wallet(1, 100, 20), wallet(1, 100, 60), 100, 20, true},
		"lowered":     {wallet(1, 50, 10), wallet(1, 100, 60), 50, 10, true},
		"raised":      {wallet(1, 200, 160), wallet(1, 100, 60), 100, 60, true},
		"turned_on":   {wallet(1, 50, 10), token.Wallet{UserID: 1}, 50, 10, true},
		"turned_off":  {wallet(2, 100, 0), wallet(1, 100, 60), 100, 60, true},
		"without_any": {token.Wallet{UserID: 1}, token.Wallet{UserID: 1}, 0, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.live.On = c.live.Order == 1
			next := narrow.Wallet(c.live, c.restored)
			if next.Units != c.units || next.Left != c.left || next.On != c.on && c.units > 0 || next.Order < c.live.Order {
				t.Errorf("got %+v, want %d units, %d left", next, c.units, c.left)
			}
			if again := narrow.Wallet(c.live, next); again != next {
				t.Errorf("a repetition gives %+v, want %+v", again, next)
			}
		})
	}
}
