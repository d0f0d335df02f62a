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
	key      int
	units    int64
	onExpiry int64 // units that are charged if it expires
	closed   bool
}

func (h *rotationHistory) step(rt *rapid.T) {
	ctx, last := rt.Context(), len(h.keys)-1
	switch rapid.SampledFrom([]string{"hold", "hold", "hold", "renew", "settle", "release", "spend", "rotate", "rotate", "wait"}).Draw(rt, "step") {
	case "hold":
		key := max(0, last-rapid.IntRange(0, 1).Draw(rt, "key"))
		n := rapid.Int64Range(1, 20).Draw(rt, "units")
		onExpiry := rapid.Int64Range(0, n).Draw(rt, "charged on expiry")
		hold, r, err := h.gate.Hold(ctx, h.keys[key], quota.Question{Quota: n, ExpiryCharge: onExpiry}, time.Duration(rapid.SampledFrom([]int64{60, 3600}).Draw(rt, "ttl"))*time.Second)
		if err != nil {
			rt.Fatal(err)
		}
		if accepted := key == last || h.UnixNow() < h.graceUntil; accepted != r.Valid() {
			rt.Fatalf("got %q for a key that is accepted: %v", r.Refusal, accepted)
		}
		if r.Valid() {
			h.holds = append(h.holds, &knownHold{hold, key, n, onExpiry, false})
		}
	case "renew":
		if len(h.holds) > 0 {
			h.renew(rt, rapid.SampledFrom(h.holds).Draw(rt, "hold"))
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
			if now < k.ExpiresAt() {
				k.onExpiry = k.units
			}
		}
	}
	for _, k := range h.holds {
		if k.key == last-1 && !k.closed && now < k.ExpiresAt() && k.onExpiry < k.units {
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

// renew renews a hold, which an open one allows as long as its own key is accepted.
func (h *rotationHistory) renew(rt *rapid.T, k *knownHold) {
	last := len(h.keys) - 1
	accepted := k.key == last || k.key == last-1 && h.UnixNow() < h.graceUntil
	open := !k.closed && h.UnixNow() < k.ExpiresAt()
	err := verdictError(k.Renew(rt.Context()))
	if (err == nil) != (accepted && open) {
		rt.Fatalf("renew: got error %v; the key is accepted: %v; the hold is open: %v", err, accepted, open)
	}
}

// end settles or releases a hold with its own key.
func (h *rotationHistory) end(rt *rapid.T, k *knownHold, settle bool) {
	expired := h.UnixNow() >= k.ExpiresAt()
	var err error
	if settle {
		_, err = k.Settle(rt.Context(), k.units/2, price.Use{})
	} else {
		err = k.Release(rt.Context())
	}
	switch {
	case k.key < len(h.keys)-2:
		if !errors.Is(err, quota.ErrKeyUnknown) || !k.closed && !expired && k.onExpiry < k.units {
			rt.Fatalf("a hold of a dropped key: got error %v; charged at its expiry: %d of %d", err, k.onExpiry, k.units)
		}
	case expired && !k.closed:
		// What a rotation has changed is not known any more once the table has forgotten the hold.
		forgotten := h.UnixNow()-k.ExpiresAt() >= quota.RecordSeconds
		var charged quota.HoldChargedError
		_ = errors.As(err, &charged) // else nothing was charged
		if !errors.Is(err, quota.ErrHoldExpired) || charged.Units != k.onExpiry && (!forgotten || charged.Units != k.ExpiryCharge()) {
			rt.Fatalf("got error %v, want ErrHoldExpired with %d units charged", err, k.onExpiry)
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
		case now < k.ExpiresAt():
			held += k.units
		default:
			used += k.onExpiry
		}
	}
	if got.HeldAt(now) != held || got.UsedAt(now) != used || got.FreeAt(now) != 10_000-held-used {
		rt.Fatalf("got %d held, %d used and %d free, want %d and %d", got.HeldAt(now), got.UsedAt(now), got.FreeAt(now), held, used)
	}
}
