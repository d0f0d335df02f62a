package dynamo_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/gate"
	"github.com/latchkey-api/latchkey/shared/period"
	"github.com/latchkey-api/latchkey/shared/price"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

// A turning is a token whose key is rotated while holds are open.
type turning struct {
	*purse
	t    testing.TB
	gate *gate.Gate
	id   int64
	keys []string // all that the token had, the current one last
}

func newTurning(t testing.TB, kit *dynamotest.Kit, name string, u token.Settings) *turning {
	t.Helper()
	p := newPurse(t, kit, name)
	u.Name = new("a")
	made, key, err := p.Create(t.Context(), p.Access, u)
	if err != nil {
		t.Fatal(err)
	}
	return &turning{p, t, p.gate(), made.ID, []string{key.Reveal()}}
}

// rotate gives the token another key; the one before works for a number of
// seconds.
func (r *turning) rotate(ctx context.Context, grace int64) error {
	rotation, err := r.NewKeyRotation(ctx, r.Access, r.id, grace)
	if err != nil {
		return err
	}
	_, err = r.Rotate(ctx, r.Access, r.id, rotation)
	if err == nil {
		r.keys = append(r.keys, rotation.Key.Reveal())
	}
	return err
}

func (r *turning) mustRotate(grace int64) {
	r.t.Helper()
	if err := r.rotate(r.t.Context(), grace); err != nil {
		r.t.Fatal(err)
	}
}

func (r *turning) current() string { return r.keys[len(r.keys)-1] }

// hold holds units with the current key.
func (r *turning) hold(n int64) *gate.Hold {
	r.t.Helper()
	h, v, err := r.gate.Hold(r.t.Context(), r.current(), quota.Question{Quota: n, Model: "gpt-5"}, 10*time.Minute)
	if err := verdictError(v.Verdict, err); err != nil {
		r.t.Fatal(err)
	}
	return h
}

// want checks the numbers of the token as of now.
func (r *turning) want(free, held, used int64) {
	r.t.Helper()
	got, err := r.Get(r.t.Context(), r.Access, r.id)
	now := r.UnixNow()
	if err != nil || got.FreeAt(now) != free || got.HeldAt(now) != held || got.UsedAt(now) != used {
		r.t.Errorf("got %d free, %d held, %d used (%v), want %d, %d, %d", got.FreeAt(now), got.HeldAt(now), got.UsedAt(now), err, free, held, used)
	}
}

// everyLimit returns settings of a token with 1,000 units and every other quota.
func everyLimit() token.Settings {
	return token.Settings{
		RemainQuota: new(int64(1000)),
		Windows:     []token.Window{{Period: period.Period{Length: period.Day}, Quota: 900}},
		ModelQuotas: []token.ModelQuota{{Model: "gpt-5*", Quota: 800}},

		RequestsPerMinute: new(int64(60)), UnitsPerMinute: new(int64(10_000)), MaxConcurrent: new(int64(2)),
	}
}

// A hold whose key is dropped by a rotation can't be settled any more, and is
// charged when it expires, in every quota: before its request could be answered for
// free by rotating twice.
func TestRotationChargesHolds(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		settings token.Settings
		budget   bool
	}{
		"quota":     {token.Settings{RemainQuota: new(int64(1000))}, false},
		"unlimited": {token.Settings{UnlimitedQuota: new(true)}, false},
		"limits":    {everyLimit(), false},
		"budget":    {everyLimit(), true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newTurning(t, newKit(t), "turning", row.settings)
			if row.budget {
				r.budget(t, units(6400))
			}
			free, counted := int64(1000), int64(1)
			if row.settings.UnlimitedQuota != nil {
				free, counted = 0, 0
			}
			hold := r.hold(300)
			r.mustRotate(0)
			other := r.hold(40)
			r.mustRotate(0)
			if _, err := hold.Settle(t.Context(), 200, price.Use{}); !errors.Is(err, quota.ErrKeyUnknown) {
				t.Errorf("settle with the dropped key: got error %v, want ErrKeyUnknown", err)
			}
			r.want(free-340*counted, 340*counted, 0)
			if s, err := other.Settle(t.Context(), 30, price.Use{}); err != nil || s.Charged != 30 {
				t.Errorf("settle with the previous key: got %+v, %v, want 30 charged", s, err)
			}
			r.want(free-330*counted, 300*counted, 30)
			r.Clock.Advance(600)
			r.want(free-330*counted, 0, 330) // without a write
			r.hold(1)
			r.hold(1) // the expired hold is no concurrent one
			r.want(free-332*counted, 2*counted, 330)
			r.Clock.Advance(600)
			r.want(free-330*counted, 0, 330)
			r.wantUses(row.settings, 330)
			if row.budget {
				if h := r.holdings(t); h.Used != 330 || h.Held != 0 {
					t.Errorf("got holdings %+v, want 330 used", h)
				}
			}
		})
	}
}

// wantUses checks what is used of the token's window and model quota.
func (r *turning) wantUses(of token.Settings, used int64) {
	r.t.Helper()
	if of.Windows == nil {
		return
	}
	got, err := r.Get(r.t.Context(), r.Access, r.id)
	if err != nil {
		r.t.Fatal(err)
	}
	now := r.UnixNow()
	for i, use := range []token.Use{got.WindowUse(got.Windows[0], now), got.ModelUse(got.ModelQuotas[0], now)} {
		if want := []int64{900, 800}[i] - used; use.Used != used || use.Remaining != want {
			r.t.Errorf("quota %d: got %+v, want %d used and %d left", i, use, used, want)
		}
	}
}

