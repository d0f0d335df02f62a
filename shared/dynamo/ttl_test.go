package dynamo_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"pgregory.net/rapid"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/gate"
	"github.com/latchkey-api/latchkey/shared/price"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

const day = 24 * 60 * 60

// A tester is a *testing.T or a *rapid.T.
type tester interface {
	Context() context.Context
	Fatalf(format string, args ...any)
}

// storedTTL returns the ttl of a token's item; 0 if it has none.
func storedTTL(t tester, client *dynamodb.Client, userID, id int64) int64 {
	out, err := client.GetItem(t.Context(), &dynamodb.GetItemInput{
		TableName: aws.String(dynamotest.Table), Key: dynamo.TokenKey(userID, id), ConsistentRead: aws.Bool(true),
	})
	if err != nil || len(out.Item) == 0 {
		t.Fatalf("got item %v, %v, want the token's", out.Item, err)
	}
	v, ok := out.Item[dynamo.TTL].(*types.AttributeValueMemberN)
	if !ok {
		return 0
	}
	n, err := strconv.ParseInt(v.Value, 10, 64)
	if err != nil {
		t.Fatalf("got ttl %q, want a number", v.Value)
	}
	return n
}

// Retention counts from the moment a token ended: from its expiry, or from the
// write if that sets an expiry in the past. The answer shows the expiry as sent.
func TestTTLOfChangedExpiry(t *testing.T) {
	t.Parallel()
	for retention, seconds := range map[time.Duration]int64{-1: 75 * 60, 0: 75 * 60, time.Hour: 75 * 60, day * time.Second: day, dynamo.DefaultRetention: 30 * day} {
		t.Run(fmt.Sprint(retention), func(t *testing.T) {
			t.Parallel()
			kit := dynamotest.New(t)
			tenant := kit.Tenant(t, "a").WithStore(dynamo.New(kit.Client, dynamotest.Table, dynamo.WithRetention(retention)))
			now := tenant.UnixNow()
			made, _, err := tenant.Create(t.Context(), tenant.Access, token.Settings{Name: new("a"), ExpiredTime: new(now + 60)})
			if err != nil {
				t.Fatal(err)
			}
			if got := storedTTL(t, kit.Client, made.UserID, made.ID); got != now+60+seconds {
				t.Errorf("created: got ttl %+d from now, want %+d", got-now, 60+seconds)
			}
			for _, c := range []struct{ expires, end int64 }{ // end is when the token ends
				{1, now},
				{now - 6*365*day, now},
				{now - 31*day, now},
				{now - 1, now},
				{now, now},
				{now + 1, now + 1},
				{now - 31*day, now},
				{now + 40*day, now + 40*day},
				{1, now},
				{token.Never, -seconds},
				{1, now},
				{token.MaxExpiredTime, token.MaxExpiredTime},
			} {
				changed, err := tenant.Update(t.Context(), tenant.Access, made.ID, token.Settings{ExpiredTime: &c.expires})
				if err != nil || changed.ExpiredTime != c.expires {
					t.Fatalf("got expiry %d, %v, want %d", changed.ExpiredTime, err, c.expires)
				}
				if got := storedTTL(t, kit.Client, made.UserID, made.ID); got != c.end+seconds {
					t.Errorf("expires %d: got ttl %d, want %d", c.expires, got, c.end+seconds)
				}
			}
		})
	}
}

// A token whose expiry was set to 1970 is removed after its retention, and not
// before.
func TestSweepAfterRetention(t *testing.T) {
	t.Parallel()
	kit := dynamotest.New(t)
	tenant := kit.Tenant(t, "a")
	made, _, err := tenant.Create(t.Context(), tenant.Access, token.Settings{Name: new("a")})
	if err != nil {
		t.Fatal(err)
	}
	// The engine sweeps by the real time, so the change is made a retention ago.
	expireAt := func(now int64) {
		tenant.Clock.Advance(now - tenant.UnixNow())
		if _, err := tenant.Update(t.Context(), tenant.Access, made.ID, token.Settings{ExpiredTime: new(int64(1))}); err != nil {
			t.Fatal(err)
		}
	}
	retention := int64(dynamo.DefaultRetention / time.Second)
	for _, c := range []struct {
		what string
		ago  int64 // seconds from the change to the sweep
		want int
	}{{"at once", 0, 0}, {"five minutes before the retention ends", retention - 300, 0}, {"when it has ended", retention + 1, 1}} {
		expireAt(time.Now().Unix() - c.ago)
		if n, err := kit.Engine.Sweep(t.Context()); err != nil || n != c.want {
			t.Errorf("%s: got %d swept, %v, want %d", c.what, n, err, c.want)
		}
	}
}

