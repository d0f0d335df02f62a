package dynamo_test

import (
	"crypto/rand"
	"fmt"

	"pgregory.net/rapid"

	"github.com/latchkey-api/latchkey/shared/period"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

// act does n random things in a live table. Many are refused, which is as good.
func act(rt *rapid.T, w *backupWorld, l *liveTable, n int) {
	for range n {
		if len(l.names) == 0 {
			l.addUser(w)
		}
		l.clock.Advance(rapid.SampledFrom([]int64{0, 1, 20, 4000}).Draw(rt, "pause"))
		switch rapid.IntRange(0, 9).Draw(rt, "who") {
		case 0:
			l.operate(rt, w)
		case 1, 2:
			l.create(rt, w)
		case 3, 4, 5:
			l.change(rt, w)
		default:
			l.use(rt, w)
		}
	}
}

func (l *liveTable) addUser(w *backupWorld) {
	u, at, err := l.users.Create(w.t.Context(), fmt.Sprintf("user-%d", len(l.names)), token.RoleUser, 0)
	if err != nil {
		w.t.Fatal(err)
	}
	l.names, l.access = append(l.names, u.Name), append(l.access, at)
}

// operate does what an operator does to a user.
func (l *liveTable) operate(rt *rapid.T, w *backupWorld) {
	ctx, name := w.t.Context(), rapid.SampledFrom(l.names).Draw(rt, "user")
	switch rapid.IntRange(0, 9).Draw(rt, "operation") {
	case 0:
		l.addUser(w)
	case 1:
		_, _ = l.users.Disable(ctx, name, rapid.Bool().Draw(rt, "keys only"), nil)
	case 2:
		_, _ = l.users.Enable(ctx, name, nil)
	case 3:
		_, _ = l.users.Delete(ctx, name, nil)
	case 4, 5:
		r, err := l.users.RotateAccessToken(ctx, name, rapid.Bool().Draw(rt, "revoke"), 0)
		if err == nil && r.Issued != nil {
			l.access = append(l.access, *r.Issued)
		}
	case 6:
		_, _ = l.users.SetLimits(ctx, name, func(u *token.Limits) { u.MaxTokens = rapid.Int64Range(0, 5).Draw(rt, "max tokens") })
	case 7:
		_, _, _ = l.users.SetPolicy(ctx, name, func(p *token.Policy) { *p = drawPolicy(rt) })
	default:
		var budget *token.Budget
		if rapid.IntRange(0, 3).Draw(rt, "budget on") > 0 {
			budget = &token.Budget{Units: rapid.Int64Range(0, 300).Draw(rt, "budget")}
			if rapid.Bool().Draw(rt, "renews") {
				budget.Period = period.Period{Length: rapid.SampledFrom([]string{"day", "2h"}).Draw(rt, "period")}
			}
		}
		_, _ = l.users.SetBudget(ctx, name, budget, func(int64, int64) {})
	}
}

func drawPolicy(rt *rapid.T) token.Policy {
	if rapid.Bool().Draw(rt, "no policy") {
		return token.Policy{}
	}
	return token.Policy{
		RequireLimit:       rapid.Bool().Draw(rt, "limit"),
		MaxLifetimeSeconds: rapid.SampledFrom([]int64{0, 3600, 90_000}).Draw(rt, "lifetime"),
		AllowedModels:      drawModels(rt),
		MaxWindows:         drawWindows(rt),
	}
}

func drawModels(rt *rapid.T) []string {
	return rapid.SampledFrom([][]string{{}, {"gpt-5*"}, {"gpt-4o", "gpt-5-mini"}, {"*"}, {"claude", "gpt-5"}}).Draw(rt, "models")
}

func drawWindows(rt *rapid.T) []token.Window {
	all := []token.Window{}
	for _, length := range rapid.SampledFrom([][]string{{}, {"day"}, {"2h"}, {"day", "hour"}, {"month", "week", "3h"}}).Draw(rt, "windows") {
		all = append(all, token.Window{Period: period.Period{Length: length}, Quota: rapid.Int64Range(1, 100).Draw(rt, "window quota")})
	}
	return all
}

// drawSettings returns settings of a new token or of a change, in which most are
// left out.
func drawSettings(rt *rapid.T, now int64) token.Settings {
	var s token.Settings
	number := func(field **int64, name string, values ...int64) {
		if oneIn(rt, 3, name+" is set") {
			*field = new(rapid.SampledFrom(values).Draw(rt, name))
		}
	}
	number(&s.RemainQuota, "quota", 0, 20, 100)
	number(&s.ExpiredTime, "expiry", token.Never, now+100, now+10_000)
	number(&s.RequestsPerMinute, "requests per minute", 0, 1, 60)
	number(&s.UnitsPerMinute, "units per minute", 0, 50, 500)
	number(&s.MaxConcurrent, "concurrent", 0, 1, 3)
	if oneIn(rt, 3, "unlimited is set") {
		s.UnlimitedQuota = new(rapid.Bool().Draw(rt, "unlimited"))
	}
	if oneIn(rt, 3, "models are set") {
		s.Models = drawModels(rt)
		s.ModelLimitsEnabled = new(len(s.Models) > 0)
	}
	if oneIn(rt, 3, "addresses are set") {
		s.AllowIPs = rapid.SampledFrom([][]string{{}, {"10.0.0.0/8"}, {"10.0.0.0/16", "2001:db8::/32"}, {"192.0.2.1"}}).Draw(rt, "addresses")
	}
	if oneIn(rt, 3, "windows are set") {
		s.Windows = drawWindows(rt)
	}
	if oneIn(rt, 4, "model quotas are set") {
		s.ModelQuotas = rapid.SampledFrom([][]token.ModelQuota{{}, {{Model: "gpt-5*", Quota: 30}}, {{Model: "gpt-5*", Quota: 60}, {Model: "claude", Quota: 10}}}).Draw(rt, "model quotas")
	}
	return s
}

func (l *liveTable) create(rt *rapid.T, w *backupWorld) {
	made, err := l.service.Create(w.t.Context(), rapid.SampledFrom(l.access).Draw(rt, "access"), []token.Settings{drawSettings(rt, l.clock.Now().Unix())}, nil)
	if err == nil {
		l.keys = append(l.keys, made[0].Key)
	}
}

// change does what an owner does to a token.
func (l *liveTable) change(rt *rapid.T, w *backupWorld) {
	if len(l.keys) == 0 {
		return
	}
	ctx, at, id := w.t.Context(), rapid.SampledFrom(l.access).Draw(rt, "access"), rapid.SampledFrom(l.keys).Draw(rt, "token").TokenID
	switch rapid.IntRange(0, 8).Draw(rt, "change") {
	case 0:
		_ = l.service.Delete(ctx, at, id, nil)
	case 1, 2:
		rotation, err := l.service.NewKeyRotation(ctx, at, id, rapid.SampledFrom([]int64{0, 30, 5000}).Draw(rt, "grace"))
		if err != nil {
			return
		}
		if made, err := l.service.Rotate(ctx, at, id, rotation); err == nil {
			l.keys = append(l.keys, made.Key)
		}
	case 3:
		_, _ = l.service.SetStatus(ctx, at, id, rapid.Bool().Draw(rt, "disabled"), nil)
	case 4:
		raise := token.RaiseChange{Raise: token.Raise{Units: rapid.Int64Range(0, 50).Draw(rt, "raise"), Until: l.clock.Now().Unix() + 1000}}
		if rapid.Bool().Draw(rt, "of a window") {
			raise.Window = &token.WindowName{Length: "day"}
		}
		_, _ = l.service.Raise(ctx, at, id, raise, nil)
	case 5:
		_, _ = l.store.RevokeKey(ctx, rapid.SampledFrom(l.keys).Draw(rt, "leaked key"), l.clock.Now().Unix())
	default:
		_, _ = l.service.Update(ctx, at, id, drawSettings(rt, l.clock.Now().Unix()), nil)
	}
}

// use spends, reserves, or ends a hold.
func (l *liveTable) use(rt *rapid.T, w *backupWorld) {
	if len(l.keys) == 0 {
		return
	}
	key := rapid.SampledFrom(l.keys).Draw(rt, "key")
	o := quota.OperationAt(quota.KindSpend, l.clock.Now())
	o.Quota = rapid.Int64Range(0, 30).Draw(rt, "units")
	o.Model = rapid.SampledFrom([]string{"", "gpt-5", "claude"}).Draw(rt, "model")
	switch kind := rapid.IntRange(0, 4).Draw(rt, "kind"); {
	case kind == 1 || kind == 2:
		o.Kind, o.RequestID, o.ExpiresAt = quota.KindReserve, rand.Text(), o.Now+rapid.SampledFrom([]int64{60, 3600}).Draw(rt, "ttl")
		l.holds = append(l.holds, openHold{key, o.RequestID})
	case kind > 2 && len(l.holds) > 0:
		hold := rapid.SampledFrom(l.holds).Draw(rt, "hold")
		key = hold.key
		o.Kind, o.RequestID, o.Model = rapid.SampledFrom([]quota.Kind{quota.KindSettle, quota.KindRelease}).Draw(rt, "end"), hold.id, ""
	}
	_, _ = l.store.Do(w.t.Context(), key, o)
}
