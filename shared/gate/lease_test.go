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

// A leaseKit is a tenant with one token, and makes gates with the tenant's clock.
type leaseKit struct {
	*dynamotest.Tenant
	kit *dynamotest.Kit
	id  int64
	key string
}

func newLeaseKit(t testing.TB, u token.Settings, tweaks ...func(*dynamodb.Options)) *leaseKit {
	t.Helper()
	kit := dynamotest.New(t, tweaks...)
	tenant := kit.Tenant(t, "hot")
	u.Name = new("hot")
	made, key, err := tenant.Create(t.Context(), tenant.Access, u)
	if err != nil {
		t.Fatal(err)
	}
	return &leaseKit{tenant, kit, made.ID, key.Reveal()}
}

func (l *leaseKit) gate(options ...gate.Option) *gate.Gate {
	return gate.New(dynamo.New(l.kit.Client, dynamotest.Table), append(options, gate.WithClock(l.Clock.Now))...)
}

func (l *leaseKit) usage(t testing.TB) quota.Usage {
	t.Helper()
	u, err := l.gate().Usage(t.Context(), l.key, quota.Origin{})
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// spend reports whether a spend is valid.
func spend(t testing.TB, g *gate.Gate, key string, q quota.Question) bool {
	t.Helper()
	v, err := g.Verify(t.Context(), key, q)
	if err != nil {
		t.Errorf("got error %v, want a verdict", err)
	}
	return err == nil && v.Valid()
}

// With leases, a busy key needs fewer than 100 writes a second.
func TestLeasesNeedFewWrites(t *testing.T) {
	t.Parallel()
	for name, u := range map[string]token.Settings{
		"limited": {RemainQuota: new(int64(1_000_000))}, "unlimited": {UnlimitedQuota: new(true)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			throttle := &dynamotest.Throttle{PerSecond: 100}
			l := newLeaseKit(t, u, func(o *dynamodb.Options) { throttle.Now = time.Now; throttle.Configure(o) })
			throttle.Now = l.Clock.Now // count per second of the test's clock
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
				l.Clock.Advance(1)
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

// Processes with leases on one key spend exactly its quota.
func TestLeasesNeverExceedQuota(t *testing.T) {
	t.Parallel()
	const units, processes, clients = 1_000, 4, 8
	l := newLeaseKit(t, token.Settings{RemainQuota: new(int64(units))})
	var spent atomic.Int64
	var all sync.WaitGroup
	gates := make([]*gate.Gate, processes)
	for i := range gates {
		gates[i] = l.gate(gate.WithLeases(50))
		for n := range clients {
			all.Go(func() {
				units := int64(1 + n%3)
				for range 100 {
					if spend(t, gates[i], l.key, quota.Question{Quota: units}) {
						spent.Add(units)
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
	// Units that one process had leased while others were refused are free again.
	g := l.gate()
	for spend(t, g, l.key, quota.Question{Quota: 1}) {
		spent.Add(1)
	}
	if u := l.usage(t); spent.Load() != units || u.Used != units || u.Available != 0 || u.Granted != units {
		t.Errorf("got %d units spent, %d used, %d available of %d, want all of %d used", spent.Load(), u.Used, u.Available, u.Granted, units)
	}
}

// The whole block of a process that died is charged, not returned.
func TestLeaseOfDeadProcessIsCharged(t *testing.T) {
	t.Parallel()
	l := newLeaseKit(t, token.Settings{RemainQuota: new(int64(100))})
	if !spend(t, l.gate(gate.WithLeases(60)), l.key, quota.Question{Quota: 1}) { // the gate is never closed
		t.Fatal("a spend within the quota was refused")
	}
	if u := l.usage(t); u.Available != 40 || u.Used != 0 || u.Granted != 100 {
		t.Errorf("while leased: got %d available, %d used of %d, want 40 and 0 of 100", u.Available, u.Used, u.Granted)
	}
	l.Clock.Advance(60)
	if u := l.usage(t); u.Available != 40 || u.Used != 60 || u.Granted != 100 {
		t.Errorf("after it expired: got %d available, %d used of %d, want 40 and 60 of 100", u.Available, u.Used, u.Granted)
	}
	if g := l.gate(); spend(t, g, l.key, quota.Question{Quota: 41}) || !spend(t, g, l.key, quota.Question{Quota: 40}) {
		t.Error("want 40 units available")
	}
	if u := l.usage(t); u.Available != 0 || u.Used != 100 || u.Granted != 100 {
		t.Errorf("after the next write: got %d available, %d used of %d, want 0 and 100 of 100", u.Available, u.Used, u.Granted)
	}
}

// After LeaseDuration, a gate with leases notices that a token was changed. A
// gate without leases, and a check, notice it at once.
func TestLeaseIsStaleForLeaseDuration(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*leaseKit) error{
		"deleted": func(l *leaseKit) error { return l.Delete(context.Background(), l.Access, l.id) },
		"disabled": func(l *leaseKit) error {
			_, err := l.SetStatus(context.Background(), l.Access, l.id, true)
			return err
		},
		"quota_removed": func(l *leaseKit) error {
			_, err := l.Update(context.Background(), l.Access, l.id, token.Settings{RemainQuota: new(int64(0))})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLeaseKit(t, token.Settings{RemainQuota: new(int64(10))})
			g, plain := l.gate(gate.WithLeases(10)), l.gate()
			if !spend(t, g, l.key, quota.Question{Quota: 1}) {
				t.Fatal("a spend within the quota was refused")
			}
			if err := change(l); err != nil {
				t.Fatal(err)
			}
			if spend(t, plain, l.key, quota.Question{Quota: 1}) {
				t.Error("a gate without leases accepts the spend")
			}
			if name != "quota_removed" && spend(t, g, l.key, quota.Question{}) {
				t.Error("a check, which does not use the lease, accepts the key")
			}
			l.Clock.Advance(int64(gate.LeaseDuration / time.Second))
			if name != "quota_removed" && spend(t, g, l.key, quota.Question{Quota: 1}) {
				t.Error("a lease that has ended accepts the spend")
			}
		})
	}
}

// A spend from a lease is checked for its model and its address.
func TestLeaseChecksModelAndIP(t *testing.T) {
	t.Parallel()
	l := newLeaseKit(t, token.Settings{
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
		t.Errorf("got %d used, %d available, want 2 and 98", u.Used, u.Available)
	}
}

// A call that is cancelled while it reserves a block does not lose the block.
func TestLeaseSurvivesCancelledCall(t *testing.T) {
	t.Parallel()
	l := newLeaseKit(t, token.Settings{RemainQuota: new(int64(1_000))})
	g := l.gate(gate.WithLeases(500))
	if !spend(t, g, l.key, quota.Question{Quota: 1}) {
		t.Fatal("a spend within the quota was refused")
	}
	l.Clock.Advance(1)
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if v, err := g.Verify(cancelled, l.key, quota.Question{Quota: 1}); err != nil || !v.Valid() {
		t.Errorf("got %q, %v, want the new block reserved", v.Refusal, err)
	}
	if err := g.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if u := l.usage(t); u.Used != 2 || u.Available != 998 {
		t.Errorf("got %d used, %d available, want 2 and 998", u.Used, u.Available)
	}
}

// A key with the ids of a leased token, but another secret, is refused.
func TestLeaseRefusesForgedKey(t *testing.T) {
	t.Parallel()
	l := newLeaseKit(t, token.Settings{RemainQuota: new(int64(100))})
	g := l.gate(gate.WithLeases(50))
	key, err := credential.ParseKey(l.key)
	if err != nil {
		t.Fatal(err)
	}
	forged := credential.NewKey(key.UserID, key.TokenID).Reveal()
	for range 3 {
		if !spend(t, g, l.key, quota.Question{Quota: 1}) || spend(t, g, forged, quota.Question{Quota: 1}) {
			t.Fatal("want the key accepted and the forged one refused")
		}
	}
	if u := l.usage(t); u.Available != 50 {
		t.Errorf("got %d available, want 50: one block is leased", u.Available)
	}
}

// If a block can't be reserved, nothing is spent.
func TestLeaseFailsClosed(t *testing.T) {
	t.Parallel()
	faults := &dynamotest.Faults{Choose: func(string, int) dynamotest.Fault { return dynamotest.NoFault }}
	l := newLeaseKit(t, token.Settings{RemainQuota: new(int64(100))}, faults.Configure)
	g := l.gate(gate.WithLeases(10))
	faults.Choose = func(string, int) dynamotest.Fault { return dynamotest.Throttled }
	if _, err := g.Verify(t.Context(), l.key, quota.Question{Quota: 1}); !errors.Is(err, token.ErrUnavailable) {
		t.Errorf("got error %v, want ErrUnavailable", err)
	}
}
