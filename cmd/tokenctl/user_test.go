package main_test

import (
	"testing"

	"github.com/latchkey-api/latchkey/internal/tokenctltest"
)

// TestAccessTokenExpires checks that the access tokens of create and rotate expire
// after --expires-in, and that others stay valid.
func TestAccessTokenExpires(t *testing.T) {
	s := tokenctltest.Serve(t, anyPort(t.TempDir()))
	env := []string{"DYNAMODB_ENDPOINT=" + s.Endpoint}
	issue := func(args ...string) string {
		t.Helper()
		out := tokenctltest.Succeed(t, env, append([]string{"user"}, append(args, "--json")...)...)
		return tokenctltest.JSON[struct {
			AccessToken string `json:"access_token"`
		}](t, out).AccessToken
	}
	lasting := issue("create", "alice")
	rotated := issue("rotate", "alice", "--expires-in", "1s")
	created := issue("create", "carol", "--expires-in", "1s")
	for name, accessToken := range map[string]string{"rotated": rotated, "created": created} {
		tokenctltest.Eventually(t, "the "+name+" access token expires", func() bool {
			return tokenctltest.ListStatus(t, s.URL, accessToken) == "401 unauthorized"
		})
	}
	for name, accessToken := range map[string]string{"alice": lasting, "demo": s.AccessToken} {
		if got := tokenctltest.ListStatus(t, s.URL, accessToken); got != "200" {
			t.Errorf("%s: got %s, want 200", name, got)
		}
	}
}
