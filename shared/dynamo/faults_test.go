package dynamo_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/token"
)

// A call is an operation of the service on token 5 of 6. attempts is how often
// it may send each kind of DynamoDB call.
type call struct {
	name     string
	attempts map[string]int
	do       func(ctx context.Context, tenant *dynamotest.Tenant) error
}

// Attempts of a call.
const (
	retriedIfNotApplied = 3 // a read, or a write that was not applied
	onceOnly            = 1 // a write without an answer that must not be repeated
	retriedAlways       = 6 // a write whose repetition is harmless
)

func calls() []call {
	return []call{
		{
			"list",
			map[string]int{dynamotest.GetItem: retriedIfNotApplied, dynamotest.Query: retriedIfNotApplied},
			func(ctx context.Context, tenant *dynamotest.Tenant) error {
				page, err := tenant.List(ctx, tenant.Access, 1, 10)
				if err == nil && page.Total != 6 {
					err = fmt.Errorf("total %d, want 6", page.Total)
				}
				return err
			},
		},
		{
			"get",
			map[string]int{dynamotest.BatchGetItem: retriedIfNotApplied},
			func(ctx context.Context, tenant *dynamotest.Tenant) error {
				_, err := tenant.Get(ctx, tenant.Access, 5)
				return err
			},
		},
		{
			"create",
			map[string]int{dynamotest.GetItem: retriedIfNotApplied, dynamotest.TransactWriteItems: retriedAlways},
			func(ctx context.Context, tenant *dynamotest.Tenant) error {
				_, _, err := tenant.Create(ctx, tenant.Access, example())
				return err
			},
		},
		{
			"update",
			map[string]int{dynamotest.GetItem: retriedIfNotApplied, dynamotest.UpdateItem: retriedIfNotApplied},
			func(ctx context.Context, tenant *dynamotest.Tenant) error {
				_, err := tenant.Update(ctx, tenant.Access, 5, token.Settings{Name: new("changed")})
				return err
			},
		},
		{
			"delete",
			map[string]int{dynamotest.BatchGetItem: retriedIfNotApplied, dynamotest.TransactWriteItems: retriedIfNotApplied + retriedAlways},
			func(ctx context.Context, tenant *dynamotest.Tenant) error {
				return tenant.Delete(ctx, tenant.Access, 5)
			},
		},
		{
			"delete one of a batch",
			map[string]int{
				dynamotest.GetItem: retriedIfNotApplied, dynamotest.BatchGetItem: retriedIfNotApplied,
				dynamotest.UpdateItem: retriedAlways, dynamotest.TransactWriteItems: retriedAlways,
			},
			func(ctx context.Context, tenant *dynamotest.Tenant) error {
				errs, err := tenant.DeleteAll(ctx, tenant.Access, []int64{5}, nil)
				return errors.Join(append(errs, err)...)
			},
		},
	}
}

// eachFault runs a sub-test for every fault of every DynamoDB call of every
// operation, on a new table with six tokens.
func eachFault(t *testing.T, test func(t *testing.T, kit *dynamotest.Kit, tenant *dynamotest.Tenant, c call, op string, fault dynamotest.Fault)) {
	t.Helper()
	for _, c := range calls() {
		for op := range c.attempts {
			for _, fault := range dynamotest.FaultsOf(op) {
				t.Run(fmt.Sprintf("%s/%s/%s", c.name, op, fault), func(t *testing.T) {
					t.Parallel()
					kit := newKit(t)
					tenant := kit.Tenant(t, "victim")
					mustCreate(t, tenant, 6)
					test(t, kit, tenant, c, op, fault)
				})
			}
		}
	}
}

// A fault that lasts is reported as unavailable after a bounded number of
// attempts.
func TestLastingFault(t *testing.T) {
	t.Parallel()
	eachFault(t, func(t *testing.T, kit *dynamotest.Kit, tenant *dynamotest.Tenant, c call, op string, fault dynamotest.Fault) {
		faults := &dynamotest.Faults{Choose: func(called string, _ int) dynamotest.Fault {
			if called == op {
				return fault
			}
			return dynamotest.NoFault
		}}
		err := c.do(t.Context(), tenant.WithStore(kit.StoreWith(faults.Configure)))
		if !errors.Is(err, token.ErrUnavailable) {
			t.Errorf("got error %v, want ErrUnavailable", err)
		}
		want := c.attempts[op]
		if c.name == "update" && op == dynamotest.UpdateItem && fault.Unknown() {
			want = onceOnly
		}
		if c.name == "delete" && op == dynamotest.TransactWriteItems {
			switch {
			case fault == dynamotest.Conflict || fault == dynamotest.MixedConflict:
				want = onceOnly + retriedAlways // it is revoked instead
			case fault.Applied():
				want = retriedIfNotApplied // it is gone, as the next write finds
			}
		}
		if got := faults.Attempts(op); got != want {
			t.Errorf("got %d attempts of %s, want %d", got, op, want)
		}
		checkAfterwards(t, kit, tenant, c, op, fault.Applied())
	})
}