// Holds with a key that the token still has are grown, settled and released as if
// there had been no rotation, and at the same cost.
func TestRotationKeepsOtherHolds(t *testing.T) {
	t.Parallel()
	for name, budget := range map[string]*token.Budget{"limits": nil, "budget": units(64_000)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newTurning(t, newKit(t), "turning", everyLimit())
			if budget != nil {
				r.budget(t, budget)
			}
			r.mustRotate(0)
			settled := r.hold(50)
			q := quota.Question{Quota: 60, Model: "gpt-5"}
			reserved, err := r.gate.Reserve(t.Context(), r.current(), q, time.Minute)
			if err := verdictError(reserved.Verdict, err); err != nil {
				t.Fatal(err)
			}
			q.RequestID = reserved.RequestID
			r.mustRotate(600) // marks both
			if again, err := r.gate.Reserve(t.Context(), r.keys[1], q, time.Minute); err != nil || again.Held != 60 || again.Remain != reserved.Remain || again.ExpiresAt != reserved.ExpiresAt {
				t.Errorf("reserve again: got %+v, %v, want %+v", again, err, reserved)
			}
			for _, row := range []row{
				{"grow", 0, 0, 1, 1, func(ctx context.Context) error {
					return verdictError(settled.Grow(ctx, quota.Question{Model: "gpt-5"}, 70))
				}},
				{"settle", 0, 0, 1, 1, func(ctx context.Context) error { _, err := settled.Settle(ctx, 20, price.Use{}); return err }},
			} {
				row.check(t)
			}
			if back, err := r.gate.Release(t.Context(), r.keys[1], reserved.RequestID); err != nil || back.Released != 60 {
				t.Errorf("release: got %+v, %v, want 60 units", back, err)
			}
			r.want(980, 0, 20)
			r.wantUses(everyLimit(), 20)
			r.Clock.Advance(700)
			r.want(980, 0, 20)
		})
	}
}

// A rotation is one write without a read, unless open holds may be of the key
// that it drops. They can't be an hour after that key was last accepted.
func TestRotationCosts(t *testing.T) {
	t.Parallel()
	const hour = quota.MaxHoldSeconds + 60
	for name, c := range map[string]struct {
		grace   int64 // of the rotation before
		seconds int64 // since then
		held    bool
		trips   int
	}{
		"second within the hour":          {held: true, seconds: hour - 1, trips: 3},
		"second after an hour":            {held: true, seconds: hour, trips: 2},
		"within an hour of the grace":     {held: true, grace: 7200, seconds: hour + 7199, trips: 3},
		"after an hour of the grace":      {held: true, grace: 7200, seconds: hour + 7200, trips: 2},
		"second at once, without holds":   {trips: 2},
		"holds have ended, in the minute": {seconds: 60, trips: 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newTurning(t, newKit(t), "turning", token.Settings{RemainQuota: new(int64(100))})
			ended := r.hold(7)
			row{"first rotation, beside a hold", 1, 1, 1, 2, func(ctx context.Context) error { return r.rotate(ctx, c.grace) }}.check(t)
			if err := ended.Release(t.Context()); err != nil {
				t.Fatal(err)
			}
			r.Clock.Advance(c.seconds)
			if c.held {
				r.hold(8)
			}
			refused := float64(c.trips - 2) // writes
			row{"second rotation", 1, 1, 1 + refused, c.trips, func(ctx context.Context) error { return r.rotate(ctx, 0) }}.check(t)
			r.Clock.Advance(600)
			if charged := c.held && c.trips == 3; charged {
				r.want(92, 0, 8)
			} else {
				r.want(100, 0, 0)
			}
		})
	}
}

// A hold that the previous key made late in its grace period is charged too.
func TestRotationAfterLongGrace(t *testing.T) {
	t.Parallel()
	r := newTurning(t, newKit(t), "turning", token.Settings{RemainQuota: new(int64(100))})
	r.mustRotate(7200)
	r.Clock.Advance(7199)
	first := r.keys[0]
	hold, v, err := r.gate.Hold(t.Context(), first, quota.Question{Quota: 30}, time.Hour)
	if err := verdictError(v.Verdict, err); err != nil {
		t.Fatal(err)
	}
	r.Clock.Advance(3599)
	r.mustRotate(0)
	if _, err := hold.Settle(t.Context(), 20, price.Use{}); !errors.Is(err, quota.ErrKeyUnknown) {
		t.Errorf("got error %v, want ErrKeyUnknown", err)
	}
	r.Clock.Advance(1)
	r.want(70, 0, 30)
}

// The previous key of a token that was rotated before the store noted the time may
// have open holds.
func TestRotationOfOlderItems(t *testing.T) {
	t.Parallel()
	kit := newKit(t)
	r := newTurning(t, kit, "turning", token.Settings{RemainQuota: new(int64(100))})
	r.hold(30)
	r.mustRotate(0)
	_, err := dynamotest.Client(kit.Endpoint).UpdateItem(t.Context(), &dynamodb.UpdateItemInput{
		TableName: aws.String(dynamotest.Table), Key: dynamo.TokenKey(r.Access.UserID, r.id), UpdateExpression: aws.String("REMOVE prevholds"),
	})
	if err != nil {
		t.Fatal(err)
	}
	r.mustRotate(0)
	r.Clock.Advance(600)
	r.want(70, 0, 30)
}
