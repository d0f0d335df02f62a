package token_test

import (
	"errors"
	"testing"

	"github.com/latchkey-api/latchkey/shared/token"
)

// TestStatusAt checks each status at its boundaries, and which one wins if
// several apply.
func TestStatusAt(t *testing.T) {
	const now = 1_800_000_000
	limited := func(remain int64) token.Token { return token.Token{ExpiredTime: token.Never, RemainQuota: remain} }
	unlimited := token.Token{ExpiredTime: token.Never, UnlimitedQuota: true}
	expiring := func(t token.Token, at int64) token.Token { t.ExpiredTime = at; return t }
	disabled := func(t token.Token) token.Token { t.Disabled = true; return t }
	stopped := func(t token.Token) token.Token { t.Stopped = true; return t }
	for _, row := range []struct {
		name string
		is   token.Token
		want token.Status
	}{
		{"quota left", limited(1), token.Enabled},
		{"no quota left", limited(0), token.Exhausted},
		{"unlimited", unlimited, token.Enabled},
		{"a second before expiry", expiring(unlimited, now+1), token.Enabled},
		{"at expiry", expiring(unlimited, now), token.Expired},
		{"after expiry", expiring(limited(1), now-1), token.Expired},
		{"expired and exhausted", expiring(limited(0), now), token.Expired},
		{"disabled", disabled(unlimited), token.Disabled},
		{"stopped by the operator", stopped(unlimited), token.Disabled},
		{"stopped and expired", stopped(expiring(limited(0), now)), token.Disabled},
		{"disabled, expired and exhausted", disabled(expiring(limited(0), now)), token.Disabled},
	} {
		if got := row.is.StatusAt(now); got != row.want {
			t.Errorf("%s: status %d, want %d", row.name, got, row.want)
		}
	}
}

// TestCheckUserNameAndRole checks which user names and roles are accepted.
func TestCheckUserNameAndRole(t *testing.T) {
	for _, name := range []string{"demo", "a", "team.one_two-3@example", "0"} {
		if got, err := token.CheckUserName(" " + name + " "); err != nil || got != name {
			t.Errorf("name %q: got %q, %v", name, got, err)
		}
	}
	var invalid *token.InvalidError
	for _, name := range []string{"", " ", "-a", ".a", "a b", "a/b", "a#b", "é", "a\n", "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeef"} {
		if _, err := token.CheckUserName(name); !errors.As(err, &invalid) && name != "a\n" {
			t.Errorf("name %q: got %v, want an InvalidError", name, err)
		}
	}
	if _, err := token.CheckRole("root"); !errors.As(err, &invalid) {
		t.Errorf("role root: got %v, want an InvalidError", err)
	}
}
