package dynamo_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/token"
)

// tryAll makes every call that takes the id of a token and returns the errors.
func tryAll(t *testing.T, tenant *dynamotest.Tenant, id int64) map[string]error {
	t.Helper()
	ctx := t.Context()
	_, get := tenant.Get(ctx, tenant.Access, id)
	_, update := tenant.Update(ctx, tenant.Access, id, token.Settings{Name: new("taken over")})
	_, quota := tenant.Update(ctx, tenant.Access, id, token.Settings{RemainQuota: new(int64(1))})
	_, limits := tenant.Update(ctx, tenant.Access, id, token.Settings{ModelLimitsEnabled: new(true)})
	_, disable := tenant.SetStatus(ctx, tenant.Access, id, true)
	_, enable := tenant.SetStatus(ctx, tenant.Access, id, false)
	return map[string]error{
		"get": get, "update": update, "update the quota": quota, "update the limits": limits,
		"disable": disable, "enable": enable, "delete": tenant.Delete(ctx, tenant.Access, id),
	}
}

// Another user's token id is not found, exactly as one that never existed, and
// the token is unchanged.
func TestOtherUsersTokens(t *testing.T) {
	t.Parallel()
	kit := newKit(t)
	owner, other := kit.Tenant(t, "owner"), kit.Tenant(t, "other")
	mustCreate(t, owner, 5)
	mustCreate(t, other, 2)
	before := mustList(t, owner, 1, 10)
	for _, id := range []int64{3, 5, 6, 300, token.MaxInteger} { // the owner's, then ids of no token
		for verb, err := range tryAll(t, other, id) {
			if err != token.ErrNotFound { //nolint:errorlint // a wrapped error could distinguish the ids
				t.Errorf("%s of %d: got error %v, want exactly ErrNotFound", verb, id, err)
			}
		}
	}
	if diff := cmp.Diff(before, mustList(t, owner, 1, 10)); diff != "" {
		t.Errorf("the owner's tokens -before +after:\n%s", diff)
	}
	for tenant, given := range map[*dynamotest.Tenant]int64{owner: 5, other: 2} {
		if a := kit.Audit(t, tenant.Access.UserID); a.Given != given || a.Deleted != 0 {
			t.Errorf("user %d: got %+v, want nothing changed", tenant.Access.UserID, a)
		}
	}
}

// A caller who is not authorized learns nothing and changes nothing.
func TestUnauthorizedCallers(t *testing.T) {
	t.Parallel()
	kit := newKit(t)
	tenant := kit.Tenant(t, "owner")
	mustCreate(t, tenant, 2)
	users := &token.UserService{Store: kit.Store, Now: tenant.Clock.Now}
	stranger := *tenant
	stranger.Access = credential.NewAccessToken(tenant.Access.UserID, 0)
	refused := func(name string, tenant *dynamotest.Tenant, want error) {
		t.Helper()
		errs := tryAll(t, tenant, 2)
		_, _, errs["create"] = tenant.Create(t.Context(), tenant.Access, example())
		_, errs["list"] = tenant.List(t.Context(), tenant.Access, 1, 10)
		_, errs["list after"] = tenant.ListAfter(t.Context(), tenant.Access, 9, 10)
		for verb, err := range errs {
			if !errors.Is(err, want) {
				t.Errorf("%s, %s: got error %v, want %v", name, verb, err, want)
			}
		}
	}
	refused("wrong secret", &stranger, token.ErrUnauthorized)
	if _, err := users.Disable(t.Context(), "owner", false, nil); err != nil {
		t.Fatal(err)
	}
	refused("disabled user", tenant, token.ErrUserDisabled)
	if _, err := users.Enable(t.Context(), "owner", nil); err != nil {
		t.Fatal(err)
	}
	if a := kit.Audit(t, tenant.Access.UserID); a.Given != 2 || a.Deleted != 0 {
		t.Errorf("got %+v, want nothing changed", a)
	}
	if _, err := users.RotateAccessToken(t.Context(), "owner", true, 0); err != nil {
		t.Fatal(err)
	}
	refused("revoked access token", tenant, token.ErrUnauthorized)
}
