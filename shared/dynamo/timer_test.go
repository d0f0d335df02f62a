package dynamo_test

import (
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

func newStreamed(t *testing.T) (*dynamotest.Kit, *dynamotest.Tenant) {
	t.Helper()
	kit := dynamotest.New(t)
	if err := dynamo.SetStream(t.Context(), kit.Client, dynamotest.Table, true); err != nil {
		t.Fatal(err)
	}
	return kit, kit.Tenant(t, "alice")
}

// recordsAt returns the records of the stream, as if they were of this second of the
// tenant's clock.
func recordsAt(t *testing.T, kit *dynamotest.Kit, tenant *dynamotest.Tenant) []dynamo.StreamRecord {
	t.Helper()
	records, err := stream.New(kit.Client, dynamotest.Table).Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i := range records {
		records[i].Time = tenant.Clock.Now()
	}
	return records
}

// An expiry in a few seconds goes into a bucket that is due two minutes later at the
// earliest: the schedule for it has to be made, and to be in the future. That bucket
// tells it.
func TestNearExpiry(t *testing.T) {
	t.Parallel()
	kit, tenant := newStreamed(t)
	tenant.Clock.Advance(600 - dynamotest.Epoch%300 - 10) // ten seconds before a bucket is due
	expires := tenant.UnixNow() + 5
	if _, _, err := tenant.Create(t.Context(), tenant.Access, token.Settings{Name: new("near"), UnlimitedQuota: new(true), ExpiredTime: &expires}); err != nil {
		t.Fatal(err)
	}
	filed, err := kit.Store.FileTimers(t.Context(), recordsAt(t, kit, tenant), tenant.UnixNow())
	if err != nil || len(filed.Buckets) != 1 || len(filed.Events) != 0 {
		t.Fatalf("got %+v, %v, want one bucket", filed, err)
	}
	due := filed.Buckets[0].Due().Unix()
	if ahead := due - tenant.UnixNow(); ahead < 120 || ahead > 420 {
		t.Errorf("the bucket is due in %d s, want 120 to 420", ahead)
	}
	checked, err := kit.Store.CheckTimers(t.Context(), filed.Buckets[0], "", due)
	if err != nil || len(checked.Events) != 1 || checked.Events[0].Type != event.TokenExpired {
		t.Errorf("got %+v, %v, want token.expired", checked, err)
	}
}

// TestFarExpiry sets an expiry in ten years: no bucket is more than 400 days ahead,
// and the notices come when they should.
func TestFarExpiry(t *testing.T) {
	t.Parallel()
	kit, tenant := newStreamed(t)
	expires := int64(dynamotest.Epoch + 3650*day + 12345)
	if _, _, err := tenant.Create(t.Context(), tenant.Access, token.Settings{Name: new("far"), UnlimitedQuota: new(true), ExpiredTime: &expires}); err != nil {
		t.Fatal(err)
	}
	records := recordsAt(t, kit, tenant)
	timers, err := kit.Store.FileTimers(t.Context(), records, tenant.UnixNow())
	var told []string
	for err == nil && len(timers.Buckets) > 0 {
		slices.Sort(timers.Buckets)
		next := timers.Buckets[0]
		if ahead := next.Due().Sub(tenant.Clock.Now()); ahead > 400*24*time.Hour {
			t.Errorf("got a bucket in %s, want at most 400 days", ahead)
		}
		tenant.Clock.Advance(next.Due().Unix() - tenant.UnixNow())
		var more dynamo.Timers
		more, err = kit.Store.CheckTimers(t.Context(), next, "", tenant.UnixNow())
		for _, e := range more.Events {
			told = append(told, fmt.Sprint(e.Type, " ", (expires-e.Timestamp.Unix())/day))
		}
		timers.Buckets = slices.Compact(append(timers.Buckets[1:], more.Buckets...))
	}
	if want := []string{"token.expiring 7", "token.expiring 1", "token.expired 0"}; err != nil || !slices.Equal(told, want) {
		t.Errorf("got %v, %v, want %v", told, err, want)
	}
}

// The timers of a bucket are read page by page. A bucket that is not due is refused.
func TestTimersOfManyTokens(t *testing.T) {
	t.Parallel()
	const tokens = 1100
	kit, tenant := newStreamed(t)
	expires := int64(dynamotest.Epoch + day/2)
	for made := 0; made < tokens; made += 50 {
		all := make([]token.Settings, 50)
		for i := range all {
			all[i] = token.Settings{Name: new("a"), UnlimitedQuota: new(true), ExpiredTime: &expires}
		}
		if _, err := tenant.Service.Create(t.Context(), tenant.Access, all, nil); err != nil {
			t.Fatal(err)
		}
	}
	records := recordsAt(t, kit, tenant)
	filed, err := kit.Store.FileTimers(t.Context(), records, tenant.UnixNow())
	if err != nil || len(filed.Buckets) != 1 || len(filed.Events) != 0 {
		t.Fatalf("got %+v, %v", filed, err)
	}
	if _, err := kit.Store.CheckTimers(t.Context(), filed.Buckets[0], "", tenant.UnixNow()); !errors.Is(err, dynamo.ErrTimersNotDue) {
		t.Errorf("got %v, want ErrTimersNotDue", err)
	}
	told, calls := map[string]bool{}, 0
	for from := "0"; from != ""; calls++ {
		if from == "0" {
			from = ""
		}
		timers, err := kit.Store.CheckTimers(t.Context(), filed.Buckets[0], from, expires+60)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range timers.Events {
			told[e.ID] = true
		}
		from = timers.Next
	}
	if len(told) != tokens || calls != 2 {
		t.Errorf("got %d events in %d calls, want %d in 2", len(told), calls, tokens)
	}
}
