package dynamo_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/gate"
	"github.com/latchkey-api/latchkey/shared/period"
	"github.com/latchkey-api/latchkey/shared/price"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

// store returns a store whose calls are interrupted.
func (p *purse) store(op string, act func()) (*dynamo.Store, *interrupter) {
	i := &interrupter{op: op, act: act}
	return p.kit.StoreWith(i.configure), i
}

// A request for more than the budget has is refused after one look at all tokens,
// although they draw meanwhile. It takes nothing out of their blocks.
func TestTooLargeRequestBesideBusyToken(t *testing.T) {
	t.Parallel()
	const budget = 64_000
	p := newPurse(t, newKit(t), "large")
	p.budget(t, units(budget))
	keys := p.create(t, 2)
	other := p.gate()
	p.mustSpend(t, other, keys[1], 5)
	busy := func() { p.mustSpend(t, other, keys[1], 900) }
	store, looks := p.store("Query", busy)
	g := gate.New(store, gate.WithClock(p.Clock.Now))
	free := p.holdings(t).Free
	p.mustRefuse(t, g, keys[0], budget)
	if n := looks.calls.Load(); n != 1 {
		t.Errorf("%d looks at the tokens", n)
	}
	if h := p.holdings(t); h.Free < free-900 || h.Free == 0 {
		t.Errorf("got %+v", h)
	}
	p.mustRefuse(t, g, keys[0], budget)
	if n := looks.calls.Load(); n != 1 {
		t.Errorf("%d looks at the tokens", n)
	}
	p.mustSpend(t, g, keys[0], p.holdings(t).Left)
}

// A draw that was decided on before another token took what it needs is refused: the
// wallet has what it draws, or nothing is drawn.
func TestDrawAfterAnother(t *testing.T) {
	t.Parallel()
	const budget, taken, wanted = 64_000, 51_000, 40_000
	p := newPurse(t, newKit(t), "overtaken")
	p.budget(t, units(budget))
	keys, other := p.create(t, 2), p.gate()
	var once sync.Once
	store, _ := p.store("TransactWriteItems", func() {
		once.Do(func() { p.mustSpend(t, other, keys[1], taken) })
	})
	p.mustRefuse(t, gate.New(store, gate.WithClock(p.Clock.Now)), keys[0], wanted)
	if h := p.holdings(t); h.Used != taken || h.Left+h.Free != budget-taken {
		t.Errorf("got %+v, want %d used and the rest left", h, taken)
	}
}

// A settlement for more than the budget has is charged what there is.
func TestTooLargeSettlementBesideBusyToken(t *testing.T) {
	t.Parallel()
	const budget = 64_000
	p := newPurse(t, newKit(t), "settled")
	p.budget(t, units(budget))
	keys := p.create(t, 2)
	other := p.gate()
	p.mustSpend(t, other, keys[1], 5)
	store, _ := p.store("Query", func() { p.mustSpend(t, other, keys[1], 900) })
	g := gate.New(store, gate.WithClock(p.Clock.Now))
	h, r, err := g.Hold(t.Context(), keys[0].Reveal(), quota.Question{Quota: 10}, 0)
	if err != nil || !r.Valid() {
		t.Fatalf("got %+v, %v", r.Reason, err)
	}
	if got, err := h.Settle(t.Context(), 2*budget, price.Use{}); err != nil || got.Charged != budget-905 {
		t.Errorf("got %+v, %v, want %d units charged", got, err, budget-905)
	}
	if h := p.holdings(t); h.Used != budget {
		t.Errorf("got %+v", h)
	}
}

