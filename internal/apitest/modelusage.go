package apitest

import (
	"net/http"
	"testing"

	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/wire"
)

const usageFields = "input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, cache_write_1h_tokens, reasoning_tokens, images, audio_seconds"

// usageRules checks that a bad usage is refused by each route that takes one.
func usageRules(t *testing.T, b keyCaller) {
	for _, row := range []struct{ body, code, message string }{
		{`"model":"m","usage":{},"quota":1`, "invalid_parameter", "usage can't be sent together with quota: send the units or the usage that they are computed from."},
		{`"model":"m","usage":{},"quota":0`, "invalid_parameter", "usage can't be sent together with quota: send the units or the usage that they are computed from."},
		{`"usage":{"input_tokens":1}`, "invalid_parameter", "model is required: name the model that was used, so that the usage has a price."},
		{`"model":"m","usage":{"input_token":1}`, "unknown_field", `The field "usage.input_token" is not known: did you mean usage.input_tokens? The fields are ` + usageFields + "."},
		{`"model":"m","usage":{"audio_tokens":0}`, "unknown_field", `The field "usage.audio_tokens" is not known: the fields are ` + usageFields + "."},
		{`"model":"m","usage":{"images":-1}`, "invalid_parameter", "usage.images must be between 0 and 9007199254740991."},
		{`"model":"m","usage":{"input_tokens":9007199254740992}`, "invalid_parameter", "usage.input_tokens must be between 0 and 9007199254740991."},
		{`"model":"m","usage":{"output_tokens":1.5}`, "invalid_parameter", "usage.output_tokens must be an integer, not a number with a fraction or exponent."},
		{`"model":"m","usage":{"output_tokens":1,"reasoning_tokens":2}`, "invalid_parameter", "usage.reasoning_tokens must be at most output_tokens, which contain them."},
		{`"model":"m","usage":5`, "invalid_parameter", "usage must be an object, not an integer."},
		{`"model":"m","usage":[]`, "invalid_parameter", "usage must be an object, not an array."},
		{`"model":"m","usage":{"images":1,"images":2}`, "invalid_json", `The body has the key "images" twice: send each key once.`},
	} {
		for _, path := range []string{"verify", "reserve", "settle"} {
			t.Run("400/"+path+short(row.body), func(t *testing.T) {
				body := `{"request_id":"u-0123456789abcdefghijk",` + row.body + `}`
				wantFailure(t, b.do(t, http.MethodPost, "/api/token/"+path, body), 400, row.code, row.message)
			})
		}
	}
}

// Without a price table, a usage costs one unit for each token.
func modelUsage(t *testing.T, target *Target) {
	u := target.User(t, token.RoleUser)
	_, b := u.keyCaller(t, `{"name":"app","remain_quota":1000,"model_limits_enabled":true,"models":["m"]}`)
	post := func(path, body string) string {
		t.Helper()
		got := b.do(t, http.MethodPost, "/api/token/"+path, body)
		if got.Status != http.StatusOK {
			t.Errorf("%s %s: got %d %s", path, body, got.Status, got.Body)
		}
		return got.Body
	}
	const spend = `{"request_id":"s-0123456789abcdefghijk","model":"m","usage":{"input_tokens":1,"cache_read_tokens":2,"cache_write_tokens":4,"cache_write_1h_tokens":8,"output_tokens":16,"reasoning_tokens":16,"images":null}}`
	for range 2 { // a repetition is charged once
		got := b.verify(t, spend)
		wantSame(t, []any{got.Valid, got.RemainQuota, got.Charged, got.PriceRevision}, []any{true, 969, 31, 0})
	}
	wantSame(t, b.verify(t, `{"model":"m","usage":{}}`).Charged, 0)
	refused := b.verify(t, `{"model":"other","usage":{"input_tokens":5}}`)
	wantSame(t, []any{refused.Code, refused.RemainQuota, refused.Charged}, []any{"model_not_allowed", 969, 0})

	held := wantData[wire.Reservation](t, b.do(t, http.MethodPost, "/api/token/reserve", `{"request_id":"h-0123456789abcdefghijk","model":"m","usage":{"input_tokens":60,"output_tokens":40}}`), http.StatusOK)
	wantSame(t, []any{held.Held, held.RemainQuota, held.PriceRevision}, []any{100, 869, 0})
	want := `{"success":true,"message":"","data":{"request_id":"h-0123456789abcdefghijk","charged":70,"shortfall":0,"remain_quota":899,"price_revision":0}}`
	for range 2 {
		if got := post("settle", `{"request_id":"h-0123456789abcdefghijk","model":"m","usage":{"input_tokens":60,"output_tokens":10}}`); got != want {
			t.Errorf("settle: got %s\nwant %s", got, want)
		}
	}
	gone, deleted := u.keyCaller(t, `{"name":"gone"}`)
	if err := u.Delete(t.Context(), gone.ID); err != nil {
		t.Fatal(err)
	}
	if got, want := deleted.do(t, http.MethodPost, "/api/token/verify", spend).Body, `{"success":true,"message":"","data":{"valid":false,"code":"not_found"}}`; got != want {
		t.Errorf("a deleted key: got %s\nwant %s", got, want)
	}
}
