package dynamo_test

import (
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/gate"
	"github.com/latchkey-api/latchkey/shared/price"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

// held makes a tenant with a token of 100 units, all of which a hold keeps for
// ten seconds.
func held(t *testing.T) (*dynamotest.Tenant, *gate.Gate, token.Token, string) {
	t.Helper()
	kit := newKit(t)
	tenant := kit.Tenant(t, "holder")
	made, key, err := tenant.Create(t.Context(), tenant.Access, token.Settings{Name: new("a"), RemainQuota: new(int64(100))})
	if err != nil {
		t.Fatal(err)
	}
	g := gate.New(dynamo.New(kit.Client, dynamotest.Table), gate.WithClock(tenant.Clock.Now))
	r, err := g.Reserve(t.Context(), key.Reveal(), quota.Question{Quota: 100, RequestID: "r-0123456789abcdefghijk"}, 10*time.Second)
	if err := verdictError(r.Verdict, err); err != nil {
		t.Fatal(err)
	}
	return tenant, g, made, key.Reveal()
}

func wantQuota(t *testing.T, tenant *dynamotest.Tenant, g *gate.Gate, id int64, key string, free, heldQuota, used int64) {
	t.Helper()
	got, err := tenant.Get(t.Context(), tenant.Access, id)
	now := tenant.UnixNow()
	if err != nil || got.FreeAt(now) != free || got.HeldAt(now) != heldQuota || got.UsedAt(now) != used {
		t.Errorf("got %d free, %d held, %d used (%v), want %d, %d, %d", got.FreeAt(now), got.HeldAt(now), got.UsedAt(now), err, free, heldQuota, used)
	}
	u, err := g.Usage(t.Context(), key, quota.Origin{})
	if err != nil || u.Available != free || u.Used != used || u.Granted != free+heldQuota+used {
		t.Errorf("usage: got %d available, %d used of %d (%v), want %d, %d of %d", u.Available, u.Used, u.Granted, err, free, used, free+heldQuota+used)
	}
}

// The units of a hold that nobody ends are free at its expiry, without a write.
func TestHoldExpires(t *testing.T) {
	t.Parallel()
	tenant, g, made, key := held(t)
	wantQuota(t, tenant, g, made.ID, key, 0, 100, 0)
	tenant.Clock.Advance(9)
	wantQuota(t, tenant, g, made.ID, key, 0, 100, 0)
	tenant.Clock.Advance(1)
	wantQuota(t, tenant, g, made.ID, key, 100, 0, 0) // without any write
	if _, err := g.Settle(t.Context(), key, "r-0123456789abcdefghijk", 1, price.Use{}); !errors.Is(err, quota.ErrHoldExpired) {
		t.Errorf("settle: got error %v, want ErrHoldExpired", err)
	}
	if err := verdictError(g.Verify(t.Context(), key, quota.Question{Quota: 70})); err != nil {
		t.Errorf("spend the returned units: %v", err)
	}
	wantQuota(t, tenant, g, made.ID, key, 30, 0, 70)
	if _, err := g.Release(t.Context(), key, "r-0123456789abcdefghijk"); !errors.Is(err, quota.ErrHoldExpired) {
		t.Errorf("release: got error %v, want ErrHoldExpired", err)
	}
	wantQuota(t, tenant, g, made.ID, key, 30, 0, 70)
}

// A quota that is set is free as a whole, even if a hold has expired before.
func TestSetQuotaAfterExpiredHold(t *testing.T) {
	t.Parallel()
	tenant, g, made, key := held(t)
	tenant.Clock.Advance(10)
	got, err := tenant.Update(t.Context(), tenant.Access, made.ID, token.Settings{RemainQuota: new(int64(7))})
	if err != nil || got.Version != 2 {
		t.Fatalf("got version %d, %v, want the change made", got.Version, err)
	}
	wantQuota(t, tenant, g, made.ID, key, 7, 0, 0)
}

// Setting the quota leaves open holds as they are.
func TestSetQuotaKeepsOpenHolds(t *testing.T) {
	t.Parallel()
	tenant, g, made, key := held(t)
	if _, err := tenant.Update(t.Context(), tenant.Access, made.ID, token.Settings{RemainQuota: new(int64(7))}); err != nil {
		t.Fatal(err)
	}
	wantQuota(t, tenant, g, made.ID, key, 7, 100, 0)
	if s, err := g.Settle(t.Context(), key, "r-0123456789abcdefghijk", 60, price.Use{}); err != nil || s.Charged != 60 || s.Remain != 47 {
		t.Errorf("got %+v, %v, want 60 charged and 47 left", s, err)
	}
	wantQuota(t, tenant, g, made.ID, key, 47, 0, 60)
	// The units that the settled hold returned are not in Left yet; setting the quota drops them.
	if _, err := tenant.Update(t.Context(), tenant.Access, made.ID, token.Settings{RemainQuota: new(int64(1))}); err != nil {
		t.Fatal(err)
	}
	wantQuota(t, tenant, g, made.ID, key, 1, 0, 60)
}

// An exhausted token can be enabled once its holds have expired or returned
// units.
func TestEnableAfterHoldsEnd(t *testing.T) {
	t.Parallel()
	for name, free := range map[string]func(*testing.T, *dynamotest.Tenant, *gate.Gate, string){
		"expired": func(_ *testing.T, tenant *dynamotest.Tenant, _ *gate.Gate, _ string) { tenant.Clock.Advance(10) },
		"settled": func(t *testing.T, _ *dynamotest.Tenant, g *gate.Gate, key string) {
			t.Helper()
			if _, err := g.Settle(t.Context(), key, "r-0123456789abcdefghijk", 99, price.Use{}); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tenant, g, made, key := held(t)
			if _, err := tenant.SetStatus(t.Context(), tenant.Access, made.ID, false); !errors.Is(err, token.ErrExhausted) {
				t.Errorf("while all units are held: got error %v, want ErrExhausted", err)
			}
			free(t, tenant, g, key)
			if _, err := tenant.SetStatus(t.Context(), tenant.Access, made.ID, false); err != nil {
				t.Errorf("got error %v, want it enabled", err)
			}
		})
	}
}

