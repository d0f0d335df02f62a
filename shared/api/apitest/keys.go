package apitest

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-api/latchkey/shared/api"
	"github.com/latchkey-api/latchkey/shared/token"
)

const (
	noKey      = "There is no key: send the sk- key in the header Authorization, after the word Bearer."
	unknownKey = "The key is not valid: check that it is complete; it may have been deleted."
	reused     = "This request_id was used for another amount or another purpose: send the amount of the first time, or a new request_id."
	noHold     = "No hold of this key has this request_id: reserve first; a hold is forgotten some time after its end."
)

// A bearer is whoever holds a key.
type bearer struct {
	target *Target
	key    string
}

func (b bearer) do(t testing.TB, method, path, body string) Response {
	t.Helper()
	return b.target.Do(t, method, path, body, "Authorization", "Bearer "+b.key, "Content-Type", "application/json")
}

func (b bearer) verify(t testing.TB, body string) api.Verdict {
	t.Helper()
	return wantData[api.Verdict](t, b.do(t, http.MethodPost, "/api/token/verify", body), http.StatusOK)
}

func (b bearer) usage(t testing.TB) string {
	t.Helper()
	return b.do(t, http.MethodGet, "/api/usage/token/", "").Body
}

// bearer makes a token and gives its key.
func (u *User) bearer(t testing.TB, body string) (api.Token, bearer) {
	t.Helper()
	made := u.make(t, body)
	return made, bearer{u.target, made.Key}
}

// verification holds what a key is told of itself, and what it can't do.
func verification(t *testing.T, target *Target) {
	u := target.User(t, token.RoleUser)
	soon := time.Now().Unix() + 1
	limited, b := u.bearer(t, `{"name":"app","remain_quota":100,"group":"vip","model_limits_enabled":true,"models":["a","b"],"allow_ips":"10.0.0.0/8,2001:db8::/32"}`)
	_, expires := u.bearer(t, fmt.Sprintf(`{"name":"soon","unlimited_quota":true,"expired_time":%d}`, soon))
	_, off := u.bearer(t, `{"name":"off","unlimited_quota":true,"status":2}`)
	_, empty := u.bearer(t, `{"name":"empty"}`)
	gone, deleted := u.bearer(t, `{"name":"gone","unlimited_quota":true}`)
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
	for time.Now().Unix() <= soon { // until it has expired
		time.Sleep(50 * time.Millisecond)
	}
	for _, row := range []struct {
		name   string
		bearer bearer
		body   string
		code   token.Refusal
		remain int64
	}{
		{"model", b, `{"model":"a"}`, "", 100},
		{"other model", b, `{"model":"c"}`, token.RefusedModel, 100},
		{"another case", b, `{"model":"A"}`, token.RefusedModel, 100},
		{"blanks around", b, `{"model":" a "}`, token.RefusedModel, 100},
		{"a long name", b, `{"model":"` + strings.Repeat("m", 256) + `"}`, token.RefusedModel, 100},
		{"IPv4", b, `{"ip":"10.9.8.7"}`, "", 100},
		{"IPv4 in IPv6", b, `{"ip":"::ffff:10.9.8.7"}`, "", 100},
		{"IPv6", b, `{"ip":"2001:db8::1","quota":1}`, "", 99},
		{"other IPv4", b, `{"ip":"11.0.0.1"}`, token.RefusedIP, 99},
		{"other IPv6", b, `{"ip":"2001:db9::1","quota":1}`, token.RefusedIP, 99},
		{"all is left", b, `{"quota":99,"model":"b","ip":"10.0.0.0"}`, "", 0},
		{"nothing is left", b, `{}`, token.RefusedExhausted, 0},
		{"nothing is left to spend", b, `{"quota":1}`, token.RefusedExhausted, 0},
		{"nothing is left, before other reasons", b, `{"model":"c","ip":"11.0.0.1"}`, token.RefusedExhausted, 0},
		{"expired", expires, `{}`, token.RefusedExpired, 0},
		{"expired, to spend", expires, `{"quota":1}`, token.RefusedExpired, 0},
		{"disabled", off, `{}`, token.RefusedDisabled, 0},
		{"disabled, to spend", off, `{"quota":1}`, token.RefusedDisabled, 0},
		{"never had a quota", empty, `{"quota":5}`, token.RefusedExhausted, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			v := row.bearer.verify(t, row.body)
			if v.Valid != (row.code == "") || v.Code != row.code || v.KeyHolder == nil || v.RemainQuota != row.remain {
				t.Errorf("got %+v, want code %q and %d left", v, row.code, row.remain)
			}
		})
	}
	if got := u.get(t, limited.ID); got.UsedQuota != 100 || got.RemainQuota != 0 || got.Status != 4 || got.AccessedTime < got.CreatedTime {
		t.Errorf("afterwards the token is %+v, want all 100 used", got)
	}
	unknown := `{"success":true,"message":"","data":{"valid":false,"code":"not_found"}}`
	forged := token.NewKey(u.ID, limited.ID).Reveal()
	for name, key := range map[string]string{
		"deleted": deleted.key, "wrong secret": forged, "no such token": token.NewKey(u.ID, 999).Reveal(), "no such user": token.NewKey(1<<39, 1).Reveal(),
		"typo": b.key[:len(b.key)-1] + flip(b.key), "cut": b.key[:20], "garbage": "x", "access token": u.AccessToken, "other prefix": "pk" + b.key[2:],
	} {
		for _, body := range []string{`{}`, `{"quota":1,"request_id":"r"}`} {
			got := bearer{target, key}.do(t, http.MethodPost, "/api/token/verify", body)
			if got.Status != http.StatusOK || got.Body != unknown {
				t.Errorf("%s: got %d %s\nwant 200 %s", name, got.Status, got.Body, unknown)
			}
		}
	}
}

