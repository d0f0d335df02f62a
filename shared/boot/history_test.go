package boot_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/boot"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/dynamo/stream"
	"github.com/latchkey-api/latchkey/shared/gate"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

//nolint:gochecknoglobals // flags are registered before any test runs
var (
	histories  = flag.Int("histories", 0, "how many tokens TestNoHistoryDrifts lets live; 0 is 2,000, or 400 with -short")
	firstRound = flag.Int64("first-round", 0, "the round of TestNoHistoryDrifts to begin with")
)

// A round has two users, and each of them two workers.
const (
	perWorker = 60
	nearEnd   = 16_384 - 60 // a user's tokens then lie in two segments
)

// TestNoHistoryDrifts lets tokens live at random, all at once: they are made,
// spent, extended, ended, deleted once or by two at a time, by processes that
// die at any call; the engine sweeps what has expired meanwhile, also what is
// half deleted; the stream's records reach the purge late, in any order,
// several times, and it dies too; the operator reconciles. When all has come to
// rest, every count must be right.
func TestNoHistoryDrifts(t *testing.T) {
	t.Parallel()
	started, total := time.Now(), new(tally)
	want := *histories
	switch {
	case want > 0:
	case testing.Short():
		want = 400
	default:
		want = 2_000
	}
	defer func() {
		t.Logf("%d histories: %d deaths of processes, %d sweeps removed %d tokens, %d records delivered, %d of them again, %d repairs by reconciling, in %.1f s",
			total.lives.Load(), total.deaths.Load(), total.sweeps.Load(), total.swept.Load(), total.delivered.Load(), total.again.Load(), total.repairs.Load(), time.Since(started).Seconds())
	}()
	var rounds atomic.Int64
	rounds.Store(*firstRound - 1)
	t.Run("worlds", func(t *testing.T) {
		for i := range 2 {
			t.Run(strconv.Itoa(i), func(t *testing.T) {
				t.Parallel()
				for int(total.lives.Load()) < want && !t.Failed() {
					newWorld(t, int(rounds.Add(1)), total).live(t)
				}
			})
		}
	})
}

type tally struct{ lives, deaths, sweeps, swept, repairs, delivered, again atomic.Int64 }

// A world is a round's table, with its users and what AWS does by itself.
type world struct {
	*tally
	kit     *dynamotest.Kit
	round   int
	tenants []*dynamotest.Tenant
	reader  *stream.Reader
	turn    chan struct{} // the workers' word that it is time for AWS to do something

	process dynamotest.Process // of the purge
	handler lambda.Handler
	random  *rand.Rand // of who delivers
	pending []*delivery
}

// A delivery is a record that the purge is still to get.
type delivery struct {
	record events.DynamoDBEventRecord
	times  int
}

func newWorld(t *testing.T, round int, total *tally) *world {
	t.Helper()
	kit := dynamotest.New(t)
	if err := dynamo.SetStream(t.Context(), kit.Client, dynamotest.Table, true); err != nil {
		t.Fatal(err)
	}
	w := &world{tally: total, kit: kit, round: round, reader: stream.New(kit.Client, dynamotest.Table), turn: make(chan struct{}), random: seeded(round, 0)}
	w.handler = boot.Purge(w.store(w.process.Tweak), time.Now, quiet())
	for _, given := range []int64{0, nearEnd} {
		tenant := kit.Tenant(t, fmt.Sprint("user", given))
		setGiven(t, kit, tenant.Access.UserID, given)
		w.tenants = append(w.tenants, tenant)
	}
	return w
}

func seeded(round, who int) *rand.Rand {
	return rand.New(rand.NewPCG(uint64(round), uint64(who))) //nolint:gosec // nothing here is secret, nor negative
}

// store removes a token as soon as it has expired: all of them have by the
// engine's clock.
func (w *world) store(tweaks ...func(*dynamodb.Options)) *dynamo.Store {
	return dynamo.New(dynamotest.Client(w.kit.Endpoint, tweaks...), dynamotest.Table, dynamo.WithRetention(0))
}

