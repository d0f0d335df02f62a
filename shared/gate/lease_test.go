package gate_test

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/gate"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

// A leasing kit is a tenant with one token, and gates that take leases on it,
// all with the tenant's clock.
type leasing struct {
	*dynamotest.Tenant
	kit *dynamotest.Kit
	id  int64
	key string
}

func newLeasing(t testing.TB, u token.Settings, tweaks ...func(*dynamodb.Options)) *leasing {
	t.Helper()
	kit := dynamotest.New(t, tweaks...)
	tenant := kit.Tenant(t, "hot")
	u.Name = new("hot")
	made, key, err := tenant.Create(t.Context(), tenant.Access, u)
	if err != nil {
		t.Fatal(err)
	}
	return &leasing{tenant, kit, made.ID, key.Reveal()}
}

func (l *leasing) gate(options ...gate.Option) *gate.Gate {
	return gate.New(dynamo.New(l.kit.Client, dynamotest.Table), append(options, gate.WithClock(l.Clock.Now))...)
}

func (l *leasing) usage(t testing.TB) quota.Usage {
	t.Helper()
	u, err := l.gate().Usage(t.Context(), l.key)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// spend is true if one spend was let through.
func spend(t testing.TB, g *gate.Gate, key string, q quota.Question) bool {
	t.Helper()
	v, err := g.Verify(t.Context(), key, q)
	if err != nil {
		t.Errorf("got error %v, want a verdict", err)
	}
	return err == nil && v.Valid()
}

func TestLeasesWriteLessThan100TimesASecond(t *testing.T) {
	t.Parallel()
	for name, u := range map[string]token.Settings{
		"limited": {RemainQuota: new(int64(1_000_000))}, "unlimited": {UnlimitedQuota: new(true)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			throttle := &dynamotest.Throttle{PerSecond: 100}
			l := newLeasing(t, u, func(o *dynamodb.Options) { throttle.Now = time.Now; throttle.Tweak(o) })
			throttle.Now = l.Clock.Now // the test's seconds are what counts
			g := l.gate(gate.WithLeases(100))
			const seconds, spends, units = 3, 5_000, 3
			for range seconds {
				before := throttle.Writes()
				for range spends {
					if !spend(t, g, l.key, quota.Question{Quota: units}) {
						t.Fatal("a spend within the quota was refused")
					}
				}
				if got := throttle.Writes() - before; got >= 100 {
					t.Errorf("got %d writes for %d spends in a second, want below 100", got, spends)
				}
				l.Clock.Step(1)
			}
			if err := g.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got, want := l.usage(t).Used, int64(seconds*spends*units); got != want {
				t.Errorf("got %d units used, want %d", got, want)
			}
		})
	}
}

func TestLeasesOfManyProcessesNeverOverspend(t *testing.T) {
	t.Parallel()
	const units, processes, callers = 1_000, 4, 8
	l := newLeasing(t, token.Settings{RemainQuota: new(int64(units))})
	var granted atomic.Int64
	var all sync.WaitGroup
	gates := make([]*gate.Gate, processes)
	for i := range gates {
		gates[i] = l.gate(gate.WithLeases(50))
		for n := range callers {
			all.Go(func() {
				units := int64(1 + n%3)
				for range 100 {
					if spend(t, gates[i], l.key, quota.Question{Quota: units}) {
						granted.Add(units)
					}
				}
			})
		}
	}
	all.Wait()
	for _, g := range gates {
		if err := g.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
	// What one had leased while the others were refused is free again.
	g := l.gate()
	for spend(t, g, l.key, quota.Question{Quota: 1}) {
		granted.Add(1)
	}
	if u := l.usage(t); granted.Load() != units || u.Used != units || u.Available != 0 || u.Granted != units {
		t.Errorf("got %d units granted, %d used, %d left of %d, want all of %d and no more", granted.Load(), u.Used, u.Available, u.Granted, units)
	}
}

func TestALeaseOfADeadProcessIsChargedNotGivenBack(t *testing.T) {
	t.Parallel()
	l := newLeasing(t, token.Settings{RemainQuota: new(int64(100))})
	if !spend(t, l.gate(gate.WithLeases(60)), l.key, quota.Question{Quota: 1}) { // and is never closed
		t.Fatal("a spend within the quota was refused")
	}
	if u := l.usage(t); u.Available != 40 || u.Used != 0 || u.Granted != 100 {
		t.Errorf("while leased: got %d left, %d used of %d, want 40 and 0 of 100", u.Available, u.Used, u.Granted)
	}
	l.Clock.Step(60)
	if u := l.usage(t); u.Available != 40 || u.Used != 60 || u.Granted != 100 {
		t.Errorf("read later: got %d left, %d used of %d, want 40 and 60 of 100", u.Available, u.Used, u.Granted)
	}
	if g := l.gate(); spend(t, g, l.key, quota.Question{Quota: 41}) || !spend(t, g, l.key, quota.Question{Quota: 40}) {
		t.Error("what is left is not 40")
	}
	if u := l.usage(t); u.Available != 0 || u.Used != 100 || u.Granted != 100 {
		t.Errorf("written later: got %d left, %d used of %d, want 0 and 100 of 100", u.Available, u.Used, u.Granted)
	}
}

func TestALeaseIsStaleForItsTimeAndNoLonger(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*leasing) error{
		"deleted": func(l *leasing) error { return l.Delete(context.Background(), l.Access, l.id) },
		"disabled": func(l *leasing) error {
			_, err := l.SetStatus(context.Background(), l.Access, l.id, true)
			return err
		},
		"cut": func(l *leasing) error {
			_, err := l.Update(context.Background(), l.Access, l.id, token.Settings{RemainQuota: new(int64(0))})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLeasing(t, token.Settings{RemainQuota: new(int64(10))})
			g, plain := l.gate(gate.WithLeases(10)), l.gate()
			if !spend(t, g, l.key, quota.Question{Quota: 1}) {
				t.Fatal("a spend within the quota was refused")
			}
			if err := change(l); err != nil {
				t.Fatal(err)
			}
			if spend(t, plain, l.key, quota.Question{Quota: 1}) {
				t.Error("a gate without leases still lets it in")
			}
			if name != "cut" && spend(t, g, l.key, quota.Question{}) {
				t.Error("a check, which no lease answers, still lets it in")
			}
			l.Clock.Step(int64(gate.LeaseDuration / time.Second))
			if name != "cut" && spend(t, g, l.key, quota.Question{Quota: 1}) {
				t.Error("a lease that is over still lets it in")
			}
		})
	}
}