func (u *User) get(t testing.TB, id int64) api.Token {
	t.Helper()
	return wantData[api.Token](t, u.Do(t, http.MethodGet, tokenPath(id), ""), http.StatusOK)
}

// spending holds that a request id is charged once, and that unlimited tokens
// are counted.
func spending(t *testing.T, target *Target) {
	u := target.User(t, token.RoleUser)
	made, b := u.bearer(t, `{"name":"app","remain_quota":100}`)
	for range 3 {
		if v := b.verify(t, `{"quota":40,"request_id":"r1"}`); !v.Valid || v.RemainQuota != 60 {
			t.Errorf("got %+v, want it valid and charged once", v)
		}
	}
	wantFailure(t, b.do(t, http.MethodPost, "/api/token/verify", `{"quota":41,"request_id":"r1"}`), 409, "request_id_reused", reused)
	wantFailure(t, b.do(t, http.MethodPost, "/api/token/reserve", `{"quota":40,"request_id":"r1"}`), 409, "request_id_reused", reused)
	wantFailure(t, b.do(t, http.MethodPost, "/api/token/settle", `{"quota":40,"request_id":"r1"}`), 404, "hold_not_found", noHold)
	for range 2 {
		b.verify(t, `{"quota":30}`)
	}
	if v := b.verify(t, `{"quota":1}`); v.Code != token.RefusedExhausted || v.RemainQuota != 0 {
		t.Errorf("got %+v, want nothing left", v)
	}
	if v := b.verify(t, `{"quota":40,"request_id":"r1"}`); !v.Valid {
		t.Errorf("got %+v, want what was charged to stay valid", v)
	}
	u.put(t, fmt.Sprintf(`{"id":%d,"status":2}`, made.ID))
	if v := b.verify(t, `{"quota":40,"request_id":"r1"}`); v.Code != token.RefusedDisabled {
		t.Errorf("got %+v, want a disabled key refused all the same", v)
	}
	endless, b := u.bearer(t, `{"name":"endless","unlimited_quota":true}`)
	for range 2 {
		if v := b.verify(t, `{"quota":9007199254740991}`); !v.Valid || !v.UnlimitedQuota {
			t.Errorf("got %+v, want an unlimited token never refused", v)
		}
	}
	if got := u.get(t, endless.ID); got.UsedQuota != token.MaxInteger || got.RemainQuota != 0 || got.Status != 1 {
		t.Errorf("got %+v, want the count to stay at 2^53-1", got)
	}
}

