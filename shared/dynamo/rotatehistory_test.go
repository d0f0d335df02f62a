package dynamo_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/gate"
	"github.com/latchkey-api/latchkey/shared/price"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

// In random histories of holds with any of a token's keys, rotations and pauses,
// every unit is accounted for, and a hold is free only if it was released or
// expired without a rotation that dropped a key.
func TestRotationHistories(t *testing.T) {
	t.Parallel()
	kit := dynamotest.New(t)
	histories := 0
	rapid.Check(t, func(rt *rapid.T) {
		histories++
		h := &rotationHistory{turning: newTurning(t, kit, fmt.Sprint("turning-", histories), token.Settings{RemainQuota: new(int64(10_000))}), holdsUntil: []int64{0}}
		for range rapid.IntRange(1, 25).Draw(rt, "steps") {
			h.step(rt)
		}
		h.Clock.Advance(quota.MaxHoldSeconds)
		h.check(rt)
	})
}

// A rotationHistory knows by which second each key's holds have expired, or 0
// while the key is the current one.
type rotationHistory struct {
	*turning
	holdsUntil []int64
	graceUntil int64 // of the previous key
	holds      []*knownHold
	used       int64
}

type knownHold struct {
	*gate.Hold
	key             int
	units           int64
	charged, closed bool // charged if it expires
}

func (h *rotationHistory) step(rt *rapid.T) {
	ctx, last := rt.Context(), len(h.keys)-1
	switch rapid.SampledFrom([]string{"hold", "hold", "hold", "settle", "release", "spend", "rotate", "rotate", "wait"}).Draw(rt, "step") {
	case "hold":
		key := max(0, last-rapid.IntRange(0, 1).Draw(rt, "key"))
		n := rapid.Int64Range(1, 20).Draw(rt, "units")
		hold, r, err := h.gate.Hold(ctx, h.keys[key], quota.Question{Quota: n}, time.Duration(rapid.SampledFrom([]int64{60, 3600}).Draw(rt, "ttl"))*time.Second)
		if err != nil {
			rt.Fatal(err)
		}
		if accepted := key == last || h.UnixNow() < h.graceUntil; accepted != r.Valid() {
			rt.Fatalf("got %q for a key that is accepted: %v", r.Refusal, accepted)
		}
		if r.Valid() {
			h.holds = append(h.holds, &knownHold{hold, key, n, false, false})
		}
	case "settle", "release":
		if len(h.holds) > 0 {
			h.end(rt, rapid.SampledFrom(h.holds).Draw(rt, "hold"), rapid.Bool().Draw(rt, "settle"))
		}
	case "spend":
		if err := verdictError(h.gate.Verify(ctx, h.current(), quota.Question{Quota: 3})); err != nil {
			rt.Fatal(err)
		}
		h.used += 3
	case "rotate":
		h.rotateNow(rt, rapid.SampledFrom([]int64{0, 0, 30, 7200}).Draw(rt, "grace"))
	default:
		h.Clock.Advance(rapid.SampledFrom([]int64{1, 60, 1000, 3659, 3660, 7200}).Draw(rt, "seconds"))
	}
	h.check(rt)
}

func (h *rotationHistory) rotateNow(rt *rapid.T, grace int64) {
	now, last := h.UnixNow(), len(h.keys)-1
	if last > 0 && now < h.holdsUntil[last-1] {
		for _, k := range h.holds {
			k.charged = k.charged || now < k.ExpiresAt
		}
	}
	for _, k := range h.holds {
		if k.key == last-1 && !k.closed && now < k.ExpiresAt && !k.charged {
			rt.Fatal("a hold of the key that is dropped would be free")
		}
	}
	if err := h.rotate(rt.Context(), grace); err != nil {
		rt.Fatal(err)
	}
	h.graceUntil = 0
	if grace > 0 {
		h.graceUntil = now + grace
	}
	h.holdsUntil[last] = now + grace + quota.MaxHoldSeconds + 60
	h.holdsUntil = append(h.holdsUntil, 0)
}

// end settles or releases a hold with its own key.
func (h *rotationHistory) end(rt *rapid.T, k *knownHold, settle bool) {
	expired := h.UnixNow() >= k.ExpiresAt
	var err error
	if settle {
		_, err = k.Settle(rt.Context(), k.units/2, price.Use{})
	} else {
		err = k.Release(rt.Context())
	}
	switch {
	case k.key < len(h.keys)-2:
		if !errors.Is(err, quota.ErrKeyUnknown) || !k.closed && !expired && !k.charged {
			rt.Fatalf("a hold of a dropped key: got error %v; charged at its expiry: %v", err, k.charged)
		}
	case expired && !k.closed:
		if !errors.Is(err, quota.ErrHoldExpired) {
			rt.Fatalf("got error %v, want ErrHoldExpired", err)
		}
	case !k.closed:
		if err != nil {
			rt.Fatal(err)
		}
		k.closed = true
		if settle {
			h.used += k.units / 2
		}
	}
}

// check checks the token's units as of now.
func (h *rotationHistory) check(rt *rapid.T) {
	got, err := h.Get(rt.Context(), h.Access, h.id)
	if err != nil {
		rt.Fatal(err)
	}
	now, held, used := h.UnixNow(), int64(0), h.used
	for _, k := range h.holds {
		switch {
		case k.closed:
		case now < k.ExpiresAt:
			held += k.units
		case k.charged:
			used += k.units
		}
	}
	if got.HeldAt(now) != held || got.UsedAt(now) != used || got.FreeAt(now) != 10_000-held-used {
		rt.Fatalf("got %d held, %d used and %d free, want %d and %d", got.HeldAt(now), got.UsedAt(now), got.FreeAt(now), held, used)
	}
}
