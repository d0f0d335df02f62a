package api_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/latchkey-api/latchkey/internal/apitest"
	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// With a price table, verify, reserve and settle charge what a usage costs. A
// usage without a price is refused and changes nothing, and the refusal of a key
// comes first.
func TestModelUsage(t *testing.T) {
	target, kit := apitest.Serve(t)
	const file = `{"models":{"m":{"input":"2.50","output":"10.00"}}}`
	if _, err := kit.Store.SetPriceFile(t.Context(), []byte(file), 0); err != nil {
		t.Fatal(err)
	}
	if got, err := target.User(t, token.RoleUser).Status(t.Context()); err != nil || got.QuotaPerUnit == nil || *got.QuotaPerUnit != 500_000 {
		t.Errorf("status: got %+v, %v, want 500000 units per dollar", got, err)
	}
	u := target.User(t, token.RoleUser)
	key := u.Do(t, http.MethodPost, "/api/token/", `{"name":"app","remain_quota":10000}`).Body
	key = key[strings.Index(key, "sk-"):]
	key, _, _ = strings.Cut(key, `"`)
	post := func(key, path, body string, status int, want string) {
		t.Helper()
		got := target.Do(t, http.MethodPost, "/api/token/"+path, body, "Authorization", "Bearer "+key)
		if got.Status != status || !strings.Contains(got.Body, want) {
			t.Errorf("%s %s: got %d %s\nwant %d with %s", path, body, got.Status, got.Body, status, want)
		}
	}
	const (
		id       = `"request_id":"m-0123456789abcdefghijk"`
		priced   = `{` + id + `,"model":"m","usage":{"input_tokens":1000,"output_tokens":500}}` // 7,500,000 nano-dollars
		unpriced = `{` + id + `,"model":"x","usage":{"input_tokens":1}}`
		images   = `{` + id + `,"model":"m","usage":{"images":1}}`
	)
	post(key, "reserve", priced, 200, `"held":3750,"remain_quota":6250`)
	post(key, "reserve", priced, 200, `"price_revision":1`)
	post(key, "settle", unpriced, 409, string(wire.ErrModelNotPriced))
	post(key, "settle", images, 409, string(wire.ErrModelNotPriced))
	for range 2 {
		post(key, "settle", `{`+id+`,"model":"m","usage":{"input_tokens":1000}}`, 200, `"charged":1250,"shortfall":0,"remain_quota":8750,"price_revision":1`)
	}
	post(key, "verify", `{"model":"m","usage":{"output_tokens":1}}`, 200, `"charged":5,"price_revision":1`)
	post(key, "verify", `{"model":"m","usage":{"output_tokens":10000}}`, 200, `"charged":0,"price_revision":1`) // not enough quota
	for _, path := range []string{"verify", "reserve"} {
		post(key, path, strings.Replace(unpriced, "m-0", "n-0", 1), 409, string(wire.ErrModelNotPriced))
		post("sk-unknown", path, unpriced, 200, `"code":"not_found"`)
	}
	post("sk-unknown", "settle", unpriced, 401, string(wire.ErrUnauthorized))
	post(key, "verify", `{}`, 200, `"remain_quota":8745`)
}
