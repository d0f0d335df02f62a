package faultstest_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/wire"
)

const (
	// timeBudget is how long an answer may take: the time limit of a request, and
	// what a busy machine adds.
	timeBudget = 8 * time.Second
	// atOnce is how many cases run at the same time; most of them wait.
	atOnce = 24
	// maxRepeats is how often a client repeats a request.
	maxRepeats = 3
)

// A place is one call to the table that an operation makes.
type place struct {
	op  string // of DynamoDB
	nth int    // of this op, from 1
}

// A failing is a fault of one call, or of that and every later one of its kind until
// the client repeats its request.
type failing struct {
	place
	fault   dynamotest.Fault
	lasting bool
}

func (f failing) String() string {
	kind := "once"
	if f.lasting {
		kind = "lasting"
	}
	return fmt.Sprintf("%s %d, %s, %s", f.op, f.nth, f.fault, kind)
}

// A reference is what an operation does without faults.
type reference struct {
	answer           answer
	before, after    string // the user's state
	unchanged, story string // the user's history, without the operation and with it
	places           []place
}

// reference runs an operation without faults, and records its calls.
func (w *world) reference(t *testing.T, o operation) *reference {
	t.Helper()
	idle, u := w.user(t, "idle", o.wallet), w.user(t, "reference", o.wallet)
	r := &reference{before: u.state()}
	url := w.through(t, recording(&r.places))
	var err error
	if r.answer, err = o.request(u).send(url); err != nil || r.answer.status/100 != 2 {
		t.Fatalf("without faults: %d %s, %v", r.answer.status, masked(r.answer.body), err)
	}
	r.answer.body = ordered(u.masked(r.answer.body))
	r.after = u.state()
	w.fold(t)
	r.unchanged, r.story = idle.history(), u.history()
	return r
}

// recording returns faults that only record the calls.
func recording(places *[]place) *dynamotest.Faults {
	return &dynamotest.Faults{Choose: func(op string, nth int) dynamotest.Fault {
		*places = append(*places, place{op, nth})
		return dynamotest.NoFault
	}}
}

// failingsOf returns every fault of every call.
func failingsOf(places []place) (all []failing) {
	for _, p := range places {
		for _, fault := range dynamotest.FaultsOf(p.op) {
			all = append(all, failing{p, fault, false})
			if p.nth == 1 {
				all = append(all, failing{p, fault, true})
			}
		}
	}
	return all
}

// Each fault of each call of each operation, once and lasting: every answer is the
// envelope with a right status, within the time limit, and true. After the client has
// repeated its request as it may, state, history and audit trail are those of one
// request.
func TestFaults(t *testing.T) {
	m := newMatrix()
	for _, o := range operations() {
		t.Run(o.name(), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			r := w.reference(t, o)
			w.runCases(t, o, r, m)
		})
	}
	for _, b := range batches() {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			newWorld(t).runBatches(t, b, m)
		})
	}
	t.Cleanup(func() { m.check(t) })
}

// A result is how one case ended.
type result struct {
	user    *user
	failing failing
	applied bool // the history must have it
}

func (w *world) runCases(t *testing.T, o operation, r *reference, m *matrix) {
	t.Helper()
	var results []result
	var mu sync.Mutex
	var all sync.WaitGroup
	turns := make(chan struct{}, atOnce)
	for i, f := range chosen(failingsOf(r.places)) {
		turns <- struct{}{}
		all.Go(func() {
			defer func() { <-turns }()
			u := w.user(t, fmt.Sprintf("user-%d", i), o.wallet)
			c := &oneCase{t, w, o, r, u, f, false}
			applied := c.run()
			mu.Lock()
			defer mu.Unlock()
			results = append(results, result{u, f, applied})
			m.add(o.name(), f, !c.failed)
		})
	}
	all.Wait()
	w.fold(t)
	ids := make([]int64, len(results))
	for i, res := range results {
		ids[i] = res.user.id
		want := r.story
		if !res.applied {
			want = r.unchanged
		}
		if got := res.user.history(); got != want {
			t.Errorf("%s: the history differs: %s", res.failing, diff(got, want))
			m.fail(o.name(), res.failing)
		}
	}
	w.AuditAll(t, ids)
}

