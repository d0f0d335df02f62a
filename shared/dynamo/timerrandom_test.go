package dynamo_test

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/dynamo/stream"
	"github.com/latchkey-api/latchkey/shared/event"
	"github.com/latchkey-api/latchkey/shared/token"
)

//nolint:gochecknoglobals // a flag of the test
var expiries = flag.Int("expiries", 0, "how many expiries TestTimersOfRandomHistories sets; 0 is the default")

// The delays of the timers, in seconds.
const (
	usualDelay   = 300 + 60 // a bucket, and the precision of a schedule
	longestDelay = usualDelay + 120
	slack        = 300
)

// TestTimersOfRandomHistories sets, moves and removes the expiries of tokens, rotates,
// renames and deletes them, some only half, while simulated weeks go by. The records
// are folded in time or late, some again, by processes that crash at any call; buckets
// are checked when they are due or later, some twice, by processes that crash, too.
// Whatever must be told is told, in time and always with one ID, and nothing else is.
func TestTimersOfRandomHistories(t *testing.T) {
	t.Parallel()
	want := int64(*expiries)
	switch {
	case want > 0:
	case testing.Short():
		want = 150
	default:
		want = 600
	}
	var set, told, unclear, crashes atomic.Int64
	var rounds atomic.Uint64
	t.Run("rounds", func(t *testing.T) {
		for i := range 2 {
			t.Run(strconv.Itoa(i), func(t *testing.T) {
				t.Parallel()
				for set.Load() < want && !t.Failed() {
					w := newExpiryWorld(t, rounds.Add(1))
					w.run()
					w.check()
					set.Add(int64(w.sets))
					told.Add(int64(len(w.told)))
					unclear.Add(int64(w.unclear))
					crashes.Add(int64(w.crashes))
				}
			})
		}
	})
	t.Logf("%d expiries set, %d events told, %d crashes, %d events that may be told or not", set.Load(), told.Load(), crashes.Load(), unclear.Load())
}

// An expiryWorld is a user with some tokens, the fold of the table's stream, and a
// schedule for each bucket, in simulated time.
type expiryWorld struct {
	t       *testing.T
	number  uint64
	late    bool // the fold and the checks may be late, and crash
	random  *rand.Rand
	kit     *dynamotest.Kit
	tenant  *dynamotest.Tenant
	reader  *stream.Reader
	queue   []expiryStep
	tokens  map[int64][]expirySpan
	foldEnd int64 // no record is folded before one that is older
	made    map[dynamo.TimerBucket]bool
	told    []toldExpiry
	delay   int64 // how late a check may be

	sets, crashes, unclear int
}

// An expiryStep is what happens at a second.
type expiryStep struct {
	at int64
	do func()
}

// An expirySpan is a time in which a token has an expiry, or none.
type expirySpan struct {
	from, to int64
	expires  int64 // 0: none, or the token is deleted
	before   int64 // the expiry before it
	folded   int64 // when the record was folded first; 0: not yet
}

// A toldExpiry is a published event.
type toldExpiry struct {
	at    int64
	event event.Event
}

func newExpiryWorld(t *testing.T, number uint64) *expiryWorld {
	t.Helper()
	kit := dynamotest.New(t)
	if err := dynamo.SetStream(t.Context(), kit.Client, dynamotest.Table, true); err != nil {
		t.Fatal(err)
	}
	w := &expiryWorld{
		t: t, number: number, late: number%2 == 0, kit: kit, tenant: kit.Tenant(t, "alice"), reader: stream.New(kit.Client, dynamotest.Table),
		random: rand.New(rand.NewPCG(number, 1)), tokens: map[int64][]expirySpan{}, made: map[dynamo.TimerBucket]bool{}, //nolint:gosec // not a secret
	}
	if w.late {
		w.delay = 7200
	}
	w.records() // of the user
	return w
}

func (w *expiryWorld) now() int64 { return w.tenant.UnixNow() }

func (w *expiryWorld) at(second int64, do func()) {
	w.queue = append(w.queue, expiryStep{max(second, w.now()), do})
}

// run does all steps in the order of their seconds.
func (w *expiryWorld) run() {
	for range 60 {
		w.at(w.now()+w.random.Int64N(20*day), w.act)
	}
	for len(w.queue) > 0 && !w.t.Failed() {
		slices.SortStableFunc(w.queue, func(a, b expiryStep) int { return cmp.Compare(a.at, b.at) })
		next := w.queue[0]
		w.queue = w.queue[1:]
		w.tenant.Clock.Advance(next.at - w.now())
		next.do()
	}
}

// act changes a token, and lets its record be folded.
func (w *expiryWorld) act() {
	ctx, at := w.t.Context(), w.tenant.Access
	id := 1 + w.random.Int64N(int64(len(w.tokens))+1)
	expires := w.newExpiry(id)
	switch n := w.random.IntN(100); {
	case id > int64(len(w.tokens)):
		if len(w.tokens) >= 6 {
			return
		}
		if _, _, err := w.tenant.Create(ctx, at, token.Settings{Name: new("new"), UnlimitedQuota: new(true), ExpiredTime: &expires}); err == nil {
			w.set(id, expires)
		}
	case n < 60:
		if _, err := w.tenant.Update(ctx, at, id, token.Settings{ExpiredTime: &expires}); err == nil {
			w.set(id, expires)
		}
	case n < 80:
		_, _ = w.tenant.Update(ctx, at, id, token.Settings{Name: new(fmt.Sprint("name ", n)), Disabled: new(n < 70)})
	case n < 90:
		if rotation, err := w.tenant.NewKeyRotation(ctx, at, id, 0); err == nil {
			_, _ = w.tenant.Rotate(ctx, at, id, rotation)
		}
	case n < 92:
		var p dynamotest.Process
		store := dynamo.New(dynamotest.Client(w.kit.Endpoint, p.Configure), dynamotest.Table)
		_, _ = w.tenant.WithStore(store).DeleteAll(p.Start(ctx, 3+w.random.IntN(3), true), at, []int64{id}, nil) // some of them only half
		p.Stop()
		if _, err := w.tenant.Get(ctx, at, id); err != nil {
			w.set(id, 0)
		}
	}
	w.fold(id)
}

