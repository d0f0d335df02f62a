package quota_test

import (
	"errors"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

// An admitted request was counted in a rate.
type admitted struct {
	at    int64 // Unix nanoseconds
	units int64 // that it has cost in the end
}

// at returns an operation at a time in Unix nanoseconds.
func at(kind quota.Kind, nanos int64, id string, units int64) quota.Operation {
	o := quota.OperationAt(kind, time.Unix(0, nanos))
	o.RequestID, o.Quota = id, units
	if kind == quota.KindReserve {
		o.ExpiresAt = o.Now + 3600
	}
	return o
}

// TestRatesAreNeverExceeded checks for random arrivals, estimates and costs that
// every interval has at most the burst and the rate times its length.
func TestRatesAreNeverExceeded(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		rate := rapid.SampledFrom([]int64{1, 7, 60, 999, 1_000_000, token.MaxRate}).Draw(rt, "units per minute")
		requests := rapid.SampledFrom([]int64{0, 1, 7, 30}).Draw(rt, "requests per minute")
		ledger := ledgerOf(0, nil)
		ledger.UnlimitedQuota, ledger.Balance.Unlimited = true, true
		ledger.UnitsPerMinute, ledger.RequestsPerMinute = rate, requests
		var all []admitted
		open := map[string]int{} // by request id, the index in all
		nanos := int64(now) * int64(time.Second)
		for i := range rapid.IntRange(1, 60).Draw(rt, "operations") {
			nanos += rapid.SampledFrom([]int64{0, 0, 1, 1e6, 1e9, 7e9, 30e9, 61e9}).Draw(rt, "later")
			id := fmt.Sprint("request ", i)
			o := at(rapid.SampledFrom([]quota.Kind{quota.KindSpend, quota.KindReserve, quota.KindSettle}).Draw(rt, "kind"), nanos, id, 0)
			o.Quota = max(1, rapid.Int64Range(0, rate+rate/4).Draw(rt, "units")/rapid.SampledFrom([]int64{1, 2, 10, 1000}).Draw(rt, "part"))
			if o.Kind == quota.KindSettle {
				if len(open) == 0 {
					continue
				}
				o.RequestID = rapid.SampledFrom(slices.Sorted(maps.Keys(open))).Draw(rt, "hold")
				o.Quota = rapid.Int64Range(0, all[open[o.RequestID]].units).Draw(rt, "cost")
			}
			next, _, err := o.Apply(ledger)
			if errors.Is(err, quota.RefusedRate.Err()) || errors.Is(err, quota.ErrTooManyOpen) {
				checkRetryAfter(rt, ledger, o, err)
				continue
			}
			if err != nil {
				rt.Fatal(err)
			}
			ledger = next
			switch o.Kind {
			case quota.KindSettle:
				all[open[o.RequestID]].units = o.Quota
				delete(open, o.RequestID)
			case quota.KindReserve:
				open[id] = len(all)
				all = append(all, admitted{nanos, o.Quota})
			case quota.KindSpend, quota.KindRelease, quota.KindGrow:
				all = append(all, admitted{nanos, o.Quota})
			}
		}
		checkIntervals(rt, all, rate, requests)
	})
}

// checkIntervals checks every interval between two admitted requests.
func checkIntervals(rt *rapid.T, all []admitted, rate, requests int64) {
	const minute = int64(time.Minute)
	for from := range all {
		var units, count int64
		for to := from; to < len(all); to++ {
			units, count = units+all[to].units, count+1
			length := all[to].at - all[from].at
			if product(units-rate, minute).Cmp(product(rate, length)) > 0 {
				rt.Fatalf("%d units in %s, want at most %d and %d a minute", units, time.Duration(length), rate, rate)
			}
			if requests > 0 && (count-requests)*minute > requests*length {
				rt.Fatalf("%d requests in %s, want at most %d and %d a minute", count, time.Duration(length), requests, requests)
			}
		}
	}
}

func product(a, b int64) *big.Int { return new(big.Int).Mul(big.NewInt(a), big.NewInt(b)) }

