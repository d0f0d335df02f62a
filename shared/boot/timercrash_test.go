package boot //nolint:testpackage // checks are not exported

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/dynamo/stream"
	"github.com/latchkey-api/latchkey/shared/event"
	"github.com/latchkey-api/latchkey/shared/token"
)

// Checks crash at any of their calls, and crash again when Lambda repeats them. If one
// of the three calls of a check has scheduled the next check, every event is published:
// at most eight minutes later for each check that crashed. If none has, every event is
// published by the second check, seven hours later. No schedule is left.
func TestChecksThatCrash(t *testing.T) {
	t.Parallel()
	kit := dynamotest.New(t)
	bucket := fileTokens(t, kit)
	for name, tt := range map[string]struct {
		store  TimerStore
		events int
		rounds uint64
	}{
		"tokens": {dynamo.New(kit.Client, dynamotest.Table), 3, 30},
		"pages":  {&timerPages{pages: 3}, 3, 500},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for round := range tt.rounds {
				random := rand.New(rand.NewPCG(round, 1)) //nolint:gosec // not a secret
				w := &crashingChecks{TimerStore: tt.store, now: bucket.Due().Add(30 * time.Second), crashing: random.IntN(4), random: random, published: map[string]bool{}}
				last := w.now.Add(time.Duration(w.crashing) * 8 * time.Minute)
				w.lost = round%4 == 0
				if w.lost {
					last = last.Add(secondPause)
				}
				w.open = []plannedCheck{{TimerCheck{Bucket: bucket}, w.now, 0}, {secondCheck(bucket), w.now.Add(secondPause), 0}}
				w.run(t)
				if len(w.published) != tt.events || w.lastEvent.After(last) {
					t.Fatalf("round %d: got %d events, the last %s late with %d checks that crashed; want %d", round, len(w.published), w.lastEvent.Sub(bucket.Due()), w.crashing, tt.events)
				}
			}
		})
	}
}