// newExpiry is often near one of the moments of a notice, or a former expiry.
func (w *expiryWorld) newExpiry(id int64) int64 {
	expires := w.now() + []int64{0, 0, day, 7 * day}[w.random.IntN(4)]
	switch n := w.random.IntN(20); {
	case n < 2:
		return token.Never
	case n < 4:
		return w.now() - w.random.Int64N(2*day)
	case n < 8:
		return expires + 1 + w.random.Int64N(600)
	case n < 11 && len(w.tokens[id]) > 1:
		return cmp.Or(w.tokens[id][w.random.IntN(len(w.tokens[id]))].expires, token.Never)
	default:
		return expires + w.random.Int64N(9*day)
	}
}

// set notes the expiry that a token has from now on.
func (w *expiryWorld) set(id, expires int64) {
	w.sets++
	spans := w.tokens[id]
	next := expirySpan{from: w.now(), to: 1 << 60, expires: max(expires, 0)}
	if n := len(spans); n > 0 {
		next.before = spans[n-1].expires
		if next.before == next.expires {
			return
		}
		spans[n-1].to = w.now()
	}
	w.tokens[id] = append(spans, next)
}

// records returns the new records of the stream.
func (w *expiryWorld) records() []dynamo.StreamRecord {
	records, err := w.reader.Next(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	for i := range records {
		records[i].Time = w.tenant.Clock.Now()
	}
	return records
}

// fold lets the new records be folded, and perhaps again.
func (w *expiryWorld) fold(id int64) {
	records, span := w.records(), len(w.tokens[id])-1
	delay := w.random.Int64N(60)
	if w.late && w.random.IntN(3) == 0 {
		delay = w.random.Int64N(20 * 60 * 60)
	}
	w.foldEnd = max(w.foldEnd, w.now()+delay)
	once := func() {
		w.file(records)
		if span >= 0 && w.tokens[id][span].folded == 0 {
			w.tokens[id][span].folded = w.now()
		}
	}
	w.at(w.foldEnd, once)
	if w.random.IntN(4) == 0 {
		w.at(w.foldEnd+w.random.Int64N(day), once)
	}
}

// file files the timers of records, repeatedly if the process crashes, and makes the
// schedules.
func (w *expiryWorld) file(records []dynamo.StreamRecord) {
	w.untilDone(func(ctx context.Context, store *dynamo.Store) error {
		timers, err := store.FileTimers(ctx, records, w.now())
		w.finish(timers, err)
		return err
	})
}

func (w *expiryWorld) finish(timers dynamo.Timers, err error) {
	switch {
	case err != nil:
		return
	case timers.Unreadable > 0:
		w.t.Errorf("round %d: got %+v, want all readable", w.number, timers)
	}
	for _, b := range timers.Buckets {
		w.schedule(b)
	}
	for _, e := range timers.Events {
		w.told = append(w.told, toldExpiry{w.now(), e})
	}
}

// untilDone calls do in processes that crash at random calls, until it has no error.
func (w *expiryWorld) untilDone(do func(context.Context, *dynamo.Store) error) {
	for attempt := range 5 {
		var p dynamotest.Process
		last := 0
		if w.late && attempt < 4 {
			last = w.random.IntN(4)
		}
		ctx := p.Start(w.t.Context(), last, w.random.IntN(2) == 0)
		err := do(ctx, dynamo.New(dynamotest.Client(w.kit.Endpoint, p.Configure), dynamotest.Table))
		if p.Stop() {
			w.crashes++
		}
		if err == nil {
			return
		}
	}
	w.t.Errorf("round %d: it never ends", w.number)
}

// schedule lets a bucket be checked once it is due. A schedule that exists stays as it
// is, and may have run a moment ago.
func (w *expiryWorld) schedule(b dynamo.TimerBucket) {
	due := b.Due().Unix()
	if due < w.now()+60 {
		w.t.Errorf("round %d: a schedule for %d s from now: it may be in the past when it is made", w.number, due-w.now())
	}
	if w.made[b] {
		return
	}
	w.made[b] = true
	runs := 1
	if w.late {
		runs += w.random.IntN(2)
	}
	for range runs {
		at := due + w.random.Int64N(60)
		if w.random.IntN(3) == 0 {
			at += w.random.Int64N(w.delay + 1)
		}
		w.at(at, func() { w.checkBucket(b) })
	}
}

func (w *expiryWorld) checkBucket(b dynamo.TimerBucket) {
	w.untilDone(func(ctx context.Context, store *dynamo.Store) error {
		timers, err := store.CheckTimers(ctx, b, "", w.now())
		w.finish(timers, err)
		return err
	})
}
