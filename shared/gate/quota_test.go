package gate_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

// twice asks, and once more as a caller does who has lost the answer, and
// holds that both are the same.
func twice(t *testing.T, d door, a ask) answer {
	t.Helper()
	first, again := insist(t, d, a), insist(t, d, a)
	same := again
	if a.does == charge { // it tells what is free now
		same.numbers = first.numbers
	}
	if first.code == "" && same != first {
		t.Errorf("%s: got %v, and then %v, want the same again", a, first, again)
	}
	return again
}

func wantUsage(t *testing.T, d door, now int64, granted, used, available int64) {
	t.Helper()
	got := insist(t, d, ask{does: usage, now: now})
	if want := [3]int64{granted, used, available}; got.code != "" || got.numbers != want {
		t.Errorf("usage: got %s %v granted, used, available, want %v", got.code, got.numbers, want)
	}
}

// 200 goroutines with 10 different amounts take all of a quota: each asks for
// its amount until that is refused, and then for single units.
func TestManyTakeExactlyTheQuota(t *testing.T) {
	t.Parallel()
	const goroutines, amounts, units = 200, 10, 300
	eachEntrance(t, func(t *testing.T, open entrance) {
		kit, tenant, key := newTenant(t, token.Settings{RemainQuota: new(int64(units))})
		doors := open(t, kit, tenant, unhurried)
		now := tenant.UnixNow()
		var granted atomic.Int64
		var all sync.WaitGroup
		for g := range goroutines {
			all.Go(func() {
				d := doors(key)
				for n, amount := 0, int64(1+g%amounts); amount > 0; n++ {
					got := twice(t, d, ask{does: charge, id: fmt.Sprint(g, "-", n), quota: amount, now: now})
					switch {
					case got.numbers[0] < 0:
						t.Errorf("got %d left", got.numbers[0])
						return
					case got.code == "":
						granted.Add(amount)
					case got.code != string(quota.RefusedExhausted):
						t.Errorf("got %q, want %q", got.code, quota.RefusedExhausted)
						return
					case amount == 1:
						return
					default:
						amount = 1
					}
				}
			})
		}
		all.Wait()
		if got := granted.Load(); got != units {
			t.Errorf("got %d units granted, want %d", got, units)
		}
		wantUsage(t, doors(key), now, units, units, 0)
	})
}

// In the API family, all 20 succeed and the quota is -7100: FAMILY.md.
func TestOf20CallsOf375OneTakesTheQuotaOf400(t *testing.T) {
	t.Parallel()
	eachEntrance(t, func(t *testing.T, open entrance) {
		kit, tenant, key := newTenant(t, token.Settings{RemainQuota: new(int64(400))})
		doors := open(t, kit, tenant, unhurried)
		var granted atomic.Int64
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				got := insist(t, doors(key), ask{does: charge, quota: 375, now: tenant.UnixNow()})
				if got.code == "" {
					granted.Add(1)
				}
				if got.code != "" && got.code != string(quota.RefusedExhausted) || got.numbers[0] < 0 {
					t.Errorf("got %q with %d left", got.code, got.numbers[0])
				}
			})
		}
		all.Wait()
		if got := granted.Load(); got != 1 {
			t.Errorf("got %d calls granted, want 1", got)
		}
		wantUsage(t, doors(key), tenant.UnixNow(), 400, 375, 25)
	})
}

func TestHundredTimesOneRequestIsChargedOnce(t *testing.T) {
	t.Parallel()
	eachEntrance(t, func(t *testing.T, open entrance) {
		kit, tenant, key := newTenant(t, token.Settings{RemainQuota: new(int64(10))})
		doors := open(t, kit, tenant, unhurried)
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() {
				if got := insist(t, doors(key), ask{does: charge, id: "r", quota: 7, now: tenant.UnixNow()}); got.code != "" || got.numbers[0] != 3 {
					t.Errorf("got %q with %d left, want it granted with 3", got.code, got.numbers[0])
				}
			})
		}
		all.Wait()
		wantUsage(t, doors(key), tenant.UnixNow(), 10, 7, 3)
	})
}

func TestOf60HoldsExactly50AreOpened(t *testing.T) {
	t.Parallel()
	const asked, units = 60, 1000
	eachEntrance(t, func(t *testing.T, open entrance) {
		kit, tenant, key := newTenant(t, token.Settings{RemainQuota: new(int64(units))})
		doors := open(t, kit, tenant, unhurried)
		now := tenant.UnixNow()
		hold := func(n int) ask {
			return ask{does: reserve, id: fmt.Sprint(n), quota: 2, ttl: 900, now: now}
		}
		var opened sync.Map
		var count atomic.Int64
		var all sync.WaitGroup
		for n := range asked {
			all.Go(func() {
				switch got := twice(t, doors(key), hold(n)); got.code {
				case "":
					opened.Store(n, got)
					count.Add(1)
				case "too_many_open":
				default:
					t.Errorf("hold %d: got %q", n, got.code)
				}
			})
		}
		all.Wait()
		if got := count.Load(); got != quota.MaxOpenHolds {
			t.Fatalf("got %d holds, want %d", got, quota.MaxOpenHolds)
		}
		d := doors(key)
		wantUsage(t, d, now, units, 0, units-2*quota.MaxOpenHolds)
		if got := insist(t, d, hold(asked)); got.code != "too_many_open" {
			t.Errorf("one more: got %q, want too_many_open", got.code)
		}
		// The holds that are open answer again, and each ends once.
		opened.Range(func(n, before any) bool {
			all.Go(func() {
				if got := insist(t, d, hold(n.(int))); got != before {
					t.Errorf("hold %d again: got %v, want %v", n, got, before)
				}
				if got := twice(t, d, ask{does: settle, id: fmt.Sprint(n), quota: 1, now: now}); got.code != "" || got.numbers[0] != 1 {
					t.Errorf("settle %d: got %q, %v charged, want 1", n, got.code, got.numbers)
				}
			})
			return true
		})
		all.Wait()
		wantUsage(t, d, now, units, quota.MaxOpenHolds, units-quota.MaxOpenHolds)
		if got := insist(t, d, hold(asked)); got.code != "" {
			t.Errorf("after all have ended: got %q, want it opened", got.code)
		}
	})
}

func TestHoldsThatLapseMakeRoom(t *testing.T) {
	t.Parallel()
	eachEntrance(t, func(t *testing.T, open entrance) {
		kit, tenant, key := newTenant(t, token.Settings{RemainQuota: new(int64(quota.MaxOpenHolds))})
		d := open(t, kit, tenant)(key)
		for n := range quota.MaxOpenHolds {
			if got := insist(t, d, ask{does: reserve, id: fmt.Sprint(n), quota: 1, ttl: 60, now: tenant.UnixNow()}); got.code != "" {
				t.Fatalf("hold %d: got %q", n, got.code)
			}
		}
		another := ask{does: reserve, id: "another", quota: 1, ttl: 60}
		if got := insist(t, d, another); got.code != "quota_exhausted" {
			t.Errorf("before their time: got %q, want quota_exhausted", got.code)
		}
		tenant.Clock.Step(60)
		if got := insist(t, d, another); got.code != "" {
			t.Errorf("after their time: got %q, want it opened", got.code)
		}
		wantUsage(t, d, tenant.UnixNow(), quota.MaxOpenHolds, 0, quota.MaxOpenHolds-1)
	})
}
