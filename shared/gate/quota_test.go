package gate_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

// doTwice carries out an operation and repeats it, like a client that lost the
// first response. Both results must be the same.
func doTwice(t *testing.T, c client, op operation) result {
	t.Helper()
	first, second := mustDo(t, c, op), mustDo(t, c, op)
	want := second
	if op.kind == opSpend { // a repeated spend returns the current balance
		want.numbers = first.numbers
	}
	if first.code == "" && want != first {
		t.Errorf("%s: got %v, and then %v, want the same again", op, first, second)
	}
	return second
}

func wantUsage(t *testing.T, c client, now int64, granted, used, available int64) {
	t.Helper()
	got := mustDo(t, c, operation{kind: opUsage, now: now})
	if want := [3]int64{granted, used, available}; got.code != "" || got.numbers != want {
		t.Errorf("usage: got %s %v granted, used, available, want %v", got.code, got.numbers, want)
	}
}

// 200 goroutines that spend 10 different amounts concurrently spend exactly the
// quota. Each spends its amount until that is refused, and then single units.
func TestConcurrentSpendsNeverExceedQuota(t *testing.T) {
	t.Parallel()
	const goroutines, amounts, units = 200, 10, 300
	eachTransport(t, func(t *testing.T, newClients newClientsFunc) {
		kit, tenant, key := newTenant(t, token.Settings{RemainQuota: new(int64(units))})
		clientFor := newClients(t, kit, tenant)
		now := tenant.UnixNow()
		var spent atomic.Int64
		var all sync.WaitGroup
		for g := range goroutines {
			all.Go(func() {
				c := clientFor(key)
				for n, amount := 0, int64(1+g%amounts); amount > 0; n++ {
					got := doTwice(t, c, operation{kind: opSpend, requestID: fmt.Sprint(g, "-", n), quota: amount, now: now})
					switch {
					case got.numbers[0] < 0:
						t.Errorf("got a balance of %d", got.numbers[0])
						return
					case got.code == "":
						spent.Add(amount)
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
		if got := spent.Load(); got != units {
			t.Errorf("got %d units spent, want %d", got, units)
		}
		wantUsage(t, clientFor(key), now, units, units, 0)
	})
}

// Of 20 concurrent spends of 375 units, exactly one fits into a quota of 400.
// In New API, several succeed: docs/comparison.md.
func TestOneOf20SpendsFitsIntoQuota(t *testing.T) {
	t.Parallel()
	eachTransport(t, func(t *testing.T, newClients newClientsFunc) {
		kit, tenant, key := newTenant(t, token.Settings{RemainQuota: new(int64(400))})
		clientFor := newClients(t, kit, tenant)
		var valid atomic.Int64
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				got := mustDo(t, clientFor(key), operation{kind: opSpend, quota: 375, now: tenant.UnixNow()})
				if got.code == "" {
					valid.Add(1)
				}
				if got.code != "" && got.code != string(quota.RefusedExhausted) || got.numbers[0] < 0 {
					t.Errorf("got %q with a balance of %d", got.code, got.numbers[0])
				}
			})
		}
		all.Wait()
		if got := valid.Load(); got != 1 {
			t.Errorf("got %d valid spends, want 1", got)
		}
		wantUsage(t, clientFor(key), tenant.UnixNow(), 400, 375, 25)
	})
}

// One spend that is sent 100 times concurrently is charged once.
func TestRepeatedSpendIsChargedOnce(t *testing.T) {
	t.Parallel()
	eachTransport(t, func(t *testing.T, newClients newClientsFunc) {
		kit, tenant, key := newTenant(t, token.Settings{RemainQuota: new(int64(10))})
		clientFor := newClients(t, kit, tenant)
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() {
				got := mustDo(t, clientFor(key), operation{kind: opSpend, requestID: "r", quota: 7, now: tenant.UnixNow()})
				if got.code != "" || got.numbers[0] != 3 {
					t.Errorf("got %q with a balance of %d, want it valid with 3", got.code, got.numbers[0])
				}
			})
		}
		all.Wait()
		wantUsage(t, clientFor(key), tenant.UnixNow(), 10, 7, 3)
	})
}