// A hold takes and returns units as the token was when it was made, and is
// charged as the token is when it ends.
func TestHoldWhenUnlimitedChanges(t *testing.T) {
	t.Parallel()
	tenant, g, made, key := held(t)
	set := func(u token.Settings) {
		t.Helper()
		if _, err := tenant.Update(t.Context(), tenant.Access, made.ID, u); err != nil {
			t.Fatal(err)
		}
	}
	set(token.Settings{UnlimitedQuota: new(true)})
	if s, err := g.Settle(t.Context(), key, "r-0123456789abcdefghijk", 150, price.Use{}); err != nil || s.Charged != 150 || s.Shortfall != 0 {
		t.Errorf("settle while unlimited: got %+v, %v, want 150 charged", s, err)
	}
	r, err := g.Reserve(t.Context(), key, quota.Question{Quota: 500, RequestID: "unlimited-0123456789abcdefghijk"}, 0)
	if err := verdictError(r.Verdict, err); err != nil {
		t.Fatal(err)
	}
	set(token.Settings{UnlimitedQuota: new(false)})
	wantQuota(t, tenant, g, made.ID, key, 100, 0, 150) // the first hold has returned its units, this one took none
	if s, err := g.Settle(t.Context(), key, "unlimited-0123456789abcdefghijk", 130, price.Use{}); err != nil || s.Charged != 130 || s.Shortfall != 0 || s.Remain != 0 {
		t.Errorf("settle after the change: got %+v, %v, want 130 charged: it was held", s, err)
	}
	wantQuota(t, tenant, g, made.ID, key, 0, 0, 280)
}

// Of two holds, the one with the shorter time expires first, in whatever order
// they were made.
func TestShorterHoldExpiresFirst(t *testing.T) {
	t.Parallel()
	tenant, g, made, key := held(t)
	if _, err := tenant.Update(t.Context(), tenant.Access, made.ID, token.Settings{RemainQuota: new(int64(50))}); err != nil {
		t.Fatal(err)
	}
	for id, ttl := range map[string]time.Duration{"short": 2 * time.Second, "long": time.Hour} {
		r, err := g.Reserve(t.Context(), key, quota.Question{Quota: 25, RequestID: id + "-0123456789abcdefghijk"}, ttl)
		if err := verdictError(r.Verdict, err); err != nil {
			t.Fatal(err)
		}
	}
	wantQuota(t, tenant, g, made.ID, key, 0, 150, 0)
	tenant.Clock.Advance(2)
	if err := verdictError(g.Verify(t.Context(), key, quota.Question{Quota: 25})); err != nil {
		t.Errorf("spend the units of the short hold: %v", err)
	}
	wantQuota(t, tenant, g, made.ID, key, 0, 125, 25)
	tenant.Clock.Advance(8)
	wantQuota(t, tenant, g, made.ID, key, 100, 25, 25)
}

