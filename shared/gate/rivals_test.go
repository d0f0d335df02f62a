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

func TestARotationWithoutGraceEndsTheOldKeyForClocksThatAreBehind(t *testing.T) {
	t.Parallel()
	kit, tenant, key := newTenant(t, token.Settings{RemainQuota: new(int64(1000))})
	turn, err := tenant.NewKeyRotation(t.Context(), tenant.Access, key.TokenID, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tenant.Rotate(t.Context(), tenant.Access, key.TokenID, turn); err != nil {
		t.Fatal(err)
	}
	for _, behind := range []int64{0, 1, 60, 3600} {
		g := gate.New(dynamo.New(kit.Client, dynamotest.Table), gate.WithClock(func() time.Time { return time.Unix(tenant.UnixNow()-behind, 0) }))
		for _, units := range []int64{0, 1} {
			if v, err := g.Verify(t.Context(), key.Reveal(), quota.Question{Quota: units}); err != nil || v.Refusal != quota.RefusedUnknown {
				t.Errorf("a clock %d s behind, %d units: got refusal %q, %v, want the old key unknown", behind, units, v.Refusal, err)
			}
		}
		if v, err := g.Verify(t.Context(), turn.Key.Reveal(), quota.Question{Quota: 1}); err != nil || !v.Valid() {
			t.Errorf("a clock %d s behind: got refusal %q, %v, want the new key valid", behind, v.Refusal, err)
		}
	}
}

// What settled and released holds gave back counts, though it stands apart.
func TestADeltaIsHeldToWhatIsFreeInAll(t *testing.T) {
	t.Parallel()
	kit, tenant, key := newTenant(t, token.Settings{RemainQuota: new(int64(100))})
	g := gate.New(dynamo.New(kit.Client, dynamotest.Table), gate.WithClock(tenant.Clock.Now))
	add := func(n int64) (int64, error) {
		tok, err := tenant.Update(t.Context(), tenant.Access, key.TokenID, token.Settings{QuotaDelta: &n})
		return tok.FreeAt(tenant.UnixNow()), err
	}
	hold := func(id string, then func() error) {
		t.Helper()
		if _, err := g.Reserve(t.Context(), key.Reveal(), quota.Question{Quota: 100, RequestID: id}, 0); err != nil {
			t.Fatal(err)
		}
		if err := then(); err != nil {
			t.Fatal(err)
		}
	}
	release := func(id string) func() error {
		return func() error {
			_, err := g.Release(t.Context(), key.Reveal(), id)
			return err
		}
	}
	hold("a", release("a"))
	var invalid *token.InvalidError
	if free, err := add(token.MaxInteger); !errors.As(err, &invalid) {
		t.Errorf("100 and 2^53-1: got %d, %v, want an InvalidError", free, err)
	}
	if free, err := add(token.MaxInteger - 100); err != nil || free != token.MaxInteger {
		t.Errorf("100 and 2^53-101: got %d, %v, want 2^53-1", free, err)
	}
	hold("b", func() error { // units is set high while a hold is open
		_, err := tenant.Update(t.Context(), tenant.Access, key.TokenID, token.Settings{RemainQuota: new(int64(token.MaxInteger))})
		return errors.Join(err, release("b")())
	})
	if free, err := add(-50); err != nil || free != token.MaxInteger+50 {
		t.Errorf("to take 50 away from 2^53+99: got %d, %v, want it done", free, err)
	}
	if free, err := add(-token.MaxInteger); err != nil || free != 50 {
		t.Errorf("to take the rest away: got %d, %v, want 50 left", free, err)
	}
	if _, err := add(-51); !errors.Is(err, token.ErrQuotaBelowZero) {
		t.Errorf("to take 51 of 50 away: got %v, want ErrQuotaBelowZero", err)
	}
}

func TestNoTokenIsMadeWithADelta(t *testing.T) {
	t.Parallel()
	_, tenant, _ := newTenant(t, token.Settings{})
	var invalid *token.InvalidError
	_, _, err := tenant.Create(t.Context(), tenant.Access, token.Settings{Name: new("x"), UnlimitedQuota: new(true), QuotaDelta: new(int64(5))})
	if !errors.As(err, &invalid) || invalid.Field != "quota_delta" {
		t.Errorf("got %v, want quota_delta refused for an unlimited token, too", err)
	}
}
