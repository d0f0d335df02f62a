package boot_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/token"
)

// born is when everything in a test's table was made. It is past, so what
// expires soon after it is expired whenever the test runs.
const born = 1_700_000_000

// The tokens that are not like the others.
const (
	limitedID   = 2
	disabledID  = 3
	expiredID   = 4
	exhaustedID = 5
	deletedID   = 6
	lastID      = 12
)

// prepare fills an empty table with user 1 and tokens 1 to 12, and returns
// the user's access token.
func prepare(t testing.TB, store *dynamo.Store) token.AccessToken {
	t.Helper()
	then := func() time.Time { return time.Unix(born, 0) }
	accounts := token.Accounts{Store: store, Now: then}
	_, at, err := accounts.Create(t.Context(), "alice", token.RoleUser, 0)
	if err != nil {
		t.Fatal(err)
	}
	service := token.Service{Store: store, Now: then}
	for id := int64(1); id <= lastID; id++ {
		if _, _, err := service.Create(t.Context(), at, fields(id)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := service.SetStatus(t.Context(), at, disabledID, true); err != nil {
		t.Fatal(err)
	}
	if err := service.Delete(t.Context(), at, deletedID); err != nil {
		t.Fatal(err)
	}
	return at
}

// fields are what a token of prepare is made with.
func fields(id int64) token.Update {
	u := token.Update{Name: new(fmt.Sprintf("token-%02d", id)), RemainQuota: new(1000 * id)}
	switch id {
	case limitedID:
		u.Name = new("production-app")
		u.ModelLimitsEnabled, u.Models = new(true), &[]string{"gpt-4o", "gpt-4o-mini"}
		u.AllowIPs, u.Group = &[]string{"10.0.0.0/8", "2001:db8::/32"}, new("vip")
	case expiredID:
		u.ExpiredTime = new(int64(born + 60))
	case exhaustedID:
		u.RemainQuota = new(int64(0))
	case lastID:
		u.UnlimitedQuota = new(true)
	}
	return u
}
