package dynamo_test

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/dynamo/pages"
	"github.com/latchkey-api/latchkey/shared/dynamo/stream"
	"github.com/latchkey-api/latchkey/shared/event"
	"github.com/latchkey-api/latchkey/shared/token"
)

//nolint:gochecknoglobals // a flag of the test
var foldings = flag.Int("foldings", 0, "how many random histories TestFoldOfRandomHistories folds; 0 is the default")

const (
	tokensPerLife  = 4
	stepsPerLife   = 80
	foldsPerStream = 100 // of the same stream, each in another way
)

// TestFoldOfRandomHistories lets tokens live: they are charged in each way, rotated,
// changed, deleted and removed by TTL, while clocks step. Then it folds the records of
// the stream of each token many times, each time into an empty table, in random
// batches of several shards, some of them again, some by two processes at once that
// crash at any call. What a token's history adds up to is what it was charged. Its
// audit trail has what was changed. A receiver that drops repeated ids gets each event
// once, and no other.
func TestFoldOfRandomHistories(t *testing.T) {
	t.Parallel()
	want := int64(*foldings)
	switch {
	case want > 0:
	case testing.Short():
		want = 200
	default:
		want = 600
	}
	started := time.Now()
	var done, crashes, told, repeats atomic.Int64
	var rounds atomic.Uint64
	t.Run("rounds", func(t *testing.T) {
		for i := range 2 {
			t.Run(strconv.Itoa(i), func(t *testing.T) {
				t.Parallel()
				for done.Load() < want && !t.Failed() {
					l := newLife(t, rounds.Add(1))
					for range stepsPerLife {
						l.step(t)
					}
					records := l.read(t)
					for n := range foldsPerStream {
						got := l.fold(t, n, records, &crashes)
						told.Add(int64(len(got.events)))
						repeats.Add(int64(got.repeats))
						if done.Add(tokensPerLife) >= want || t.Failed() {
							break
						}
					}
				}
			})
		}
	})
	t.Logf("%d histories in %.1f s: %d crashes, %d events, %d repeated ones", done.Load(), time.Since(started).Seconds(), crashes.Load(), told.Load(), repeats.Load())
}

// read returns the records of the stream. Those of one token stay in their order.
func (l *life) read(t *testing.T) []dynamo.StreamRecord {
	t.Helper()
	records, err := stream.New(l.kit.Client, dynamotest.Table).Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i := range records {
		records[i].Sequence = strconv.Itoa(850 + 3*i) // DynamoDB's have no fixed length
	}
	return records
}

// fold folds the records in a random way into an empty table, and checks it and what
// was told.
func (l *life) fold(t *testing.T, n int, records []dynamo.StreamRecord, crashes *atomic.Int64) *receiver {
	t.Helper()
	table := fmt.Sprint("latchkey-", n)
	if err := dynamo.CreateTable(t.Context(), l.kit.Client, table); err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(l.number, uint64(n)+1)) //nolint:gosec // not a secret
	shards := make([][]dynamo.StreamRecord, 1+random.IntN(3))
	for _, r := range records {
		i := 0
		if len(r.Number) > 0 {
			i = int(r.Number[len(r.Number)-1]) % len(shards)
		}
		shards[i] = append(shards[i], r)
	}
	told := &receiver{events: map[string]event.Event{}}
	var all sync.WaitGroup
	for i, shard := range shards {
		seed := random.Uint64()
		all.Go(func() { l.foldShard(t, table, shard, told, rand.New(rand.NewPCG(seed, uint64(i))), crashes) }) //nolint:gosec // not a secret
	}
	all.Wait()
	store := dynamo.New(l.kit.Client, table)
	l.check(t, n, store, records)
	l.checkTold(t, n, told)
	l.checkAudit(t, n, store)
	if _, err := l.kit.Client.DeleteTable(t.Context(), &dynamodb.DeleteTableInput{TableName: &table}); err != nil {
		t.Error(err)
	}
	return told
}

