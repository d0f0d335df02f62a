package dynamo_test

import (
	"context"
	"errors"
	"testing"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

// An operation whose first attempt was applied without an answer is not refused,
// even if another caller has made the key unusable before the next attempt: a
// refusal would say that no units were charged.
func TestUncertainOperationIsNotRefused(t *testing.T) {
	t.Parallel()
	for change, apply := range map[string]func(ctx context.Context, tenant *dynamotest.Tenant) error{
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
			t.Run(change+"/"+name, func(t *testing.T) {
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
				var after quota.Ledger // the first attempt
				faults := &dynamotest.Faults{Choose: func(_ string, nth int) dynamotest.Fault {
					if nth == 1 {
						return dynamotest.LostAfter
					}
					var errs [2]error
					after, errs[0] = kit.Store.Lookup(t.Context(), key, dynamotest.Epoch)
					errs[1] = apply(t.Context(), tenant)
					if err := errors.Join(errs[:]...); err != nil {
						t.Error(err)
					}
					return dynamotest.NoFault
				}}
				_, err = kit.StoreWith(faults.Configure).Do(t.Context(), key, o)
				ends := kind == quota.KindSettle || kind == quota.KindRelease
				switch {
				case ends && change != "deleted": // a hold can always be ended
					if err != nil {
						t.Errorf("got error %v, want none", err)
					}
				case !errors.Is(err, token.ErrRepeatable):
					t.Errorf("got error %v, want ErrRepeatable", err)
				}
				var refused quota.RefusedError
				if errors.As(err, &refused) || errors.Is(err, quota.ErrKeyUnknown) {
					t.Errorf("got error %v, want no refusal; the ledger after the first attempt: %+v", err, after.Records)
				}
				if r, ok := o.Record(after); !ok || r.Quota != 4 {
					t.Errorf("got record %+v, want that of the first attempt", r)
				}
			})
		}
	}
}

// A deletion whose first attempt got no answer does not say that there is no
// token, if another deletion removes the item before the next attempt: the first
// attempt may have been the one that deleted it. If that was a transaction, DynamoDB
// knows whether it was.
func TestUncertainDeletion(t *testing.T) {
	t.Parallel()
	type deletion func(context.Context, *dynamotest.Tenant) error
	atOnce := func(ctx context.Context, tenant *dynamotest.Tenant) error {
		return tenant.Delete(ctx, tenant.Access, 1)
	}
	inTwoSteps := func(ctx context.Context, tenant *dynamotest.Tenant) error {
		errs, err := tenant.DeleteAll(ctx, tenant.Access, []int64{1}, nil)
		return errors.Join(append(errs, err)...)
	}
	for name, tt := range map[string]struct {
		do         deletion
		op         string
		fault      dynamotest.Fault
		got, other error
	}{
		"at once, applied":          {atOnce, dynamotest.TransactWriteItems, dynamotest.LostAfter, nil, token.ErrNotFound},
		"at once, not applied":      {atOnce, dynamotest.TransactWriteItems, dynamotest.LostBefore, token.ErrUncertain, nil},
		"in two steps, applied":     {inTwoSteps, dynamotest.UpdateItem, dynamotest.LostAfter, token.ErrUncertain, token.ErrNotFound},
		"in two steps, not applied": {inTwoSteps, dynamotest.UpdateItem, dynamotest.LostBefore, token.ErrUncertain, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			kit := newKit(t)
			tenant := kit.Tenant(t, "victim")
			mustCreate(t, tenant, 1)
			var other error
			faults := &dynamotest.Faults{Choose: func(op string, nth int) dynamotest.Fault {
				if op != tt.op || nth > 2 {
					return dynamotest.NoFault
				}
				if nth == 1 {
					return tt.fault
				}
				other = tenant.Delete(t.Context(), tenant.Access, 1)
				return dynamotest.NoFault
			}}
			err := tt.do(t.Context(), tenant.WithStore(kit.StoreWith(faults.Configure)))
			if !errors.Is(err, tt.got) {
				t.Errorf("got %v, want %v", err, tt.got)
			}
			if !errors.Is(other, tt.other) {
				t.Errorf("the other deletion: got %v, want %v", other, tt.other)
			}
			if a := kit.Audit(t, tenant.Access.UserID); len(a.IDs) != 0 || a.Deleted != 1 {
				t.Errorf("got ids %v, %d deletions, want none, and one", a.IDs, a.Deleted)
			}
		})
	}
}

// An operation whose first attempt was certainly not applied is refused as
// usual.
func TestRefusalAfterThrottling(t *testing.T) {
	t.Parallel()
	kit := newKit(t)
	tenant := kit.Tenant(t, "victim")
	_, key, err := tenant.Create(t.Context(), tenant.Access, token.Settings{Name: new("a"), RemainQuota: new(int64(3))})
	if err != nil {
		t.Fatal(err)
	}
	for _, fault := range []dynamotest.Fault{dynamotest.Throttled, dynamotest.AccountThrottle, dynamotest.ConnectionRefused, dynamotest.Conflict} {
		faults := &dynamotest.Faults{Choose: func(_ string, nth int) dynamotest.Fault {
			if nth == 1 {
				return fault
			}
			return dynamotest.NoFault
		}}
		o := quota.Operation{Kind: quota.KindSpend, Now: tenant.UnixNow(), Question: quota.Question{RequestID: "r", Quota: 4}}
		if _, err := kit.StoreWith(faults.Configure).Do(t.Context(), key, o); !errors.Is(err, quota.RefusedExhausted.Err()) {
			t.Errorf("%s: got error %v, want %v", fault, err, quota.RefusedExhausted.Err())
		}
	}
}
