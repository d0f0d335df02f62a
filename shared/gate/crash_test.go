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

// How many histories there are: rapid makes 100 checks, a fifth with -short.
const (
	crashWorkers      = 4
	lifesOfWorker     = 25
	crashUnits        = 40 // of each token
	longerThanAnyHold = 3600
)

// In random histories of one token, processes stop after any of their calls to
// DynamoDB, whether it arrived or not, and go on as new ones, while the clock
// moves. In the end every unit is where the invariant says, every hold is home,
// nothing that was acknowledged is lost or happened twice, and the user's
// counters agree with its tokens.
func TestCrashesLoseNothingAndDoNothingTwice(t *testing.T) {
	t.Parallel()
	kit := dynamotest.New(t, dynamotest.Patient) // a slow engine must not look like a crash
	workers := make([]*crasher, crashWorkers)
	for i := range workers {
		workers[i] = newCrasher(kit)
	}
	checks, crashes := 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		checks++
		plans := rapid.SliceOfN(rapid.Custom(drawLife), crashWorkers*lifesOfWorker, crashWorkers*lifesOfWorker).Draw(rt, "lifes")
		freshTable(rt, kit)
		var all sync.WaitGroup
		for i, w := range workers {
			w.begin(t, fmt.Sprint("tenant-", i))
			lifes := plans[i*lifesOfWorker : (i+1)*lifesOfWorker]
			all.Go(func() { w.err = w.run(t, lifes) })
		}
		all.Wait()
		for _, w := range workers {
			crashes += w.crashes
			if w.err != nil {
				rt.Fatal(w.err)
			}
		}
	})
	t.Logf("%d histories, %d crashes", checks*crashWorkers*lifesOfWorker, crashes)
}

// freshTable takes the place of the table, so that an audit reads little.
func freshTable(rt *rapid.T, kit *dynamotest.Kit) {
	client := dynamotest.Client(kit.Endpoint, dynamotest.Patient)
	if _, err := client.DeleteTable(rt.Context(), &dynamodb.DeleteTableInput{TableName: aws.String(dynamotest.Table)}); err != nil {
		rt.Fatal(err)
	}
	if err := dynamo.CreateTable(rt.Context(), client, dynamotest.Table); err != nil {
		rt.Fatal(err)
	}
}

// A life is what is done with one token by two processes, of which the second
// has a clock that is ahead by some seconds.
type life struct {
	ahead int64
	acts  []act
}

func (l life) String() string {
	var lines strings.Builder
	fmt.Fprintf(&lines, " one clock is %d s ahead", l.ahead)
	for _, a := range l.acts {
		fmt.Fprintf(&lines, "\n\t%s", a)
	}
	return lines.String()
}

// An act is what one process does, unless it dies on the way.
type act struct {
	ask
	creates bool // another token, instead
	process int
	last    int  // the call with which the process dies, from 1; 0: it lives
	arrives bool // that call
	after   int64
}

func (a act) String() string {
	a.now = dynamotest.Epoch // nobody knows yet
	what := a.ask.String()
	if a.creates {
		what = "create another"
	}
	return fmt.Sprintf("process %d, dies with call %d (which arrives: %v), then %d s: %s", a.process, a.last, a.arrives, a.after, what)
}

func drawLife(rt *rapid.T) life {
	ahead := rapid.SampledFrom([]int64{0, 0, 1, 30}).Draw(rt, "ahead")
	seconds := []int64{0, 0, 0, 1, 29, 30}
	if ahead == 0 { // with two clocks, it depends on who writes when a request is forgotten
		seconds = append(seconds, quota.RecordSeconds)
	}
	return life{ahead, rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) act { return drawAct(rt, seconds) }), 2, 6).Draw(rt, "acts")}
}

func drawAct(rt *rapid.T, seconds []int64) act {
	n := rapid.IntRange(0, 1).Draw(rt, "id")
	a := act{
		ask: ask{
			does: rapid.SampledFrom([]verb{reserve, reserve, reserve, settle, settle, settle, release, release, charge, charge, remove}).Draw(rt, "does"),
			id:   requestIDs()[n], quota: int64(9 + 7*n),
		},
		process: rapid.IntRange(0, 1).Draw(rt, "process"),
		last:    rapid.SampledFrom([]int{0, 0, 0, 0, 1, 1, 1, 2, 2, 3}).Draw(rt, "last call"),
		arrives: rapid.Bool().Draw(rt, "arrives"),
		after:   rapid.SampledFrom(seconds).Draw(rt, "seconds"),
	}
	switch a.does { //nolint:exhaustive // the others need no more
	case reserve:
		a.ttl = rapid.SampledFrom([]int64{30, 900}).Draw(rt, "ttl")
	case settle:
		a.quota = rapid.SampledFrom([]int64{5, a.quota, 30}).Draw(rt, "cost")
	case release:
		a.quota = 0
	case charge:
		if rapid.Bool().Draw(rt, "without id") {
			a.id = ""
		}
	case remove:
		a.creates = rapid.Bool().Draw(rt, "creates")
	}
	return a
}

// A crasher runs lifes of one tenant's tokens, one after the other.
type crasher struct {
	kit     *dynamotest.Kit
	process [2]*dynamotest.Process
	client  [2]*dynamodb.Client

	tenant  *dynamotest.Tenant
	made    map[string]outcome // tokens that were created, by name
	crashes int
	err     error
}

