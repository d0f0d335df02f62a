package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/dynamo/stream"
	"github.com/latchkey-api/latchkey/shared/event"
	"github.com/latchkey-api/latchkey/shared/token"
)

// A recorder keeps what is published, unless it fails.
type recorder struct {
	got  []string
	fail bool
}

// Publish implements event.Publisher.
func (r *recorder) Publish(_ context.Context, events []event.Event) error {
	if r.fail {
		return errors.New("no connection")
	}
	for _, e := range events {
		r.got = append(r.got, fmt.Sprint(e.Type, " ", string(e.Data)))
	}
	return nil
}

// TestLocalTimers lets an hour go by, second by second, and lets servers stop and start.
// What became due while none ran is published by the next one, once; what could not be
// published is published later.
func TestLocalTimers(t *testing.T) {
	t.Parallel()
	kit := dynamotest.New(t)
	if err := dynamo.SetStream(t.Context(), kit.Client, dynamotest.Table, true); err != nil {
		t.Fatal(err)
	}
	tenant := kit.Tenant(t, "alice")
	for i, after := range []int64{700, 1000, 3000} {
		expires := tenant.UnixNow() + after
		if _, _, err := tenant.Create(t.Context(), tenant.Access, token.Settings{Name: new(fmt.Sprint(i)), UnlimitedQuota: new(true), ExpiredTime: &expires}); err != nil {
			t.Fatal(err)
		}
	}
	records, err := stream.New(kit.Client, dynamotest.Table).Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i := range records {
		records[i].Time = tenant.Clock.Now()
	}
	got := new(recorder)
	server := &localTimers{store: kit.Store}
	if err := server.file(t.Context(), got, records, tenant.Clock.Now()); err != nil {
		t.Fatal(err)
	}
	stopped := func(second int64) bool { return second > 400 && second < 1500 }
	var published []int
	for second := range int64(3600) {
		got.fail = second > 2900 && second < 3400
		switch {
		case stopped(second):
			server = &localTimers{store: kit.Store}
		default:
			if err := server.tell(t.Context(), got, tenant.Clock.Now()); err != nil && !got.fail {
				t.Fatal(second, err)
			}
		}
		published = append(published, len(got.got))
		tenant.Clock.Advance(1)
	}
	if published[1500] != 2 || published[3399] != 2 || published[3400] != 3 || len(got.got) != 3 || !slices.IsSorted(published) {
		t.Errorf("got %v; published after 1500 s: %d, after 3399 s: %d, after 3400 s: %d", got.got, published[1500], published[3399], published[3400])
	}
}

// A server that did not run for weeks publishes what became due in the last one.
func TestLocalTimersAfterWeeks(t *testing.T) {
	t.Parallel()
	kit := dynamotest.New(t)
	now := time.Unix(dynamotest.Epoch, 0)
	if err := kit.Store.SetTimersChecked(t.Context(), dynamo.DueTimerBucket(now)); err != nil {
		t.Fatal(err)
	}
	server := &localTimers{store: kit.Store}
	later := now.Add(30 * 24 * time.Hour)
	if err := server.tell(t.Context(), nil, later); err != nil {
		t.Fatal(err)
	}
	if got, err := kit.Store.TimersChecked(t.Context()); err != nil || got != dynamo.DueTimerBucket(later) {
		t.Errorf("got %d, %v, want %d", got, err, dynamo.DueTimerBucket(later))
	}
}
