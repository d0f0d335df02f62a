package faultstest_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// Several callers of two servers spend, hold, settle, create and delete, while one call
// in eight fails. Each repeats its request until it knows how it ended. Afterwards the
// ledger, the wallet, the tokens and the history have what was acknowledged, once.
func TestMix(t *testing.T) {
	t.Parallel()
	rounds := 1
	if *whole {
		rounds = 8
	}
	for round := range rounds {
		t.Run(fmt.Sprint(round), func(t *testing.T) { mix(t, uint64(round)) }) //nolint:gosec // a small number
	}
}

// A mixer is one caller.
type mixer struct {
	t      *testing.T
	user   *user
	url    string
	random *rand.Rand
	name   string
}

// What all callers of a mix have acknowledged.
type acknowledged struct{ charges, units, tokens atomic.Int64 }

func mix(t *testing.T, seed uint64) {
	t.Helper()
	const callers, steps = 6, 25
	w := newWorld(t)
	u := w.user(t, "mixed", true)
	var ok acknowledged
	var all sync.WaitGroup
	for i := range callers {
		random := rand.New(rand.NewPCG(seed, uint64(i)))       //nolint:gosec // not a secret
		faulty := rand.New(rand.NewPCG(seed, uint64(i)+1_000)) //nolint:gosec // not a secret
		m := &mixer{t, u, w.through(t, &dynamotest.Faults{Choose: func(op string, _ int) dynamotest.Fault {
			if all := dynamotest.FaultsOf(op); faulty.IntN(8) == 0 {
				return all[faulty.IntN(len(all))]
			}
			return dynamotest.NoFault
		}}), random, fmt.Sprintf("%d-%d", seed, i)}
		all.Go(func() {
			for step := range steps {
				m.step(step, &ok)
			}
		})
	}
	all.Wait()
	t.Logf("%d charges of %d units, %d tokens", ok.charges.Load(), ok.units.Load(), ok.tokens.Load())
	w.fold(t)
	u.wantSums(t, &ok)
	w.AuditAll(t, []int64{u.id})
}

// step makes one random operation.
func (m *mixer) step(n int, ok *acknowledged) {
	id := fmt.Sprintf("request-%s-%020d", m.name, n)
	units := 1 + m.random.Int64N(9)
	switch m.random.IntN(4) {
	case 0, 1:
		m.until(m.user.key(5, wire.VerifyPath, fmt.Sprintf(`{"quota":%d,"request_id":%q}`, units, id)), http.StatusOK, `"valid":true`)
	case 2:
		m.until(m.user.key(5, wire.ReservePath, fmt.Sprintf(`{"quota":10,"request_id":%q}`, id)), http.StatusOK, `"valid":true`)
		m.until(m.user.key(5, wire.SettlePath, fmt.Sprintf(`{"quota":%d,"request_id":%q}`, units, id)), http.StatusOK, fmt.Sprintf(`"charged":%d,`, units))
	case 3:
		m.until(m.user.as(http.MethodPost, wire.TokensPath, `{"name":"new"}`).with("Idempotency-Key", id), http.StatusCreated, `"name":"new"`)
		ok.tokens.Add(1)
		return
	}
	ok.charges.Add(1)
	ok.units.Add(units)
}

// until sends a request until the answer is not that the table is unavailable, or that
// others are in the way.
func (m *mixer) until(r request, status int, contains string) {
	const most = 50
	for range most {
		a, err := r.send(m.url)
		if err != nil || a.took > timeBudget {
			m.t.Errorf("%s: answer after %v, %v", r.path, a.took, err)
			return
		}
		if a.status == http.StatusServiceUnavailable || a.status == http.StatusTooManyRequests {
			continue
		}
		if a.status != status || !strings.Contains(a.body, contains) {
			m.t.Errorf("%s: %d %s", r.path, a.status, masked(a.body))
		}
		return
	}
	m.t.Errorf("%s: not settled after %d attempts", r.path, most)
}

// wantSums compares balance, wallet, tokens and history with what was acknowledged.
func (u *user) wantSums(t *testing.T, ok *acknowledged) {
	t.Helper()
	made := decode[wire.Token](t, u.must(t, u.as(http.MethodGet, path(wire.TokenPath, 5), "")))
	if made.UsedQuota != ok.units.Load() {
		t.Errorf("the ledger has %d units, want %d", made.UsedQuota, ok.units.Load())
	}
	b := decode[wire.Budget](t, u.must(t, u.as(http.MethodGet, wire.BudgetPath, "")))
	if b.Used != ok.units.Load() || b.Remaining+b.InTokens+b.Held+b.Used != budget {
		t.Errorf("the wallet is %+v, want %d of %d used", b, ok.units.Load(), budget)
	}
	if page := decode[wire.TokenPage](t, u.must(t, u.as(http.MethodGet, wire.TokensPath+"?page_size=100", ""))); page.Total != 5+ok.tokens.Load() {
		t.Errorf("%d tokens, want %d", page.Total, 5+ok.tokens.Load())
	}
	h := decode[wire.UsageHistory](t, u.must(t, u.as(http.MethodGet, path(wire.HistoryPath, 5), "")))
	if h.Total.Units != ok.units.Load() || h.Total.Requests != ok.charges.Load() {
		t.Errorf("the history has %d units of %d requests, want %d of %d", h.Total.Units, h.Total.Requests, ok.units.Load(), ok.charges.Load())
	}
}