// free gives a token n free units in its block, and takes none from the wallet if
// the block has more.
func (p *purse) free(t *testing.T, g *gate.Gate, key credential.Key, n int64) {
	t.Helper()
	h, r, err := g.Hold(t.Context(), key.Reveal(), quota.Question{Quota: n}, 0)
	if err != nil || !r.Valid() {
		t.Fatalf("hold %d: got %+v, %v", n, r.Reason, err)
	}
	if err := h.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// Free units of a token that is used all the time are found, too: for another
// token, and for a budget that is lowered.
func TestReclaimFromBusyToken(t *testing.T) {
	t.Parallel()
	p := newPurse(t, newKit(t), "busy")
	p.budget(t, units(200))
	keys := p.create(t, 2)
	other := p.gate()
	p.free(t, other, keys[1], 100)
	p.mustSpend(t, other, keys[0], 100)
	if h := p.holdings(t); h.Left != 0 || h.Free != 100 {
		t.Fatalf("got %+v", h)
	}
	store, _ := p.store("TransactWriteItems", func() { p.mustSpend(t, other, keys[1], 1) })
	p.mustSpend(t, gate.New(store, gate.WithClock(p.Clock.Now)), keys[0], 10)
	h := p.holdings(t)
	users := &token.UserService{Store: store, Now: p.Clock.Now}
	if _, err := users.SetBudget(t.Context(), p.name, units(h.Used+10), func(int64, int64) {}); err != nil {
		t.Fatal(err)
	}
	if h := p.holdings(t); h.Left+h.Free+h.Used != h.Units {
		t.Errorf("lowered: got %+v", h)
	}
}

// If another token takes the units that were freed for a request, it frees others.
func TestReclaimAgain(t *testing.T) {
	t.Parallel()
	p := newPurse(t, newKit(t), "again")
	p.budget(t, units(200))
	keys := p.create(t, 4)
	other := p.gate()
	p.free(t, other, keys[1], 100)
	p.free(t, other, keys[2], 100)
	calls := 0
	store, _ := p.store("TransactWriteItems", func() {
		if calls++; calls == 2 { // the first was the return, this one is the draw
			p.mustSpend(t, other, keys[3], 95)
		}
	})
	v, err := gate.New(store, gate.WithClock(p.Clock.Now)).Verify(t.Context(), keys[0].Reveal(), quota.Question{Quota: 10})
	if err != nil || !v.Valid() {
		t.Errorf("got %+v, %v", v.Reason, err)
	}
	if h := p.holdings(t); h.Used != 105 {
		t.Errorf("got %+v", h)
	}
}

// Units of a token that DynamoDB has removed and the purge has not counted are not
// there for others until then: a request that needs them is refused after one look.
func TestRefusalBeforePurge(t *testing.T) {
	t.Parallel()
	p := newPurse(t, newKit(t), "removed")
	p.budget(t, units(200))
	keys := p.create(t, 2)
	p.free(t, p.gate(), keys[0], 100)
	store, looks := p.store("Query", func() {})
	g := gate.New(store, gate.WithClock(p.Clock.Now))
	p.mustSpend(t, g, keys[1], 100)
	last := takeItem(t, p.kit, p.Access.UserID, keys[0].TokenID)
	p.mustRefuse(t, g, keys[1], 10)
	if n := looks.calls.Load(); n != 1 {
		t.Errorf("%d looks at the tokens", n)
	}
	if err := p.kit.Store.CountPurge(t.Context(), p.Access.UserID, keys[0].TokenID, last, p.UnixNow()); err != nil {
		t.Fatal(err)
	}
	p.mustSpend(t, g, keys[1], 10)
}

// A token that was refused does not keep others from its own free units.
func TestReclaimFromRefusedToken(t *testing.T) {
	t.Parallel()
	p := newPurse(t, newKit(t), "refused")
	p.budget(t, units(100))
	keys := p.create(t, 2)
	g := p.gate()
	p.free(t, g, keys[0], 60)
	p.mustSpend(t, g, keys[1], 40)
	p.mustRefuse(t, g, keys[0], 61)
	p.mustSpend(t, g, keys[1], 10)
	p.mustRefuse(t, g, keys[1], 51)
	p.mustSpend(t, g, keys[0], 50)
	if h := p.holdings(t); h.Used != 100 {
		t.Errorf("got %+v", h)
	}
}

// A raised budget counts at once, also where it was used up a moment ago.
func TestRaisedBudgetAfterRefusal(t *testing.T) {
	t.Parallel()
	p := newPurse(t, newKit(t), "raised")
	p.budget(t, units(10))
	keys := p.create(t, 2)
	g := p.gate()
	p.mustSpend(t, g, keys[0], 10)
	p.mustRefuse(t, g, keys[1], 5)
	p.budget(t, units(14))
	p.mustRefuse(t, g, keys[1], 5)
	p.free(t, g, keys[0], 4)
	p.budget(t, units(15))
	p.mustSpend(t, g, keys[1], 5)
}

// If the deletion of a token was interrupted, other tokens find its free units,
// and none twice. What was held when it began counts as used, also if the deletion
// ends after the hold.
func TestBlockOfInterruptedDeletion(t *testing.T) {
	t.Parallel()
	p := newPurse(t, newKit(t), "interrupted")
	p.budget(t, units(200))
	keys := p.create(t, 2)
	g := p.gate()
	p.free(t, g, keys[0], 160)
	for _, n := range []int64{10, 20} { // the first hold expires before the deletion
		if _, r, err := g.Hold(t.Context(), keys[0].Reveal(), quota.Question{Quota: n}, gate.MaxTTL); err != nil || !r.Valid() {
			t.Fatalf("got %+v, %v", r.Reason, err)
		}
		p.Clock.Advance(1_800)
	}
	onlyRevoke(t, p.kit, p.Tenant, keys[0].TokenID)
	if h := p.holdings(t); h.Held != 20 || h.Left+h.Free != 180 || h.Tokens != 2 {
		t.Errorf("interrupted: got %+v", h)
	}
	p.mustSpend(t, g, keys[1], 170)
	p.Clock.Advance(3_600)
	p.mustRefuse(t, g, keys[1], 11)
	if h := p.holdings(t); h.Held != 20 || h.Left+h.Free != 10 {
		t.Errorf("after its holds have expired: got %+v", h)
	}
	if page := mustList(t, p.Tenant, 1, 10); len(page.Tokens) != 1 { // which completes the deletion
		t.Errorf("got %d tokens", len(page.Tokens))
	}
	if h := p.holdings(t); h.Used != 190 || h.Left+h.Free != 10 || h.Tokens != 1 {
		t.Errorf("got %+v", h)
	}
	p.Clock.Advance(1)
	p.mustSpend(t, g, keys[1], 10)
}

// A check of a budget that is used up says when it renews.
func TestCheckSaysWhenWalletRenews(t *testing.T) {
	t.Parallel()
	p := newPurse(t, newKit(t), "resets")
	p.budget(t, &token.Budget{Units: 10, Period: period.Period{Length: "5h"}})
	keys := p.create(t, 2)
	g := p.gate()
	refused := func(n, resetsAt int64) {
		t.Helper()
		for range 2 {
			q := quota.Question{Quota: n}
			v, err := g.Verify(t.Context(), keys[1].Reveal(), q)
			if err != nil || v.Valid() || v.ResetsAt != resetsAt {
				t.Errorf("%d units: got %+v, %v, want a refusal until %d", n, v.Reason, err, resetsAt)
			}
		}
	}
	refused(11, 0) // the five hours have not begun
	p.mustSpend(t, g, keys[0], 10)
	refused(0, p.UnixNow()+5*3_600)
	refused(1, p.UnixNow()+5*3_600)
}

// If the user is deleted while its budget is set, that is an error.
func TestSetBudgetOfDeletedUser(t *testing.T) {
	t.Parallel()
	p := newPurse(t, newKit(t), "leaving")
	u, err := p.kit.Store.FindUser(t.Context(), p.name)
	if err != nil {
		t.Fatal(err)
	}
	store, _ := p.store("BatchGetItem", func() {
		if _, err := p.users.Delete(t.Context(), p.name, nil); err != nil {
			t.Error(err)
		}
	})
	if _, _, err := store.SetBudget(t.Context(), u, units(10)); !errors.Is(err, token.ErrUserNotFound) {
		t.Errorf("got %v", err)
	}
}

// A token whose windows are removed while it draws its first block can be used.
func TestDrawDuringChangeOfWindows(t *testing.T) {
	t.Parallel()
	p := newPurse(t, newKit(t), "changed")
	key := p.create(t, 1)[0]
	update := func(u token.Settings) {
		if _, err := p.Update(t.Context(), p.Access, key.TokenID, u); err != nil {
			t.Error(err)
		}
	}
	update(token.Settings{Windows: []token.Window{{Period: period.Period{Length: period.Day}, Quota: 1_000}}})
	g := p.gate()
	if _, r, err := g.Hold(t.Context(), key.Reveal(), quota.Question{Quota: 5}, time.Minute); err != nil || !r.Valid() {
		t.Fatalf("got %+v, %v", r.Reason, err)
	}
	p.budget(t, units(64_000))
	p.Clock.Advance(60)
	store, _ := p.store("TransactWriteItems", sync.OnceFunc(func() {
		update(token.Settings{Windows: []token.Window{}})
		update(token.Settings{UnlimitedQuota: new(false), RemainQuota: new(int64(500))}) // writes the item anew: its hold has expired
	}))
	p.mustSpend(t, gate.New(store, gate.WithClock(p.Clock.Now)), key, 5)
	p.holdings(t)
}