// Whatever happens to a token, its item stays for the retention after its
// expiry, and after the change of its expiry, and as long as a hold can be ended
// or its end repeated.
func TestTTLIsNeverTooEarly(t *testing.T) {
	t.Parallel()
	kit := dynamotest.New(t)
	users := 0
	rapid.Check(t, func(rt *rapid.T) {
		users++
		retention := rapid.SampledFrom([]time.Duration{0, dynamo.MinRetention, day * time.Second, dynamo.DefaultRetention}).Draw(rt, "retention")
		store := dynamo.New(kit.Client, dynamotest.Table, dynamo.WithRetention(retention))
		tenant := kit.Tenant(t, fmt.Sprint("user", users)).WithStore(store)
		g := gate.New(store, gate.WithClock(tenant.Clock.Now))
		settings := token.Settings{Name: new("a"), UnlimitedQuota: new(true)}
		if rapid.Bool().Draw(rt, "expires") {
			settings.ExpiredTime = new(tenant.UnixNow() + rapid.Int64Range(1, 2*day).Draw(rt, "expires in"))
		}
		made, key, err := tenant.Create(rt.Context(), tenant.Access, settings)
		if err != nil {
			rt.Fatal(err)
		}
		changed := tenant.UnixNow() // when the expiry was last set
		for range rapid.IntRange(1, 12).Draw(rt, "steps") {
			tenant.Clock.Advance(rapid.SampledFrom([]int64{0, 0, 1, 59, 3600, day}).Draw(rt, "seconds"))
			now := tenant.UnixNow()
			switch rapid.SampledFrom([]string{"expiry", "expiry", "reserve", "reserve", "spend", "settle", "name", "rotate"}).Draw(rt, "step") {
			case "expiry":
				expires := rapid.SampledFrom([]int64{1, now - 6*365*day, now - 31*day, now - 1, now, now + 1, now + 3600, now + 40*day, token.Never}).Draw(rt, "expires at")
				_, err = tenant.Update(rt.Context(), tenant.Access, made.ID, token.Settings{ExpiredTime: &expires})
				changed = now
			case "reserve": // refused once the token has expired
				ttl := rapid.SampledFrom([]time.Duration{time.Second, gate.MaxTTL}).Draw(rt, "ttl")
				_, err = g.Reserve(rt.Context(), key.Reveal(), quota.Question{Quota: 1, RequestID: fmt.Sprintf("%022d", rapid.IntRange(1, 4).Draw(rt, "request"))}, ttl)
			case "spend":
				_, err = g.Verify(rt.Context(), key.Reveal(), quota.Question{Quota: 1})
			case "settle":
				_, err = g.Settle(rt.Context(), key.Reveal(), fmt.Sprintf("%022d", rapid.IntRange(1, 4).Draw(rt, "request")), 1, price.Use{})
			case "name":
				_, err = tenant.Update(rt.Context(), tenant.Access, made.ID, token.Settings{Name: new("b")})
			case "rotate":
				var rotation token.KeyRotation
				if rotation, err = tenant.NewKeyRotation(rt.Context(), tenant.Access, made.ID, 0); err == nil {
					_, err = tenant.Rotate(rt.Context(), tenant.Access, made.ID, rotation)
					key = rotation.Key
				}
			}
			if err != nil && !isAboutHold(err) {
				rt.Fatal(err)
			}
			checkTTL(rt, kit, key, changed, int64(max(retention, dynamo.MinRetention)/time.Second))
		}
	})
}

// isAboutHold reports whether an operation was refused because of its hold.
func isAboutHold(err error) bool {
	for _, one := range []error{quota.ErrHoldNotFound, quota.ErrHoldExpired, quota.ErrHoldSettled} {
		if errors.Is(err, one) {
			return true
		}
	}
	return false
}

// checkTTL checks the ttl of a token whose expiry was last set at a Unix second.
func checkTTL(rt *rapid.T, kit *dynamotest.Kit, key credential.Key, changed, retentionSeconds int64) {
	l, err := kit.Store.Lookup(rt.Context(), key, dynamotest.Epoch)
	if err != nil {
		rt.Fatal(err)
	}
	ttl := storedTTL(rt, kit.Client, l.UserID, l.ID)
	if l.ExpiredTime == token.Never {
		if ttl != 0 {
			rt.Fatalf("never expires: got ttl %d, want none", ttl)
		}
		return
	}
	if want := max(l.ExpiredTime, changed) + retentionSeconds; ttl != want {
		rt.Fatalf("expires %d, set at %d: got ttl %d, want %d", l.ExpiredTime, changed, ttl, want)
	}
	for _, h := range l.Holds {
		if ttl < h.ExpiresAt+quota.RecordSeconds {
			rt.Fatalf("got ttl %d, want at least %d seconds after the end of the hold at %d", ttl, quota.RecordSeconds, h.ExpiresAt)
		}
	}
}
