package gate_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
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
	walletClients    = 8 // each has one hold at a time
	walletTokens     = 3 // which the clients share
	walletOperations = 5 // of each client in a round
	walletRounds     = 2
	walletUnits      = 60
	secondsToNewHour = 2_800 // from dynamotest.Epoch
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
	hour   int64 // in which the operation is made
}

// A walletModel is a user's budget as the documents define it, for one client at
// a time: one number for all tokens, without blocks.
type walletModel struct {
	renews       bool
	hour         int64
	budget, used int64
	held         [walletClients]int64
	heldBefore   [walletClients]int64 // in the hour before, which the budget no longer counts
}

func (m walletModel) free() int64 {
	free := m.budget - m.used
	for _, n := range m.held {
		free -= n
	}
	return free
}

// step returns the budget after an operation, and whether its result is possible.
// A refusal always is: another token may have had the units in its block when
// this one looked. That no refusal comes too early is tested without
// concurrency.
func (m walletModel) step(op walletOp, got result) (walletModel, bool) {
	if m.renews && op.hour > m.hour {
		m.hour, m.used, m.heldBefore, m.held = op.hour, 0, m.held, [walletClients]int64{}
	}
	switch op.operator {
	case setBudget:
		m.budget = op.quota
		return m, true
	case readHoldings:
		var held int64
		for _, n := range m.held {
			held += n
		}
		return m, got == result{numbers: [3]int64{m.used, held, m.free()}}
	}
	if got.code != "" {
		return m, got.code == string(quota.RefusedExhausted)
	}
	switch op.kind { //nolint:exhaustive // the others are not done here
	case opSpend:
		m.used += op.quota
		return m, m.free() >= 0
	case opReserve:
		m.held[op.client] = op.quota
		return m, m.free() >= 0
	case opRelease:
		m.held[op.client], m.heldBefore[op.client] = 0, 0
		return m, true
	default: // settle
		held, before, charged := m.held[op.client], m.heldBefore[op.client], got.numbers[0]
		m.held[op.client], m.heldBefore[op.client] = 0, 0
		free := m.free()
		m.used += charged - before
		if charged < before {
			m.used += before - charged
		}
		return m, charged+got.numbers[1] == op.quota && charged >= min(op.quota, held+before) && (charged <= held+before || charged-before <= free)
	}
}

// Concurrent operations of 8 clients on 3 tokens of a user with a budget, through
// processes that lose responses and are throttled, while the operator raises
// the budget and the hour ends, charge what some sequence of them would charge
// to one number.
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
					h := newWalletHistory(t, kit, newClients, int(seed))
					h.run(t)
					operations.Add(int64(len(h.operations)))
					for _, o := range h.operations {
						if o.Output.(result).code != "" {
							refusals.Add(1)
						}
					}
					h.check(t, seed)
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
	clients [walletClients]client
	random  *rand.Rand
	started time.Time

	mu         sync.Mutex
	faults     *rand.Rand
	percent    int // of the calls to DynamoDB that fail
	operations []porcupine.Operation
}

func newWalletHistory(t *testing.T, kit *dynamotest.Kit, newClients newClientsFunc, seed int) *walletHistory {
	h := &walletHistory{name: fmt.Sprint("user-", seed), random: seeded(21, seed), faults: seeded(22, seed), started: time.Now()}
	if seed%2 == 0 {
		h.period.Length = period.Hour
	}
	h.tenant = kit.Tenant(t, h.name)
	h.users = &token.UserService{Store: kit.Store, Now: h.tenant.Clock.Now}
	h.setBudget(t.Context(), walletUnits)
	var keys []credential.Key
	for range walletTokens {
		keys = append(keys, newToken(t, h.tenant, token.Settings{UnlimitedQuota: new(true)}))
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
		hour := h.tenant.UnixNow() / 3_600
		var all sync.WaitGroup
		for n, c := range h.clients {
			random := seeded(h.random.Int(), n)
			all.Go(func() {
				for i := range walletOperations {
					h.record(t, c, h.draw(random, n, hour, fmt.Sprint("c", n, "-", round, "-", i)))
				}
			})
		}
		budget := walletOp{setBudget, operation{quota: walletUnits + 30*int64(round) + h.random.Int64N(30)}, walletClients, hour}
		all.Go(func() { h.record(t, nil, budget) })
		all.Wait()
		h.record(t, nil, walletOp{readHoldings, operation{}, walletClients, hour})
		h.tenant.Clock.Advance(secondsToNewHour)
	}
}

// draw draws a client's next operation. It settles or releases its hold with the
// request id of the reservation.
func (h *walletHistory) draw(random *rand.Rand, n int, hour int64, id string) walletOp {
	op := operation{kind: opSpend, requestID: id, quota: 1 + random.Int64N(9), now: h.tenant.UnixNow()}
	h.mu.Lock()
	held := h.openHold(n)
	h.mu.Unlock()
	switch {
	case held != "" && random.IntN(3) > 0:
		op.kind, op.requestID, op.quota = oneOf(random, opSettle, opSettle, opRelease), held, random.Int64N(15)
	case held == "" && random.IntN(2) == 0:
		op.kind, op.quota, op.ttlSeconds = opReserve, 1+random.Int64N(12), 3_600
	}
	if op.kind == opRelease {
		op.quota = 0
	}
	return walletOp{"", op, n, hour}
}

// openHold returns the request id of a client's open hold, or "".
func (h *walletHistory) openHold(n int) string {
	open := ""
	for _, o := range h.operations {
		op := o.Input.(walletOp)
		if op.client != n || o.Output.(result).code != "" {
			continue
		}
		switch op.kind { //nolint:exhaustive // the others have no hold
		case opReserve:
			open = op.requestID
		case opSettle, opRelease:
			open = ""
		}
	}
	return open
}

// record carries out an operation, repeats it until the outcome is known, and
// adds it to the history.
func (h *walletHistory) record(t *testing.T, c client, op walletOp) {
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
}

// check checks that the history is linearizable.
func (h *walletHistory) check(t *testing.T, seed int64) {
	t.Helper()
	m := porcupine.Model{
		Init: func() any {
			return walletModel{renews: h.period.Length != "", hour: dynamotest.Epoch / 3_600, budget: walletUnits}
		},
		Step: func(state, input, output any) (bool, any) {
			next, possible := state.(walletModel).step(input.(walletOp), output.(result))
			return possible, next
		},
		DescribeOperation: func(input, output any) string {
			return fmt.Sprintf("%s %s: %+v", input.(walletOp).operator, input.(walletOp).operation, output)
		},
	}
	explain(t, m, h.operations, seed)
}
