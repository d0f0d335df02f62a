package dynamo_test

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
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
	"github.com/latchkey-api/latchkey/shared/gate"
	"github.com/latchkey-api/latchkey/shared/period"
	"github.com/latchkey-api/latchkey/shared/price"
	"github.com/latchkey-api/latchkey/shared/quota"
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

// A life is that of some tokens of one user.
type life struct {
	number uint64
	random *rand.Rand
	kit    *dynamotest.Kit
	tenant *dynamotest.Tenant
	gate   *gate.Gate
	tokens []*living
}

// A living token, and what it was charged for.
type living struct {
	id    int64
	key   string
	holds []lifeHold
	known map[string]price.Use // requests, and units of charges with a known model
	saw   *witness
}

type lifeHold struct {
	id    string
	model string
	own   *gate.Hold
}

func newLife(t *testing.T, number uint64) *life {
	t.Helper()
	kit := dynamotest.New(t)
	if err := dynamo.SetStream(t.Context(), kit.Client, dynamotest.Table, true); err != nil {
		t.Fatal(err)
	}
	l := &life{number: number, random: rand.New(rand.NewPCG(number, 0)), kit: kit, tenant: kit.Tenant(t, "alice")} //nolint:gosec // not a secret
	l.gate = gate.New(kit.Store, gate.WithClock(l.tenant.Clock.Now))
	for i := range tokensPerLife {
		s := token.Settings{Name: new(fmt.Sprint("token ", i)), RemainQuota: new(int64(80))}
		if i%2 == 1 {
			s = token.Settings{Name: s.Name, UnlimitedQuota: new(true)}
		}
		if i >= tokensPerLife/2 {
			s.Windows = []token.Window{{Period: period.Period{Length: "hour"}, Quota: 25}, {Period: period.Period{Length: "5h"}, Quota: 70}}
			s.ModelQuotas = []token.ModelQuota{{Model: "gpt-*", Quota: 20}}
		}
		made, key, err := l.tenant.Create(t.Context(), l.tenant.Access, s)
		if err != nil {
			t.Fatal(err)
		}
		l.tokens = append(l.tokens, &living{id: made.ID, key: key.Reveal(), known: map[string]price.Use{}, saw: newWitness()})
		l.tokens[i].saw.changed("token.created", event.TokenCreated)
	}
	l.look(t, nil)
	return l
}

