package dynamo_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/gate"
	"github.com/latchkey-api/latchkey/shared/period"
	"github.com/latchkey-api/latchkey/shared/price"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

const (
	walletHistories = 4 // of each rapid check
	walletTokens    = 3
	walletUnits     = 60
)

// A walletStep is one operation of one of two processes, which may die during it.
type walletStep struct {
	kind     string
	token    int
	units    int64
	process  int
	lastCall int  // the number of the call to DynamoDB at which the process dies, from 1; 0 if it survives
	arrives  bool // that call reaches DynamoDB
	seconds  int64
}

func (s walletStep) String() string {
	return fmt.Sprintf("process %d, dies at call %d (arrives: %v): %s token %d, %d units, then %d s\n", s.process, s.lastCall, s.arrives, s.kind, s.token, s.units, s.seconds)
}

func drawWalletStep(rt *rapid.T) walletStep {
	return walletStep{
		kind: rapid.SampledFrom([]string{
			"spend", "spend", "spend", "spend", "hold", "hold", "settle", "settle", "release", "budget", "delete", "create", "toggle", "update", "rotate", "rotate",
		}).Draw(rt, "kind"),
		token:    rapid.IntRange(0, walletTokens-1).Draw(rt, "token"),
		units:    rapid.Int64Range(1, 25).Draw(rt, "units"),
		process:  rapid.IntRange(0, 1).Draw(rt, "process"),
		lastCall: rapid.SampledFrom([]int{0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8}).Draw(rt, "last call"),
		arrives:  rapid.Bool().Draw(rt, "arrives"),
		seconds:  rapid.SampledFrom([]int64{0, 0, 0, 1, 40, 3_700}).Draw(rt, "seconds"),
	}
}

// In random histories of the tokens of a user with a wallet, processes die at any
// of their calls to DynamoDB, and others go on. After every step the parts of the
// budget add up to it; no more is ever charged than the budget; and at the end
// all of it can be used.
func TestWalletCrashes(t *testing.T) {
	t.Parallel()
	kit := dynamotest.New(t)
	histories, crashes := 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		for range walletHistories {
			histories++
			h := newWalletHistory(t, rt, kit, fmt.Sprint("user-", histories), rapid.Bool().Draw(rt, "renews"))
			steps := rapid.SliceOfN(rapid.Custom(drawWalletStep), 1, 10).Draw(rt, "steps")
			for _, s := range steps {
				h.step(s)
			}
			h.finish()
			crashes += h.crashes
		}
	})
	t.Logf("%d histories, %d crashes", histories, crashes)
}

// A walletHistory runs steps on the tokens of a user.
type walletHistory struct {
	t       *testing.T
	rt      *rapid.T
	p       *purse
	process [2]*dynamotest.Process
	gates   [2]*gate.Gate
	stores  [2]*dynamo.Store

	keys     []credential.Key
	holds    []walletHold
	gone     int64 // charged by tokens that were deleted
	highest  int64 // the largest budget so far
	period   period.Period
	on       bool
	charged  map[int64]int64 // acknowledged spends, by hour and by how often the wallet was turned on
	turnedOn int64
	crashes  int
}

func newWalletHistory(t *testing.T, rt *rapid.T, kit *dynamotest.Kit, name string, renews bool) *walletHistory {
	h := &walletHistory{t: t, rt: rt, p: newPurse(t, kit, name), highest: walletUnits, on: true, charged: map[int64]int64{}}
	if renews {
		h.period = period.Period{Length: period.Hour}
	}
	h.keys = h.p.create(t, walletTokens)
	h.p.budget(t, &token.Budget{Units: walletUnits, Period: h.period})
	for i := range h.process {
		h.process[i] = new(dynamotest.Process)
		h.process[i].Start(t.Context(), 0, false)
		h.stores[i] = kit.StoreWith(h.process[i].Configure)
		h.gates[i] = gate.New(h.stores[i], gate.WithClock(h.p.Clock.Now))
	}
	return h
}

// A walletHold can be ended by the process that made it.
type walletHold struct {
	*gate.Hold
	process int
}

