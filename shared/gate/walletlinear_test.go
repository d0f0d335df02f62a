package gate_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/period"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

const (
	walletClients    = 6 // each has one hold at a time, and one in each round
	walletTokens     = 2 // which the clients share
	walletOperations = 5 // of each client in a round
	walletRounds     = 2
	walletUnits      = 60
	secondsToNewHour = 2_800 // from dynamotest.Epoch; it is midnight in Berlin
)

// What the operator does.
const (
	setBudget    = "set the budget"
	readHoldings = "read the holdings"
)

// A walletOp is an operation of a client on its token, or of the operator.
type walletOp struct {
	operator string // what the operator does, or ""
	operation
	client int
}

// token returns which token the client uses.
func (op walletOp) token() int { return op.client % walletTokens }

// A walletModel is a user's budget as the documents define it, for one client at
// a time: one number for all tokens, without blocks. Each token has limits of its
// own beside it.
type walletModel struct {
	renews       bool
	period       int64 // from 1; counts the hours
	budget, used int64
	tokens       [walletTokens]tokenModel
}

// at returns the wallet at a Unix second. A process whose clock is behind stays in
// the period that another has begun.
func (m walletModel) at(now int64) walletModel {
	if period := now/3_600 - dynamotest.Epoch/3_600 + 1; m.renews && period > m.period {
		m.period, m.used = period, 0
	}
	return m
}

// held returns the units of open holds that count in the period.
func (m walletModel) held() (units int64) {
	for _, t := range m.tokens {
		for _, r := range t.requests {
			if r.state == stateOpen && r.walletPeriod == m.period {
				units += r.quota
			}
		}
	}
	return units
}

func (m walletModel) free() int64 { return m.budget - m.used - m.held() }

// step returns the budget and the tokens after an operation, and whether its result
// is possible.
func (m walletModel) step(op walletOp, got result) (walletModel, bool) {
	m = m.at(op.now)
	switch op.operator {
	case setBudget:
		m.budget = op.quota
		return m, true
	case readHoldings:
		return m, got == result{numbers: [3]int64{m.used, m.held(), m.free()}}
	}
	before := m.tokens[op.token()]
	if op.kind == opSettle {
		op.chargeable = got.numbers[0] + 1
	}
	after, want := before.step(op.operation)
	if want.code == "" && got.code == string(quota.RefusedExhausted) && got.scope == quota.ScopeWallet {
		return m, m.mayRefuse(op.operation, got)
	}
	if op.kind == opSpend && want.code == "" {
		got.numbers, want.numbers = [3]int64{}, [3]int64{} // of a repetition, they have the current balance
	}
	if got != want || want.code != "" {
		return m, got == want
	}
	return m.use(op, got, before, after)
}

// mayRefuse reports whether the wallet can have refused an operation that the
// token allows. It always can: another token may have had the units in its block
// when this one looked. That no refusal comes too early is tested without
// concurrency.
func (m walletModel) mayRefuse(op operation, got result) bool {
	if !m.renews {
		return got.wait == 0 && op.kind != opSettle
	}
	return got.wait == (op.now/3_600+1)*3_600 && op.kind != opSettle
}

// use counts an operation that the token allows.
func (m walletModel) use(op walletOp, got result, before, after tokenModel) (walletModel, bool) {
	free, i := m.free(), slices.Index(requestIDs(), op.requestID)
	possible := true
	switch op.kind { //nolint:exhaustive // the others use nothing
	case opSpend:
		m.used += op.quota
		possible = op.quota <= free
	case opReserve:
		after.requests[i].walletPeriod = m.period
		possible = op.quota <= free
	case opSettle:
		hold, charged := before.requests[i], got.numbers[0]
		beyond := max(0, charged-hold.quota)
		if m.used += beyond; hold.walletPeriod == m.period {
			m.used += charged - beyond
		}
		possible = beyond <= free && charged >= min(op.quota, hold.quota)
	}
	m.tokens[op.token()] = after
	return m, possible
}

