package apitest

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/wire"
)

const (
	noKey      = "No key. Send the header Authorization: Bearer, followed by the sk- key."
	unknownKey = "The key is not valid. Check that it is complete; it may have been deleted."
	reused     = "This request_id was used for another amount or another operation. Send the original request, or a new request_id."
	noHold     = "This key has no hold with this request_id: it was never reserved, or it ended some time ago. Reserve with a new request_id."
)

// A keyCaller sends requests with a key.
type keyCaller struct {
	target *Target
	key    string
}

func (b keyCaller) do(t testing.TB, method, path, body string) Response {
	t.Helper()
	return b.target.Do(t, method, path, body, "Authorization", "Bearer "+b.key, "Content-Type", "application/json")
}

func (b keyCaller) verify(t testing.TB, body string) wire.Verdict {
	t.Helper()
	return wantData[wire.Verdict](t, b.do(t, http.MethodPost, "/api/token/verify", body), http.StatusOK)
}

func (b keyCaller) usage(t testing.TB) string {
	t.Helper()
	return b.do(t, http.MethodGet, "/api/usage/token/", "").Body
}

// keyCaller creates a token and returns a caller with its key.
func (u *User) keyCaller(t testing.TB, body string) (wire.Token, keyCaller) {
	t.Helper()
	made := u.make(t, body)
	return made, keyCaller{u.target, made.Key}
}

