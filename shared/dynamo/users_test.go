package dynamo_test

import (
	"errors"
	"fmt"
	"reflect"
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

// Users who are created at the same time get ids without gaps, and a list with
// more users than one batch is in the order of the ids.
func TestConcurrentUserCreates(t *testing.T) {
	t.Parallel()
	users := newUserService(newKit(t))
	const workers, each = 8, 27
	var all sync.WaitGroup
	for n := range workers {
		all.Go(func() {
			for i := range each {
				name := fmt.Sprintf("user-%d-%d", n, i)
				err := token.ErrContention
				for errors.Is(err, token.ErrContention) {
					_, _, err = users.Create(t.Context(), name, token.RoleUser, 0)
				}
				if err != nil {
					t.Errorf("create %s: %v", name, err)
				}
			}
		})
	}
	all.Wait()
	list, err := users.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for i, u := range list {
		names[u.Name] = true
		if u.ID != int64(i+1) {
			t.Errorf("user %d in the list has id %d", i+1, u.ID)
		}
	}
	if len(list) != workers*each || len(names) != workers*each {
		t.Errorf("got %d users with %d names, want %d", len(list), len(names), workers*each)
	}
}

// Of users who are created at the same time with one name, one is.
func TestUserNamesAreUnique(t *testing.T) {
	t.Parallel()
	users := newUserService(newKit(t))
	var made atomic.Int32
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			switch _, _, err := users.Create(t.Context(), "demo", token.RoleUser, 0); {
			case err == nil:
				made.Add(1)
			case !errors.Is(err, token.ErrUserExists) && !errors.Is(err, token.ErrContention):
				t.Errorf("got error %v, want ErrUserExists", err)
			}
		})
	}
	all.Wait()
	if _, _, err := users.Create(t.Context(), "demo", token.RoleUser, 0); !errors.Is(err, token.ErrUserExists) {
		t.Errorf("got error %v, want ErrUserExists", err)
	}
	list, err := users.List(t.Context())
	if err != nil || len(list) != 1 || made.Load() != 1 {
		t.Errorf("got %d users (%v) of %d acknowledged, want 1", len(list), err, made.Load())
	}
}

// A change to an old version of a user is refused as contention.
func TestChangeOfOldUserVersion(t *testing.T) {
	t.Parallel()
	kit := newKit(t)
	users := newUserService(kit)
	stale, _, err := users.Create(t.Context(), "demo", token.RoleUser, 0)
	if err != nil {
		t.Fatal(err)
	}
	stopped, err := users.Disable(t.Context(), "demo", false, nil)
	disabled := stopped.User
	if err != nil || disabled.Version != 2 || !disabled.Disabled {
		t.Errorf("got %+v (%v), want version 2, disabled", disabled, err)
	}
	if _, err := kit.Store.ChangeUser(t.Context(), stale); !errors.Is(err, token.ErrContention) {
		t.Errorf("got error %v, want ErrContention", err)
	}
	if _, err := users.Disable(t.Context(), "nobody", false, nil); !errors.Is(err, token.ErrUserNotFound) {
		t.Errorf("got error %v, want ErrUserNotFound", err)
	}
	found, err := kit.Store.FindUser(t.Context(), "demo")
	if err != nil || !reflect.DeepEqual(found, disabled) {
		t.Errorf("got %+v (%v), want %+v", found, err, disabled)
	}
}

// A change by the operator leaves the user's counters as they are.
func TestUserChangeKeepsCounters(t *testing.T) {
	t.Parallel()
	kit := newKit(t)
	tenant := kit.Tenant(t, "demo")
	users := newUserService(kit)
	mustCreate(t, tenant, 3)
	if err := tenant.Delete(t.Context(), tenant.Access, 2); err != nil {
		t.Fatal(err)
	}
	stopped, err := users.Disable(t.Context(), "demo", false, nil)
	u := stopped.User
	if err != nil || u.LastTokenID != 3 || u.DeletedTokens != 1 || u.TokenCount() != 2 {
		t.Errorf("got %+v (%v), want 3 given, 1 deleted", u, err)
	}
	kit.Audit(t, u.ID)
}

// valid returns the indexes of the access tokens that are accepted.
func valid(t *testing.T, tenant *dynamotest.Tenant, all []credential.AccessToken) []int {
	t.Helper()
	accepted := []int{}
	for i, at := range all {
		switch err := tenant.Authorize(t.Context(), at); {
		case err == nil:
			accepted = append(accepted, i)
		case !errors.Is(err, token.ErrUnauthorized):
			t.Errorf("access token %d: got error %v, want ErrUnauthorized", i, err)
		}
	}
	return accepted
}

// Old access tokens are valid until a rotation revokes them.
func TestAccessTokenRotation(t *testing.T) {
	t.Parallel()
	kit := newKit(t)
	tenant := kit.Tenant(t, "demo")
	users := &token.UserService{Store: kit.Store, Now: tenant.Clock.Now}
	all := []credential.AccessToken{tenant.Access}
	for _, step := range []struct {
		revoke, issues bool
		revoked        int
		valid          []int
	}{
		{false, true, 0, []int{0, 1}},
		{true, false, 1, []int{1}}, // completes the rotation before
		{true, true, 1, []int{2}},  // starts and completes a rotation
		{false, true, 0, []int{2, 3}},
		{false, true, 0, []int{2, 3, 4}},
		{true, false, 2, []int{4}},
	} {
		r, err := users.RotateAccessToken(t.Context(), "demo", step.revoke, 0)
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

// A user has at most five access tokens; an expired one makes room for another.
func TestAccessTokenSlots(t *testing.T) {
	t.Parallel()
	kit := newKit(t)
	tenant := kit.Tenant(t, "demo")
	users := &token.UserService{Store: kit.Store, Now: tenant.Clock.Now}
	all := []credential.AccessToken{tenant.Access}
	rotate := func(lasts time.Duration) error {
		r, err := users.RotateAccessToken(t.Context(), "demo", false, lasts)
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
		t.Errorf("a sixth access token: got error %v, want ErrSlotsFull", err)
	}
	if got := valid(t, tenant, all); len(got) != token.MaxSlots {
		t.Errorf("access tokens %v are valid, want all %d", got, token.MaxSlots)
	}
	tenant.Clock.Advance(60)
	if got := valid(t, tenant, all); !slices.Equal(got, []int{0, 1, 3, 4}) {
		t.Errorf("after a minute access tokens %v are valid, want all but 2", got)
	}
	if err := rotate(0); err != nil {
		t.Errorf("in the expired one's slot: got error %v", err)
	}
	if got := valid(t, tenant, all); !slices.Equal(got, []int{0, 1, 3, 4, 5}) {
		t.Errorf("at the end access tokens %v are valid, want all but 2", got)
	}
}