// holds are reserved, settled and released, each once.
func holds(t *testing.T, target *Target) {
	u := target.User(t, token.RoleUser)
	_, b := u.bearer(t, `{"name":"app","remain_quota":1000}`)
	reserve := func(body string) api.Reservation {
		t.Helper()
		return wantData[api.Reservation](t, b.do(t, http.MethodPost, "/api/token/reserve", body), http.StatusOK)
	}
	post := func(path, body, data string) {
		t.Helper()
		want := `{"success":true,"message":"","data":` + data + `}`
		for range 2 { // the same answer for the same request
			if got := b.do(t, http.MethodPost, "/api/token/"+path, body); got.Status != http.StatusOK || got.Body != want {
				t.Errorf("%s %s: got %d %s\nwant 200 %s", path, body, got.Status, got.Body, want)
			}
		}
	}
	fail := func(path, body string, status int, code, message string) {
		t.Helper()
		wantFailure(t, b.do(t, http.MethodPost, "/api/token/"+path, body), status, code, message)
	}
	now := time.Now().Unix()
	first := reserve(`{"request_id":"a","quota":300}`)
	if first.ExpiresAt < now+900 || first.ExpiresAt > now+905 {
		t.Errorf("expires_at is %d, want 15 minutes from now, %d", first.ExpiresAt, now+900)
	}
	wantSame(t, first, api.Reservation{Valid: true, RequestID: "a", Held: 300, RemainQuota: 700, ExpiresAt: first.ExpiresAt})
	second := reserve(`{"request_id":"b","quota":700,"ttl_seconds":3600}`)
	if second.RemainQuota != 0 || second.ExpiresAt < now+3600 {
		t.Errorf("got %+v, want the rest held for an hour", second)
	}
	wantSame(t, reserve(`{"request_id":"a","quota":300}`), first)
	wantSame(t, reserve(`{"request_id":"c","quota":1}`), api.Reservation{Code: token.RefusedExhausted, RequestID: "c"})
	if got, want := b.usage(t), `"total_granted":1000,"total_used":0,"total_available":0,`; !strings.Contains(got, want) {
		t.Errorf("usage while held is %s, want %s", got, want)
	}
	post("settle", `{"request_id":"a","quota":120}`, `{"request_id":"a","charged":120,"shortfall":0,"remain_quota":180}`)
	post("settle", `{"request_id":"b","quota":900}`, `{"request_id":"b","charged":880,"shortfall":20,"remain_quota":0}`)
	post("settle", `{"request_id":"a","quota":120}`, `{"request_id":"a","charged":120,"shortfall":0,"remain_quota":180}`)
	wantSame(t, reserve(`{"request_id":"a","quota":300}`), first)
	fail("settle", `{"request_id":"a","quota":121}`, 409, "request_id_reused", reused)
	fail("reserve", `{"request_id":"a","quota":299}`, 409, "request_id_reused", reused)
	fail("release", `{"request_id":"a"}`, 409, "hold_settled", "The hold was settled: there is nothing left to release.")
	if got, want := b.usage(t), `"total_granted":1000,"total_used":1000,"total_available":0,`; !strings.Contains(got, want) {
		t.Errorf("usage when all is settled is %s, want %s", got, want)
	}

	made, b2 := u.bearer(t, `{"name":"other","remain_quota":50}`)
	b = b2
	reserve(`{"request_id":"a","quota":50,"ttl_seconds":60}`)
	post("release", `{"request_id":"a"}`, `{"request_id":"a","released":50,"remain_quota":50}`)
	fail("settle", `{"request_id":"a","quota":1}`, 409, "hold_released", "The hold was released: charge with verify, or reserve with a new request_id.")
	fail("settle", `{"request_id":"x","quota":1}`, 404, "hold_not_found", noHold)
	fail("release", `{"request_id":"x"}`, 404, "hold_not_found", noHold)
	lapses := reserve(`{"request_id":"short","quota":50,"ttl_seconds":1}`)
	late := reserve(`{"request_id":"used","quota":0}`)
	if late.Code != token.RefusedExhausted {
		t.Errorf("got %+v, want nothing left", late)
	}
	for time.Now().Unix() < lapses.ExpiresAt {
		time.Sleep(50 * time.Millisecond)
	}
	if got := u.get(t, made.ID); got.RemainQuota != 50 || got.Status != 1 {
		t.Errorf("after the hold's time the token is %+v, want its 50 free", got)
	}
	if got := b.verify(t, `{}`); !got.Valid || got.RemainQuota != 50 {
		t.Errorf("after the hold's time: got %+v, want 50 free", got)
	}
	fail("settle", `{"request_id":"short","quota":1}`, 409, "hold_expired", "The hold has reached its expires_at, and its quota is free again: charge with verify, and reserve with a longer ttl_seconds next time.")
	reserve(`{"request_id":"again","quota":50}`)
	// What was used is charged, whatever has become of the key.
	u.put(t, fmt.Sprintf(`{"id":%d,"status":2}`, made.ID))
	if got := reserve(`{"request_id":"again","quota":50}`); got.Code != token.RefusedDisabled {
		t.Errorf("reserve with a disabled key: got %+v", got)
	}
	post("settle", `{"request_id":"again","quota":10}`, `{"request_id":"again","charged":10,"shortfall":0,"remain_quota":40}`)
	u.put(t, fmt.Sprintf(`{"id":%d,"status":1,"remain_quota":0}`, made.ID))
	if err := u.Delete(t.Context(), made.ID); err != nil {
		t.Fatal(err)
	}
	fail("settle", `{"request_id":"again","quota":10}`, 401, "unauthorized", unknownKey)
	wantSame(t, reserve(`{"request_id":"z","quota":1}`), api.Reservation{Code: token.RefusedUnknown, RequestID: "z"})
}

