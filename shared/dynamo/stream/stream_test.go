package stream_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/dynamo/stream"
	"github.com/latchkey-api/latchkey/shared/gate"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

// The stream reports each token that the engine has removed by time to live as a
// purge, and a caller's deletion as none.
func TestSweepIsStreamed(t *testing.T) {
	t.Parallel()
	kit := dynamotest.New(t)
	client := dynamotest.Client(kit.Endpoint)
	if err := dynamo.SetStream(t.Context(), client, dynamotest.Table, true); err != nil {
		t.Fatal(err)
	}
	tenant := kit.Tenant(t, "alice")
	soon := tenant.UnixNow() + 10 // far in the past by the engine's clock, the retention included
	for _, expires := range []int64{soon, token.Never, soon} {
		if _, _, err := tenant.Create(t.Context(), tenant.Access, token.Settings{Name: new("a"), ExpiredTime: &expires}); err != nil {
			t.Fatal(err)
		}
	}
	if err := tenant.Delete(t.Context(), tenant.Access, 2); err != nil {
		t.Fatal(err)
	}
	if n, err := kit.Engine.Sweep(t.Context()); err != nil || n != 2 {
		t.Fatalf("got %d swept, %v, want 2", n, err)
	}
	reader := stream.New(client, dynamotest.Table)
	removed, purged := map[string]bool{}, map[int64]bool{}
	records, err := reader.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range records {
		if r.Event == "REMOVE" {
			removed[r.Number] = true
		}
		if _, id, ok := r.Purged(); ok {
			purged[id] = true
		}
		if age := time.Since(r.Time); age.Abs() > time.Minute {
			t.Errorf("record %s is %v old, want the time it was made", r.Sequence, age)
		}
	}
	if diff := cmp.Diff(map[string]bool{"1": true, "2": true, "3": true}, removed); diff != "" {
		t.Errorf("removals (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[int64]bool{1: true, 3: true}, purged); diff != "" {
		t.Errorf("purges (-want +got):\n%s", diff)
	}
	if records, err := reader.Next(t.Context()); err != nil || len(records) > 0 {
		t.Errorf("got %d records a second time, %v, want none", len(records), err)
	}
	if err := tenant.Authorize(t.Context(), tenant.Access); err != nil {
		t.Fatal(err)
	}
}

// A token that time to live removes returns to its user's wallet what it had drawn
// and not used, once.
func TestSweptTokenReturnsBlock(t *testing.T) {
	t.Parallel()
	kit := dynamotest.New(t)
	client := dynamotest.Client(kit.Endpoint)
	if err := dynamo.SetStream(t.Context(), client, dynamotest.Table, true); err != nil {
		t.Fatal(err)
	}
	tenant := kit.Tenant(t, "alice")
	users := &token.UserService{Store: kit.Store, Now: tenant.Clock.Now}
	if _, err := users.SetBudget(t.Context(), "alice", &token.Budget{Units: 100}, func(int64, int64) {}); err != nil {
		t.Fatal(err)
	}
	_, key, err := tenant.Create(t.Context(), tenant.Access, token.Settings{Name: new("a"), UnlimitedQuota: new(true), ExpiredTime: new(tenant.UnixNow() + 10)})
	if err != nil {
		t.Fatal(err)
	}
	g := gate.New(kit.Store, gate.WithClock(tenant.Clock.Now))
	if v, err := g.Verify(t.Context(), key.Reveal(), quota.Question{Quota: 5}); err != nil || !v.Valid() {
		t.Fatalf("got %+v, %v", v.Reason, err)
	}
	if _, r, err := g.Hold(t.Context(), key.Reveal(), quota.Question{Quota: 7}, 0); err != nil || !r.Valid() {
		t.Fatalf("got %+v, %v", r.Reason, err)
	}
	tenant.Clock.Advance(gate.MaxTTL.Milliseconds() / 1000) // retention is longer than a hold
	if n, err := kit.Engine.Sweep(t.Context()); err != nil || n != 1 {
		t.Fatalf("got %d swept, %v, want 1", n, err)
	}
	records, err := stream.New(client, dynamotest.Table).Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, _, err := kit.Store.CountPurges(t.Context(), records, tenant.UnixNow()); err != nil {
			t.Fatal(err)
		}
	}
	_, h, err := users.Holdings(t.Context(), "alice")
	if err != nil || h.Left != 95 || h.Used != 5 || h.Missing != 0 {
		t.Errorf("got %+v, %v, want 95 left and 5 used", h, err)
	}
}
