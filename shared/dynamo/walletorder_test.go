package dynamo_test

import (
	"context"
	"testing"

	"github.com/latchkey-api/latchkey/shared/period"
	"github.com/latchkey-api/latchkey/shared/price"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

// A wallet can be turned on and off while its tokens are used, and each charge
// is counted in the budget that its units were drawn from.
func TestTurningWalletOnAndOff(t *testing.T) {
	t.Parallel()
	p := newPurse(t, newKit(t), "toggle")
	keys := p.create(t, 3)
	g := p.gate()
	for _, key := range keys {
		if v, err := spend(t.Context(), g, key, 5); err != nil || !v.Valid() {
			t.Fatalf("without a wallet: %+v, %v", v.Reason, err)
		}
	}
	p.budget(t, units(10))
	if v, _ := spend(t.Context(), g, keys[0], 11); v.Scope != quota.ScopeWallet || v.Refusal != quota.RefusedExhausted {
		t.Errorf("above the budget: got %+v", v.Reason)
	}
	h, r, err := g.Hold(t.Context(), keys[0].Reveal(), quota.Question{Quota: 4}, 0)
	if err != nil || !r.Valid() {
		t.Fatalf("got %+v, %v", r.Reason, err)
	}
	if v, err := spend(t.Context(), g, keys[1], 6); err != nil || !v.Valid() {
		t.Errorf("the rest, which the other token's block had: got %+v, %v", v.Reason, err)
	}
	p.budget(t, units(12)) // two more
	if got, err := h.Settle(t.Context(), 9, price.Use{}); err != nil || got.Charged != 6 || got.Shortfall != 3 {
		t.Errorf("a settlement beyond the budget: got %+v, %v", got, err)
	}
	if v, err := g.Verify(t.Context(), keys[2].Reveal(), quota.Question{}); err != nil || v.Valid() || v.Scope != quota.ScopeWallet {
		t.Errorf("check with an empty wallet: got %+v, %v", v.Reason, err)
	}
	if h := p.holdings(t); h.Used != 12 || h.Left != 0 {
		t.Errorf("got %+v", h)
	}
	p.budget(t, nil)
	for _, key := range keys {
		if v, err := spend(t.Context(), g, key, 5); err != nil || !v.Valid() {
			t.Errorf("turned off: got %+v, %v", v.Reason, err)
		}
	}
	p.budget(t, units(3))
	if v, err := spend(t.Context(), g, keys[2], 3); err != nil || !v.Valid() {
		t.Errorf("turned on again: got %+v, %v", v.Reason, err)
	}
	if v, err := spend(t.Context(), g, keys[1], 1); err != nil || v.Valid() {
		t.Errorf("used up again: got %+v, %v", v.Reason, err)
	}
	p.holdings(t)
}

// A process that has seen a token without the wallet counts in it as soon as the
// token follows; and an order that arrives late changes nothing.
func TestWalletOfKnownToken(t *testing.T) {
	t.Parallel()
	p := newPurse(t, newKit(t), "known")
	_, key, err := p.Create(t.Context(), p.Access, token.Settings{
		Name: new("app"), UnlimitedQuota: new(true), Windows: []token.Window{{Period: period.Period{Length: period.Day}, Quota: 1_000}},
	})
	if err != nil {
		t.Fatal(err)
	}
	g := p.gate()
	allowed := func(n int64, want bool) {
		t.Helper()
		if v, err := spend(t.Context(), g, key, n); err != nil || v.Valid() != want {
			t.Errorf("%d units: got %+v, %v, want allowed: %v", n, v.Reason, err, want)
		}
	}
	allowed(20, true)
	first := p.budget(t, units(10))
	allowed(11, false)
	allowed(10, true)
	off := p.budget(t, nil)
	allowed(11, true)
	on := p.budget(t, units(10))
	u, err := p.kit.Store.FindUser(t.Context(), p.name)
	if err != nil {
		t.Fatal(err)
	}
	for _, late := range []token.Wallet{off, first, on, off} {
		if err := p.kit.Store.FollowWallet(t.Context(), u, late, p.UnixNow(), func(int64) {}); err != nil {
			t.Fatal(err)
		}
	}
	allowed(11, false)
	allowed(10, true)
}

// A change of a token's limits keeps its block.
func TestUpdateKeepsBlock(t *testing.T) {
	t.Parallel()
	p := newPurse(t, newKit(t), "updated")
	p.budget(t, units(64_000))
	key := p.create(t, 1)[0]
	g := p.gate()
	p.mustSpend(t, g, key, 5)
	before := p.holdings(t)
	for _, u := range []token.Settings{
		{Windows: []token.Window{{Period: period.Period{Length: period.Day}, Quota: 1_000}}},
		{Windows: []token.Window{}, MaxConcurrent: new(int64(3))},
		{MaxConcurrent: new(int64(0))},
	} {
		if _, err := p.Update(t.Context(), p.Access, key.TokenID, u); err != nil {
			t.Fatal(err)
		}
		if after := p.holdings(t); after != before {
			t.Errorf("got %+v, want %+v", after, before)
		}
	}
	row{"spend from the block, whose token has another version", 0, 0, 2, 2, func(ctx context.Context) error {
		return verdictError(g.Verify(ctx, key.Reveal(), quota.Question{Quota: 1}))
	}}.check(t)
}

// A budget that is lowered takes back the free units of tokens.
func TestLoweredBudget(t *testing.T) {
	t.Parallel()
	p := newPurse(t, newKit(t), "lowered")
	p.budget(t, units(64_000))
	keys := p.create(t, 3)
	g := p.gate()
	for _, key := range keys {
		p.mustSpend(t, g, key, 5)
	}
	p.budget(t, units(16))
	if h := p.holdings(t); h.Used != 15 || h.Left+h.Free != 1 {
		t.Errorf("got %+v", h)
	}
	for _, want := range []bool{true, false} {
		if v, err := spend(t.Context(), g, keys[0], 1); err != nil || v.Valid() != want {
			t.Errorf("got %+v, %v, want allowed: %v", v.Reason, err, want)
		}
	}
}