// Concurrent operations of 6 clients on 2 tokens of a user with a budget, through
// processes that lose responses and are throttled, are linearizable, while the
// operator raises the budget and the hour ends: the tokens have windows, quotas of
// models and rates, and each result is the one that some sequence would give with
// these and one number for the budget.
func TestWalletIsLinearizable(t *testing.T) {
	t.Parallel()
	eachTransport(t, func(t *testing.T, newClients newClientsFunc) {
		histories := 100
		if testing.Short() {
			histories = 15
		}
		kit := dynamotest.New(t)
		var operations, refusals atomic.Int64
		var lastSeed atomic.Int64
		var all sync.WaitGroup
		for range 2 {
			all.Go(func() {
				for seed := lastSeed.Add(1); seed <= int64(histories) && !t.Failed(); seed = lastSeed.Add(1) {
					decide(t, seed, func(n int) (decided bool) {
						h := newWalletHistory(t, kit, newClients, int(seed), n)
						h.run(t)
						operations.Add(int64(len(h.operations)))
						for _, o := range h.operations {
							if o.Output.(result).code != "" {
								refusals.Add(1)
							}
						}
						return h.check(t, seed)
					})
				}
			})
		}
		all.Wait()
		t.Logf("%d histories, %d operations, %d of them refused", histories, operations.Load(), refusals.Load())
	})
}

// A walletHistory is what clients did with the tokens of one user.
type walletHistory struct {
	tenant  *dynamotest.Tenant
	users   *token.UserService
	name    string
	period  period.Period
	first   walletModel
	clock   sharedClock // of the clients; ahead of the tenant's by less than an hour
	clients [walletClients]client
	random  *rand.Rand
	started time.Time

	mu         sync.Mutex
	faults     *rand.Rand
	percent    int // of the calls to DynamoDB that fail
	operations []porcupine.Operation
}

func newWalletHistory(t *testing.T, kit *dynamotest.Kit, newClients newClientsFunc, seed, run int) *walletHistory {
	h := &walletHistory{name: fmt.Sprintf("user-%d-%d", seed, run), random: seeded(21, seed), faults: seeded(22, seed), started: time.Now()}
	if seed%2 == 0 {
		h.period.Length = period.Hour
	}
	h.tenant = kit.Tenant(t, h.name)
	h.users = &token.UserService{Store: kit.Store, Now: h.tenant.Clock.Now}
	h.setBudget(t.Context(), walletUnits)
	h.first = walletModel{renews: h.period.Length != "", period: 1, budget: walletUnits}
	var keys []credential.Key
	for i := range walletTokens {
		settings := oneOf(h.random, append(limitKinds(), limitSettings{})...)
		h.first.tokens[i] = tokenModel{free: limitedUnits, limits: limitsModel{settings: &settings}}
		keys = append(keys, newToken(t, h.tenant, settings.token(limitedUnits)))
	}
	for process := range 2 {
		injector := &dynamotest.Faults{Choose: h.fault}
		connect := newClients(t, kit, h.tenant, injector.Configure)
		for n := process; n < walletClients; n += 2 {
			h.clients[n] = connect(keys[n%walletTokens])
		}
	}
	h.percent = []int{0, 5, 12}[seed%3]
	return h
}

func (h *walletHistory) fault(call string, _ int) dynamotest.Fault {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.faults.IntN(100) >= h.percent {
		return dynamotest.NoFault
	}
	return oneOf(h.faults, dynamotest.FaultsOf(call)...)
}

func (h *walletHistory) setBudget(ctx context.Context, units int64) {
	for {
		_, err := h.users.SetBudget(ctx, h.name, &token.Budget{Units: units, Period: h.period}, func(int64, int64) {})
		if !errors.Is(err, token.ErrContention) {
			return
		}
	}
}