// A verification describes the key's token and refuses what the key can't do.
func verification(t *testing.T, target *Target) {
	u := target.User(t, token.RoleUser)
	limited, b := u.keyCaller(t, `{"name":"app","remain_quota":100,"group":"vip","model_limits_enabled":true,"models":["a","b"],"allow_ips":"10.0.0.0/8,2001:db8::/32"}`)
	past, expired := u.keyCaller(t, `{"name":"past","unlimited_quota":true}`)
	u.put(t, fmt.Sprintf(`{"id":%d,"expired_time":1}`, past.ID))
	_, off := u.keyCaller(t, `{"name":"off","unlimited_quota":true,"status":2}`)
	_, empty := u.keyCaller(t, `{"name":"empty"}`)
	_, patterns := u.keyCaller(t, `{"name":"patterns","unlimited_quota":true,"model_limits_enabled":true,"models":["gpt-5*","o1"]}`)
	_, anyModel := u.keyCaller(t, `{"name":"any","unlimited_quota":true,"model_limits_enabled":true,"models":["*"]}`)
	gone, deleted := u.keyCaller(t, `{"name":"gone","unlimited_quota":true}`)
	if err := u.Delete(t.Context(), gone.ID); err != nil {
		t.Fatal(err)
	}
	got := b.do(t, http.MethodPost, "/api/token/verify", `{}`)
	want := fmt.Sprintf(`{"success":true,"message":"","data":{"valid":true,"code":"","token_id":%d,"user_id":%d,"name":"app","group":"vip","remain_quota":100,"unlimited_quota":false,"expired_time":-1,"model_limits_enabled":true,"models":["a","b"]}}`, limited.ID, u.ID)
	if got.Status != http.StatusOK || got.Body != want {
		t.Errorf("verify: got %d %s\nwant 200 %s", got.Status, got.Body, want)
	}
	if bare := target.Do(t, http.MethodPost, "/api/token/verify/", "", "Authorization", b.key); bare.Body != want {
		t.Errorf("verify without body and scheme, at the path with a slash: got %s\nwant %s", bare.Body, want)
	}
	for _, row := range []struct {
		name   string
		caller keyCaller
		body   string
		code   quota.Refusal
		remain int64
	}{
		{"model", b, `{"model":"a"}`, "", 100},
		{"other model", b, `{"model":"c"}`, quota.RefusedModel, 100},
		{"another case", b, `{"model":"A"}`, quota.RefusedModel, 100},
		{"blanks around", b, `{"model":" a "}`, quota.RefusedModel, 100},
		{"pattern", patterns, `{"model":"gpt-5-mini"}`, "", 0},
		{"pattern, to spend", patterns, `{"model":"gpt-5","quota":1}`, "", 0},
		{"pattern of other models", patterns, `{"model":"gpt-4o","quota":1}`, quota.RefusedModel, 0},
		{"pattern that is asked for", patterns, `{"model":"*","quota":1}`, quota.RefusedModel, 0},
		{"any model", anyModel, `{"model":"` + strings.Repeat("m", 256) + `","quota":1}`, "", 0},
		{"a long name", b, `{"model":"` + strings.Repeat("m", 256) + `"}`, quota.RefusedModel, 100},
		{"IPv4", b, `{"ip":"10.9.8.7"}`, "", 100},
		{"IPv4 in IPv6", b, `{"ip":"::ffff:10.9.8.7"}`, "", 100},
		{"IPv6", b, `{"ip":"2001:db8::1","quota":1}`, "", 99},
		{"other IPv4", b, `{"ip":"11.0.0.1"}`, quota.RefusedIP, 99},
		{"other IPv6", b, `{"ip":"2001:db9::1","quota":1}`, quota.RefusedIP, 99},
		{"all is left", b, `{"quota":99,"model":"b","ip":"10.0.0.0"}`, "", 0},
		{"nothing is left", b, `{}`, quota.RefusedExhausted, 0},
		{"nothing is left to spend", b, `{"quota":1}`, quota.RefusedExhausted, 0},
		{"nothing is left, before other reasons", b, `{"model":"c","ip":"11.0.0.1"}`, quota.RefusedExhausted, 0},
		{"expired", expired, `{}`, quota.RefusedExpired, 0},
		{"expired, to spend", expired, `{"quota":1}`, quota.RefusedExpired, 0},
		{"disabled", off, `{}`, quota.RefusedDisabled, 0},
		{"disabled, to spend", off, `{"quota":1}`, quota.RefusedDisabled, 0},
		{"never had a quota", empty, `{"quota":5}`, quota.RefusedExhausted, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			v := row.caller.verify(t, row.body)
			if v.Valid != (row.code == "") || v.Code != row.code || v.KeyInfo == nil || v.RemainQuota != row.remain {
				t.Errorf("got %+v, want code %q and %d left", v, row.code, row.remain)
			}
		})
	}
	if got := u.get(t, limited.ID); got.UsedQuota != 100 || got.RemainQuota != 0 || got.Status != 4 || got.AccessedTime < got.CreatedTime {
		t.Errorf("afterwards the token is %+v, want all 100 used", got)
	}
	unknown := `{"success":true,"message":"","data":{"valid":false,"code":"not_found"}}`
	forged := credential.NewKey(u.ID, limited.ID).Reveal()
	for name, key := range map[string]string{
		"deleted": deleted.key, "wrong secret": forged, "no such token": credential.NewKey(u.ID, 999).Reveal(), "no such user": credential.NewKey(1<<39, 1).Reveal(),
		"typo": b.key[:len(b.key)-1] + flip(b.key), "cut": b.key[:20], "garbage": "x", "access token": u.AccessToken, "other prefix": "pk" + b.key[2:],
	} {
		for _, body := range []string{`{}`, `{"quota":1,"request_id":"r-0123456789abcdefghijk"}`} {
			got := keyCaller{target, key}.do(t, http.MethodPost, "/api/token/verify", body)
			if got.Status != http.StatusOK || got.Body != unknown {
				t.Errorf("%s: got %d %s\nwant 200 %s", name, got.Status, got.Body, unknown)
			}
		}
	}
}

func (u *User) get(t testing.TB, id int64) wire.Token {
	t.Helper()
	return wantData[wire.Token](t, u.Do(t, http.MethodGet, tokenPath(id), ""), http.StatusOK)
}