func newCrasher(kit *dynamotest.Kit) *crasher {
	w := &crasher{kit: kit}
	for i := range w.process {
		w.process[i] = new(dynamotest.Process)
		w.client[i] = dynamotest.Client(kit.Endpoint, unhurried, w.process[i].Tweak)
	}
	return w
}

func (w *crasher) begin(t *testing.T, name string) {
	w.tenant, w.made, w.crashes, w.err = w.kit.Tenant(t, name), map[string]outcome{}, 0, nil
	newToken(t, w.tenant, token.Settings{RemainQuota: new(int64(crashUnits))})
}

func (w *crasher) run(t *testing.T, lifes []life) error {
	t.Helper()
	want := []int64{1} // ids
	for i, key := range w.kit.Copies(t, w.tenant, int64(len(lifes))) {
		alive, err := w.live(t, key, lifes[i])
		if err != nil {
			return fmt.Errorf("%w, where%s", err, lifes[i])
		}
		if alive {
			want = append(want, key.TokenID)
		}
	}
	return w.audit(t, want)
}

// live does what is planned with a token, and at each step knows all that the
// token can be by then. It tells whether the token is there in the end.
func (w *crasher) live(t *testing.T, key credential.Key, plan life) (bool, error) {
	can := []model{{free: crashUnits}}
	for i, a := range plan.acts {
		ahead := time.Duration(int64(a.process)*plan.ahead) * time.Second
		clock := func() time.Time { return w.tenant.Clock.Now().Add(ahead) }
		a.now = clock().Unix()
		ctx := w.process[a.process].Start(t.Context(), a.last, a.arrives)
		if a.creates {
			w.create(ctx, a.process, fmt.Sprint("made ", key.TokenID, "-", i))
		} else {
			got, outcome, err := gateOf(w.client[a.process], w.tenant, clock)(key).ask(ctx, a.ask)
			died := w.process[a.process].Stop()
			if died {
				w.crashes++
				outcome, err = unsure, nil
			}
			if err != nil || outcome != told && !died {
				return false, fmt.Errorf("%s: got no answer, and nothing was in its way: %w", a, err)
			}
			next := learn(can, a.ask, hearing{got, outcome})
			if len(next) == 0 {
				return false, fmt.Errorf("%s: got %q %v of what can be %+v", a, got.code, got.numbers, can)
			}
			can = next
		}
		w.tenant.Clock.Step(a.after)
	}
	w.tenant.Clock.Step(longerThanAnyHold)
	return w.atTheEnd(t, key, can)
}

// learn is what a token can be after an answer.
func learn(can []model, a ask, h hearing) []model {
	var next []model
	add := func(m model) {
		if !slices.Contains(next, m) {
			next = append(next, m)
		}
	}
	for _, m := range can {
		then, says := m.step(a)
		if h.agrees(says) {
			add(then)
		}
		if h.outcome == unsure {
			add(m)
		}
	}
	return next
}

func (w *crasher) create(ctx context.Context, process int, name string) {
	store := dynamo.New(w.client[process], dynamotest.Table)
	_, _, err := w.tenant.Through(store).Create(ctx, w.tenant.Access, token.Settings{Name: &name})
	w.made[name] = told
	if w.process[process].Stop() {
		w.crashes++
		w.made[name] = unsure
	} else if err != nil {
		w.err = errors.Join(w.err, err)
	}
}

// atTheEnd asks a process that nothing happens to.
func (w *crasher) atTheEnd(t *testing.T, key credential.Key, can []model) (alive bool, _ error) {
	a := ask{does: usage, now: w.tenant.UnixNow()}
	got, _, err := gateOf(w.kit.Client, w.tenant, w.tenant.Clock.Now)(key).ask(t.Context(), a)
	if err != nil || len(learn(can, a, hearing{answer: got})) == 0 {
		return false, fmt.Errorf("in the end got %q %v (%w) of what can be %+v", got.code, got.numbers, err, can)
	}
	if got.code != "" {
		return false, nil
	}
	granted, used, available := got.numbers[0], got.numbers[1], got.numbers[2]
	if granted != crashUnits || used+available != granted || available < 0 {
		return true, fmt.Errorf("in the end got %d granted, %d used, %d available, want the %d granted, and none held", granted, used, available, crashUnits)
	}
	return true, nil
}

// audit lists all tokens, which makes up for deletions that were left half
// done, and then holds tokens and counters to each other, and to what is known.
func (w *crasher) audit(t *testing.T, want []int64) error {
	_, err := w.list(t)
	listed, again := w.list(t)
	if err := errors.Join(w.err, err, again); err != nil {
		return err
	}
	for name, outcome := range w.made {
		ids := listed[name]
		if n := len(ids); n > 1 || n == 0 && outcome == told {
			return fmt.Errorf("%q is there %d times, want once, or not at all only if it was not acknowledged", name, n)
		}
		want = append(want, ids...)
	}
	slices.Sort(want)
	if got := w.kit.Audit(t, w.tenant.Access.UserID).IDs; !slices.Equal(got, want) {
		return fmt.Errorf("got tokens %v, want %v", got, want)
	}
	return nil
}

// list is the ids by name.
func (w *crasher) list(t *testing.T) (map[string][]int64, error) {
	all := map[string][]int64{}
	for next := int64(token.MaxInteger); next > 0; {
		page, err := w.tenant.ListAfter(t.Context(), w.tenant.Access, next, 100)
		if err != nil {
			return nil, err
		}
		for _, tok := range page.Tokens {
			all[tok.Name] = append(all[tok.Name], tok.ID)
		}
		next = page.Next
	}
	return all, nil
}
