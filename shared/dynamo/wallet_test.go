package dynamo_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/gate"
	"github.com/latchkey-api/latchkey/shared/period"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

// A purse is a tenant with a wallet.
type purse struct {
	*dynamotest.Tenant
	kit   *dynamotest.Kit
	users *token.UserService
	name  string
}

func newPurse(t testing.TB, kit *dynamotest.Kit, name string) *purse {
	t.Helper()
	tenant := kit.Tenant(t, name)
	return &purse{tenant, kit, &token.UserService{Store: kit.Store, Now: tenant.Clock.Now}, name}
}

// budget sets the budget; nil turns the wallet off.
func (p *purse) budget(t testing.TB, b *token.Budget) token.Wallet {
	t.Helper()
	w, err := p.users.SetBudget(t.Context(), p.name, b, func(int64, int64) {})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// create makes n unlimited tokens.
func (p *purse) create(t testing.TB, n int) []credential.Key {
	t.Helper()
	keys := make([]credential.Key, n)
	for i := range keys {
		var err error
		if _, keys[i], err = p.Create(t.Context(), p.Access, token.Settings{Name: new(fmt.Sprint("app ", i)), UnlimitedQuota: new(true)}); err != nil {
			t.Fatal(err)
		}
	}
	return keys
}

// gate is a gate with a store of its own, as another process has.
func (p *purse) gate() *gate.Gate {
	return gate.New(dynamo.New(dynamotest.Client(p.kit.Endpoint), dynamotest.Table), gate.WithClock(p.Clock.Now))
}

// holdings returns the holdings and fails the test unless they add up to the
// budget.
func (p *purse) holdings(t testing.TB) token.Holdings {
	t.Helper()
	_, h, err := p.users.Holdings(t.Context(), p.name)
	if err != nil {
		t.Fatal(err)
	}
	if sum := h.Left + h.Free + h.Held + h.Used; sum != h.Units || h.Missing != 0 || h.Left < 0 || h.Free < 0 || h.Held < 0 {
		t.Errorf("budget %d is not %d left + %d free + %d held + %d used; %d missing", h.Units, h.Left, h.Free, h.Held, h.Used, h.Missing)
	}
	return h
}

func units(n int64) *token.Budget { return &token.Budget{Units: n} }

// spend spends until the gate answers, and reports whether it was allowed.
func spend(ctx context.Context, g *gate.Gate, key credential.Key, n int64) (quota.Verdict, error) {
	for {
		v, err := g.Verify(ctx, key.Reveal(), quota.Question{Quota: n, RequestID: quota.NewRequestID(n, 0)})
		if !quotaIsBusy(err) {
			return v, err
		}
	}
}

// Once a token has a block, an operation on it costs what it costs without a
// wallet.
func TestWalletCosts(t *testing.T) {
	t.Parallel()
	p := newPurse(t, newKit(t), "wallet")
	p.budget(t, units(64_000))
	key := p.create(t, 1)[0].Reveal()
	other := p.create(t, 1)[0].Reveal()
	g := p.gate()
	q := quota.Question{Model: "gpt-5", Quota: 10}
	var hold *gate.Hold
	var held quota.Reservation
	check := func(ctx context.Context) error { return verdictError(g.Verify(ctx, key, quota.Question{})) }
	spend := func(ctx context.Context) error { return verdictError(g.Verify(ctx, key, q)) }
	reserve := func(ctx context.Context) error {
		h, r, err := g.Hold(ctx, key, q, 0)
		hold = h
		return verdictError(r.Verdict, err)
	}
	for _, r := range []row{
		{"check before the first draw: the wallet is read", 2, 2, 0, 2, check},
		{"first spend: a refused write, a read, a draw, the spend", 1, 1, 5, 4, spend},
		{"check", 1, 1, 0, 1, check},
		{"spend", 0, 0, 1, 1, spend},
		{"own hold", 0, 0, 1, 1, reserve},
		{"grow", 0, 0, 1, 1, func(ctx context.Context) error { return verdictError(hold.Grow(ctx, quota.Question{}, 30)) }},
		{"settle for less", 0, 0, 1, 1, func(ctx context.Context) error { _, err := hold.Settle(ctx, 7); return err }},
		{"another own hold", 0, 0, 1, 1, reserve},
		{"settle for more", 0, 0, 1, 1, func(ctx context.Context) error { _, err := hold.Settle(ctx, 25); return err }},
		{"reserve", 0, 0, 1, 1, func(ctx context.Context) error {
			var err error
			held, err = g.Reserve(ctx, key, q, 0)
			return verdictError(held.Verdict, err)
		}},
		{"release", 0, 0, 1, 1, func(ctx context.Context) error { _, err := g.Release(ctx, key, held.RequestID); return err }},
		{"first spend of another token", 1, 1, 5, 4, func(ctx context.Context) error { return verdictError(g.Verify(ctx, other, q)) }},
		{"create", 1, 1, 4, 2, func(ctx context.Context) error {
			_, _, err := p.Create(ctx, p.Access, token.Settings{Name: new("one more")})
			return err
		}},
		{"delete without a block", 1, 1, 5, 3, func(ctx context.Context) error { return p.Delete(ctx, p.Access, 3) }},
		{"delete with a block", 1, 1, 7, 3, func(ctx context.Context) error { return p.Delete(ctx, p.Access, 2) }},
	} {
		r.check(t)
	}
	if h := p.holdings(t); h.Used != 52+10 || h.Gone != 10 || h.Held != 0 {
		t.Errorf("got %+v", h)
	}
}

// Many tokens in many processes use exactly the budget: the last refusal comes
// when nothing is left, neither in the wallet nor in any block.
func TestBudgetIsUsedExactly(t *testing.T) {
	t.Parallel()
	const processes, tokens, budget = 8, 50, 3_000
	p := newPurse(t, newKit(t), "spenders")
	p.budget(t, units(budget))
	keys := p.create(t, tokens)
	var all sync.WaitGroup
	for n := range processes {
		g := p.gate()
		for worker := range 3 {
			all.Go(func() {
				random := seeded(n, worker)
				for range 200 { // a tenth is enough
					v, err := spend(t.Context(), g, keys[random.IntN(tokens)], 1+random.Int64N(30))
					switch {
					case err != nil:
						t.Error(err)
						return
					case v.Valid():
					case v.Scope == quota.ScopeWallet:
						return
					default:
						t.Errorf("got %+v", v.Reason)
						return
					}
				}
			})
		}
	}
	all.Wait()
	h := p.holdings(t)
	// What is left is less than the largest spend. One unit at a time uses it up.
	if rest := h.Left + h.Free; rest >= 30 {
		t.Errorf("%d units are left after a refusal of at most 30", rest)
	}
	g := p.gate()
	for range budget {
		v, err := spend(t.Context(), g, keys[0], 1)
		if err != nil {
			t.Fatal(err)
		}
		if !v.Valid() {
			break
		}
	}
	if h := p.holdings(t); h.Used != budget {
		t.Errorf("%d of %d units were used: %+v", h.Used, budget, h)
	}
	page := mustList(t, p.Tenant, 1, tokens)
	var used int64
	for _, tok := range page.Tokens {
		used += tok.UsedQuota
	}
	if used != budget {
		t.Errorf("the tokens have used %d of %d units", used, budget)
	}
}

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
	if got, err := h.Settle(t.Context(), 9); err != nil || got.Charged != 6 || got.Shortfall != 3 {
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

// When its period ends, a wallet has the whole budget again, and blocks that
// were drawn before are void.
func TestWalletRenews(t *testing.T) {
	t.Parallel()
	p := newPurse(t, newKit(t), "renew")
	p.budget(t, &token.Budget{Units: 100, Period: period.Period{Length: "1h"}})
	keys := p.create(t, 2)
	g, other := p.gate(), p.gate()
	for i := range int64(5) {
		first, err := spend(t.Context(), g, keys[0], 60)
		if err != nil || !first.Valid() {
			t.Fatalf("hour %d: got %+v, %v", i, first.Reason, err)
		}
		hold, r, err := other.Hold(t.Context(), keys[1].Reveal(), quota.Question{Quota: 30}, gate.MaxTTL)
		if err != nil || !r.Valid() {
			t.Fatalf("hour %d: got %+v, %v", i, r.Reason, err)
		}
		v, err := spend(t.Context(), g, keys[1], 60)
		if err != nil || v.Valid() || v.ResetsAt != dynamotest.Epoch+i*3_601+3_600 {
			t.Fatalf("hour %d: got %+v, %v, want a refusal until the end of the hour", i, v.Reason, err)
		}
		if h := p.holdings(t); h.Used != 60 || h.Held != 30 || h.Left+h.Free != 10 {
			t.Errorf("hour %d: got %+v", i, h)
		}
		p.Clock.Advance(3_599)
		if got, err := hold.Settle(t.Context(), 25); err != nil || got.Charged != 25 {
			t.Errorf("hour %d: got %+v, %v", i, got, err)
		}
		p.Clock.Advance(2)
	}
}

// A wallet that is used up refuses at the cost of two reads and a refused write,
// however many tokens the user has.
func TestRefusalByEmptyWalletCosts(t *testing.T) {
	t.Parallel()
	p := newPurse(t, newKit(t), "empty")
	p.budget(t, units(5))
	keys := p.create(t, 3)
	g := p.gate()
	if v, err := spend(t.Context(), g, keys[0], 5); err != nil || !v.Valid() {
		t.Fatalf("got %+v, %v", v.Reason, err)
	}
	refused := func(ctx context.Context) error {
		v, err := g.Verify(ctx, keys[1].Reveal(), quota.Question{Quota: 1})
		if err == nil && v.Valid() {
			return errors.New("allowed")
		}
		return err
	}
	row{"first, which reads all tokens", 4, 4, 0, 5, refused}.check(t)
	row{"again", 2, 2, 0, 2, refused}.check(t)
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

// What a token has left of a block is void in the next period.
func TestOldBlockIsVoid(t *testing.T) {
	t.Parallel()
	const budget = 6_400
	p := newPurse(t, newKit(t), "void")
	p.budget(t, &token.Budget{Units: budget, Period: period.Period{Length: period.Hour}})
	keys := p.create(t, 2)
	g := p.gate()
	allowed := func(i int, n int64, want bool) {
		t.Helper()
		if v, err := spend(t.Context(), g, keys[i], n); err != nil || v.Valid() != want {
			t.Errorf("token %d, %d units: got %+v, %v, want allowed: %v", i, n, v.Reason, err, want)
		}
	}
	allowed(0, 1, true)
	if h := p.holdings(t); h.Free == 0 {
		t.Fatalf("got %+v, want a block with free units", h)
	}
	p.Clock.Advance(3_600)
	allowed(1, budget, true)
	allowed(0, 1, false)
	p.holdings(t)
}

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
		if v, err := spend(t.Context(), g, keys[1], 4); err != nil || !v.Valid() {
			t.Errorf("got %+v, %v", v.Reason, err)
		}
	}
	_, _, err = g.Hold(t.Context(), keys[1].Reveal(), quota.Question{Quota: 2}, gate.MaxTTL)
	if err != nil {
		t.Fatal(err)
	}
	p.Clock.Advance(3_600) // the hold expires
	if v, err := spend(t.Context(), g, keys[0], 2); err != nil || !v.Valid() {
		t.Errorf("after the hold expired: got %+v, %v", v.Reason, err)
	}
	if h := p.holdings(t); h.Used != 10 {
		t.Errorf("got %+v", h)
	}
}

// Tokens that are removed return their blocks, if these are of the present count.
func TestRemovedTokenReturnsBlock(t *testing.T) {
	t.Parallel()
	p := newPurse(t, newKit(t), "removed")
	p.budget(t, &token.Budget{Units: 100, Period: period.Period{Length: "1h"}})
	keys := p.create(t, 3)
	g := p.gate()
	for _, key := range keys {
		if v, err := spend(t.Context(), g, key, 5); err != nil || !v.Valid() {
			t.Fatalf("got %+v, %v", v.Reason, err)
		}
	}
	if _, r, err := g.Hold(t.Context(), keys[0].Reveal(), quota.Question{Quota: 50}, 0); err != nil || !r.Valid() {
		t.Fatalf("got %+v, %v", r.Reason, err)
	}
	if err := p.Delete(t.Context(), p.Access, keys[0].TokenID); err != nil {
		t.Fatal(err)
	}
	if h := p.holdings(t); h.Used != 15 || h.Gone != 5 || h.Held != 0 || h.Left+h.Free != 85 {
		t.Errorf("deleted: got %+v", h)
	}
	p.Clock.Advance(3_601)
	if v, err := spend(t.Context(), g, keys[1], 5); err != nil || !v.Valid() {
		t.Fatalf("got %+v, %v", v.Reason, err)
	}
	if err := p.Delete(t.Context(), p.Access, keys[2].TokenID); err != nil {
		t.Fatal(err)
	}
	if h := p.holdings(t); h.Used != 5 || h.Gone != 0 || h.Left+h.Free != 95 {
		t.Errorf("deleted in the next hour: got %+v", h)
	}
}

// Many processes renew a wallet at once, and it has its budget once.
func TestRenewalByManyProcesses(t *testing.T) {
	t.Parallel()
	const processes, budget, rounds = 8, 80, 10
	p := newPurse(t, newKit(t), "renewals")
	p.budget(t, &token.Budget{Units: budget, Period: period.Period{Length: period.Hour}})
	keys := p.create(t, processes)
	gates := make([]*gate.Gate, processes)
	for i := range gates {
		gates[i] = p.gate()
	}
	for range rounds {
		var charged atomic.Int64
		var all sync.WaitGroup
		for i, g := range gates {
			all.Go(func() {
				for range 2 * budget / processes {
					v, err := spend(t.Context(), g, keys[i], 1)
					if err != nil {
						t.Error(err)
					} else if v.Valid() {
						charged.Add(1)
					}
				}
			})
		}
		all.Wait()
		if charged.Load() != budget {
			t.Errorf("%d of %d units were charged in an hour", charged.Load(), budget)
		}
		p.holdings(t)
		p.Clock.Advance(3_600)
	}
}

// A settlement in the next period charges the held units to the period of the
// hold, and more only as far as the new period has units.
func TestLateSettlement(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ budget, others, charged int64 }{
		"the new period has 10 units": {10, 0, 18},
		"it has 3":                    {10, 7, 11},
		"it has none":                 {10, 10, 8},
		"it has none, and the token had a large block": {6_400, 6_400, 8},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPurse(t, newKit(t), "late")
			p.budget(t, &token.Budget{Units: c.budget, Period: period.Period{Length: period.Hour}})
			keys := p.create(t, 2)
			g := p.gate()
			h, r, err := g.Hold(t.Context(), keys[0].Reveal(), quota.Question{Quota: 8}, gate.MaxTTL)
			if err != nil || !r.Valid() {
				t.Fatalf("got %+v, %v", r.Reason, err)
			}
			p.Clock.Advance(3_599)
			if c.others > 0 {
				if v, err := spend(t.Context(), g, keys[1], c.others); err != nil || !v.Valid() {
					t.Fatalf("got %+v, %v", v.Reason, err)
				}
			}
			if got, err := h.Settle(t.Context(), 30); err != nil || got.Charged != c.charged || got.Shortfall != 30-c.charged {
				t.Errorf("got %+v, %v, want %d units charged", got, err, c.charged)
			}
			if h := p.holdings(t); h.Used != c.others+c.charged-8 {
				t.Errorf("got %+v", h)
			}
		})
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
		if v, err := spend(t.Context(), g, key, 5); err != nil || !v.Valid() {
			t.Fatalf("got %+v, %v", v.Reason, err)
		}
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

// A change of a token's limits keeps its block.
func TestUpdateKeepsBlock(t *testing.T) {
	t.Parallel()
	p := newPurse(t, newKit(t), "updated")
	p.budget(t, units(64_000))
	key := p.create(t, 1)[0]
	g := p.gate()
	if v, err := spend(t.Context(), g, key, 5); err != nil || !v.Valid() {
		t.Fatalf("got %+v, %v", v.Reason, err)
	}
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
	row{"spend from the block, whose token has another version", 0, 0, 1, 2, func(ctx context.Context) error {
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
		if v, err := spend(t.Context(), g, key, 5); err != nil || !v.Valid() {
			t.Fatalf("got %+v, %v", v.Reason, err)
		}
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