func TestALeaseAsksForModelAndAddressEachTime(t *testing.T) {
	t.Parallel()
	l := newLeasing(t, token.Settings{
		RemainQuota: new(int64(100)), ModelLimitsEnabled: new(true), Models: []string{"m"}, AllowIPs: []string{"10.0.0.0/8"},
	})
	g := l.gate(gate.WithLeases(50))
	good := quota.Question{Quota: 1, Model: "m", IP: netip.MustParseAddr("10.1.1.1")}
	otherModel, otherIP := good, good
	otherModel.Model, otherIP.IP = "x", netip.MustParseAddr("11.1.1.1")
	for range 2 {
		for q, want := range map[quota.Question]quota.Refusal{good: "", otherModel: quota.RefusedModel, otherIP: quota.RefusedIP} {
			if v, err := g.Verify(t.Context(), l.key, q); err != nil || v.Refusal != want {
				t.Errorf("%+v: got %q, %v, want %q", q, v.Refusal, err, want)
			}
		}
	}
	if err := g.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if u := l.usage(t); u.Used != 2 || u.Available != 98 {
		t.Errorf("got %d used, %d left, want 2 and 98", u.Used, u.Available)
	}
}

func TestACallerThatGoesTakesNoBlockAlong(t *testing.T) {
	t.Parallel()
	l := newLeasing(t, token.Settings{RemainQuota: new(int64(1_000))})
	g := l.gate(gate.WithLeases(500))
	if !spend(t, g, l.key, quota.Question{Quota: 1}) {
		t.Fatal("a spend within the quota was refused")
	}
	l.Clock.Step(1)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if v, err := g.Verify(gone, l.key, quota.Question{Quota: 1}); err != nil || !v.Valid() {
		t.Errorf("got %q, %v, want the renewal carried out all the same", v.Refusal, err)
	}
	if err := g.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if u := l.usage(t); u.Used != 2 || u.Available != 998 {
		t.Errorf("got %d used, %d left, want 2 and 998", u.Used, u.Available)
	}
}

func TestAWrongKeyHasNoPartInALease(t *testing.T) {
	t.Parallel()
	l := newLeasing(t, token.Settings{RemainQuota: new(int64(100))})
	g := l.gate(gate.WithLeases(50))
	key, err := credential.ParseKey(l.key)
	if err != nil {
		t.Fatal(err)
	}
	forged := credential.NewKey(key.UserID, key.TokenID).Reveal()
	for range 3 {
		if !spend(t, g, l.key, quota.Question{Quota: 1}) || spend(t, g, forged, quota.Question{Quota: 1}) {
			t.Fatal("want the key let in and the forged one refused")
		}
	}
	if u := l.usage(t); u.Available != 50 {
		t.Errorf("got %d left, want 50: one block", u.Available)
	}
}

func TestALeaseThatCanNotBeTakenFailsClosed(t *testing.T) {
	t.Parallel()
	faults := &dynamotest.Faults{Choose: func(string, int) dynamotest.Fault { return dynamotest.NoFault }}
	l := newLeasing(t, token.Settings{RemainQuota: new(int64(100))}, faults.Tweak)
	g := l.gate(gate.WithLeases(10))
	faults.Choose = func(string, int) dynamotest.Fault { return dynamotest.Throttled }
	if _, err := g.Verify(t.Context(), l.key, quota.Question{Quota: 1}); !errors.Is(err, token.ErrUnavailable) {
		t.Errorf("got error %v, want ErrUnavailable", err)
	}
}
