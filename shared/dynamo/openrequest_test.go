package dynamo_test

import (
	"testing"
	"time"

	"github.com/latchkey-api/latchkey/shared/period"
	"github.com/latchkey-api/latchkey/shared/price"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

// Whatever the owner or the operator changes about a token while a request is in
// progress, the request is charged: to the token and to the user's budget. A
// deletion is another matter.
func TestChangesDoNotMakeRequestsFree(t *testing.T) {
	t.Parallel()
	day := func(units int64) []token.Window {
		return []token.Window{{Period: period.Period{Length: period.Day}, Quota: units}}
	}
	set := func(u token.Settings) func(*turning) error {
		return func(r *turning) error {
			if u.ExpiredTime != nil {
				u.ExpiredTime = new(r.UnixNow() - 1)
			}
			_, err := r.Update(r.t.Context(), r.Access, r.id, u)
			return err
		}
	}
	unlimited := token.Settings{UnlimitedQuota: new(true)}
	limited := token.Settings{RemainQuota: new(int64(1000))}
	for name, c := range map[string]struct {
		token  token.Settings
		change func(*turning) error
	}{
		"disabled":             {limited, set(token.Settings{Disabled: new(true)})},
		"expired":              {limited, set(token.Settings{ExpiredTime: new(int64(0))})},
		"quota set to 0":       {limited, set(token.Settings{RemainQuota: new(int64(0))})},
		"made unlimited":       {limited, set(unlimited)},
		"made limited":         {unlimited, set(token.Settings{UnlimitedQuota: new(false), RemainQuota: new(int64(0))})},
		"other models":         {limited, set(token.Settings{ModelLimitsEnabled: new(true), Models: []string{"other"}})},
		"other addresses":      {limited, set(token.Settings{AllowIPs: []string{"10.0.0.1"}})},
		"other group":          {limited, set(token.Settings{Group: new("other")})},
		"lower limits":         {everyLimit(), set(token.Settings{Windows: day(1), ModelQuotas: []token.ModelQuota{{Model: "gpt-5*"}}, MaxConcurrent: new(int64(1))})},
		"limits removed":       {everyLimit(), set(token.Settings{Windows: []token.Window{}, ModelQuotas: []token.ModelQuota{}})},
		"limits added":         {limited, set(token.Settings{Windows: day(1), UnitsPerMinute: new(int64(1))})},
		"keys stopped":         {limited, func(r *turning) error { return r.stop(true) }},
		"key rotated":          {limited, func(r *turning) error { return r.rotate(r.t.Context(), 0) }},
		"rotated and disabled": {everyLimit(), func(r *turning) error { r.mustRotate(0); return set(token.Settings{Disabled: new(true)})(r) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newTurning(t, newKit(t), "turning", c.token)
			r.budget(t, units(64_000))
			key, hold := r.current(), r.hold(300)
			q := quota.Question{Quota: 100, Model: "gpt-5"}
			reserved, err := r.gate.Reserve(t.Context(), key, q, 10*time.Minute)
			if err := verdictError(reserved.Verdict, err); err != nil {
				t.Fatal(err)
			}
			if err := c.change(r); err != nil {
				t.Fatal(err)
			}
			if s, err := hold.Settle(t.Context(), 250, price.Use{}); err != nil || s.Charged != 250 {
				t.Errorf("hold: got %+v, %v, want 250 charged", s, err)
			}
			if s, err := r.gate.Settle(t.Context(), key, reserved.RequestID, 100, price.Use{}); err != nil || s.Charged != 100 {
				t.Errorf("reservation: got %+v, %v, want 100 charged", s, err)
			}
			if got, err := r.Get(t.Context(), r.Access, r.id); err != nil || got.UsedQuota != 350 {
				t.Errorf("got %d units used, %v, want 350", got.UsedQuota, err)
			}
			if h := r.holdings(t); h.Used != 350 || h.Held != 0 {
				t.Errorf("got holdings %+v, want 350 used", h)
			}
		})
	}
}

// stop disables the user, as the operator does, or only its keys.
func (r *turning) stop(keysOnly bool) error {
	_, err := r.users.Disable(r.t.Context(), r.name, keysOnly, func(int64, int64) {})
	return err
}

// However a token is removed after a rotation has dropped the key of a hold, what
// the hold had counts as used in the budget.
func TestRemovalAfterRotation(t *testing.T) {
	t.Parallel()
	for name, remove := range map[string]func(*turning) error{
		"deleted before the expiry": func(r *turning) error { return r.Delete(r.t.Context(), r.Access, r.id) },
		"deleted after the expiry": func(r *turning) error {
			r.Clock.Advance(600)
			return r.Delete(r.t.Context(), r.Access, r.id)
		},
		"purged": func(r *turning) error {
			r.Clock.Advance(3600)
			last := takeItem(r.t, r.kit, r.Access.UserID, r.id)
			return r.kit.Store.CountPurge(r.t.Context(), r.Access.UserID, r.id, last, r.UnixNow())
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newTurning(t, newKit(t), "turning", token.Settings{UnlimitedQuota: new(true)})
			r.budget(t, units(6400))
			r.hold(300)
			r.mustRotate(0)
			r.mustRotate(0)
			if err := remove(r); err != nil {
				t.Fatal(err)
			}
			if h := r.holdings(t); h.Used != 300 || h.Held != 0 || h.Left != 6100 {
				t.Errorf("got holdings %+v, want 300 used and the rest left", h)
			}
		})
	}
}