// openHolds are bounded.
func openHolds(t *testing.T, target *Target) {
	u := target.User(t, token.RoleUser)
	_, b := u.bearer(t, `{"name":"busy","unlimited_quota":true}`)
	for i := range token.MaxOpenHolds {
		got := b.do(t, http.MethodPost, "/api/token/reserve", fmt.Sprintf(`{"request_id":"r%d","quota":5}`, i))
		if got.Status != http.StatusOK {
			t.Fatalf("hold %d: got %d %s", i, got.Status, got.Body)
		}
	}
	got := b.do(t, http.MethodPost, "/api/token/reserve", `{"request_id":"more","quota":5}`)
	wantFailure(t, got, 429, "too_many_open", "This key has 50 open holds, and nothing was held: settle or release some, or try again after the seconds in Retry-After.")
	if got.Header.Get("Retry-After") == "" {
		t.Error("429 without Retry-After")
	}
	for i := range token.MaxOpenHolds {
		got := b.do(t, http.MethodPost, "/api/token/settle", fmt.Sprintf(`{"request_id":"r%d","quota":%d}`, i, i))
		if want := fmt.Sprintf(`"charged":%d,"shortfall":0,`, i); !strings.Contains(got.Body, want) {
			t.Errorf("settle %d: got %s, want %s", i, got.Body, want)
		}
	}
	if got, want := b.usage(t), `"total_used":1225,`; !strings.Contains(got, want) {
		t.Errorf("usage is %s, want %s", got, want)
	}
}