// step runs one step and checks the budget afterwards.
func (h *walletHistory) step(s walletStep) {
	if (s.kind == "settle" || s.kind == "release") && len(h.holds) > 0 {
		s.process = h.holds[0].process
	}
	ctx := h.process[s.process].Start(h.t.Context(), s.lastCall, s.arrives)
	err := h.do(ctx, s)
	if h.process[s.process].Stop() {
		h.crashes++
		h.repeat(s)
	} else if err != nil {
		h.rt.Fatalf("%s%v", s, err)
	}
	h.p.Clock.Advance(s.seconds)
	h.check(s.String())
}

func (h *walletHistory) do(ctx context.Context, s walletStep) error {
	g, key := h.gates[s.process], h.keys[s.token]
	switch s.kind {
	case "spend":
		v, err := g.Verify(ctx, key.Reveal(), quota.Question{Quota: s.units, RequestID: quota.NewRequestID(s.units, 0)})
		if err == nil && v.Valid() && h.on {
			h.charged[h.hour()] += s.units
		}
		return err
	case "hold":
		hold, r, err := g.Hold(ctx, key.Reveal(), quota.Question{Quota: s.units}, 0)
		if err == nil && r.Valid() {
			h.holds = append(h.holds, walletHold{hold, s.process})
		}
		return err
	case "settle", "release":
		if len(h.holds) == 0 {
			return nil
		}
		hold := h.holds[0]
		h.holds = h.holds[1:]
		if s.kind == "settle" {
			_, err := hold.Settle(ctx, s.units, price.Use{})
			return ended(err)
		}
		return ended(hold.Release(ctx))
	case "budget":
		return h.setBudget(ctx, s, &token.Budget{Units: walletUnits - 20 + s.units*2, Period: h.period})
	case "toggle":
		if h.on {
			h.on = false
			return h.setBudget(ctx, s, nil)
		}
		h.on = true
		h.turnedOn++
		return h.setBudget(ctx, s, &token.Budget{Units: walletUnits, Period: h.period})
	case "delete":
		return h.delete(ctx, s)
	case "create":
		_, err := h.p.WithStore(h.stores[s.process]).Service.Create(ctx, h.p.Access, []token.Settings{{Name: new("another"), UnlimitedQuota: new(true)}}, nil)
		return err
	case "rotate":
		return h.rotate(ctx, s)
	default:
		w := []token.Window{{Period: period.Period{Length: "day"}, Quota: 10_000 + s.units}}
		_, err := h.p.WithStore(h.stores[s.process]).Update(ctx, h.p.Access, key.TokenID, token.Settings{Windows: w})
		if h.deleted(s.token) {
			return nil
		}
		return err
	}
}

// rotate gives a token another key. A process that dies may have done it, too.
func (h *walletHistory) rotate(ctx context.Context, s walletStep) error {
	id := h.keys[s.token].TokenID
	rotation, err := h.p.NewKeyRotation(ctx, h.p.Access, id, 0)
	if err == nil {
		_, err = h.p.WithStore(h.stores[s.process]).Rotate(ctx, h.p.Access, id, rotation)
	}
	if errors.Is(err, token.ErrNotFound) {
		return nil
	}
	if l, lookupErr := h.p.kit.Store.Lookup(h.t.Context(), rotation.Key, h.p.UnixNow()); lookupErr == nil && l.HasKey(rotation.Key.Hash()) {
		h.keys[s.token] = rotation.Key
	}
	return err
}

// ended is nil if a hold has ended before, or its token is deleted.
func ended(err error) error {
	if err != nil && !quotaIsBusy(err) {
		return nil
	}
	return err
}

func (h *walletHistory) hour() int64 { return h.p.Clock.Now().Unix()/3600*1_000 + h.turnedOn }

func (h *walletHistory) setBudget(ctx context.Context, s walletStep, b *token.Budget) error {
	if b != nil && !h.on {
		return nil
	}
	if b != nil {
		h.highest = max(h.highest, b.Units)
	}
	users := &token.UserService{Store: h.stores[s.process], Now: h.p.Clock.Now}
	_, err := users.SetBudget(ctx, h.p.name, b, func(int64, int64) {})
	return err
}

