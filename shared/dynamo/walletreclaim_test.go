package dynamo_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/gate"
	"github.com/latchkey-api/latchkey/shared/period"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

// A token finds the units of another one's hold that was released, at the latest
// in the second after a refusal.
func TestReclaimAfterRelease(t *testing.T) {
	t.Parallel()
	p := newPurse(t, newKit(t), "reclaim")
	p.budget(t, units(10))
	keys := p.create(t, 2)
	g := p.gate()
	h, r, err := g.Hold(t.Context(), keys[0].Reveal(), quota.Question{Quota: 10}, 0)
	if err != nil || !r.Valid() {
		t.Fatalf("got %+v, %v", r.Reason, err)
	}
	if v, err := spend(t.Context(), g, keys[1], 4); err != nil || v.Valid() {
		t.Errorf("all is held: got %+v, %v", v.Reason, err)
	}
	if err := h.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.Clock.Advance(1)
	for range 2 {
		if v, err := g.Verify(t.Context(), keys[1].Reveal(), quota.Question{}); err != nil || !v.Valid() {
			t.Errorf("check: got %+v, %v", v.Reason, err)
		}
		p.mustSpend(t, g, keys[1], 4)
	}
	_, _, err = g.Hold(t.Context(), keys[1].Reveal(), quota.Question{Quota: 2}, gate.MaxTTL)
	if err != nil {
		t.Fatal(err)
	}
	p.Clock.Advance(3_600) // the hold expires
	if v, err := g.Verify(t.Context(), keys[0].Reveal(), quota.Question{Quota: 2}); err != nil || !v.Valid() {
		t.Errorf("after the hold expired: got %+v, %v", v.Reason, err)
	}
	if h := p.holdings(t); h.Used != 10 {
		t.Errorf("got %+v", h)
	}
}

// Tokens that are removed return what is free in their blocks, if these are of the
// present count. What an open hold has counts as used: nobody can charge it any
// more.
func TestRemovedTokenReturnsBlock(t *testing.T) {
	t.Parallel()
	p := newPurse(t, newKit(t), "removed")
	p.budget(t, &token.Budget{Units: 100, Period: period.Period{Length: "1h"}})
	keys := p.create(t, 3)
	g := p.gate()
	for _, key := range keys {
		p.mustSpend(t, g, key, 5)
	}
	if _, r, err := g.Hold(t.Context(), keys[0].Reveal(), quota.Question{Quota: 50}, 0); err != nil || !r.Valid() {
		t.Fatalf("got %+v, %v", r.Reason, err)
	}
	if err := p.Delete(t.Context(), p.Access, keys[0].TokenID); err != nil {
		t.Fatal(err)
	}
	if h := p.holdings(t); h.Used != 65 || h.Gone != 55 || h.Held != 0 || h.Left+h.Free != 35 {
		t.Errorf("deleted: got %+v", h)
	}
	p.Clock.Advance(3_601)
	p.mustSpend(t, g, keys[1], 5)
	if err := p.Delete(t.Context(), p.Access, keys[2].TokenID); err != nil {
		t.Fatal(err)
	}
	if h := p.holdings(t); h.Used != 5 || h.Gone != 0 || h.Left+h.Free != 95 {
		t.Errorf("deleted in the next hour: got %+v", h)
	}
}

// Reconcile finds units that went missing with tokens whose removal was not
// counted, and counts them as used, once.
func TestReconcileWallet(t *testing.T) {
	t.Parallel()
	p := newPurse(t, newKit(t), "drifted")
	p.budget(t, units(64_000))
	keys := p.create(t, 2)
	g := p.gate()
	for _, key := range keys {
		p.mustSpend(t, g, key, 5)
	}
	uid := p.Access.UserID
	removeItem(t, p.kit, uid, keys[0].TokenID)
	reconcile := func(dryRun bool, want int64) {
		t.Helper()
		r, err := p.users.Reconcile(t.Context(), p.name, dryRun)
		if err != nil || r.Missing != want {
			t.Errorf("dry run %v: got %+v, %v, want %d units missing", dryRun, r, err, want)
		}
	}
	reconcile(true, 1_000)
	reconcile(false, 1_000)
	reconcile(false, 0)
	if err := p.kit.Store.CountPurge(t.Context(), uid, keys[0].TokenID, nil, p.UnixNow()); err != nil {
		t.Fatal(err) // late, and counted before
	}
	reconcile(true, 0)
	if h := p.holdings(t); h.Gone != 1_000 || h.Used != 1_005 {
		t.Errorf("got %+v", h)
	}
}