// usage is the API family's own form.
func usage(t *testing.T, target *Target) {
	u := target.User(t, token.RoleUser)
	soon := time.Now().Unix() + 1
	made, b := u.bearer(t, fmt.Sprintf(`{"name":"app","remain_quota":100,"expired_time":%d,"models":["m"],"model_limits_enabled":true}`, soon))
	b.verify(t, `{"quota":100}`)
	want := fmt.Sprintf(`{"code":true,"message":"ok","data":{"object":"token_usage","name":"app","total_granted":100,"total_used":100,"total_available":0,"unlimited_quota":false,"model_limits":{"m":true},"model_limits_enabled":true,"expires_at":%d}}`, soon)
	for time.Now().Unix() <= soon {
		time.Sleep(50 * time.Millisecond)
	}
	for _, path := range []string{"/api/usage/token/", "/api/usage/token"} {
		if got := b.do(t, http.MethodGet, path, ""); got.Status != http.StatusOK || got.Body != want { // expired, and exhausted
			t.Errorf("GET %s: got %d %s\nwant 200 %s", path, got.Status, got.Body, want)
		}
	}
	u.put(t, fmt.Sprintf(`{"id":%d,"expired_time":-1,"model_limits_enabled":false,"models":[]}`, made.ID))
	if got := b.usage(t); !strings.Contains(got, `"model_limits":{},"model_limits_enabled":false,"expires_at":0}`) {
		t.Errorf("got %s, want no limits and no expiry", got)
	}
	u.put(t, fmt.Sprintf(`{"id":%d,"status":2}`, made.ID))
	wantFailure(t, b.do(t, http.MethodGet, "/api/usage/token/", ""), 401, "unauthorized", "The key is disabled: ask whoever gave it to you to enable it.")
	if err := u.Delete(t.Context(), made.ID); err != nil {
		t.Fatal(err)
	}
	wantFailure(t, b.do(t, http.MethodGet, "/api/usage/token/", ""), 401, "unauthorized", unknownKey)
}

