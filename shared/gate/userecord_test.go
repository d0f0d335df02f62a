package gate_test

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"testing"

	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/gate"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/reqlog"
	"github.com/latchkey-api/latchkey/shared/token"
)

// A touchStore keeps what is recorded, and can fail to.
type touchStore struct {
	gate.Store
	err error

	mu      sync.Mutex
	touches []quota.Touch
}

func (s *touchStore) Touch(ctx context.Context, key credential.Key, t quota.Touch) error {
	s.mu.Lock()
	s.touches = append(s.touches, t)
	s.mu.Unlock()
	if s.err != nil {
		return s.err
	}
	return s.Store.Touch(ctx, key, t)
}

// taken returns the touches since the last call.
func (s *touchStore) taken() []quota.Touch {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := s.touches
	s.touches = nil
	return all
}

// Each operation that is allowed records its use, and each that is refused is
// counted. What was used already, or is not known, is not.
func TestUseRecords(t *testing.T) {
	t.Parallel()
	kit, tenant, _ := newTenant(t, token.Settings{})
	disable := func(t *testing.T, key credential.Key) {
		if _, err := tenant.SetStatus(t.Context(), tenant.Access, key.TokenID, true); err != nil {
			t.Error(err)
		}
	}
	office := quota.Origin{IP: netip.MustParseAddr("2001:db8:1:2::3"), UserAgent: "OpenAI/Python 1.52.0"}
	ask := quota.Question{Quota: 1, From: office}
	used := ask
	used.Used = true
	verify := func(q quota.Question) func(context.Context, *gate.Gate, string) error {
		return func(ctx context.Context, g *gate.Gate, key string) error {
			_, err := g.Verify(ctx, key, q)
			return err
		}
	}
	hold := func(ctx context.Context, g *gate.Gate, key string) error {
		_, r, err := g.Hold(ctx, key, ask, 0)
		g.RecordRefusal(ctx, key, r.Verdict)
		return err
	}
	usage := func(ctx context.Context, g *gate.Gate, key string) error {
		_, err := g.Usage(ctx, key, office)
		return err
	}
	for name, row := range map[string]struct {
		do      func(context.Context, *gate.Gate, string) error
		records bool // a use, and a refusal if the token is disabled
		refuses bool
	}{
		"check": {verify(quota.Question{From: office}), true, true},
		"spend": {verify(ask), true, true},
		"reserve": {func(ctx context.Context, g *gate.Gate, key string) error {
			_, err := g.Reserve(ctx, key, ask, 0)
			return err
		}, true, true},
		"hold": {hold, true, true},
		"hold that is tried again with less": {func(ctx context.Context, g *gate.Gate, key string) error {
			_, _, err := g.Hold(ctx, key, ask, 0)
			return err
		}, true, false},
		"usage":              {usage, true, false},
		"spend what is used": {verify(used), false, false},
		"unknown key": {func(ctx context.Context, g *gate.Gate, _ string) error {
			_, err := g.Verify(ctx, credential.NewKey(1, 999).Reveal(), ask)
			return err
		}, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			key := newToken(t, tenant, token.Settings{RemainQuota: new(int64(9))})
			store := &touchStore{Store: kit.Store}
			g := gate.New(store, gate.WithClock(tenant.Clock.Now), gate.WithUseRecords())
			for range 2 {
				if err := row.do(t.Context(), g, key.Reveal()); err != nil {
					t.Error(err)
				}
			}
			l, err := kit.Store.Lookup(t.Context(), key, 0)
			want := token.LastUse{}
			if row.records {
				want = token.LastUse{Time: tenant.Clock.Now().Unix(), Network: "2001:db8:1::/48", UserAgent: "OpenAI/Python"}
			}
			if got := store.taken(); err != nil || l.LastUse != want || row.records != (len(got) == 1) {
				t.Errorf("got %+v after %d touches, %v, want %+v", l.LastUse, len(got), err, want)
			}
			disable(t, key)
			for range 2 {
				_ = row.do(t.Context(), g, key.Reveal())
			}
			if got := store.taken(); len(got) > 1 || row.refuses != (len(got) == 1 && got[0].Refusals["disabled"] == 1 && got[0].Use.Time == 0) {
				t.Errorf("disabled: got touches %+v, want a refusal: %t", got, row.refuses)
			}
		})
	}
}