func (h *walletHistory) run(t *testing.T) {
	for round := range walletRounds {
		h.clock.now = h.tenant.Clock.Now()
		var all sync.WaitGroup
		for n, c := range h.clients {
			random := seeded(h.random.Int(), n)
			all.Go(func() {
				held, made := h.holds(n), false
				for i := range walletOperations {
					op := drawWalletOperation(random, held, &made, fmt.Sprint("c", n, "-", round, "-", i))
					if op.requestID == "" {
						op.requestID = requestIDs()[n/walletTokens]
					}
					move := time.Duration(0)
					if random.IntN(6) == 0 {
						move = oneOf(random, time.Millisecond, 1700*time.Millisecond, 7*time.Second, 31*time.Second)
					}
					op = op.startedAt(h.clock.advance(move))
					if got := h.record(t, c, walletOp{"", op, n}); got.code == "" && op.kind != opSpend && op.kind != opCheck {
						held = op.kind == opReserve
					}
				}
			})
		}
		budget := operation{quota: walletUnits + 30*int64(round) + h.random.Int64N(30), now: h.tenant.UnixNow()}
		all.Go(func() { h.record(t, nil, walletOp{setBudget, budget, walletClients}) })
		all.Wait()
		h.record(t, nil, walletOp{readHoldings, operation{now: h.tenant.UnixNow()}, walletClients})
		h.tenant.Clock.Advance(secondsToNewHour)
	}
}

// holds reports whether a client has an open hold.
func (h *walletHistory) holds(n int) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	held := false
	for _, o := range h.operations {
		op := o.Input.(walletOp)
		if op.client == n && o.Output.(result).code == "" && op.kind != opSpend && op.kind != opCheck && op.operator == "" {
			held = op.kind == opReserve
		}
	}
	return held
}

// drawWalletOperation draws a client's next operation. Without a request id, it is
// about the client's hold, which it makes once in a round.
func drawWalletOperation(random *rand.Rand, held bool, made *bool, id string) operation {
	model := oneOf(random, "", "m1", "m2")
	switch {
	case held && random.IntN(3) > 0:
		kind := oneOf(random, opSettle, opSettle, opRelease)
		if kind == opRelease {
			return operation{kind: kind}
		}
		return operation{kind: kind, quota: random.Int64N(15)}
	case !held && !*made && random.IntN(2) == 0:
		*made = true
		return operation{kind: opReserve, quota: 1 + random.Int64N(12), model: model, ttlSeconds: 3_600}
	default:
		return operation{kind: opSpend, requestID: id, quota: 1 + random.Int64N(9), model: model}
	}
}

// record carries out an operation, repeats it until the outcome is known, and
// adds it to the history.
func (h *walletHistory) record(t *testing.T, c client, op walletOp) result {
	called := time.Since(h.started)
	var got result
	switch op.operator {
	case setBudget:
		h.setBudget(t.Context(), op.quota)
	case readHoldings:
		_, all, err := h.users.Holdings(t.Context(), h.name)
		if err != nil || all.Missing != 0 || all.Left+all.Free+all.Held+all.Used != all.Units {
			t.Errorf("got %+v, %v, want the parts of the budget to add up", all, err)
		}
		got.numbers = [3]int64{all.Used, all.Held, all.Left + all.Free}
	default:
		got = mustDo(t, c, op.operation)
	}
	returned := time.Since(h.started)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.operations = append(h.operations, porcupine.Operation{
		ClientId: op.client, Input: op, Output: got, Call: called.Nanoseconds(), Return: returned.Nanoseconds(),
	})
	return got
}

// check checks that the history is linearizable. It is false if the search did not end.
func (h *walletHistory) check(t *testing.T, seed int64) (decided bool) {
	t.Helper()
	m := porcupine.Model{
		Init: func() any { return h.first },
		Step: func(state, input, output any) (bool, any) {
			next, possible := state.(walletModel).step(input.(walletOp), output.(result))
			return possible, next
		},
		DescribeOperation: func(input, output any) string {
			return fmt.Sprintf("%s %s: %+v", input.(walletOp).operator, input.(walletOp).operation, output)
		},
	}
	return explain(t, m, h.operations, seed)
}