// keyRules hold the bad input of the routes that a key authenticates, and who
// sends no key.
func keyRules(t *testing.T, target *Target) {
	u := target.User(t, token.RoleUser)
	_, b := u.bearer(t, `{"name":"app","remain_quota":5}`)
	const (
		badQuota     = "quota must be between 0 and 9007199254740991."
		badTTL       = "ttl_seconds must be between 1 and 3600."
		badIP        = "ip must be one IP address, such as 203.0.113.7 or 2001:db8::1."
		question     = "model, quota, ip, request_id"
		needsRequest = "request_id is required: name the request, so that settle and release find its hold."
	)
	for _, row := range []struct{ path, body, code, message string }{
		{"verify", `[]`, "invalid_json", "The body must be one JSON object, not an array."},
		{"verify", `{"nodel":"x"}`, "unknown_field", `The field "nodel" is not known: the fields are ` + question + "."},
		{"verify", `{"quota":-1}`, "invalid_parameter", badQuota},
		{"verify", `{"quota":9007199254740992}`, "invalid_parameter", badQuota},
		{"verify", `{"quota":"5"}`, "invalid_parameter", "quota must be an integer, not a string."},
		{"verify", `{"quota":1.5}`, "invalid_parameter", "quota must be an integer, not a number with a fraction or exponent."},
		{"verify", `{"ip":"10.0.0.0/8"}`, "invalid_parameter", badIP},
		{"verify", `{"ip":"fe80::1%eth0"}`, "invalid_parameter", badIP},
		{"verify", `{"ip":""}`, "invalid_parameter", badIP},
		{"verify", `{"model":""}`, "invalid_parameter", "model must have 1 to 256 characters, not 0."},
		{"reserve", `{"request_id":"r","quota":1,"ip":""}`, "invalid_parameter", badIP},
		{"verify", `{"model":["x"]}`, "invalid_parameter", "model must be a string, not an array."},
		{"verify", `{"model":"` + strings.Repeat("m", 257) + `"}`, "invalid_parameter", "model must have 1 to 256 characters, not 257."},
		{"verify", `{"model":"a\u0000"}`, "invalid_parameter", "model must not contain control or bidirectional-override characters."},
		{"verify", `{"request_id":""}`, "invalid_parameter", "request_id must have 1 to 128 characters, not 0."},
		{"verify", `{"request_id":"` + strings.Repeat("r", 129) + `"}`, "invalid_parameter", "request_id must have 1 to 128 characters, not 129."},
		{"verify", `{"request_id":" r"}`, "invalid_parameter", "request_id must not begin or end with blanks."},
		{"verify", `{"ttl_seconds":5}`, "unknown_field", `The field "ttl_seconds" is not known: the fields are ` + question + "."},
		{"reserve", `{"ttl":5}`, "unknown_field", `The field "ttl" is not known: the fields are ` + question + ", ttl_seconds."},
		{"reserve", ``, "invalid_json", emptyBody},
		{"reserve", `{"quota":1}`, "invalid_parameter", needsRequest},
		{"reserve", `{"request_id":"r"}`, "invalid_parameter", "quota is required: send the units to hold."},
		{"reserve", `{"request_id":"r","quota":-1}`, "invalid_parameter", badQuota},
		{"reserve", `{"request_id":"r","quota":1,"ttl_seconds":0}`, "invalid_parameter", badTTL},
		{"reserve", `{"request_id":"r","quota":1,"ttl_seconds":-1}`, "invalid_parameter", badTTL},
		{"reserve", `{"request_id":"r","quota":1,"ttl_seconds":3601}`, "invalid_parameter", badTTL},
		{"reserve", `{"request_id":"r","quota":1,"ttl_seconds":9223372036854775807}`, "invalid_parameter", badTTL},
		{"settle", `{"quota":1}`, "invalid_parameter", "request_id is required: send the one of the reservation."},
		{"settle", `{"request_id":"r"}`, "invalid_parameter", "quota is required: send the units to charge; 0 charges nothing."},
		{"settle", `{"request_id":"r","quota":-1}`, "invalid_parameter", badQuota},
		{"settle", `{"request_id":"r","quota":1,"model":"x"}`, "unknown_field", `The field "model" is not known: the fields are request_id, quota.`},
		{"release", `{}`, "invalid_parameter", "request_id is required: send the one of the reservation."},
		{"release", `{"request_id":""}`, "invalid_parameter", "request_id must have 1 to 128 characters, not 0."},
		{"release", `{"request_id":"r","quota":1}`, "invalid_parameter", "quota is for settle: a release gives back all that the hold has."},
	} {
		t.Run("400/"+row.path+row.body, func(t *testing.T) {
			wantFailure(t, b.do(t, http.MethodPost, "/api/token/"+row.path, row.body), 400, row.code, row.message)
		})
	}
	if got := b.verify(t, `{"quota":null,"model":null,"ip":null,"request_id":null}`); !got.Valid || got.RemainQuota != 5 {
		t.Errorf("null is not absent: %+v", got)
	}
	for _, path := range []string{"verify", "reserve", "settle", "release"} {
		for _, header := range []string{"", "Bearer", "Bearer "} {
			got := target.Do(t, http.MethodPost, "/api/token/"+path, `{`, "Authorization", header)
			wantFailure(t, got, 401, "unauthorized", noKey)
		}
		for _, slash := range []string{"", "/"} {
			got := u.Do(t, http.MethodGet, "/api/token/"+path+slash, "")
			wantFailure(t, got, 405, "method_not_allowed", "This path does not have this method: use one of POST.")
			got = u.Do(t, http.MethodDelete, "/api/token/"+path+slash, "")
			wantFailure(t, got, 405, "method_not_allowed", "This path does not have this method: use one of POST.")
			if got := b.do(t, http.MethodPost, "/api/token/"+path+slash, `{"request_id":7}`); got.Status != http.StatusBadRequest {
				t.Errorf("POST %s%s: got %d %s, want 400", path, slash, got.Status, got.Body)
			}
		}
	}
	wantFailure(t, target.Do(t, http.MethodGet, "/api/usage/token/", "", "Authorization", ""), 401, "unauthorized", noKey)
	wantFailure(t, u.Do(t, http.MethodPost, "/api/usage/token/", "{}"), 405, "method_not_allowed", "This path does not have this method: use one of GET.")
	wantFailure(t, u.Do(t, http.MethodGet, "/api/usage", ""), 404, "route_not_found", nothingHere)
}
