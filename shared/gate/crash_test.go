package gate_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"pgregory.net/rapid"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

// The number of histories. rapid runs 100 checks of them, a fifth with -short.
const (
	crashWorkers       = 4
	historiesPerWorker = 25
	crashUnits         = 40   // of each token
	longerThanAnyHold  = 3600 // seconds
)

// In random histories of one token, processes die at any of their calls to
// DynamoDB, whether or not the call is applied, and new ones take their place
// while the clock moves over the ends of windows and of holds. Most tokens have
// windows, model quotas or rates. At the end the balance and the windows are right,
// no hold is left and none counts in max_concurrent, no acknowledged operation is
// lost or applied twice, and the user's counters match its tokens.
func TestCrashes(t *testing.T) {
	t.Parallel()
	kit := dynamotest.New(t) // a slow engine must not look like a crash
	workers := make([]*crashWorker, crashWorkers)
	for i := range workers {
		workers[i] = newCrashWorker(kit)
	}
	checks, crashes := 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		checks++
		const n = crashWorkers * historiesPerWorker
		limits := rapid.SliceOfN(rapid.SampledFrom(append(limitKinds(), limitSettings{})), crashWorkers, crashWorkers).Draw(rt, "limits")
		plans := rapid.SliceOfN(rapid.Custom(drawPlan), n, n).Draw(rt, "plans")
		recreateTable(rt, kit)
		var all sync.WaitGroup
		for i, w := range workers {
			w.reset(t, fmt.Sprint("tenant-", i), limits[i])
			workerPlans := plans[i*historiesPerWorker : (i+1)*historiesPerWorker]
			all.Go(func() { w.err = w.runAll(t, workerPlans) })
		}
		all.Wait()
		for _, w := range workers {
			crashes += w.crashes
			if w.err != nil {
				rt.Fatal(w.err)
			}
		}
	})
	t.Logf("%d histories, %d crashes", checks*crashWorkers*historiesPerWorker, crashes)
}

// recreateTable empties the table, so that an audit has little to read.
func recreateTable(rt *rapid.T, kit *dynamotest.Kit) {
	db := dynamotest.Client(kit.Endpoint)
	if _, err := db.DeleteTable(rt.Context(), &dynamodb.DeleteTableInput{TableName: aws.String(dynamotest.Table)}); err != nil {
		rt.Fatal(err)
	}
	if err := dynamo.CreateTable(rt.Context(), db, dynamotest.Table); err != nil {
		rt.Fatal(err)
	}
}

// A plan is what two processes do with one token.
type plan struct {
	aheadSeconds int64 // of the second process's clock
	steps        []step
}

func (p plan) String() string {
	var lines strings.Builder
	fmt.Fprintf(&lines, " one clock is %d s ahead", p.aheadSeconds)
	for _, s := range p.steps {
		fmt.Fprintf(&lines, "\n\t%s", s)
	}
	return lines.String()
}

// A step is one operation of one process, which may die during it.
type step struct {
	operation
	create       bool // create another token instead
	process      int
	lastCall     int  // the number of the call to DynamoDB at which the process dies, from 1; 0 if it survives
	applied      bool // that call is applied
	afterSeconds int64
}

func (s step) String() string {
	s.now = dynamotest.Epoch // not known yet
	what := s.operation.String()
	if s.create {
		what = "create another token"
	}
	return fmt.Sprintf("process %d, dies at call %d (applied: %v), then %d s: %s", s.process, s.lastCall, s.applied, s.afterSeconds, what)
}

func drawPlan(rt *rapid.T) plan {
	ahead := rapid.SampledFrom([]int64{0, 0, 1, 30}).Draw(rt, "ahead")
	seconds := []int64{0, 0, 0, 1, 29, 30, 61, 3600} // the last two are longer than some windows
	if ahead == 0 {                                  // with two clocks, the time at which a request is forgotten depends on the process
		seconds = append(seconds, quota.RecordSeconds)
	}
	steps := rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) step { return drawStep(rt, seconds) }), 2, 6)
	return plan{ahead, steps.Draw(rt, "steps")}
}

