package dynamo_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/token"
)

func newUserService(kit *dynamotest.Kit) *token.UserService {
	return &token.UserService{Store: kit.Store, Now: new(dynamotest.Clock).Now}
}

func TestConcurrentUsersGetUniqueIDsAndMoreThanOneBatchIsListedInOrder(t *testing.T) {
	t.Parallel()
	accounts := newUserService(newKit(t))
	const workers, each = 8, 27
	var all sync.WaitGroup
	for n := range workers {
		all.Go(func() {
			for i := range each {
				name := fmt.Sprintf("user-%d-%d", n, i)
				err := token.ErrContention
				for errors.Is(err, token.ErrContention) {
					_, _, err = accounts.Create(t.Context(), name, token.RoleUser, 0)
				}
				if err != nil {
					t.Errorf("create %s: %v", name, err)
				}
			}
		})
	}
	all.Wait()
	users, err := accounts.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for i, u := range users {
		names[u.Name] = true
		if u.ID != int64(i+1) {
			t.Errorf("user %d in the list has id %d", i+1, u.ID)
		}
	}
	if len(users) != workers*each || len(names) != workers*each {
		t.Errorf("got %d users with %d names, want %d", len(users), len(names), workers*each)
	}
}

func TestANameIsGivenToOneUserOnly(t *testing.T) {
	t.Parallel()
	accounts := newUserService(newKit(t))
	var made atomic.Int32
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			switch _, _, err := accounts.Create(t.Context(), "demo", token.RoleUser, 0); {
			case err == nil:
				made.Add(1)
			case !errors.Is(err, token.ErrUserExists) && !errors.Is(err, token.ErrContention):
				t.Errorf("got error %v, want ErrUserExists", err)
			}
		})
	}
	all.Wait()
	if _, _, err := accounts.Create(t.Context(), "demo", token.RoleUser, 0); !errors.Is(err, token.ErrUserExists) {
		t.Errorf("got error %v, want ErrUserExists", err)
	}
	users, err := accounts.List(t.Context())
	if err != nil || len(users) != 1 || made.Load() != 1 {
		t.Errorf("got %d users (%v) of %d acknowledged, want 1", len(users), err, made.Load())
	}
}

func TestOfTwoChangesToOneVersionOfAUserOneIsContention(t *testing.T) {
	t.Parallel()
	kit := newKit(t)
	accounts := newUserService(kit)
	stale, _, err := accounts.Create(t.Context(), "demo", token.RoleUser, 0)
	if err != nil {
		t.Fatal(err)
	}
	disabled, err := accounts.SetDisabled(t.Context(), "demo", true)
	if err != nil || disabled.Version != 2 || !disabled.Disabled {
		t.Errorf("got %+v (%v), want version 2, disabled", disabled, err)
	}
	if _, err := kit.Store.ChangeUser(t.Context(), stale); !errors.Is(err, token.ErrContention) {
		t.Errorf("got error %v, want ErrContention", err)
	}
	if _, err := accounts.SetDisabled(t.Context(), "nobody", true); !errors.Is(err, token.ErrUserNotFound) {
		t.Errorf("got error %v, want ErrUserNotFound", err)
	}
	found, err := kit.Store.FindUser(t.Context(), "demo")
	if err != nil || found != disabled {
		t.Errorf("got %+v (%v), want %+v", found, err, disabled)
	}
}

func TestChangesToAUserLeaveItsCountersAlone(t *testing.T) {
	t.Parallel()
	kit := newKit(t)
	tenant := kit.Tenant(t, "demo")
	accounts := newUserService(kit)
	mustCreate(t, tenant, 3)
	if err := tenant.Delete(t.Context(), tenant.Access, 2); err != nil {
		t.Fatal(err)
	}
	u, err := accounts.SetDisabled(t.Context(), "demo", true)
	if err != nil || u.LastTokenID != 3 || u.DeletedTokens != 1 || u.TokenCount() != 2 {
		t.Errorf("got %+v (%v), want 3 given, 1 deleted", u, err)
	}
	kit.Audit(t, u.ID)
}

// valid lists which of the access tokens are let in.
func valid(t *testing.T, tenant *dynamotest.Tenant, all []credential.AccessToken) []int {
	t.Helper()
	in := []int{}
	for i, at := range all {
		switch err := tenant.Authorize(t.Context(), at); {
		case err == nil:
			in = append(in, i)
		case !errors.Is(err, token.ErrUnauthorized):
			t.Errorf("access token %d: got error %v, want ErrUnauthorized", i, err)
		}
	}
	return in
}

func TestARotationOverlapsUntilItIsCompleted(t *testing.T) {
	t.Parallel()
	kit := newKit(t)
	tenant := kit.Tenant(t, "demo")
	accounts := &token.UserService{Store: kit.Store, Now: tenant.Clock.Now}
	all := []credential.AccessToken{tenant.Access}
	for _, step := range []struct {
		revoke, issues bool
		revoked        int
		valid          []int
	}{
		{false, true, 0, []int{0, 1}},
		{true, false, 1, []int{1}}, // the rotation under way is completed
		{true, true, 1, []int{2}},  // started and completed
		{false, true, 0, []int{2, 3}},
		{false, true, 0, []int{2, 3, 4}},
		{true, false, 2, []int{4}},
	} {
		r, err := accounts.RotateAccessToken(t.Context(), "demo", step.revoke, 0)
		if err != nil || (r.Issued != nil) != step.issues || r.Revoked != step.revoked {
			t.Fatalf("rotate with revoke %v: got %+v (%v), want %d revoked", step.revoke, r, err, step.revoked)
		}
		if r.Issued != nil {
			all = append(all, *r.Issued)
		}
		if got := valid(t, tenant, all); !slices.Equal(got, step.valid) {
			t.Fatalf("after rotate with revoke %v: access tokens %v are valid, want %v", step.revoke, got, step.valid)
		}
	}
}

func TestASixthAccessTokenNeedsASlotThatIsFreeOrExpired(t *testing.T) {
	t.Parallel()
	kit := newKit(t)
	tenant := kit.Tenant(t, "demo")
	accounts := &token.UserService{Store: kit.Store, Now: tenant.Clock.Now}
	all := []credential.AccessToken{tenant.Access}
	rotate := func(lasts time.Duration) error {
		r, err := accounts.RotateAccessToken(t.Context(), "demo", false, lasts)
		if err == nil {
			all = append(all, *r.Issued)
		}
		return err
	}
	for _, lasts := range []time.Duration{0, time.Minute, 0, 0} {
		if err := rotate(lasts); err != nil {
			t.Fatal(err)
		}
	}
	if err := rotate(0); !errors.Is(err, token.ErrSlotsFull) {
		t.Errorf("a sixth: got error %v, want ErrSlotsFull", err)
	}
	if got := valid(t, tenant, all); len(got) != token.MaxSlots {
		t.Errorf("access tokens %v are valid, want all %d", got, token.MaxSlots)
	}
	tenant.Clock.Step(60)
	if got := valid(t, tenant, all); !slices.Equal(got, []int{0, 1, 3, 4}) {
		t.Errorf("after a minute access tokens %v are valid, want all but 2", got)
	}
	if err := rotate(0); err != nil {
		t.Errorf("into the expired one's slot: got error %v", err)
	}
	if got := valid(t, tenant, all); !slices.Equal(got, []int{0, 1, 3, 4, 5}) {
		t.Errorf("at the end access tokens %v are valid, want all but 2", got)
	}
}
