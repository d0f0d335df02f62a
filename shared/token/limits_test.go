package token_test

import (
	"errors"
	"testing"

	"pgregory.net/rapid"

	"github.com/latchkey-api/latchkey/shared/token"
)

const second = 1_000_000 // microseconds

// TestNoWindowHasMoreCreatesThanBurstAndRateAllow draws arrivals and holds
// what was let in to the definition: between any two moments that are s
// seconds apart, at most burst + rate·s tokens, and one request's more, for
// that may be larger than a burst. Who waits as told is let in.
func TestNoWindowHasMoreCreatesThanBurstAndRateAllow(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		u := token.User{Limits: token.Limits{
			CreatesPerSecond: rapid.Int64Range(1, 100).Draw(rt, "rate"),
			CreateBurst:      rapid.Int64Range(1, 60).Draw(rt, "burst"),
		}}
		type create struct{ at, n int64 }
		var made []create
		now := int64(1_700_000_000) * second
		for range rapid.IntRange(1, 80).Draw(rt, "requests") {
			now += rapid.Int64Range(0, 3*second).Draw(rt, "pause")
			n := rapid.Int64Range(1, token.MaxBatch).Draw(rt, "n")
			after, err := u.AfterCreating(n, now)
			var early *token.CreateRateError
			switch {
			case err == nil:
				u = after
				made = append(made, create{now, n})
			case !errors.As(err, &early) || early.RetryAfter < 1:
				rt.Fatalf("got error %v, want a token.RateError with seconds to wait", err)
			default:
				if _, err := u.AfterCreating(n, now+early.RetryAfter*second); err != nil {
					rt.Fatalf("after the %d s that it was told to wait: %v", early.RetryAfter, err)
				}
			}
		}
		for i := range made {
			var sum, largest int64
			for _, c := range made[i:] {
				sum, largest = sum+c.n, max(largest, c.n)
				span := c.at - made[i].at
				if most := max(u.Limits.CreateBurst, largest) + u.Limits.CreatesPerSecond*(span+second-1)/second + largest; sum > most {
					rt.Fatalf("%d tokens in %d µs, want at most %d", sum, span, most)
				}
			}
		}
	})
}

func TestABurstIsLetInExactly(t *testing.T) {
	t.Parallel()
	u := token.User{Limits: token.DefaultLimits()}
	now := int64(1_700_000_000) * second
	let := func() (n int) {
		for {
			after, err := u.AfterCreating(1, now)
			if err != nil {
				return n
			}
			u, n = after, n+1
		}
	}
	for i, want := range []int{20, 0, 10, 20, 20} {
		now += []int64{0, 0, second, 2 * second, 1000 * second}[i]
		if got := let(); got != want {
			t.Errorf("step %d: %d tokens were let in, want %d", i, got, want)
		}
	}
}

func TestAClockThatWasAheadLocksNobodyOut(t *testing.T) {
	t.Parallel()
	now := int64(1_700_000_000) * second
	u, err := token.User{Limits: token.DefaultLimits()}.AfterCreating(1, now+1_000_000*second)
	if err != nil {
		t.Fatal(err)
	}
	_, err = u.AfterCreating(1, now)
	var early *token.CreateRateError
	if !errors.As(err, &early) || early.RetryAfter > 7 {
		t.Errorf("got error %v, want one that says to wait for 7 s at most", err)
	}
}

func TestAUserHasNoMoreTokensThanItMay(t *testing.T) {
	t.Parallel()
	u := token.User{Limits: token.Limits{MaxTokens: 10}, LastTokenID: 100, DeletedTokens: 93}
	for n, want := range map[int64]error{1: nil, 3: nil, 4: token.ErrTokenLimit, 50: token.ErrTokenLimit} {
		if _, err := u.AfterCreating(n, 0); !errors.Is(err, want) {
			t.Errorf("%d more: got error %v, want %v", n, err, want)
		}
	}
	u.Limits.MaxTokens = 0
	if _, err := u.AfterCreating(50, 0); err != nil {
		t.Errorf("without a limit: %v", err)
	}
}