func drawStep(rt *rapid.T, seconds []int64) step {
	n := rapid.IntRange(0, 1).Draw(rt, "id")
	s := step{
		operation: operation{
			kind: rapid.SampledFrom([]opKind{
				opReserve, opReserve, opReserve, opSettle, opSettle, opSettle, opRelease, opRelease, opSpend, opSpend, opDelete, opHold,
			}).Draw(rt, "kind"),
			requestID: requestIDs()[n], quota: int64(9 + 7*n), model: rapid.SampledFrom([]string{"", "m1"}).Draw(rt, "model"),
		},
		process:      rapid.IntRange(0, 1).Draw(rt, "process"),
		lastCall:     rapid.SampledFrom([]int{0, 0, 0, 0, 1, 1, 1, 2, 2, 3}).Draw(rt, "last call"),
		applied:      rapid.Bool().Draw(rt, "applied"),
		afterSeconds: rapid.SampledFrom(seconds).Draw(rt, "seconds"),
	}
	switch s.kind { //nolint:exhaustive // the others have no more arguments
	case opReserve, opHold:
		s.ttlSeconds = rapid.SampledFrom([]int64{30, 900}).Draw(rt, "ttl")
	case opSettle:
		s.quota = rapid.SampledFrom([]int64{5, s.quota, 30}).Draw(rt, "units")
	case opRelease:
		s.quota = 0
	case opSpend:
		if rapid.Bool().Draw(rt, "without id") {
			s.requestID = ""
		}
	case opDelete:
		s.create = rapid.Bool().Draw(rt, "create")
	}
	return s
}

// A crashWorker runs plans on the tokens of one tenant, one after the other.
type crashWorker struct {
	kit     *dynamotest.Kit
	process [2]*dynamotest.Process
	db      [2]*dynamodb.Client // by process

	tenant  *dynamotest.Tenant
	limits  limitSettings
	created map[string]outcome // of the tokens that steps created, by name
	crashes int
	err     error
}

func newCrashWorker(kit *dynamotest.Kit) *crashWorker {
	w := &crashWorker{kit: kit}
	for i := range w.process {
		w.process[i] = new(dynamotest.Process)
		w.db[i] = dynamotest.Client(kit.Endpoint, w.process[i].Configure)
	}
	return w
}

func (w *crashWorker) reset(t *testing.T, name string, limits limitSettings) {
	w.tenant, w.limits, w.created, w.crashes, w.err = w.kit.Tenant(t, name), limits, map[string]outcome{}, 0, nil
	newToken(t, w.tenant, limits.token(crashUnits))
}

// runAll runs each plan on a token of its own, and then audits the tenant.
func (w *crashWorker) runAll(t *testing.T, plans []plan) error {
	t.Helper()
	wantIDs := []int64{1}
	for i, key := range w.kit.CopyFirstToken(t, w.tenant, int64(len(plans))) {
		exists, err := w.run(t, key, plans[i])
		if err != nil {
			return fmt.Errorf("%w, where%s", err, plans[i])
		}
		if exists {
			wantIDs = append(wantIDs, key.TokenID)
		}
	}
	return w.audit(t, wantIDs)
}

// run carries out a plan. After each step it computes every state that the token
// can have. It reports whether the token exists at the end.
func (w *crashWorker) run(t *testing.T, key credential.Key, p plan) (bool, error) {
	possible := []tokenModel{{free: crashUnits, limits: limitsModel{settings: &w.limits}}}
	var clients [2]client // by process; they remember tokens with limits until the process dies
	for i, s := range p.steps {
		ahead := time.Duration(int64(s.process)*p.aheadSeconds) * time.Second
		clock := func() time.Time { return w.tenant.Clock.Now().Add(ahead) }
		s.now, s.own = clock().Unix(), i
		ctx := w.process[s.process].Start(t.Context(), s.lastCall, s.applied)
		if s.create {
			w.create(ctx, s.process, fmt.Sprint("created ", key.TokenID, "-", i))
		} else {
			if clients[s.process] == nil {
				clients[s.process] = gateClients(w.db[s.process], w.tenant, clock)(key)
			}
			got, outcome, err := clients[s.process].do(ctx, s.operation)
			died := w.process[s.process].Stop()
			if died {
				w.crashes++
				clients[s.process] = nil
				outcome, err = uncertain, nil
			}
			if err != nil || outcome != known && !died {
				return false, fmt.Errorf("%s: got no result without a crash: %w", s, err)
			}
			next := nextStates(possible, s.operation, observation{got, outcome})
			if len(next) == 0 {
				return false, fmt.Errorf("%s: got %q %v, which is impossible in each of %+v", s, got.code, got.numbers, possible)
			}
			possible = next
		}
		w.tenant.Clock.Advance(s.afterSeconds)
	}
	w.tenant.Clock.Advance(longerThanAnyHold)
	return w.checkUsage(t, key, possible)
}

