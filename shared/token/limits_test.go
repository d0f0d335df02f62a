package token_test

import (
	"errors"
	"testing"

	"pgregory.net/rapid"

	"github.com/latchkey-api/latchkey/shared/token"
)

const second = 1_000_000 // microseconds

// TestCreateRate checks random sequences of creates against the definition of
// the limit: in any s seconds, at most burst + rate·s tokens, plus those of one
// request, which may be larger than a burst. A create after the time in
// RetryAfter succeeds.
func TestCreateRate(t *testing.T) {
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
					rt.Fatalf("after waiting the %d s of RetryAfter: %v", early.RetryAfter, err)
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

// TestCreateBurst checks exactly how many tokens can be created at once, and
// again after each pause.
func TestCreateBurst(t *testing.T) {
	t.Parallel()
	u := token.User{Limits: token.DefaultLimits()}
	now := int64(1_700_000_000) * second
	createAll := func() (n int) {
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
		if got := createAll(); got != want {
			t.Errorf("step %d: %d tokens were created, want %d", i, got, want)
		}
	}
}

// TestCreateRateClockAhead checks that a create by a process whose clock was
// far ahead does not block the user for longer than 7 s.
func TestCreateRateClockAhead(t *testing.T) {
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

// TestTokenLimit checks that a create that would exceed MaxTokens is refused.
func TestTokenLimit(t *testing.T) {
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