// An injection injects one failing.
type injection struct {
	failing
	mu             sync.Mutex
	lifted, chosen bool
}

func (in *injection) choose(op string, nth int) dynamotest.Fault {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.lifted || op != in.op || nth < in.nth || nth > in.nth && !in.lasting {
		return dynamotest.NoFault
	}
	in.chosen = true
	return in.fault
}

// client returns a client of an engine whose calls fail. A refused connection is an error
// of the client itself, and the other faults are those of a server in between.
func (in *injection) client(t *testing.T, endpoint string) *dynamodb.Client {
	t.Helper()
	faults := &dynamotest.Faults{Choose: in.choose}
	if in.fault == dynamotest.ConnectionRefused {
		return dynamotest.ProductClient(endpoint, faults.Configure)
	}
	return dynamotest.ProductClient(faults.Listen(t, endpoint))
}

// lift ends the fault and reports whether there was one.
func (in *injection) lift() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.lifted = true
	return in.chosen
}

// A oneCase is an operation with one failing.
type oneCase struct {
	t       *testing.T
	world   *world
	o       operation
	want    *reference
	user    *user
	failing failing
	failed  bool
}

func (c *oneCase) errorf(format string, args ...any) {
	c.t.Helper()
	c.failed = true
	c.t.Errorf("%s: "+format, append([]any{c.failing}, args...)...)
}

// run sends the request until the client knows how it ended, or may not repeat it,
// and reports whether it was applied.
func (c *oneCase) run() (applied bool) {
	in := &injection{failing: c.failing}
	url := c.world.serve(c.t, in.client(c.t, c.world.Endpoint), time.Now)
	request := c.o.request(c.user)
	for attempt := 1; ; attempt++ {
		a, err := request.send(url)
		if err != nil {
			c.errorf("no answer: %v", err)
			return false
		}
		if !in.lift() {
			c.errorf("the fault was not injected")
		}
		state := c.user.state()
		ended, applied := c.judge(a, state, attempt)
		if ended || c.failed {
			return applied
		}
		if attempt > maxRepeats {
			c.errorf("the client has repeated its request %d times: %d %s", maxRepeats, a.status, masked(a.body))
			return applied
		}
	}
}

// judge checks one answer and the state after it. ended means that the client does
// not repeat the request.
func (c *oneCase) judge(a answer, state string, attempt int) (ended, applied bool) {
	c.t.Helper()
	if a.took > timeBudget {
		c.errorf("answer after %v", a.took)
	}
	before, after := state == c.want.before, state == c.want.after
	switch {
	case c.o.steps && strings.Contains(a.body, `"success":false`) && a.status == c.want.answer.status:
		return false, false // the answer says which steps were not made
	case a.status == c.want.answer.status:
		if got := ordered(c.user.masked(a.body)); got != c.want.answer.body {
			c.errorf("the answer differs: %s", diff(got, c.want.answer.body))
		}
		if !after {
			c.errorf("after success the state differs: %s", diff(state, c.want.after))
		}
		return true, true
	case attempt > 1 && c.o.again != 0 && a.status == c.o.again:
		if !after {
			c.errorf("after %d the state differs: %s", a.status, diff(state, c.want.after))
		}
		return true, true
	case a.status != http.StatusServiceUnavailable:
		c.errorf("%d %s", a.status, masked(a.body))
		return true, after
	}
	failure := decodeFailure(a)
	unchanged := strings.Contains(failure.Message, "nothing was changed")
	switch {
	case failure.Success || failure.Code != wire.ErrUnavailable || failure.RequestID == "":
		c.errorf("no envelope of an unavailable table: %s", masked(a.body))
	case unchanged && attempt == 1 && !before:
		c.errorf("the answer says that nothing was changed, and the state differs: %s", diff(state, c.want.before))
	case !c.o.steps && !before && !after:
		c.errorf("after %q the state differs from that before: %s\nand from that after: %s", failure.Message, diff(state, c.want.before), diff(state, c.want.after))
	}
	return c.o.unsafe && !unchanged, after && c.want.before != c.want.after
}
