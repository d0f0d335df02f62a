package gate_test

import (
	"errors"
	"testing"
	"time"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/gate"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

// After a rotation without a grace period, processes whose clock is behind
// refuse the old key too.
func TestRotatedKeyIsRefusedBySlowClocks(t *testing.T) {
	t.Parallel()
	kit, tenant, key := newTenant(t, token.Settings{RemainQuota: new(int64(1000))})
	rotation, err := tenant.NewKeyRotation(t.Context(), tenant.Access, key.TokenID, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tenant.Rotate(t.Context(), tenant.Access, key.TokenID, rotation); err != nil {
		t.Fatal(err)
	}
	for _, behind := range []int64{0, 1, 60, 3600} {
		clock := func() time.Time { return time.Unix(tenant.UnixNow()-behind, 0) }
		g := gate.New(dynamo.New(kit.Client, dynamotest.Table), gate.WithClock(clock))
		for _, units := range []int64{0, 1} {
			if v, err := g.Verify(t.Context(), key.Reveal(), quota.Question{Quota: units}); err != nil || v.Refusal != quota.RefusedUnknown {
				t.Errorf("a clock %d s behind, %d units: got refusal %q, %v, want the old key unknown", behind, units, v.Refusal, err)
			}
		}
		if v, err := g.Verify(t.Context(), rotation.Key.Reveal(), quota.Question{Quota: 1}); err != nil || !v.Valid() {
			t.Errorf("a clock %d s behind: got refusal %q, %v, want the new key valid", behind, v.Refusal, err)
		}
	}
}

// The limits of a quota change include the units that settled and released
// holds have returned, which the item stores separately.
func TestQuotaDeltaCountsReturnedUnits(t *testing.T) {
	t.Parallel()
	kit, tenant, key := newTenant(t, token.Settings{RemainQuota: new(int64(100))})
	g := gate.New(dynamo.New(kit.Client, dynamotest.Table), gate.WithClock(tenant.Clock.Now))
	add := func(units int64) (free int64, err error) {
		tok, err := tenant.Update(t.Context(), tenant.Access, key.TokenID, token.Settings{QuotaDelta: &units})
		return tok.FreeAt(tenant.UnixNow()), err
	}
	reserve := func(requestID string) {
		t.Helper()
		if _, err := g.Reserve(t.Context(), key.Reveal(), quota.Question{Quota: 100, RequestID: fullID(requestID)}, 0); err != nil {
			t.Fatal(err)
		}
	}
	release := func(requestID string) {
		t.Helper()
		if _, err := g.Release(t.Context(), key.Reveal(), fullID(requestID)); err != nil {
			t.Fatal(err)
		}
	}
	reserve("a")
	release("a")
	var invalid *token.InvalidError
	if free, err := add(token.MaxInteger); !errors.As(err, &invalid) {
		t.Errorf("100 plus 2^53-1: got %d, %v, want an InvalidError", free, err)
	}
	if free, err := add(token.MaxInteger - 100); err != nil || free != token.MaxInteger {
		t.Errorf("100 plus 2^53-101: got %d, %v, want 2^53-1", free, err)
	}
	reserve("b") // the quota is set to the maximum while a hold is open
	if _, err := tenant.Update(t.Context(), tenant.Access, key.TokenID, token.Settings{RemainQuota: new(int64(token.MaxInteger))}); err != nil {
		t.Fatal(err)
	}
	release("b")
	if free, err := add(-50); err != nil || free != token.MaxInteger+50 {
		t.Errorf("2^53+99 minus 50: got %d, %v, want 2^53+49", free, err)
	}
	if free, err := add(-token.MaxInteger); err != nil || free != 50 {
		t.Errorf("2^53+49 minus 2^53-1: got %d, %v, want 50", free, err)
	}
	if _, err := add(-51); !errors.Is(err, token.ErrQuotaBelowZero) {
		t.Errorf("50 minus 51: got %v, want ErrQuotaBelowZero", err)
	}
}

// A token can't be created with a quota change, even if it is unlimited.
func TestCreateRefusesQuotaDelta(t *testing.T) {
	t.Parallel()
	_, tenant, _ := newTenant(t, token.Settings{})
	var invalid *token.InvalidError
	_, _, err := tenant.Create(t.Context(), tenant.Access, token.Settings{Name: new("x"), UnlimitedQuota: new(true), QuotaDelta: new(int64(5))})
	if !errors.As(err, &invalid) || invalid.Field != "quota_delta" {
		t.Errorf("got %v, want an InvalidError for quota_delta", err)
	}
}
