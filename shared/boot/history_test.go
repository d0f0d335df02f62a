package boot_test

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/boot"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/dynamo/stream"
	"github.com/latchkey-api/latchkey/shared/token"
)

//nolint:gochecknoglobals // flags are registered before any test runs
var (
	histories  = flag.Int("histories", 0, "how many tokens TestCountsAfterRandomHistories creates; 0 is 2,000, or 400 with -short")
	firstRound = flag.Int64("first-round", 0, "the number of the first round of TestCountsAfterRandomHistories; it seeds the random choices")
)

const (
	clientsPerUser  = 2
	tokensPerClient = 60
	nearSegmentEnd  = 16_384 - 60 // a user who starts with this id gets tokens in two segments
)

// TestCountsAfterRandomHistories checks that the counts of every user are right
// in the end, whatever happens to the user's tokens at the same time:
//
//   - Clients create, spend, update, list and delete tokens, some twice at once.
//     Their processes crash at random calls.
//   - The engine removes expired tokens, as DynamoDB's time to live does, even
//     tokens that are half deleted.
//   - The purge function gets the records of the stream late, in any order and
//     several times, and crashes, too.
//   - The operator runs reconcile.
func TestCountsAfterRandomHistories(t *testing.T) {
	t.Parallel()
	want := *histories
	switch {
	case want > 0:
	case testing.Short():
		want = 400
	default:
		want = 2_000
	}
	started, totals := time.Now(), new(totals)
	defer func() { totals.log(t, time.Since(started)) }()
	var rounds atomic.Int64
	rounds.Store(*firstRound - 1)
	t.Run("rounds", func(t *testing.T) {
		for i := range 2 {
			t.Run(strconv.Itoa(i), func(t *testing.T) {
				t.Parallel()
				for int(totals.created.Load()) < want && !t.Failed() {
					newRound(t, int(rounds.Add(1)), totals).run(t)
				}
			})
		}
	})
}

// totals are what all rounds did.
type totals struct{ created, crashes, sweeps, swept, repairs, delivered, redelivered atomic.Int64 }

func (c *totals) log(t *testing.T, took time.Duration) {
	t.Helper()
	t.Logf("%d histories in %.1f s: %d crashes, %d sweeps removed %d tokens, %d records delivered, %d of them again, %d repairs by reconcile",
		c.created.Load(), took.Seconds(), c.crashes.Load(), c.sweeps.Load(), c.swept.Load(), c.delivered.Load(), c.redelivered.Load(), c.repairs.Load())
}

// A round has a table of its own, with two users. The number of the round seeds
// all its random choices.
type round struct {
	*totals
	number int
	kit    *dynamotest.Kit
	users  []*dynamotest.Tenant
	random *rand.Rand
	purger *purger
	yield  chan struct{} // a client sends when it is time for platform work
}

func newRound(t *testing.T, number int, totals *totals) *round {
	t.Helper()
	kit := dynamotest.New(t)
	if err := dynamo.SetStream(t.Context(), kit.Client, dynamotest.Table, true); err != nil {
		t.Fatal(err)
	}
	r := &round{totals: totals, number: number, kit: kit, random: seeded(number, 0), yield: make(chan struct{})}
	r.purger = &purger{round: r, reader: stream.New(kit.Client, dynamotest.Table)}
	r.purger.handler = boot.Purge(r.store(r.purger.process.Configure), time.Now, quiet())
	for _, lastID := range []int64{0, nearSegmentEnd} {
		user := kit.Tenant(t, fmt.Sprint("user", lastID))
		setLastID(t, kit, user.Access.UserID, lastID)
		r.users = append(r.users, user)
	}
	return r
}

func seeded(round, stream int) *rand.Rand {
	return rand.New(rand.NewPCG(uint64(round), uint64(stream))) //nolint:gosec // nothing here is secret, nor negative
}