// setGiven gives a new user ids, as if their tokens had been deleted since.
func setGiven(t *testing.T, kit *dynamotest.Kit, userID, given int64) {
	t.Helper()
	number := func(n int64) types.AttributeValue {
		return &types.AttributeValueMemberN{Value: strconv.FormatInt(n, 10)}
	}
	update, values := "SET seq = :n, del = :n", map[string]types.AttributeValue{":n": number(given)}
	for bucket := range (given + 255) / 256 {
		update += fmt.Sprintf(", d%d = :d%d", bucket, bucket)
		values[fmt.Sprintf(":d%d", bucket)] = number(min(256, given-256*bucket))
	}
	_, err := kit.Client.UpdateItem(t.Context(), &dynamodb.UpdateItemInput{
		TableName: aws.String(dynamotest.Table), UpdateExpression: &update, ExpressionAttributeValues: values,
		Key: map[string]types.AttributeValue{"pk": &types.AttributeValueMemberS{Value: fmt.Sprintf("U#%d", userID)}, "sk": number(0)},
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (w *world) live(t *testing.T) {
	t.Helper()
	defer w.kit.Engine.Stop()
	var workers sync.WaitGroup
	for i, tenant := range w.tenants {
		for n := range 2 {
			workers.Go(func() { w.newWorker(tenant, 2*i+n+1).work(t) })
		}
	}
	done := make(chan struct{})
	go func() { workers.Wait(); close(done) }()
	for working := true; working; {
		select {
		case <-done:
			working = false
		case <-w.turn:
			w.sweep(t)
			if w.round%4 == 3 { // not in each, for it would mend what others break
				w.reconcile(t)
			}
			w.deliver(t, true)
		}
	}
	w.rest(t)
}

// rest finishes what is left to do: lists bury, and every record arrives.
func (w *world) rest(t *testing.T) {
	t.Helper()
	w.sweep(t)
	for _, tenant := range w.tenants {
		for next := int64(token.MaxInteger); next > 0; {
			page, err := tenant.ListAfter(t.Context(), tenant.Access, next, 50)
			if err != nil {
				t.Fatalf("round %d: list: %v", w.round, err)
			}
			next = page.Next
		}
	}
	w.read(t)
	for len(w.pending) > 0 && !t.Failed() {
		w.deliver(t, false)
	}
	for _, tenant := range w.tenants {
		w.kit.Audit(t, tenant.Access.UserID)
	}
	if t.Failed() {
		t.Logf("in round %d", w.round)
	}
}

// reconcile recounts while all goes on. What was swept just now is drift to it,
// and what the purge counts after that must not be.
func (w *world) reconcile(t *testing.T) {
	t.Helper()
	tenant := w.tenants[w.random.IntN(len(w.tenants))]
	out, err := w.kit.Store.Reconcile(t.Context(), tenant.Access.UserID, time.Now().Unix(), false)
	if err != nil && !errors.Is(err, token.ErrContention) {
		t.Fatalf("round %d: reconcile: %v", w.round, err)
	}
	w.repairs.Add(int64(len(out.Drifts)))
}

func (w *world) sweep(t *testing.T) {
	t.Helper()
	n, err := w.kit.Engine.Sweep(t.Context())
	if err != nil {
		t.Fatalf("round %d: %v", w.round, err)
	}
	w.sweeps.Add(1)
	w.swept.Add(int64(n))
	w.read(t)
}

// read takes what is new in the stream.
func (w *world) read(t *testing.T) {
	t.Helper()
	records, err := w.reader.Next(t.Context())
	if err != nil {
		t.Fatalf("round %d: %v", w.round, err)
	}
	for _, r := range records {
		if r.Event == "REMOVE" || w.random.IntN(8) == 0 { // most of the others teach nothing
			w.pending = append(w.pending, &delivery{record: lambdaRecord(r)})
		}
	}
}

// lambdaRecord is a record as Lambda hands it out.
func lambdaRecord(r stream.Record) events.DynamoDBEventRecord {
	out := events.DynamoDBEventRecord{EventName: r.Event, EventSource: "aws:dynamodb", Change: events.DynamoDBStreamRecord{
		SequenceNumber: r.Sequence,
		Keys: map[string]events.DynamoDBAttributeValue{
			dynamo.PartitionKey: events.NewStringAttribute(r.Partition), dynamo.SortKey: events.NewNumberAttribute(r.Number),
		},
	}}
	if r.Actor != "" {
		out.UserIdentity = &events.DynamoDBUserIdentity{Type: r.Actor, PrincipalID: r.Principal}
	}
	return out
}

// deliver hands some of the pending records to the purge, in any order. In
// trouble it may die, and what it has done may come again.
func (w *world) deliver(t *testing.T, trouble bool) {
	t.Helper()
	w.random.Shuffle(len(w.pending), func(i, j int) { w.pending[i], w.pending[j] = w.pending[j], w.pending[i] })
	n := min(1+w.random.IntN(20), len(w.pending))
	if n == 0 {
		return
	}
	batch := w.pending[:n]
	event := events.DynamoDBEvent{}
	for _, d := range batch {
		event.Records = append(event.Records, d.record)
		w.delivered.Add(1)
		if d.times++; d.times > 1 {
			w.again.Add(1)
		}
	}
	payload, err := json.Marshal(event)
	if err != nil {
		t.Fatal(err)
	}
	last := 0
	if trouble && w.random.IntN(3) == 0 {
		last = 1 + w.random.IntN(6)
	}
	ctx := w.process.Start(t.Context(), last, w.random.IntN(2) == 0)
	answer, err := w.handler.Invoke(ctx, payload)
	if w.process.Stop() { // what it answers nobody hears
		w.deaths.Add(1)
		return
	}
	var out events.DynamoDBEventResponse
	if err != nil || json.Unmarshal(answer, &out) != nil {
		t.Fatalf("round %d: purge: %s, %v", w.round, answer, err)
	}
	failed := len(batch)
	if len(out.BatchItemFailures) > 0 {
		failed = slices.IndexFunc(batch, func(d *delivery) bool {
			return d.record.Change.SequenceNumber == out.BatchItemFailures[0].ItemIdentifier
		})
	}
	left := slices.Clone(w.pending[failed:])
	for _, d := range batch[:failed] {
		if trouble && w.random.IntN(3) == 0 {
			left = append(left, d)
		}
	}
	w.pending = left
}

// A worker lets some of a tenant's tokens live, through a process that dies.
type worker struct {
	*world
	tenant  *dynamotest.Tenant // through the process
	rival   *dynamotest.Tenant // through another, which lives
	gate    *gate.Gate
	process *dynamotest.Process
	random  *rand.Rand
}

func (w *world) newWorker(tenant *dynamotest.Tenant, number int) *worker {
	p := new(dynamotest.Process)
	return &worker{
		w, tenant.Through(w.store(p.Tweak)), tenant.Through(w.store()),
		gate.New(dynamo.New(dynamotest.Client(w.kit.Endpoint, p.Tweak), dynamotest.Table), gate.WithClock(tenant.Clock.Now)),
		p, seeded(w.round, number),
	}
}

// A life is a token, and what it will do yet.
type life struct {
	id    int64
	key   string
	steps int
}

func (w *worker) work(t *testing.T) {
	var lives []*life
	for born := 0; born < perWorker || len(lives) > 0; {
		if born < perWorker && (len(lives) == 0 || w.random.IntN(4) == 0) {
			born++
			w.lives.Add(1)
			if l := w.birth(t); l != nil {
				lives = append(lives, l)
			}
			continue
		}
		i := w.random.IntN(len(lives))
		if w.step(t, lives[i]); lives[i].steps == 0 {
			lives = slices.Delete(lives, i, i+1)
		}
	}
}

// birth makes a token. It is nil if the process did not live to hear of it.
func (w *worker) birth(t *testing.T) (l *life) {
	u := token.Settings{Name: new("a"), RemainQuota: new(int64(5)), ExpiredTime: w.expiry()}
	w.do(t, "create", func(ctx context.Context) error {
		made, key, err := w.tenant.Create(ctx, w.tenant.Access, u)
		if err == nil {
			l = &life{made.ID, key.Reveal(), 1 + w.random.IntN(4)}
		}
		return err
	})
	return l
}

// expiry is never, or soon: past for the engine, not yet for the service.
func (w *worker) expiry() *int64 {
	if w.random.IntN(2) == 0 {
		return new(int64(token.Never))
	}
	return new(w.tenant.UnixNow() + 10)
}

// step is one of the things that can happen to a token.
func (w *worker) step(t *testing.T, l *life) {
	l.steps--
	remove := func(ctx context.Context) error { return w.tenant.Delete(ctx, w.tenant.Access, l.id) }
	switch w.random.IntN(8) {
	case 0:
		w.do(t, "spend", func(ctx context.Context) error {
			_, err := w.gate.Verify(ctx, l.key, quota.Question{Quota: 1})
			return err
		})
	case 1, 2:
		u := token.Settings{ExpiredTime: w.expiry()}
		w.do(t, "update", func(ctx context.Context) error {
			_, err := w.tenant.Update(ctx, w.tenant.Access, l.id, u)
			return err
		})
	case 3:
		w.do(t, "list", func(ctx context.Context) error {
			_, err := w.tenant.List(ctx, w.tenant.Access, 1+w.random.Int64N(3), 10)
			return err
		})
	case 4:
		var rival sync.WaitGroup
		rival.Go(func() { w.expect(t, "delete", w.rival.Delete(t.Context(), w.rival.Access, l.id)) })
		w.do(t, "delete", remove)
		rival.Wait()
	default:
		w.do(t, "delete", remove)
	}
}

// do lets the process do something, in the course of which it may die.
func (w *worker) do(t *testing.T, what string, act func(context.Context) error) {
	if w.random.IntN(6) == 0 {
		select {
		case w.turn <- struct{}{}:
		default: // it is at work
		}
	}
	last := 0
	if w.random.IntN(3) == 0 {
		last = 1 + w.random.IntN(4)
	}
	ctx := w.process.Start(t.Context(), last, w.random.IntN(2) == 0)
	err := act(ctx)
	if w.process.Stop() {
		w.deaths.Add(1)
		return
	}
	w.expect(t, what, err)
}

func (w *worker) expect(t *testing.T, what string, err error) {
	if err != nil && !errors.Is(err, token.ErrNotFound) && !errors.Is(err, token.ErrContention) && !errors.Is(err, token.ErrUnavailable) {
		t.Errorf("round %d: %s: %v", w.round, what, err)
	}
}