// Of 60 concurrent reservations, exactly MaxOpenHolds succeed. When those have
// ended, another one succeeds.
func TestOpenHoldLimit(t *testing.T) {
	t.Parallel()
	const reservations, units = 60, 1000
	eachTransport(t, func(t *testing.T, newClients newClientsFunc) {
		kit, tenant, key := newTenant(t, token.Settings{RemainQuota: new(int64(units))})
		clientFor := newClients(t, kit, tenant)
		now := tenant.UnixNow()
		reservation := func(n int) operation {
			return operation{kind: opReserve, requestID: fmt.Sprint(n), quota: 2, ttlSeconds: 900, now: now}
		}
		var open sync.Map
		var count atomic.Int64
		var all sync.WaitGroup
		for n := range reservations {
			all.Go(func() {
				switch got := doTwice(t, clientFor(key), reservation(n)); got.code {
				case "":
					open.Store(n, got)
					count.Add(1)
				case "too_many_open":
				default:
					t.Errorf("reservation %d: got %q", n, got.code)
				}
			})
		}
		all.Wait()
		if got := count.Load(); got != quota.MaxOpenHolds {
			t.Fatalf("got %d holds, want %d", got, quota.MaxOpenHolds)
		}
		c := clientFor(key)
		wantUsage(t, c, now, units, 0, units-2*quota.MaxOpenHolds)
		if got := mustDo(t, c, reservation(reservations)); got.code != "too_many_open" {
			t.Errorf("one more: got %q, want too_many_open", got.code)
		}
		// A repeated reservation of an open hold gets the same result, and each
		// hold can be settled once.
		open.Range(func(n, first any) bool {
			all.Go(func() {
				if got := mustDo(t, c, reservation(n.(int))); got != first {
					t.Errorf("repeated reservation %d: got %v, want %v", n, got, first)
				}
				if got := doTwice(t, c, operation{kind: opSettle, requestID: fmt.Sprint(n), quota: 1, now: now}); got.code != "" || got.numbers[0] != 1 {
					t.Errorf("settle %d: got %q, %v charged, want 1", n, got.code, got.numbers)
				}
			})
			return true
		})
		all.Wait()
		wantUsage(t, c, now, units, quota.MaxOpenHolds, units-quota.MaxOpenHolds)
		if got := mustDo(t, c, reservation(reservations)); got.code != "" {
			t.Errorf("after all holds have ended: got %q, want it valid", got.code)
		}
	})
}

// When the open holds of a token expire, their units and their places are free.
func TestExpiredHoldsMakeRoom(t *testing.T) {
	t.Parallel()
	eachTransport(t, func(t *testing.T, newClients newClientsFunc) {
		kit, tenant, key := newTenant(t, token.Settings{RemainQuota: new(int64(quota.MaxOpenHolds))})
		c := newClients(t, kit, tenant)(key)
		for n := range quota.MaxOpenHolds {
			got := mustDo(t, c, operation{kind: opReserve, requestID: fmt.Sprint(n), quota: 1, ttlSeconds: 60, now: tenant.UnixNow()})
			if got.code != "" {
				t.Fatalf("reservation %d: got %q", n, got.code)
			}
		}
		another := operation{kind: opReserve, requestID: "another", quota: 1, ttlSeconds: 60}
		if got := mustDo(t, c, another); got.code != "quota_exhausted" {
			t.Errorf("before they expire: got %q, want quota_exhausted", got.code)
		}
		tenant.Clock.Advance(60)
		if got := mustDo(t, c, another); got.code != "" {
			t.Errorf("after they expired: got %q, want it valid", got.code)
		}
		wantUsage(t, c, tenant.UnixNow(), quota.MaxOpenHolds, 0, quota.MaxOpenHolds-1)
	})
}
