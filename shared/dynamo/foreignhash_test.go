package dynamo_test

import (
	"context"
	"testing"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/gate"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

// A key of which only the hash is known gets the answers that the whole key gets,
// in every state of its token, also if the user's budget decides.
func TestKnownHashes(t *testing.T) {
	t.Parallel()
	kit := newKit(t)
	var keys []string
	for _, name := range []string{"valid", "disabled", "exhausted", "models", "expired", "deleted", "rotated", "poor", "poorer", "unknown"} {
		keys = append(keys, foreignKey+name)
	}
	tenant, users := importing(t, kit, keys[:len(keys)-1]...)
	changeStates(t, tenant)
	g := foreignGate(tenant, kit)
	if _, err := users.SetBudget(t.Context(), "importer", &token.Budget{Units: 50}, func(int64, int64) {}); err != nil {
		t.Fatal(err)
	}
	if v := answer(t, g, foreignKey+"poor", quota.Question{Quota: 50}); !v.Valid() {
		t.Fatalf("got %+v", v.Reason)
	}
	hashes := make([][32]byte, len(keys))
	for i, key := range keys {
		hashes[i] = foreign(key, 0).Hash
	}
	found, err := foreignGate(tenant, kit).FindHashes(t.Context(), hashes)
	if err != nil {
		t.Fatal(err)
	}
	reasons := map[quota.Reason]bool{}
	for i, key := range keys {
		for _, q := range []quota.Question{{}, {Model: "gpt-4o"}, {Model: "gpt-5"}} {
			want := answer(t, g, key, q)
			got, err := found[i].Verify(q)
			if err != nil || got.Reason != want.Reason || got.Remain != want.Remain || got.Token.ID != want.Token.ID {
				t.Errorf("%s, %q: got %+v, %v; want %+v", key, q.Model, got.Reason, err, want.Reason)
			}
			reasons[got.Reason] = true
		}
	}
	if len(reasons) < 6 {
		t.Errorf("got %v: too few different answers", reasons)
	}
	if _, err := found[0].Verify(quota.Question{Model: "\n"}); err == nil {
		t.Error("an invalid question has an answer")
	}
	off, err := gate.New(kit.Store).FindHashes(t.Context(), hashes)
	if err != nil || off[0].ID != 0 {
		t.Errorf("without WithForeignKeys: got token %d, %v", off[0].ID, err)
	}
}

// changeStates brings the tokens of TestKnownHashes into their states.
func changeStates(t *testing.T, tenant *dynamotest.Tenant) {
	t.Helper()
	ctx := t.Context()
	for id, s := range map[int64]token.Settings{
		2: {Disabled: new(true)},
		3: {RemainQuota: new(int64(0))},
		4: {Models: []string{"gpt-4o"}, ModelLimitsEnabled: new(true)},
		5: {ExpiredTime: new(tenant.UnixNow() + 60)},
	} {
		if _, err := tenant.Update(ctx, tenant.Access, id, s); err != nil {
			t.Fatal(err)
		}
	}
	rotation, err := tenant.NewKeyRotation(ctx, tenant.Access, 7, 60)
	if err == nil {
		_, err = tenant.Rotate(ctx, tenant.Access, 7, rotation)
	}
	if err == nil {
		err = tenant.Delete(ctx, tenant.Access, 6)
	}
	if err != nil {
		t.Fatal(err)
	}
	tenant.Clock.Advance(61)
}

// Finding a key by its hash is two reads, for up to 100 keys in two round trips.
func TestKnownHashesCosts(t *testing.T) {
	t.Parallel()
	kit := newKit(t)
	tenant, _ := importing(t, kit, foreignKey, foreignKey+"2")
	g := foreignGate(tenant, kit)
	find := func(keys ...string) func(context.Context) error {
		return func(ctx context.Context) error {
			hashes := make([][32]byte, len(keys))
			for i, key := range keys {
				hashes[i] = foreign(key, 0).Hash
			}
			_, err := g.FindHashes(ctx, hashes)
			return err
		}
	}
	for _, r := range []row{
		{"a key", 2, 2, 0, 2, find(foreignKey)},
		{"two keys", 4, 4, 0, 2, find(foreignKey, foreignKey+"2")},
		{"an unknown key", 1, 1, 0, 1, find(foreignKey + "3")},
	} {
		r.check(t)
	}
}