// repeat does what the operator and the tenant do after a command that died.
func (h *walletHistory) repeat(s walletStep) {
	h.process[s.process].Start(h.t.Context(), 0, false)
	switch {
	case s.kind == "budget" || s.kind == "toggle" && h.on:
		units := int64(walletUnits)
		if s.kind == "budget" {
			units += s.units*2 - 20
		}
		if err := h.setBudget(h.t.Context(), s, &token.Budget{Units: units, Period: h.period}); err != nil {
			h.rt.Fatalf("repeated %s%v", s, err)
		}
	case s.kind == "toggle":
		if err := h.setBudget(h.t.Context(), s, nil); err != nil {
			h.rt.Fatalf("repeated %s%v", s, err)
		}
	case s.kind == "delete":
		mustList(h.t, h.p.Tenant, 1, 100) // completes it
	}
}

func (h *walletHistory) deleted(i int) bool {
	_, err := h.p.kit.Store.Lookup(h.t.Context(), h.keys[i], h.p.UnixNow())
	return err != nil
}

func (h *walletHistory) delete(ctx context.Context, s walletStep) error {
	now := h.p.UnixNow()
	l, err := h.p.kit.Store.Lookup(h.t.Context(), h.keys[s.token], now)
	if err != nil {
		return nil //nolint:nilerr // it is deleted already
	}
	err = h.p.WithStore(h.stores[s.process]).Delete(ctx, h.p.Access, h.keys[s.token].TokenID)
	if h.deleted(s.token) {
		h.gone += l.UsedAt(now) + l.InProgress(now)
	}
	return err
}

// check checks what holds at every moment.
func (h *walletHistory) check(after string) {
	u, holdings, err := h.p.users.Holdings(h.t.Context(), h.p.name)
	if err != nil {
		h.rt.Fatal(err)
	}
	if !h.on || !u.UsesWallet {
		return
	}
	if sum := holdings.Left + holdings.Free + holdings.Held + holdings.Used; sum != holdings.Units || holdings.Missing != 0 || holdings.Held < 0 {
		h.rt.Fatalf("after %sbudget %d is not %d left + %d free + %d held + %d used; %d missing", after, holdings.Units, holdings.Left, holdings.Free, holdings.Held, holdings.Used, holdings.Missing)
	}
	for hour, charged := range h.charged {
		if charged > h.highest {
			h.rt.Fatalf("after %s%d units were charged in hour %d of a budget of at most %d", after, charged, hour, h.highest)
		}
	}
}

// finish lets all holds expire, uses up the budget, and checks that it is used
// exactly.
func (h *walletHistory) finish() {
	for i := range h.process {
		h.process[i].Start(h.t.Context(), 0, false)
	}
	h.p.Clock.Advance(7_300)
	h.check("all holds have expired, ")
	if !h.on {
		return
	}
	h.keys = append(h.keys, h.p.create(h.t, 1)...)
	last := h.keys[len(h.keys)-1]
	for _, n := range []int64{7, 1} {
		for range 10 * walletUnits {
			v, err := spend(h.t.Context(), h.gates[0], last, n)
			if err != nil {
				h.rt.Fatal(err)
			}
			if !v.Valid() {
				if v.Scope != quota.ScopeWallet {
					h.rt.Fatalf("got %+v", v.Reason)
				}
				break
			}
		}
	}
	_, holdings, err := h.p.users.Holdings(h.t.Context(), h.p.name)
	if err != nil || holdings.Left > 0 || holdings.Free != 0 || holdings.Held != 0 || holdings.Used < holdings.Units {
		h.rt.Fatalf("at the end: got %+v, %v", holdings, err)
	}
	if h.period.Length != "" || h.turnedOn > 0 {
		return
	}
	used := h.gone
	for _, tok := range mustList(h.t, h.p.Tenant, 1, 100).Tokens {
		used += tok.UsedAt(h.p.UnixNow())
	}
	if used > h.highest || used < holdings.Units {
		h.rt.Fatalf("the tokens have used %d of %d units; the budget was at most %d", used, holdings.Units, h.highest)
	}
}