// An operation without an answer is sent a bounded number of times under each
// lasting fault, and applied at most once.
func TestOperationAttempts(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		requestID string
		lost      int  // attempts if it is unknown whether one was applied
		repeat    bool // the error says that repeating is safe
	}{
		"spend without a request id": {"", onceOnly, false},
		"spend with a request id":    {"r-0123456789abcdefghijk", retriedIfNotApplied, true},
	} {
		for _, fault := range dynamotest.FaultsOf(dynamotest.UpdateItem) {
			t.Run(fmt.Sprint(name, "/", fault), func(t *testing.T) {
				t.Parallel()
				kit := newKit(t)
				tenant := kit.Tenant(t, "victim")
				made, key, err := tenant.Create(t.Context(), tenant.Access, token.Settings{Name: new("a"), RemainQuota: new(int64(100))})
				if err != nil {
					t.Fatal(err)
				}
				faults := &dynamotest.Faults{Choose: func(string, int) dynamotest.Fault { return fault }}
				g := gate.New(dynamo.New(dynamotest.Client(kit.Endpoint, faults.Configure), dynamotest.Table), gate.WithClock(tenant.Clock.Now))
				_, err = g.Verify(t.Context(), key.Reveal(), quota.Question{Quota: 1, RequestID: c.requestID})
				attempts, want := retriedIfNotApplied, token.ErrUnavailable
				if fault.Unknown() {
					attempts, want = c.lost, token.ErrUncertain
				}
				if got := faults.Attempts(dynamotest.UpdateItem); !errors.Is(err, want) || got != attempts {
					t.Errorf("got error %v after %d attempts, want %v after %d", err, got, want, attempts)
				}
				if got := errors.Is(err, token.ErrRepeatable); got != c.repeat {
					t.Errorf("got error %v, which says that repeating is safe: %t, want %t", err, got, c.repeat)
				}
				got, err := tenant.Get(t.Context(), tenant.Access, made.ID)
				if err != nil || (got.UsedQuota == 1) != fault.Applied() || got.UsedQuota > 1 {
					t.Errorf("got %d units used, %v, want 1 if it was applied and 0 if not", got.UsedQuota, err)
				}
			})
		}
	}
}

// A spend without a request id is sent once, even if the client is one that
// the SDK makes by default, which sends it again after a lost answer.
func TestStoreIgnoresClientRetries(t *testing.T) {
	t.Parallel()
	kit := newKit(t)
	tenant := kit.Tenant(t, "victim")
	made, key, err := tenant.Create(t.Context(), tenant.Access, token.Settings{Name: new("a"), RemainQuota: new(int64(100))})
	if err != nil {
		t.Fatal(err)
	}
	faults := &dynamotest.Faults{Choose: func(_ string, nth int) dynamotest.Fault {
		if nth == 1 {
			return dynamotest.LostAfter
		}
		return dynamotest.NoFault
	}}
	client := dynamodb.New(dynamodb.Options{
		Region: "us-east-1", BaseEndpoint: &kit.Endpoint, HTTPClient: http.DefaultClient,
		Credentials: credentials.NewStaticCredentialsProvider("local", "local", ""),
	}, faults.Configure)
	g := gate.New(dynamo.New(client, dynamotest.Table), gate.WithClock(tenant.Clock.Now))
	if _, err := g.Verify(t.Context(), key.Reveal(), quota.Question{Quota: 1}); !errors.Is(err, token.ErrUncertain) {
		t.Errorf("got error %v, want ErrUncertain", err)
	}
	if got, err := tenant.Get(t.Context(), tenant.Access, made.ID); err != nil || got.UsedQuota != 1 {
		t.Errorf("got %d units used (%v), want 1", got.UsedQuota, err)
	}
}

// No answer has an amount above token.MaxInteger, which every client can
// represent.
func TestAmountsAreCapped(t *testing.T) {
	t.Parallel()
	tenant, g, made, key := held(t)
	if _, err := tenant.Update(t.Context(), tenant.Access, made.ID, token.Settings{RemainQuota: new(int64(token.MaxInteger))}); err != nil {
		t.Fatal(err)
	}
	if r, err := g.Release(t.Context(), key, "r-0123456789abcdefghijk"); err != nil || r.Remain != token.MaxInteger {
		t.Errorf("release: got %d, %v, want %d", r.Remain, err, int64(token.MaxInteger))
	}
	if v, err := g.Verify(t.Context(), key, quota.Question{Quota: 1}); err != nil || v.Remain != token.MaxInteger {
		t.Errorf("spend: got %d, %v, want %d", v.Remain, err, int64(token.MaxInteger))
	}
	if u, err := g.Usage(t.Context(), key, quota.Origin{}); err != nil || u.Available != token.MaxInteger || u.Granted != token.MaxInteger {
		t.Errorf("usage: got %d of %d, %v, want %d", u.Available, u.Granted, err, int64(token.MaxInteger))
	}
	if v, err := g.Verify(t.Context(), key, quota.Question{Quota: token.MaxInteger}); err != nil || v.Remain != 99 {
		t.Errorf("spend all that was reported: got %d, %v, want the 99 above the cap", v.Remain, err)
	}
}
