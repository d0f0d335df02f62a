package gate_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/token"
)

// The size of a history.
const (
	historiesPerTransport, shortHistories = 110, 20

	clientsPerHistory  = 8
	roundsPerHistory   = 2 // the clock may move between them
	operationsPerRound = 4 // of each client
	initialUnits       = 40
	checkTimeout       = time.Minute
	maxRuns            = 3 // of a history whose search does not end in that time
)

// Concurrent operations of 8 clients on one token, through processes that lose
// responses and are throttled, are linearizable: every result is the one that
// some sequence of these operations would give.
func TestHistoriesAreLinearizable(t *testing.T) {
	t.Parallel()
	checkHistories(t, (*historyWorker).run)
}

// checkHistories checks histories of each transport. run carries out one of them.
func checkHistories(t *testing.T, run func(w *historyWorker, t *testing.T, seed int) *history) {
	t.Helper()
	const workers = 4
	eachTransport(t, func(t *testing.T, newClients newClientsFunc) {
		histories := historiesPerTransport
		if testing.Short() {
			histories = shortHistories
		}
		kit := dynamotest.New(t)
		var lastSeed, operations, uncertainOperations atomic.Int64
		var all sync.WaitGroup
		for n := range workers {
			w := newHistoryWorker(t, kit, newClients, n)
			all.Go(func() {
				for seed := lastSeed.Add(1); seed <= int64(histories) && !t.Failed(); seed = lastSeed.Add(1) {
					decide(t, seed, func(int) (decided bool) {
						h := run(w, t, int(seed))
						for _, o := range h.operations {
							operations.Add(1)
							if o.Output.(observation).outcome == uncertain {
								uncertainOperations.Add(1)
							}
						}
						return h.check(t, seed)
					})
				}
			})
		}
		all.Wait()
		t.Logf("%d histories of %d clients, %d operations, %d of them uncertain", histories, clientsPerHistory, operations.Load(), uncertainOperations.Load())
	})
}

// A historyWorker runs one history at a time, on tokens of one tenant that two
// processes serve.
type historyWorker struct {
	tenant     *dynamotest.Tenant
	newClients [2]func(credential.Key) client // by process

	mu           sync.Mutex
	random       *rand.Rand
	faultPercent int // of the calls to DynamoDB
}

func newHistoryWorker(t *testing.T, kit *dynamotest.Kit, newClients newClientsFunc, n int) *historyWorker {
	w := &historyWorker{tenant: kit.Tenant(t, fmt.Sprint("tenant-", n))}
	for i := range w.newClients {
		faults := &dynamotest.Faults{Choose: func(call string, _ int) dynamotest.Fault { return w.fault(call) }}
		w.newClients[i] = newClients(t, kit, w.tenant, faults.Configure)
	}
	return w
}

// reseed starts the random faults of a seed, and returns the generator of its
// operations.
func (w *historyWorker) reseed(seed int) *rand.Rand {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.random = seeded(11, seed)
	w.faultPercent = []int{0, 6, 15}[seed%3]
	return seeded(12, seed)
}

func (w *historyWorker) fault(call string) dynamotest.Fault {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.random == nil || w.random.IntN(100) >= w.faultPercent {
		return dynamotest.NoFault
	}
	return oneOf(w.random, dynamotest.FaultsOf(call)...)
}

// A history is what clients did with one token and observed.
type history struct {
	first      tokenModel
	operations []porcupine.Operation

	mu      sync.Mutex
	started time.Time
}

// run creates a token and runs one history on it.
func (w *historyWorker) run(t *testing.T, seed int) *history {
	h := &history{first: tokenModel{free: initialUnits}, started: time.Now()}
	key := newToken(t, w.tenant, token.Settings{RemainQuota: new(int64(initialUnits))})
	random := w.reseed(seed)
	var clients [clientsPerHistory]client
	for n := range clients {
		clients[n] = w.newClients[n%len(w.newClients)](key)
	}
	for round := range roundsPerHistory {
		var all sync.WaitGroup
		for n, c := range clients {
			operations := make([]operation, operationsPerRound)
			for i := range operations {
				operations[i] = drawOperation(random, w.tenant.UnixNow())
			}
			drawHold(random, operations, n, round)
			all.Go(func() {
				for _, op := range operations {
					h.record(t, c, n, op, w.faultPercent > 0)
				}
			})
		}
		all.Wait()
		w.tenant.Clock.Advance(oneOf(random, int64(0), 29, 30, 31, 900))
	}
	w.reseed(0) // no faults during the last operation
	last := w.newClients[0](key)
	h.record(t, last, clientsPerHistory, operation{kind: opUsage, now: w.tenant.UnixNow()}, false)
	h.record(t, last, clientsPerHistory, operation{kind: opDisable, now: w.tenant.UnixNow()}, false) // shows the units also if the clients' key is gone
	return h
}