// store returns a store with the shortest retention. By the engine's clock, it is
// over for every token that expires.
func (r *round) store(tweaks ...func(*dynamodb.Options)) *dynamo.Store {
	return dynamo.New(dynamotest.Client(r.kit.Endpoint, tweaks...), dynamotest.Table, dynamo.WithRetention(0))
}

// setLastID makes a new user look as if it had created tokens up to lastID and
// deleted all of them.
func setLastID(t *testing.T, kit *dynamotest.Kit, userID, lastID int64) {
	t.Helper()
	number := func(n int64) types.AttributeValue {
		return &types.AttributeValueMemberN{Value: strconv.FormatInt(n, 10)}
	}
	update, values := "SET seq = :n, del = :n", map[string]types.AttributeValue{":n": number(lastID)}
	for bucket := range (lastID + 255) / 256 {
		update += fmt.Sprintf(", d%d = :d%d", bucket, bucket)
		values[fmt.Sprintf(":d%d", bucket)] = number(min(256, lastID-256*bucket))
	}
	_, err := kit.Client.UpdateItem(t.Context(), &dynamodb.UpdateItemInput{
		TableName: aws.String(dynamotest.Table), UpdateExpression: &update, ExpressionAttributeValues: values,
		Key: map[string]types.AttributeValue{"pk": &types.AttributeValueMemberS{Value: fmt.Sprintf("U#%d", userID)}, "sk": number(0)},
	})
	if err != nil {
		t.Fatal(err)
	}
}

// run runs the clients to their end. Meanwhile, whenever a client yields, it
// sweeps, delivers records, and sometimes reconciles.
func (r *round) run(t *testing.T) {
	t.Helper()
	defer r.kit.Engine.Stop()
	var clients sync.WaitGroup
	for i, user := range r.users {
		for n := range clientsPerUser {
			clients.Go(func() { newHistoryClient(r, user, clientsPerUser*i+n+1).run(t) })
		}
	}
	done := make(chan struct{})
	go func() { clients.Wait(); close(done) }()
	for running := true; running; {
		select {
		case <-done:
			running = false
		case <-r.yield:
			r.sweep(t)
			if r.number%4 == 3 { // not in every round: a reconcile would repair, and so hide, an error of another part
				r.reconcile(t)
			}
			r.purger.deliver(t, true)
		}
	}
	r.finish(t)
}

// finish completes what is pending, and checks the counts. Listing finishes
// interrupted deletions.
func (r *round) finish(t *testing.T) {
	t.Helper()
	r.sweep(t)
	for _, user := range r.users {
		for next := int64(token.MaxInteger); next > 0; {
			page, err := user.ListAfter(t.Context(), user.Access, next, 50)
			if err != nil {
				t.Fatalf("round %d: list: %v", r.number, err)
			}
			next = page.Next
		}
	}
	r.purger.read(t)
	for len(r.purger.pending) > 0 && !t.Failed() {
		r.purger.deliver(t, false)
	}
	for _, user := range r.users {
		r.kit.Audit(t, user.Access.UserID)
	}
	if t.Failed() {
		t.Logf("in round %d", r.number)
	}
}

// reconcile recounts the tokens of a user while the clients run. It finds the
// tokens that were just swept and corrects the counts; the purge must then not
// count them again.
func (r *round) reconcile(t *testing.T) {
	t.Helper()
	user := r.users[r.random.IntN(len(r.users))]
	result, err := r.kit.Store.Reconcile(t.Context(), user.Access.UserID, time.Now().Unix(), false)
	if err != nil && !errors.Is(err, token.ErrContention) {
		t.Fatalf("round %d: reconcile: %v", r.number, err)
	}
	r.repairs.Add(int64(len(result.Drifts)))
}

// sweep has the engine remove expired tokens, and reads the stream.
func (r *round) sweep(t *testing.T) {
	t.Helper()
	n, err := r.kit.Engine.Sweep(t.Context())
	if err != nil {
		t.Fatalf("round %d: %v", r.number, err)
	}
	r.sweeps.Add(1)
	r.swept.Add(int64(n))
	r.purger.read(t)
}