// checkRetryAfter checks that a request is allowed after the time that its
// refusal names, and not before.
func checkRetryAfter(rt *rapid.T, l quota.Ledger, o quota.Operation, err error) {
	var refused quota.RefusedError
	if !errors.As(err, &refused) || refused.RetryAfter == 0 {
		return
	}
	wait := int64(refused.RetryAfter)
	early := at(o.Kind, o.UnixNano()+wait-1, o.RequestID, o.Quota)
	if _, _, err := early.Apply(l); !errors.Is(err, quota.RefusedRate.Err()) {
		rt.Fatalf("a nanosecond before RetryAfter %s: got %v, want it refused", refused.RetryAfter, err)
	}
	later := at(o.Kind, o.UnixNano()+wait, o.RequestID, o.Quota)
	var again quota.RefusedError
	if _, _, err := later.Apply(l); errors.As(err, &again) && again.Scope == refused.Scope {
		rt.Fatalf("after RetryAfter %s: refused again by %s", refused.RetryAfter, again.Scope)
	}
}

// TestRateLetsThrough checks that a rate admits what it promises.
func TestRateLetsThrough(t *testing.T) {
	for _, perMinute := range []int64{1, 7, 60, 900, 1_000_000, token.MaxRate} {
		ledger := ledgerOf(token.MaxInteger, nil)
		ledger.UnitsPerMinute = perMinute
		nanos := int64(now)*int64(time.Second) + 123
		spend := func(units int64) error {
			next, _, err := at(quota.KindSpend, nanos, "", units).Apply(ledger)
			if err == nil {
				ledger = next
			}
			return err
		}
		if err := errors.Join(spend(perMinute-perMinute/3), spend(max(1, perMinute/3))); err != nil && perMinute > 1 {
			t.Errorf("%d a minute: %v, want all of a minute's units at once", perMinute, err)
		}
		if err := spend(1); !errors.Is(err, quota.RefusedRate.Err()) {
			t.Errorf("%d a minute: one more got %v, want it refused", perMinute, err)
		}
		nanos += int64(time.Minute) + int64(time.Minute)/32 // units take up to 1.7 % longer, see quota.Pace
		if err := spend(perMinute); err != nil {
			t.Errorf("%d a minute: a minute later: %v", perMinute, err)
		}
	}
}

// TestUnusedUnitsComeBack checks what of an estimate a settlement takes back from
// the rate: all of it at once, less as time passes.
func TestUnusedUnitsComeBack(t *testing.T) {
	for _, c := range []struct {
		seconds, free int64 // of 60 units a minute; the hold had 60 and cost 10
	}{{0, 50}, {10, 50}, {40, 50}, {60, 60}} {
		ledger := ledgerOf(1000, nil)
		ledger.UnitsPerMinute = 60
		nanos := int64(now) * int64(time.Second)
		ledger, _, err := at(quota.KindReserve, nanos, "a", 60).Apply(ledger)
		if err != nil {
			t.Fatal(err)
		}
		nanos += c.seconds * int64(time.Second)
		ledger, _, err = at(quota.KindSettle, nanos, "a", 10).Apply(ledger)
		if err != nil {
			t.Fatal(err)
		}
		free, _ := quota.PaceOf(60).Left(ledger.UnitTAT, nanos)
		if free != c.free {
			t.Errorf("after %d s: %d units can come, want %d", c.seconds, free, c.free)
		}
	}
}

// TestHoldsFromBeforeRate checks that a hold gives nothing back to a rate of
// units that was removed and set again since: it was never counted in that one.
func TestHoldsFromBeforeRate(t *testing.T) {
	ledger := ledgerOf(1000, nil)
	ledger.UnitsPerMinute = 60
	nanos := int64(now) * int64(time.Second)
	do := func(o quota.Operation) {
		t.Helper()
		next, _, err := o.Apply(ledger)
		if err != nil {
			t.Fatal(err)
		}
		ledger = next
	}
	free := func(want int64) {
		t.Helper()
		if got, _ := quota.PaceOf(60).Left(ledger.UnitTAT, nanos); got != want {
			t.Errorf("%d units can come, want %d", got, want)
		}
	}
	do(at(quota.KindReserve, nanos, "old", 60))
	for _, perMinute := range []int64{0, 60} {
		var err error
		change := token.Change{Settings: token.Settings{UnitsPerMinute: &perMinute}, Now: now}
		if ledger.Token, err = change.Limit(ledger.Token); err != nil {
			t.Fatal(err)
		}
	}
	nanos += int64(time.Second)
	do(at(quota.KindReserve, nanos, "new", 40))
	free(20)
	do(at(quota.KindSettle, nanos, "old", 5))
	free(20)
	do(at(quota.KindSettle, nanos, "new", 10))
	free(50)
}