// What can't be recorded changes no answer, is counted, and is not tried again.
func TestUnrecordedUse(t *testing.T) {
	t.Parallel()
	kit, tenant, key := newTenant(t, token.Settings{RemainQuota: new(int64(9))})
	for _, failure := range []error{quota.ErrUnavailable, quota.ErrUncertain, context.DeadlineExceeded} {
		store := &touchStore{Store: kit.Store, err: failure}
		g := gate.New(store, gate.WithClock(tenant.Clock.Now), gate.WithUseRecords())
		for i, want := range []int{1, 0} {
			ctx, meter := reqlog.WithMeter(t.Context())
			v, err := g.Verify(ctx, key.Reveal(), quota.Question{})
			if got := meter.Cost(); err != nil || !v.Valid() || got.Unrecorded != want || len(store.taken()) != want {
				t.Errorf("%v, check %d: got %q, %v with cost %+v, want it valid and %d use unrecorded", failure, i+1, v.Refusal, err, got, want)
			}
		}
		v, err := g.Verify(t.Context(), key.Reveal(), quota.Question{Quota: 10})
		if err != nil || v.Refusal != quota.RefusedExhausted {
			t.Errorf("%v: got %q, %v, want the refusal", failure, v.Refusal, err)
		}
	}
}

// Requests at the same time in a process record one use, and lose no refusal.
func TestConcurrentUseRecords(t *testing.T) {
	t.Parallel()
	kit, tenant, key := newTenant(t, token.Settings{RemainQuota: new(int64(9))})
	store := &touchStore{Store: kit.Store}
	g := gate.New(store, gate.WithClock(tenant.Clock.Now), gate.WithUseRecords())
	var requests sync.WaitGroup
	const n = 50
	for range n {
		requests.Go(func() {
			for _, units := range []int64{0, 10} {
				if _, err := g.Verify(t.Context(), key.Reveal(), quota.Question{Quota: units}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	requests.Wait()
	tenant.Clock.Advance(60)
	if _, err := g.Verify(t.Context(), key.Reveal(), quota.Question{Quota: 10}); err != nil {
		t.Error(err)
	}
	var uses int
	var refusals int64
	all := store.taken()
	for _, touch := range all {
		refusals += touch.Refusals["quota_exhausted:token"]
		if touch.Use.Time != 0 {
			uses++
		}
	}
	if uses != 1 || refusals != n+1 || len(all) != 3 {
		t.Errorf("got %d uses and %d refusals in %d touches, want 1 and %d in 3", uses, refusals, len(all), n+1)
	}
}

// A process forgets tokens and kinds of refusals rather than use more memory.
func TestUseRecordsAreBounded(t *testing.T) {
	t.Parallel()
	known := gate.NewUseTable()
	refused := quota.Reason{Refusal: quota.RefusedDisabled}
	for id := range int64(2 * gate.MaxKnownUses) {
		if got := known.Refusal(token.Token{UserID: 1, ID: id + 1}, refused, 1000); got.Refusals["disabled"] != 1 {
			t.Fatalf("token %d: got %+v, want its first refusal written", id+1, got)
		}
	}
	if got := known.Size(); got != gate.MaxKnownUses {
		t.Errorf("got %d tokens known, want %d", got, gate.MaxKnownUses)
	}
	one := token.Token{UserID: 2, ID: 1}
	known.Refusal(one, refused, 1000)
	for i := range 100 {
		known.Refusal(one, quota.Reason{Refusal: quota.RefusedExhausted, Scope: fmt.Sprint(quota.ScopeWindow, i)}, 1001)
	}
	if got := known.Refusal(one, refused, 1060); len(got.Refusals) != 32 {
		t.Errorf("got %d kinds of refusals, want 32", len(got.Refusals))
	}
}

// A clock that is set back does not stop the records.
func TestUseRecordsAfterClockStep(t *testing.T) {
	t.Parallel()
	known := gate.NewUseTable()
	for i, now := range []int64{5000, 4000, 4059, 4060} {
		got := known.Refusal(token.Token{UserID: 1, ID: 1}, quota.Reason{Refusal: quota.RefusedDisabled}, now)
		if want := []int64{1, 1, 0, 2}[i]; got.Refusals["disabled"] != want {
			t.Errorf("at %d: got %v, want %d refusals written", now, got.Refusals, want)
		}
	}
}