// A token whose whole block was reclaimed can draw again, also after its item was
// written anew.
func TestDrawAfterReclaim(t *testing.T) {
	t.Parallel()
	p := newPurse(t, newKit(t), "again")
	p.budget(t, units(10))
	keys := p.create(t, 2)
	g := p.gate()
	for i := range 3 {
		h, r, err := g.Hold(t.Context(), keys[0].Reveal(), quota.Question{Quota: 8}, 0)
		if err != nil || !r.Valid() {
			t.Fatalf("got %+v, %v", r.Reason, err)
		}
		if err := h.Release(t.Context()); err != nil {
			t.Fatal(err)
		}
		p.Clock.Advance(1)
		if h, r, err = g.Hold(t.Context(), keys[1].Reveal(), quota.Question{Quota: 9}, 0); err != nil || !r.Valid() {
			t.Fatalf("got %+v, %v", r.Reason, err)
		}
		if err := h.Release(t.Context()); err != nil {
			t.Fatal(err)
		}
		p.Clock.Advance(1)
		if _, err := p.Update(t.Context(), p.Access, keys[0].TokenID, token.Settings{MaxConcurrent: new(int64(i + 3))}); err != nil {
			t.Fatal(err)
		}
	}
	if h := p.holdings(t); h.Used != 0 || h.Left+h.Free != 10 {
		t.Errorf("got %+v", h)
	}
}

// If reconcile counts the removal of a token before the purge does, its free units
// are used until the purge comes, and return then, once.
func TestReconcileBeforePurge(t *testing.T) {
	t.Parallel()
	for name, repeated := range map[string]int{"once": 1, "twice": 2} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPurse(t, newKit(t), "early")
			p.budget(t, units(64_000))
			keys := p.create(t, 3)
			g := p.gate()
			uid := p.Access.UserID
			var last []dynamo.Item
			for i, key := range keys[:2] {
				p.mustSpend(t, g, key, 5)
				last = append(last, takeItem(t, p.kit, uid, key.TokenID))
				if i == 0 { // one purge in time
					if err := p.kit.Store.CountPurge(t.Context(), uid, key.TokenID, last[0], p.UnixNow()); err != nil {
						t.Fatal(err)
					}
				}
			}
			for range repeated {
				if _, err := p.users.Reconcile(t.Context(), p.name, false); err != nil {
					t.Fatal(err)
				}
			}
			drawn := p.holdings(t).Used - 5
			if drawn <= 5 {
				t.Errorf("the second token had drawn %d units", drawn)
			}
			for range repeated {
				for i, key := range keys[:2] {
					if err := p.kit.Store.CountPurge(t.Context(), uid, key.TokenID, last[i], p.UnixNow()); err != nil {
						t.Fatal(err)
					}
				}
			}
			if h := p.holdings(t); h.Used != 10 || h.Left != 63_990 {
				t.Errorf("got %+v", h)
			}
			p.mustSpend(t, g, keys[2], 63_990)
		})
	}
}

// takeItem removes a token's item, as TTL does, and returns it.
func takeItem(t testing.TB, kit *dynamotest.Kit, userID, id int64) dynamo.Item {
	t.Helper()
	out, err := dynamotest.Client(kit.Endpoint).DeleteItem(t.Context(), &dynamodb.DeleteItemInput{
		TableName: aws.String(dynamotest.Table), Key: dynamo.TokenKey(userID, id), ReturnValues: types.ReturnValueAllOld,
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.Attributes
}