// step does something to one of the tokens.
func (l *life) step(t *testing.T) {
	t.Helper()
	tok := l.tokens[l.random.IntN(len(l.tokens))]
	model := []string{"", "gpt-5", "claude", "a model with spaces"}[l.random.IntN(4)]
	units := l.random.Int64N(20)
	use := price.Use{Model: model, Usage: price.Usage{OutputTokens: units}, NanoDollars: units * 3}
	n := l.random.IntN(104)
	switch {
	case n < 35:
		q := quota.Question{Model: model, Quota: units, Use: use}
		if n < 10 {
			q.RequestID = fmt.Sprintf("request-%014d", l.random.IntN(5))
		}
		l.spend(t, tok, q)
	case n < 65:
		l.reserve(t, tok, quota.Question{Model: model, Quota: units}, n < 50)
	case n < 85:
		l.end(t, tok, units, use, n < 80)
	case n < 88:
		l.tenant.Clock.Advance(l.random.Int64N(4000))
	case n < 90:
		l.tenant.Clock.Advance(-l.random.Int64N(500))
	case n < 99 || n >= 100:
		l.change(t, tok, n)
	default:
		if _, err := l.kit.Engine.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if n < 93 || n == 98 || n == 99 {
		tok = nil
	}
	l.look(t, tok)
}

// change makes an administrative change of a token.
func (l *life) change(t *testing.T, tok *living, n int) {
	t.Helper()
	ctx, at := t.Context(), l.tenant.Access
	update := func(s token.Settings) {
		if _, err := l.tenant.Update(ctx, at, tok.id, s); err == nil {
			tok.saw.changed("token.updated", event.TokenUpdated)
		}
	}
	switch {
	case n < 93:
		rotation, err := l.tenant.NewKeyRotation(ctx, at, tok.id, 0)
		if err != nil {
			t.Fatal(err)
		}
		if made, err := l.tenant.Rotate(ctx, at, tok.id, rotation); err == nil {
			tok.key = made.Key.Reveal()
			tok.saw.changed("token.rotated", event.TokenRotated)
		}
	case n < 97:
		update(token.Settings{RemainQuota: new(l.random.Int64N(150))})
	case n < 98:
		update(token.Settings{ExpiredTime: new(l.tenant.UnixNow() + 1)})
	case n < 99:
		if l.tenant.Delete(ctx, at, tok.id) == nil {
			tok.saw.deleted = true
			tok.saw.changed("token.deleted", event.TokenDeleted)
		}
	case n < 102:
		if tok.saw.last != nil && len(tok.saw.last.Windows) > 0 {
			windows := slices.Clone(tok.saw.last.Windows)
			for i := range windows {
				windows[i] = token.Window{Period: windows[i].Period, Quota: 10 + l.random.Int64N(80)}
			}
			update(token.Settings{Windows: windows})
		}
	case n < 103:
		if found, err := l.gate.Revoke(ctx, tok.key); err == nil && found.ID != 0 {
			tok.saw.changed("token.leaked", event.TokenDisabled)
		}
	case tok.saw.last != nil:
		disable := !tok.saw.last.Disabled
		if _, err := l.tenant.SetStatus(ctx, at, tok.id, disable); err == nil && disable {
			tok.saw.changed("token.disabled", event.TokenDisabled)
		} else if err == nil {
			tok.saw.changed("token.enabled", event.TokenEnabled)
		}
	}
}

func (l *life) spend(t *testing.T, tok *living, q quota.Question) {
	t.Helper()
	before := l.used(t, tok)
	v, err := l.gate.Verify(t.Context(), tok.key, q)
	if err == nil && v.Valid() && q.Quota > 0 && (q.RequestID == "" || l.used(t, tok) > before) {
		use := q.Use
		use.Requests, use.Units = 1, q.Quota
		tok.charge(use)
	}
}

func (l *life) reserve(t *testing.T, tok *living, q quota.Question, own bool) {
	t.Helper()
	if own {
		if h, _, err := l.gate.Hold(t.Context(), tok.key, q, 0); err == nil && h != nil {
			tok.holds = append(tok.holds, lifeHold{model: q.Model, own: h})
		}
		return
	}
	if r, err := l.gate.Reserve(t.Context(), tok.key, q, 0); err == nil && r.Valid() {
		tok.holds = append(tok.holds, lifeHold{id: r.RequestID, model: q.Model})
	}
}

// end settles or releases a hold of the token.
func (l *life) end(t *testing.T, tok *living, units int64, use price.Use, settle bool) {
	t.Helper()
	if len(tok.holds) == 0 {
		return
	}
	i := l.random.IntN(len(tok.holds))
	h := tok.holds[i]
	tok.holds = slices.Delete(tok.holds, i, i+1)
	var s quota.Settlement
	var err error
	switch {
	case !settle && h.own != nil:
		err = h.own.Release(t.Context())
	case !settle:
		_, err = l.gate.Release(t.Context(), tok.key, h.id)
	case h.own != nil:
		s, err = h.own.Settle(t.Context(), units, use)
	default:
		s, err = l.gate.Settle(t.Context(), tok.key, h.id, units, use)
	}
	if err == nil && settle {
		if use.Model == "" {
			use.Model = h.model
		}
		use.Requests, use.Units = 1, s.Charged
		tok.charge(use)
	}
}

func (tok *living) charge(use price.Use) {
	sum := tok.known[use.Model].Plus(use)
	sum.Model = use.Model
	tok.known[use.Model] = sum
}

// used returns the units that a token has used, or 0 once it is removed.
func (l *life) used(t *testing.T, tok *living) int64 {
	t.Helper()
	u, err := l.gate.Usage(t.Context(), tok.key, quota.Origin{})
	if err != nil {
		return 0
	}
	return u.Used
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
