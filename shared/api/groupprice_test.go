package api_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/latchkey-api/latchkey/internal/apitest"
	"github.com/latchkey-api/latchkey/shared/token"
)

// A token pays the prices of its group only if the operator has granted the group
// to its user, and only as long as it is granted. A tenant can't lower its prices.
func TestGroupPrice(t *testing.T) {
	target, kit := apitest.Serve(t)
	const file = `{"groups":{"vip":"0.5","dear":"3"},"models":{"m":{"input":"2.00"}}}`
	if _, err := kit.Store.SetPriceFile(t.Context(), []byte(file), 0); err != nil {
		t.Fatal(err)
	}
	u := target.User(t, token.RoleUser)
	makeKey := func(group string) string {
		t.Helper()
		made := u.Do(t, http.MethodPost, "/api/token/", `{"name":"app","unlimited_quota":true,"group":"`+group+`"}`)
		if made.Status != http.StatusCreated {
			t.Fatalf("got %d %s", made.Status, made.Body)
		}
		key, _, _ := strings.Cut(made.Body[strings.Index(made.Body, "sk-"):], `"`)
		return key
	}
	wantCharge := func(key string, units int64) {
		t.Helper()
		got := target.Do(t, http.MethodPost, "/api/token/verify", `{"model":"m","usage":{"input_tokens":1000}}`, "Authorization", "Bearer "+key)
		if want := fmt.Sprintf(`"charged":%d,`, units); !strings.Contains(got.Body, want) {
			t.Errorf("got %d %s, want %s", got.Status, got.Body, want)
		}
	}
	grant := func(groups ...string) {
		t.Helper()
		if _, err := target.Users.SetGroups(t.Context(), u.Name, groups); err != nil {
			t.Fatal(err)
		}
	}
	update := func(body string, status int) {
		t.Helper()
		if got := u.Do(t, http.MethodPut, "/api/token/", body); got.Status != status {
			t.Errorf("%s: got %d %s, want %d", body, got.Status, got.Body, status)
		}
	}
	first := makeKey("vip")
	wantCharge(first, 1000) // chosen by the tenant
	update(`{"id":1,"group":"vip"}`, http.StatusOK)
	wantCharge(first, 1000)

	grant("vip", "dear")
	wantCharge(first, 500)
	second := makeKey("dear")
	wantCharge(second, 3000)
	update(`{"id":2,"name":"other"}`, http.StatusOK)
	wantCharge(second, 3000)
	update(`{"id":2,"group":"vip"}`, http.StatusOK)
	wantCharge(second, 500)
	update(`{"id":2,"group":""}`, http.StatusOK)
	wantCharge(second, 1000)
	update(`{"id":2,"group":"other"}`, http.StatusBadRequest)
	if got := u.Do(t, http.MethodPost, "/api/token/", `{"name":"app","group":"other"}`); got.Status != http.StatusBadRequest || !strings.Contains(got.Body, "group must be one of your groups, dear, vip, or empty") {
		t.Errorf("got %d %s, want 400", got.Status, got.Body)
	}

	grant("dear")
	wantCharge(first, 1000)
	grant()
	update(`{"id":2,"group":"dear"}`, http.StatusOK)
	wantCharge(second, 1000)
}

// A hold is settled by usage with the key that made it, also after a rotation
// without a grace period, if the price depends on the token's group. The key can
// do nothing else.
func TestSettleByUsageAfterRotation(t *testing.T) {
	target, kit := apitest.Serve(t)
	if _, err := kit.Store.SetPriceFile(t.Context(), []byte(`{"groups":{"vip":"0.5"},"models":{"m":{"input":"2.00"}}}`), 0); err != nil {
		t.Fatal(err)
	}
	u := target.User(t, token.RoleUser)
	if _, err := target.Users.SetGroups(t.Context(), u.Name, []string{"vip"}); err != nil {
		t.Fatal(err)
	}
	made := u.Do(t, http.MethodPost, "/api/token/", `{"name":"app","unlimited_quota":true,"group":"vip"}`)
	key, _, _ := strings.Cut(made.Body[strings.Index(made.Body, "sk-"):], `"`)
	const usage = `"model":"m","usage":{"input_tokens":1000}`
	do := func(call, body, want string) {
		t.Helper()
		if got := target.Do(t, http.MethodPost, "/api/token/"+call, body, "Authorization", "Bearer "+key); !strings.Contains(got.Body, want) {
			t.Errorf("%s: got %d %s, want %s", call, got.Status, got.Body, want)
		}
	}
	do("reserve", `{"request_id":"held-0123456789abcdefghijk",`+usage+`}`, `"held":500,`)
	if got := u.Do(t, http.MethodPost, "/api/token/1/rotate", ""); got.Status != http.StatusOK {
		t.Fatalf("rotate: got %d %s", got.Status, got.Body)
	}
	do("verify", `{`+usage+`}`, `{"valid":false,"code":"not_found"}`)
	do("reserve", `{"request_id":"next-0123456789abcdefghijk",`+usage+`}`, `"code":"not_found"`)
	do("settle", `{"request_id":"held-0123456789abcdefghijk",`+usage+`}`, `"charged":500,`)
}

// The form of a token shows the groups that are granted, with their factor, and
// the models that have a price.
func TestChoicesOfPrices(t *testing.T) {
	target, kit := apitest.Serve(t)
	const file = `{"groups":{"vip":"0.8","dear":"3"},"models":{"o3":{"input":"2.00"},"gpt-5*":{"input":"1.00"}}}`
	if _, err := kit.Store.SetPriceFile(t.Context(), []byte(file), 0); err != nil {
		t.Fatal(err)
	}
	u := target.User(t, token.RoleUser)
	if _, err := target.Users.SetGroups(t.Context(), u.Name, []string{"vip", "team"}); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"/api/user/self/groups": `{"team":{"desc":"team","ratio":1},"vip":{"desc":"vip","ratio":0.8}}`,
		"/api/user/models":      `["gpt-5*","o3"]`,
	} {
		got := u.Do(t, http.MethodGet, path, "")
		if got.Status != http.StatusOK || got.Body != `{"success":true,"message":"","data":`+want+`}` {
			t.Errorf("%s: got %d %s, want %s", path, got.Status, got.Body, want)
		}
	}
}