// A request ID is charged once, and an unlimited token counts what it uses.
func spending(t *testing.T, target *Target) {
	u := target.User(t, token.RoleUser)
	made, b := u.keyCaller(t, `{"name":"app","remain_quota":100}`)
	for range 3 {
		if v := b.verify(t, `{"quota":40,"request_id":"r1-0123456789abcdefghijk"}`); !v.Valid || v.RemainQuota != 60 {
			t.Errorf("got %+v, want it valid and charged once", v)
		}
	}
	wantFailure(t, b.do(t, http.MethodPost, "/api/token/verify", `{"quota":41,"request_id":"r1-0123456789abcdefghijk"}`), 409, "request_id_reused", reused)
	wantFailure(t, b.do(t, http.MethodPost, "/api/token/reserve", `{"quota":40,"request_id":"r1-0123456789abcdefghijk"}`), 409, "request_id_reused", reused)
	wantFailure(t, b.do(t, http.MethodPost, "/api/token/settle", `{"quota":40,"request_id":"r1-0123456789abcdefghijk"}`), 404, "hold_not_found", noHold)
	for range 2 {
		b.verify(t, `{"quota":30}`)
	}
	if v := b.verify(t, `{"quota":1}`); v.Code != quota.RefusedExhausted || v.RemainQuota != 0 {
		t.Errorf("got %+v, want nothing left", v)
	}
	if v := b.verify(t, `{"quota":40,"request_id":"r1-0123456789abcdefghijk"}`); !v.Valid {
		t.Errorf("got %+v, want what was charged to stay valid", v)
	}
	u.put(t, fmt.Sprintf(`{"id":%d,"status":2}`, made.ID))
	if v := b.verify(t, `{"quota":40,"request_id":"r1-0123456789abcdefghijk"}`); v.Code != quota.RefusedDisabled {
		t.Errorf("got %+v, want a disabled key refused all the same", v)
	}
	endless, b := u.keyCaller(t, `{"name":"endless","unlimited_quota":true}`)
	for range 2 {
		if v := b.verify(t, `{"quota":9007199254740991}`); !v.Valid || !v.UnlimitedQuota {
			t.Errorf("got %+v, want an unlimited token never refused", v)
		}
	}
	if got := u.get(t, endless.ID); got.UsedQuota != token.MaxInteger || got.RemainQuota != 0 || got.Status != 1 {
		t.Errorf("got %+v, want the count to stay at 2^53-1", got)
	}
}

// The usage answer has the form that clients of New API expect.
func usage(t *testing.T, target *Target) {
	u := target.User(t, token.RoleUser)
	made, b := u.keyCaller(t, `{"name":"app","remain_quota":100,"models":["m"],"model_limits_enabled":true}`)
	b.verify(t, `{"quota":100}`)
	u.put(t, fmt.Sprintf(`{"id":%d,"expired_time":1700000000}`, made.ID))
	const want = `{"code":true,"message":"ok","data":{"object":"token_usage","name":"app","total_granted":100,"total_used":100,"total_available":0,"unlimited_quota":false,"model_limits":{"m":true},"model_limits_enabled":true,"expires_at":1700000000}}`
	for _, path := range []string{"/api/usage/token/", "/api/usage/token"} {
		if got := b.do(t, http.MethodGet, path, ""); got.Status != http.StatusOK || got.Body != want { // although expired and exhausted
			t.Errorf("GET %s: got %d %s\nwant 200 %s", path, got.Status, got.Body, want)
		}
	}
	u.put(t, fmt.Sprintf(`{"id":%d,"expired_time":-1,"model_limits_enabled":false,"models":[]}`, made.ID))
	if got := b.usage(t); !strings.Contains(got, `"model_limits":{},"model_limits_enabled":false,"expires_at":0}`) {
		t.Errorf("got %s, want no limits and no expiry", got)
	}
	u.put(t, fmt.Sprintf(`{"id":%d,"status":2}`, made.ID))
	wantFailure(t, b.do(t, http.MethodGet, "/api/usage/token/", ""), 401, "unauthorized", "The key is disabled. Ask its owner to enable it.")
	if err := u.Delete(t.Context(), made.ID); err != nil {
		t.Fatal(err)
	}
	wantFailure(t, b.do(t, http.MethodGet, "/api/usage/token/", ""), 401, "unauthorized", unknownKey)
}