// fileTokens makes three tokens that expire in an hour and files their timers.
func fileTokens(t *testing.T, kit *dynamotest.Kit) dynamo.TimerBucket {
	t.Helper()
	ctx := t.Context()
	if err := dynamo.SetStream(ctx, kit.Client, dynamotest.Table, true); err != nil {
		t.Fatal(err)
	}
	tenant := kit.Tenant(t, "alice")
	for range 3 {
		expires := tenant.UnixNow() + 3600
		if _, _, err := tenant.Create(ctx, tenant.Access, token.Settings{Name: new("app"), UnlimitedQuota: new(true), ExpiredTime: &expires}); err != nil {
			t.Fatal(err)
		}
	}
	records, err := stream.New(kit.Client, dynamotest.Table).Next(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for i := range records {
		records[i].Time = tenant.Clock.Now()
	}
	timers, err := dynamo.New(kit.Client, dynamotest.Table).FileTimers(ctx, records, tenant.UnixNow())
	if err != nil || len(timers.Buckets) != 1 {
		t.Fatalf("got %+v, %v, want one bucket", timers, err)
	}
	return timers.Buckets[0]
}

// A plannedCheck is a schedule, or a call that Lambda repeats.
type plannedCheck struct {
	check TimerCheck
	at    time.Time
	tries int // before this one
}

// crashingChecks are the store, the Scheduler and the Publisher of checks, the first of
// which crash each time that they are called.
type crashingChecks struct {
	TimerStore
	now       time.Time
	crashing  int  // how many checks crash
	lost      bool // no call of the first check starts
	random    *rand.Rand
	open      []plannedCheck
	published map[string]bool // by event ID
	lastEvent time.Time       // when the last event was published for the first time

	left    int // calls until the process ends; below 0: it does not
	arrives bool
	dead    bool
}

var errEnded = errors.New("the process has ended")

// run makes all checks in the order of their times.
func (w *crashingChecks) run(t *testing.T) {
	t.Helper()
	for calls := 0; len(w.open) > 0; calls++ {
		if calls > 30 {
			t.Fatal("the checks never end")
		}
		slices.SortStableFunc(w.open, func(a, b plannedCheck) int { return a.at.Compare(b.at) })
		next := w.open[0]
		w.open = w.open[1:]
		w.now, w.dead, w.left = next.at, false, -1
		if next.check.Attempt < w.crashing {
			w.left, w.arrives = w.random.IntN(8), w.random.IntN(2) == 0
			if next.tries == 2 { // at least one has scheduled the next check
				w.left = max(w.left, 1)
			}
		}
		if w.lost && next.check.Attempt == 0 {
			continue
		}
		timers := Timers{Store: w, Scheduler: w, Publisher: w, Now: func() time.Time { return w.now }}
		_, err := timers.answer(t.Context(), next.check, slog.New(slog.NewJSONHandler(io.Discard, nil)))
		if (w.dead || err != nil) && next.tries < 2 {
			pause := time.Duration(next.tries+1) * time.Minute
			w.open = append(w.open, plannedCheck{next.check, w.now.Add(pause), next.tries + 1})
		}
	}
}

// call does something unless the process has ended. It may end with this call.
func (w *crashingChecks) call(do func() error) error {
	if w.dead {
		return errEnded
	}
	w.dead = w.left == 0
	w.left--
	if w.dead && !w.arrives {
		return errEnded
	}
	err := do()
	if w.dead {
		return errEnded
	}
	return err
}

func (w *crashingChecks) CheckTimers(ctx context.Context, b dynamo.TimerBucket, from string, now int64) (timers dynamo.Timers, err error) {
	err = w.call(func() (err error) {
		timers, err = w.TimerStore.CheckTimers(ctx, b, from, now)
		return err
	})
	return timers, err
}

func (w *crashingChecks) Publish(_ context.Context, events []event.Event) error {
	return w.call(func() error {
		for _, e := range events {
			if !w.published[e.ID] {
				w.published[e.ID], w.lastEvent = true, w.now
			}
		}
		return nil
	})
}

func (w *crashingChecks) Schedule(_ context.Context, c TimerCheck, at time.Time) error {
	return w.call(func() error {
		if !at.After(w.now) {
			return fmt.Errorf("a schedule for %s, which has passed", at)
		}
		if !slices.ContainsFunc(w.open, func(o plannedCheck) bool { return o.check == c && o.tries == 0 }) {
			w.open = append(w.open, plannedCheck{c, at, 0})
		}
		return nil
	})
}

func (w *crashingChecks) Cancel(_ context.Context, c TimerCheck) error {
	return w.call(func() error {
		w.open = slices.DeleteFunc(w.open, func(o plannedCheck) bool { return o.check == c && o.tries == 0 })
		return nil
	})
}

// A schedule that can't be cancelled repeats a check that has finished. It publishes the
// same events with the same IDs, so a consumer that drops repeated IDs gets each once.
func TestRepeatedChecksAreHarmless(t *testing.T) {
	t.Parallel()
	kit := dynamotest.New(t)
	bucket := fileTokens(t, kit)
	w := &uncancelled{TimerStore: dynamo.New(kit.Client, dynamotest.Table)}
	now := bucket.Due()
	timers := Timers{Store: w, Scheduler: w, Publisher: w, Now: func() time.Time { return now }}
	for _, c := range []TimerCheck{{Bucket: bucket}, {Bucket: bucket, Attempt: 1}, secondCheck(bucket)} {
		if _, err := timers.answer(t.Context(), c, slog.New(slog.NewJSONHandler(io.Discard, nil))); err != nil {
			t.Errorf("got %v, want none: Lambda would repeat a check that has finished", err)
		}
		now = now.Add(retryPause)
	}
	first := slices.Clone(w.ids[:3])
	slices.Sort(first)
	if len(w.ids) != 9 || len(slices.Compact(first)) != 3 {
		t.Fatalf("got %v, want three events in each of three checks", w.ids)
	}
	for i, id := range w.ids {
		if id != w.ids[i%3] || string(w.data[i]) != string(w.data[i%3]) {
			t.Errorf("got event %s %s, want %s %s again", id, w.data[i], w.ids[i%3], w.data[i%3])
		}
	}
}

// An uncancelled Scheduler can't cancel. It is a Publisher, too.
type uncancelled struct {
	TimerStore
	ids  []string
	data [][]byte
}

func (*uncancelled) Schedule(context.Context, TimerCheck, time.Time) error { return nil }

func (*uncancelled) Cancel(context.Context, TimerCheck) error { return errors.New("no connection") }

func (w *uncancelled) Publish(_ context.Context, events []event.Event) error {
	for _, e := range events {
		w.ids, w.data = append(w.ids, e.ID), append(w.data, e.Data)
	}
	return nil
}