// foldShard folds the records of a shard in batches. After a crash Lambda repeats the
// batch, while the process that it has given up may still be working, also on what
// was finished since.
func (l *life) foldShard(t *testing.T, table string, shard []dynamo.StreamRecord, told *receiver, random *rand.Rand, crashes *atomic.Int64) {
	var zombies sync.WaitGroup
	defer zombies.Wait()
	next := 0
	for next < len(shard) {
		from := next
		if random.IntN(4) == 0 {
			from = random.IntN(next + 1) // records that were finished come again
		}
		to := next + 1 + random.IntN(len(shard)-next)
		batch, last, delay := shard[from:to], 1+random.IntN(4), time.Duration(random.IntN(20))*time.Millisecond
		if random.IntN(3) == 0 {
			begin := batch[:1+random.IntN(len(batch))]      // Lambda may have split it
			of := rand.New(rand.NewPCG(random.Uint64(), 0)) //nolint:gosec // not a secret
			zombies.Go(func() {
				f, _ := l.foldOnce(t, table, begin, 3*last, delay, crashes)
				told.tell(t, begin[:f.Done], of, true)
			})
		} else {
			f, _ := l.foldOnce(t, table, batch, last, 0, crashes)
			done := told.tell(t, batch[:f.Done], random, random.IntN(2) == 0)
			batch = batch[done:] // Lambda repeats from the first that is not finished
		}
		if f, err := l.foldOnce(t, table, batch, 0, delay*time.Duration(random.IntN(2)), crashes); err != nil {
			t.Errorf("got %+v, %v", f, err)
			return
		}
		told.tell(t, batch, random, false)
		next = to
	}
}

// foldOnce folds records in a process that dies with a call, or does not if last is
// 0, and that waits before each call.
func (l *life) foldOnce(t *testing.T, table string, records []dynamo.StreamRecord, last int, delay time.Duration, crashes *atomic.Int64) (dynamo.Folding, error) {
	var p dynamotest.Process
	ctx := p.Start(context.WithoutCancel(t.Context()), last, last%2 == 0)
	share := func(o *dynamodb.Options) { o.HTTPClient = slowClient{l.kit.Client.Options().HTTPClient, delay} } // else the machine runs out of ports
	f, err := dynamo.New(dynamotest.Client(l.kit.Endpoint, share, p.Configure), table).Fold(ctx, records, time.Now().Unix())
	if p.Stop() {
		crashes.Add(1)
	}
	return f, err
}

// A slowClient waits before each call.
type slowClient struct {
	next  dynamodb.HTTPClient
	delay time.Duration
}

// Do implements dynamodb.HTTPClient.
func (c slowClient) Do(r *http.Request) (*http.Response, error) {
	time.Sleep(c.delay)
	return c.next.Do(r)
}

// check compares the histories in a table with what the tokens were charged.
func (l *life) check(t *testing.T, n int, store *dynamo.Store, records []dynamo.StreamRecord) {
	t.Helper()
	for _, tok := range l.tokens {
		for name, sum := range talliesOf(t, store, token.Address{UserID: l.tenant.Access.UserID, ID: tok.id}) {
			if got, want := sum.Total().Units, usedAtLast(records, l.tenant.Access.UserID, tok.id); got != want {
				t.Errorf("round %d, folding %d, token %d, %s: got %d units, want %d", l.number, n, tok.id, name, got, want)
			}
			for model, want := range tok.known {
				got := sum.Models[model]
				if got.Units >= want.Units { // holds that expired may be charged, too
					got.Units = want.Units
				}
				if got != want {
					t.Errorf("round %d, folding %d, token %d, %s: got %+v, want %+v", l.number, n, tok.id, name, got, want)
				}
			}
			for model, got := range sum.Models {
				if _, known := tok.known[model]; !known && got.Requests > 0 {
					t.Errorf("round %d, folding %d, token %d, %s: got %+v, want no request", l.number, n, tok.id, name, got)
				}
			}
		}
	}
}

// usedAtLast returns the units used in the last image of a token.
func usedAtLast(records []dynamo.StreamRecord, userID, id int64) (used int64) {
	partition := fmt.Sprintf("T#%d#%d", userID, pages.BucketOf(id))
	for _, r := range records {
		if n, ok := r.After["used"].(*types.AttributeValueMemberN); ok && r.Partition == partition && r.Number == strconv.FormatInt(id, 10) {
			used, _ = strconv.ParseInt(n.Value, 10, 64)
		}
	}
	return used
}