// record carries out an operation and adds it to the history.
func (h *history) record(t *testing.T, c client, clientID int, op operation, faulty bool) {
	called := time.Since(h.started)
	got, outcome, err := c.do(t.Context(), op)
	returned := time.Since(h.started)
	if err != nil {
		t.Errorf("%s: %v", op, err)
	}
	if outcome == notDone || outcome == uncertain && (op.kind == opCheck || op.kind == opUsage) {
		return
	}
	if faulty && got.code == "" { // after an earlier attempt, the result of a repetition has the current balance
		switch {
		case op.kind == opSpend && op.requestID != "", op.kind == opGrowHold:
			got.numbers[0] = anyNumber
		case op.kind == opSettleHold:
			got.numbers[2] = anyNumber
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.operations = append(h.operations, porcupine.Operation{
		ClientId: clientID, Input: op, Output: observation{got, outcome}, Call: called.Nanoseconds(), Return: returned.Nanoseconds(),
	})
}

// decide runs the history of a seed until the search has decided whether it is right. On
// a busy machine, more operations overlap, and a search may not end.
func decide(t *testing.T, seed int64, run func(n int) (decided bool)) {
	t.Helper()
	for n := range maxRuns {
		if run(n) {
			return
		}
	}
	t.Errorf("seed %d: no search ended within %v in %d runs", seed, checkTimeout, maxRuns)
}

// check checks that the history is linearizable. It is false if the search did not end.
func (h *history) check(t *testing.T, seed int64) (decided bool) {
	t.Helper()
	end := time.Since(h.started).Nanoseconds()
	for i, o := range h.operations {
		if o.Output.(observation).outcome == uncertain {
			h.operations[i].Return = end // it may be done until then
		}
	}
	return explain(t, porcupineModel(h.first), h.operations, seed)
}

// explain searches for a sequence of operations that explains every result. It is
// false if the search did not end.
func explain(t *testing.T, m porcupine.Model, operations []porcupine.Operation, seed int64) (decided bool) {
	t.Helper()
	switch porcupine.CheckOperationsTimeout(m, operations, checkTimeout) {
	case porcupine.Ok:
		return true
	case porcupine.Unknown:
		return false
	case porcupine.Illegal:
	}
	var lines strings.Builder
	for _, o := range operations {
		fmt.Fprintf(&lines, "\n%12d %12d  client %d: %s", o.Call, o.Return, o.ClientId, m.DescribeOperation(o.Input, o.Output))
	}
	t.Errorf("seed %d: no sequence explains every result:%s", seed, lines.String())
	return true
}

// drawHold sometimes replaces some of a client's operations by those with a hold
// of its own. The client makes the hold in the first round. It grows or ends it in
// the same round or in the next.
func drawHold(random *rand.Rand, operations []operation, client, round int) {
	if client >= ownHolds || random.IntN(3) == 0 {
		return
	}
	now := operations[0].now
	after := 0
	if round == 0 {
		after = random.IntN(len(operations))
		operations[after] = operation{
			kind: opHold, own: client, quota: 1 + random.Int64N(12), model: oneOf(random, "", "", "m1"), ttlSeconds: oneOf(random, int64(30), 900), now: now,
		}
		after++
	}
	for i := after; i < len(operations); i++ {
		switch random.IntN(8) {
		case 0, 1:
			operations[i] = operation{kind: opGrowHold, own: client, quota: 1 + random.Int64N(25), model: oneOf(random, "", "", "m1"), now: now}
		case 2, 3:
			operations[i] = operation{kind: opSettleHold, own: client, quota: oneOf(random, int64(0), 5, 12, 40), now: now}
			return
		case 4:
			operations[i] = operation{kind: opReleaseHold, own: client, now: now}
			return
		}
	}
}

// drawOperation draws a client's next operation. A request id mostly has the
// same amount, as in a repetition, and sometimes another one.
func drawOperation(random *rand.Rand, now int64) operation {
	n := random.IntN(len(requestIDs()))
	op := operation{
		kind: oneOf(random,
			opCheck, opCheck, opSpend, opSpend, opSpend, opSpend, opReserve, opReserve, opReserve, opReserve, opReserve,
			opSettle, opSettle, opSettle, opSettle, opRelease, opRelease, opUsage, opUsage,
			opSetQuota, opSetQuota, opDisable, opEnable, opEnable, opUnlimit, opLimit, opLimit, opAllowOne, opAllowAll),
		now: now,
	}
	switch random.IntN(80) {
	case 0:
		op.kind = opDelete
	case 4:
		op.kind = opLeak
	case 1, 2, 3:
		op.kind, op.ttlSeconds = opRotateKey, oneOf(random, int64(0), 0, 30, 900)
	}
	switch op.kind { //nolint:exhaustive // the others have no arguments
	case opCheck:
		op.model = oneOf(random, "", "m1", "m2")
	case opSpend, opReserve:
		op.requestID, op.quota, op.model = requestIDs()[n], int64(3+4*n), oneOf(random, "", "", "m1", "m2")
		if random.IntN(4) == 0 {
			op.quota = 1 + random.Int64N(20)
		}
		if op.kind == opSpend && random.IntN(3) > 0 {
			op.requestID = ""
		}
		if op.kind == opReserve {
			op.ttlSeconds = oneOf(random, int64(30), 900)
		}
	case opSettle:
		op.requestID, op.quota = requestIDs()[n], oneOf(random, int64(0), int64(2+2*n), int64(2+2*n), int64(3+4*n), 30)
	case opRelease:
		op.requestID = requestIDs()[n]
	case opSetQuota:
		op.quota = random.Int64N(60)
	case opAllowOne:
		op.model = oneOf(random, "m1", "m2")
	}
	return op
}
