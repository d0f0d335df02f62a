package dynamo_test

import (
	"context"
	"errors"
	"testing"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

// An attempt was applied and its answer got lost; before the next one, a rival
// made the key useless. Who asked must not hear a plain refusal, for the units
// have moved.
func TestAnOperationThatMayHaveBeenCarriedOutIsNotRefused(t *testing.T) {
	t.Parallel()
	for rivalry, rival := range map[string]func(ctx context.Context, tenant *dynamotest.Tenant) error{
		"deleted": func(ctx context.Context, tenant *dynamotest.Tenant) error {
			return tenant.Delete(ctx, tenant.Access, 1)
		},
		"disabled": func(ctx context.Context, tenant *dynamotest.Tenant) error {
			_, err := tenant.SetStatus(ctx, tenant.Access, 1, true)
			return err
		},
		"limited to another model": func(ctx context.Context, tenant *dynamotest.Tenant) error {
			_, err := tenant.Update(ctx, tenant.Access, 1, token.Settings{ModelLimitsEnabled: new(true), Models: []string{"m2"}})
			return err
		},
	} {
		for kind, name := range map[quota.Kind]string{quota.KindSpend: "spend", quota.KindReserve: "reserve", quota.KindSettle: "settle", quota.KindRelease: "release"} {
			t.Run(rivalry+"/"+name, func(t *testing.T) {
				t.Parallel()
				kit := newKit(t)
				tenant := kit.Tenant(t, "victim")
				_, key, err := tenant.Create(t.Context(), tenant.Access, token.Settings{Name: new("a"), RemainQuota: new(int64(10))})
				if err != nil {
					t.Fatal(err)
				}
				o := quota.Operation{Kind: kind, Now: tenant.UnixNow(), ExpiresAt: tenant.UnixNow() + 60, Question: quota.Question{RequestID: "r", Quota: 4, Model: "m1"}}
				if kind == quota.KindSettle || kind == quota.KindRelease {
					hold := o
					hold.Kind = quota.KindReserve
					if _, err := kit.Store.Do(t.Context(), key, hold); err != nil {
						t.Fatal(err)
					}
				}
				var after quota.Ledger // the attempt that was applied
				faults := &dynamotest.Faults{Choose: func(_ string, nth int) dynamotest.Fault {
					if nth == 1 {
						return dynamotest.LostAfter
					}
					var errs [2]error
					after, errs[0] = kit.Store.Lookup(t.Context(), key)
					errs[1] = rival(t.Context(), tenant)
					if err := errors.Join(errs[:]...); err != nil {
						t.Error(err)
					}
					return dynamotest.NoFault
				}}
				_, err = kit.Through(faults.Tweak).Do(t.Context(), key, o)
				ends := kind == quota.KindSettle || kind == quota.KindRelease
				switch {
				case ends && rivalry != "deleted": // whatever the key may, a hold ends
					if err != nil {
						t.Errorf("got error %v, want none", err)
					}
				case !errors.Is(err, token.ErrRepeatable):
					t.Errorf("got error %v, want ErrRepeatable", err)
				}
				var refused quota.RefusedError
				if errors.As(err, &refused) || errors.Is(err, quota.ErrKeyUnknown) {
					t.Errorf("got error %v, want no refusal, with the units moved: %+v", err, after.Records)
				}
				if r, ok := o.Record(after); !ok || r.Quota != 4 {
					t.Errorf("got record %+v, want the lost attempt's", r)
				}
			})
		}
	}
}

// What a lost attempt is certain not to have done, is refused as ever.
func TestARefusalWithoutALostAttemptIsCertain(t *testing.T) {
	t.Parallel()
	kit := newKit(t)
	tenant := kit.Tenant(t, "victim")
	_, key, err := tenant.Create(t.Context(), tenant.Access, token.Settings{Name: new("a"), RemainQuota: new(int64(3))})
	if err != nil {
		t.Fatal(err)
	}
	for _, fault := range []dynamotest.Fault{dynamotest.Throttled, dynamotest.AccountThrottle, dynamotest.Refused, dynamotest.Conflict} {
		faults := &dynamotest.Faults{Choose: func(_ string, nth int) dynamotest.Fault {
			if nth == 1 {
				return fault
			}
			return dynamotest.NoFault
		}}
		o := quota.Operation{Kind: quota.KindSpend, Now: tenant.UnixNow(), Question: quota.Question{RequestID: "r", Quota: 4}}
		if _, err := kit.Through(faults.Tweak).Do(t.Context(), key, o); !errors.Is(err, quota.RefusedExhausted.Err()) {
			t.Errorf("%s: got error %v, want %v", fault, err, quota.RefusedExhausted.Err())
		}
	}
}
