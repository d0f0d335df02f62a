package dynamo_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/latchkey-api/latchkey/shared/token"
)

// TestAuditOfConcurrentChanges lets several callers change the same token at once. The audit trail has one entry for
// each change that was made and none for one that was refused, and each entry begins
// with what the one before it left.
func TestAuditOfConcurrentChanges(t *testing.T) {
	t.Parallel()
	a := newAudited(t)
	if _, _, err := a.tenant.Create(t.Context(), a.tenant.Access, token.Settings{Name: new("first"), UnlimitedQuota: new(true)}); err != nil {
		t.Fatal(err)
	}
	const callers, changes = 6, 12
	var made sync.Map // by request id
	var all sync.WaitGroup
	for caller := range callers {
		all.Go(func() {
			for n := range changes {
				request := fmt.Sprint("request ", caller, " ", n)
				ctx := token.WithOrigin(t.Context(), token.Origin{RequestID: request})
				_, err := a.tenant.Update(ctx, a.tenant.Access, 1, token.Settings{Name: new(request)})
				if err == nil {
					made.Store(request, true)
				}
			}
		})
	}
	all.Wait()
	a.fold(t)
	last, entries := `"first"`, a.trail(t, a.tenant.Access.UserID, 1)[1:]
	for _, e := range entries {
		if _, ok := made.LoadAndDelete(e.RequestID); !ok || len(e.Changes) != 1 || string(e.Changes[0].Before) != last || string(e.Changes[0].After) != fmt.Sprintf("%q", e.RequestID) {
			t.Errorf("got %+v, want one change of the name from %s by a request that was not refused, once", e, last)
			continue
		}
		last = string(e.Changes[0].After)
	}
	made.Range(func(request, _ any) bool {
		t.Errorf("%v has no entry", request)
		return true
	})
	if len(entries) < callers {
		t.Errorf("got %d changes, want more that were not refused", len(entries))
	}
}
