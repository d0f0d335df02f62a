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

// What a history is made of.
const (
	clients      = 8
	rounds       = 2 // the clock may move in between
	asksInRound  = 4
	units        = 40 // that the token begins with
	checkTimeout = time.Minute
)

// Whatever 8 clients do to one token at the same time, through processes that
// lose answers and are throttled, each hears what it would if they had come one
// after the other, in an order that keeps who had finished before whom.
func TestEveryHistoryIsLinearizable(t *testing.T) {
	t.Parallel()
	const workers = 4
	eachEntrance(t, func(t *testing.T, enter entrance) {
		histories := 110
		if testing.Short() {
			histories = 20
		}
		kit := dynamotest.New(t)
		var next, unsureOnes, asked atomic.Int64
		var all sync.WaitGroup
		for n := range workers {
			w := newWorld(t, kit, enter, n)
			all.Go(func() {
				for seed := next.Add(1); seed <= int64(histories) && !t.Failed(); seed = next.Add(1) {
					history := w.live(t, int(seed))
					for _, o := range history.operations {
						asked.Add(1)
						if o.Output.(hearing).outcome == unsure {
							unsureOnes.Add(1)
						}
					}
					history.check(t, seed)
				}
			})
		}
		all.Wait()
		t.Logf("%d histories of %d clients, %d asks, of which %d got no answer", histories, clients, asked.Load(), unsureOnes.Load())
	})
}

// A world is a tenant and two processes that serve it.
type world struct {
	tenant *dynamotest.Tenant
	doors  [2]func(credential.Key) door

	mu     sync.Mutex
	random *rand.Rand
	faulty int // percent of the attempts
}

func newWorld(t *testing.T, kit *dynamotest.Kit, enter entrance, n int) *world {
	w := &world{tenant: kit.Tenant(t, fmt.Sprint("tenant-", n))}
	for i := range w.doors {
		faults := &dynamotest.Faults{Choose: func(op string, _ int) dynamotest.Fault { return w.fault(op) }}
		w.doors[i] = enter(t, kit, w.tenant, faults.Tweak)
	}
	return w
}

func (w *world) begin(seed int) *rand.Rand {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.random = seeded(11, seed)
	w.faulty = []int{0, 6, 15}[seed%3]
	return seeded(12, seed)
}

func (w *world) fault(op string) dynamotest.Fault {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.random == nil || w.random.IntN(100) >= w.faulty {
		return dynamotest.NoFault
	}
	return oneOf(w.random, dynamotest.FaultsOf(op)...)
}

// A history is what clients asked of one token, and heard.
type history struct {
	first      model
	operations []porcupine.Operation

	mu    sync.Mutex
	begun time.Time
}

// live plays one history.
func (w *world) live(t *testing.T, seed int) *history {
	w.mu.Lock()
	w.faulty = 0
	w.mu.Unlock()
	h := &history{first: model{free: units}, begun: time.Now()}
	key := newToken(t, w.tenant, token.Settings{RemainQuota: new(int64(units))})
	random := w.begin(seed)
	for range rounds {
		var all sync.WaitGroup
		for client := range clients {
			asks := make([]ask, asksInRound)
			for i := range asks {
				asks[i] = drawAsk(random, w.tenant.UnixNow())
			}
			door := w.doors[client%len(w.doors)](key)
			all.Go(func() {
				for _, a := range asks {
					h.play(t, door, client, a, w.faulty > 0)
				}
			})
		}
		all.Wait()
		w.tenant.Clock.Step(oneOf(random, int64(0), 29, 30, 31, 900))
	}
	w.begin(0) // without faults, the last word
	h.play(t, w.doors[0](key), clients, ask{does: usage, now: w.tenant.UnixNow()}, false)
	return h
}

// play asks, and notes what was heard and when.
func (h *history) play(t *testing.T, d door, client int, a ask, faulty bool) {
	called := time.Since(h.begun)
	got, outcome, err := d.ask(t.Context(), a)
	returned := time.Since(h.begun)
	if err != nil {
		t.Errorf("%s: %v", a, err)
	}
	if outcome == nothing || outcome == unsure && (a.does == check || a.does == usage) {
		return
	}
	if faulty && a.does == charge && a.id != "" && got.code == "" {
		got.numbers[0] = untold // an attempt before may have charged it, this one tells what is left now
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.operations = append(h.operations, porcupine.Operation{
		ClientId: client, Input: a, Output: hearing{got, outcome}, Call: called.Nanoseconds(), Return: returned.Nanoseconds(),
	})
}

// check asks porcupine for the order.
func (h *history) check(t *testing.T, seed int64) {
	t.Helper()
	last := time.Since(h.begun).Nanoseconds()
	for i, o := range h.operations {
		if o.Output.(hearing).outcome == unsure {
			h.operations[i].Return = last // until when it may have been done
		}
	}
	m := linearizable(h.first)
	result := porcupine.CheckOperationsTimeout(m, h.operations, checkTimeout)
	if result == porcupine.Ok {
		return
	}
	var all strings.Builder
	for _, o := range h.operations {
		fmt.Fprintf(&all, "\n%12d %12d  client %d: %s", o.Call, o.Return, o.ClientId, m.DescribeOperation(o.Input, o.Output))
	}
	t.Errorf("seed %d: got %s, want an order that explains every answer:%s", seed, result, all.String())
}

// drawAsk draws what a client wants next. A request id mostly comes with the
// same amount, as a repetition does, and sometimes with another.
func drawAsk(random *rand.Rand, now int64) ask {
	n := random.IntN(len(requestIDs()))
	a := ask{
		does: oneOf(random,
			check, check, charge, charge, charge, charge, reserve, reserve, reserve, reserve, reserve, settle, settle, settle, settle,
			release, release, usage, usage, grant, grant, disable, enable, enable, unlimit, limit, limit, allowOne, allowEach),
		now: now,
	}
	switch random.IntN(80) {
	case 0:
		a.does = remove
	case 1:
		a.does, a.ttl = rotate, oneOf(random, int64(0), 0, 30, 900)
	}
	switch a.does { //nolint:exhaustive // the others have nothing more to say
	case check:
		a.model = oneOf(random, "", "m1", "m2")
	case charge, reserve:
		a.id, a.quota, a.model = requestIDs()[n], int64(3+4*n), oneOf(random, "", "", "m1", "m2")
		if random.IntN(4) == 0 {
			a.quota = 1 + random.Int64N(20)
		}
		if a.does == charge && random.IntN(3) > 0 {
			a.id = ""
		}
		if a.does == reserve {
			a.ttl = oneOf(random, int64(30), 900)
		}
	case settle:
		a.id, a.quota = requestIDs()[n], oneOf(random, int64(0), int64(2+2*n), int64(2+2*n), int64(3+4*n), 30)
	case release:
		a.id = requestIDs()[n]
	case grant:
		a.quota = random.Int64N(60)
	case allowOne:
		a.model = oneOf(random, "m1", "m2")
	}
	return a
}