// checkAfterwards checks that a failed operation was applied once or not at
// all, and that a list finishes an interrupted deletion.
func checkAfterwards(t *testing.T, kit *dynamotest.Kit, tenant *dynamotest.Tenant, c call, op string, applied bool) {
	t.Helper()
	write := op == dynamotest.TransactWriteItems || op == dynamotest.UpdateItem
	total, version := int64(6), int64(1)
	switch {
	case c.name == "create" && write && applied:
		total = 7
	case c.name == "update" && write && applied:
		version = 2
	case strings.HasPrefix(c.name, "delete") && (op == dynamotest.TransactWriteItems || write && applied):
		total = 5 // it is at least revoked, which is final
	}
	page := mustList(t, tenant, 1, 10)
	if page.Total != total || int64(len(page.Tokens)) != total {
		t.Errorf("got %d tokens, total %d, want %d", len(page.Tokens), page.Total, total)
	}
	for _, tok := range page.Tokens {
		if tok.ID == 5 && tok.Version != version {
			t.Errorf("got version %d, want %d", tok.Version, version)
		}
	}
	kit.Audit(t, tenant.Access.UserID)
}

// An operation survives a single fault, except an update without an answer, and
// nothing is applied twice.
func TestSingleFault(t *testing.T) {
	t.Parallel()
	eachFault(t, func(t *testing.T, kit *dynamotest.Kit, tenant *dynamotest.Tenant, c call, op string, fault dynamotest.Fault) {
		faults := &dynamotest.Faults{Choose: func(called string, nth int) dynamotest.Fault {
			if called == op && nth == 1 {
				return fault
			}
			return dynamotest.NoFault
		}}
		err := c.do(t.Context(), tenant.WithStore(kit.StoreWith(faults.Configure)))
		var want error
		if c.name == "update" && op == dynamotest.UpdateItem && fault.Unknown() {
			want = token.ErrUncertain // not repeated: that could undo another caller's change
		}
		if !errors.Is(err, want) {
			t.Fatalf("got error %v, want %v", err, want)
		}
		a := kit.Audit(t, tenant.Access.UserID) // before a list could finish an interrupted deletion
		switch c.name {
		case "create":
			if !slices.Equal(a.IDs, []int64{1, 2, 3, 4, 5, 6, 7}) {
				t.Errorf("got ids %v, want 1 to 7", a.IDs)
			}
		case "delete", "delete one of a batch":
			if !slices.Equal(a.IDs, []int64{1, 2, 3, 4, 6}) || a.Deleted != 1 {
				t.Errorf("got ids %v, %d deletions, want all but 5", a.IDs, a.Deleted)
			}
		case "update":
			tok, err := tenant.Get(t.Context(), tenant.Access, 5)
			if err != nil || tok.Version > 2 || want == nil && tok.Name != "changed" {
				t.Errorf("got %q version %d (%v), want the change once", tok.Name, tok.Version, err)
			}
		}
	})
}

// A token whose deletion was interrupted is gone for every caller, and the next
// delete finishes the deletion.
func TestInterruptedDeleteIsFinished(t *testing.T) {
	t.Parallel()
	kit := newKit(t)
	tenant := kit.Tenant(t, "victim")
	mustCreate(t, tenant, 3)
	faults := &dynamotest.Faults{Choose: func(op string, _ int) dynamotest.Fault {
		if op == dynamotest.TransactWriteItems {
			return dynamotest.LostBefore
		}
		return dynamotest.NoFault
	}}
	ctx := t.Context()
	if err := tenant.WithStore(kit.StoreWith(faults.Configure)).Delete(ctx, tenant.Access, 2); !errors.Is(err, token.ErrUnavailable) {
		t.Fatalf("got error %v, want ErrUnavailable", err)
	}
	if _, err := tenant.Get(ctx, tenant.Access, 2); !errors.Is(err, token.ErrNotFound) {
		t.Errorf("get of a revoked token: got error %v, want ErrNotFound", err)
	}
	if _, err := tenant.Update(ctx, tenant.Access, 2, token.Settings{Name: new("changed")}); !errors.Is(err, token.ErrNotFound) {
		t.Errorf("update of a revoked token: got error %v, want ErrNotFound", err)
	}
	for range 2 {
		if err := tenant.Delete(ctx, tenant.Access, 2); !errors.Is(err, token.ErrNotFound) {
			t.Errorf("another delete: got error %v, want ErrNotFound", err)
		}
		if a := kit.Audit(t, tenant.Access.UserID); !slices.Equal(a.IDs, []int64{1, 3}) || a.Deleted != 1 {
			t.Errorf("got ids %v, %d deletions, want 1 and 3, and one", a.IDs, a.Deleted)
		}
	}
}

// A batch read asks again for keys that DynamoDB left unprocessed.
func TestUnprocessedKeys(t *testing.T) {
	t.Parallel()
	kit := newKit(t)
	tenant := kit.Tenant(t, "victim")
	mustCreate(t, tenant, 1)
	for _, fault := range []dynamotest.Fault{dynamotest.HalfProcessed, dynamotest.Unprocessed} {
		faults := &dynamotest.Faults{Choose: func(_ string, nth int) dynamotest.Fault {
			if nth == 1 {
				return fault
			}
			return dynamotest.NoFault
		}}
		got, err := tenant.WithStore(kit.StoreWith(faults.Configure)).Get(t.Context(), tenant.Access, 1)
		if err != nil || got.ID != 1 || faults.Attempts(dynamotest.BatchGetItem) != 2 {
			t.Errorf("%s: got token %d after %d calls (%v), want 1 after 2", fault, got.ID, faults.Attempts(dynamotest.BatchGetItem), err)
		}
	}
}