// nextStates returns the states that a token can have after an observation.
func nextStates(possible []tokenModel, op operation, o observation) []tokenModel {
	var next []tokenModel
	add := func(m tokenModel) {
		if !slices.Contains(next, m) {
			next = append(next, m)
		}
	}
	for _, m := range possible {
		after, want := m.step(op)
		if o.matches(want) {
			add(after)
		}
		if o.outcome == uncertain {
			add(m)
		}
	}
	return next
}

// create creates another token of the tenant.
func (w *crashWorker) create(ctx context.Context, process int, name string) {
	store := dynamo.New(w.db[process], dynamotest.Table)
	_, _, err := w.tenant.WithStore(store).Create(ctx, w.tenant.Access, token.Settings{Name: &name})
	w.created[name] = known
	if w.process[process].Stop() {
		w.crashes++
		w.created[name] = uncertain
	} else if err != nil {
		w.err = errors.Join(w.err, err)
	}
}

// checkUsage reads the token's usage with a process that does not die. It
// reports whether the token exists.
func (w *crashWorker) checkUsage(t *testing.T, key credential.Key, possible []tokenModel) (exists bool, _ error) {
	c := gateClients(w.kit.Client, w.tenant, w.tenant.Clock.Now)(key)
	op := operation{kind: opCheck, now: w.tenant.UnixNow()}
	got, _, err := c.do(t.Context(), op)
	if possible = nextStates(possible, op, observation{result: got}); err != nil || len(possible) == 0 {
		return false, fmt.Errorf("a check at the end: got %+v (%w), which is impossible", got, err)
	}
	for i, m := range w.limits.meters { // nothing is held any more
		if use := got.quotas[i]; got.code != "not_found" && use.used+use.remaining != m.quota {
			return false, fmt.Errorf("a check at the end: got %+v, want used and remaining units to be all of %+v", use, m)
		}
	}
	op.kind = opUsage
	got, _, err = c.do(t.Context(), op)
	if err != nil || len(nextStates(possible, op, observation{result: got})) == 0 {
		return false, fmt.Errorf("at the end: got %q %v (%w), which is impossible in each of %+v", got.code, got.numbers, err, possible)
	}
	if got.code != "" {
		return false, nil
	}
	granted, used, available := got.numbers[0], got.numbers[1], got.numbers[2]
	if granted != crashUnits || used+available != granted || available < 0 {
		return true, fmt.Errorf("at the end: got %d granted, %d used, %d available, want %d granted and none held", granted, used, available, crashUnits)
	}
	for n := range w.limits.concurrent { // none of them is taken by a hold that has expired
		op := operation{kind: opReserve, requestID: fmt.Sprint("last-", n), quota: 1, ttlSeconds: 30, now: op.now}
		if got, _, err := c.do(t.Context(), op); err != nil || got.code == "rate_limited" {
			return true, fmt.Errorf("reservation %d at the end: got %+v (%w), want no rate to refuse it", n, got, err)
		}
	}
	return true, nil
}

// audit lists all tokens, which completes unfinished deletions. Then it compares
// the tokens with the counters and with the ids that must exist.
func (w *crashWorker) audit(t *testing.T, wantIDs []int64) error {
	_, err := w.idsByName(t)
	ids, secondErr := w.idsByName(t)
	if err := errors.Join(w.err, err, secondErr); err != nil {
		return err
	}
	for name, outcome := range w.created {
		if n := len(ids[name]); n > 1 || n == 0 && outcome == known {
			return fmt.Errorf("token %q exists %d times, want once; or never, if its creation was not acknowledged", name, n)
		}
		wantIDs = append(wantIDs, ids[name]...)
	}
	slices.Sort(wantIDs)
	if got := w.kit.Audit(t, w.tenant.Access.UserID).IDs; !slices.Equal(got, wantIDs) {
		return fmt.Errorf("got tokens %v, want %v", got, wantIDs)
	}
	return nil
}

// idsByName lists the tenant's tokens.
func (w *crashWorker) idsByName(t *testing.T) (map[string][]int64, error) {
	ids := map[string][]int64{}
	for next := int64(token.MaxInteger); next > 0; {
		page, err := w.tenant.ListAfter(t.Context(), w.tenant.Access, next, 100)
		if err != nil {
			return nil, err
		}
		for _, tok := range page.Tokens {
			ids[tok.Name] = append(ids[tok.Name], tok.ID)
		}
		next = page.Next
	}
	return ids, nil
}
