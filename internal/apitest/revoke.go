package apitest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/wire"
)

const revokePath = "/api/token/revoke"

// Whoever shows a key ends it, and learns nothing about it. The owner sees that it
// has leaked, and has to rotate the token.
func revocation(t *testing.T, target *Target) {
	t.Run("answer", func(t *testing.T) { revocationAnswers(t, target) })
	t.Run("owner", func(t *testing.T) { revokedTokenOfOwner(t, target) })
	t.Run("previous_key", func(t *testing.T) { revokedPreviousKey(t, target) })
	t.Run("input", func(t *testing.T) { revocationInput(t, target) })
}

// revokeKey sends a key in the body, without a login.
func (target *Target) revokeKey(t testing.TB, key string) Response {
	t.Helper()
	return target.Do(t, http.MethodPost, revokePath, fmt.Sprintf(`{"key":%q}`, key), "Content-Type", "application/json")
}

// The answer to every text is the same in status, headers and body.
func revocationAnswers(t *testing.T, target *Target) {
	u := target.User(t, token.RoleUser)
	_, inBody := u.keyCaller(t, `{"name":"a","unlimited_quota":true}`)
	_, inHeader := u.keyCaller(t, `{"name":"b","unlimited_quota":true}`)
	_, off := u.keyCaller(t, `{"name":"c","status":2}`)
	deleted, gone := u.keyCaller(t, `{"name":"d"}`)
	if err := u.Delete(t.Context(), deleted.ID); err != nil {
		t.Fatal(err)
	}
	invented := credential.NewKey(u.ID, 1).Reveal()
	want := u.Do(t, http.MethodDelete, tokenPath(u.make(t, `{"name":"e"}`).ID), "") // any success without data
	for name, got := range map[string]Response{
		"body":                target.revokeKey(t, inBody.key),
		"again":               target.revokeKey(t, inBody.key),
		"white space":         target.revokeKey(t, " "+inBody.key+"\n"),
		"header":              inHeader.do(t, http.MethodPost, revokePath, ""),
		"header, empty body":  inHeader.do(t, http.MethodPost, revokePath+"/", "{}"),
		"disabled":            target.revokeKey(t, off.key),
		"deleted":             target.revokeKey(t, gone.key),
		"invented":            target.revokeKey(t, invented),
		"malformed":           target.revokeKey(t, "sk-nothing"),
		"another system":      target.revokeKey(t, "sk-proj-8fGh27KdPq90aaaa"),
		"access token":        target.revokeKey(t, u.AccessToken),
		"long":                target.revokeKey(t, strings.Repeat("x", 10_000)),
		"not ASCII":           target.revokeKey(t, "ключ"),
		"as an authorization": target.Do(t, http.MethodPost, revokePath, "", "Authorization", invented),
	} {
		got.Header.Del("X-Request-Id")
		got.Header.Del("Date")
		if got.Status != http.StatusOK || got.Body != `{"success":true,"message":"","data":null}` || fmt.Sprint(got.Header["Content-Type"], got.Header["Cache-Control"]) != fmt.Sprint(want.Header["Content-Type"], want.Header["Cache-Control"]) {
			t.Errorf("%s: got %d %s %v, want the same success for every text", name, got.Status, got.Body, got.Header)
		}
	}
	for _, b := range []keyCaller{inBody, inHeader, off} {
		if v := b.verify(t, `{}`); v.Valid || v.Code != quota.RefusedUnknown || v.KeyInfo != nil {
			t.Errorf("verify: got %+v, want the key unknown", v)
		}
	}
	wantData[wire.TokenPage](t, u.Do(t, http.MethodGet, "/api/token/", ""), http.StatusOK) // the access token still works
}

// The owner sees when the key was revoked, can't enable the token, and rotates it.
func revokedTokenOfOwner(t *testing.T, target *Target) {
	const leaked = "The key of this token was revoked because it had leaked, so the token can't be enabled. Rotate the token to give it a new key."
	u := target.User(t, token.RoleUser)
	made, b := u.keyCaller(t, `{"name":"app","remain_quota":100}`)
	reserved := b.do(t, http.MethodPost, "/api/token/reserve", `{"quota":10,"request_id":"leaked-0123456789abcdefghij"}`)
	wantData[wire.Reservation](t, reserved, http.StatusOK)
	before := u.Do(t, http.MethodGet, tokenPath(made.ID), "").Header.Get("ETag")
	target.revokeKey(t, made.Key)
	after := u.Do(t, http.MethodGet, tokenPath(made.ID), "")
	if got := wantData[wire.Token](t, after, http.StatusOK); got.Status != token.Disabled || got.LeakedTime < got.CreatedTime || got.Key != mask(made.Key) || after.Header.Get("ETag") == before {
		t.Errorf("got %+v with ETag %s, want it disabled with a time and another ETag than %s", got, after.Header.Get("ETag"), before)
	}
	if found := wantData[wire.TokenPage](t, u.Do(t, http.MethodGet, "/api/token/search?status=2", ""), http.StatusOK); len(found.Items) != 1 || found.Items[0].LeakedTime == 0 {
		t.Errorf("search for disabled tokens: got %+v, want the token", found)
	}
	wantFailure(t, u.Do(t, http.MethodPut, "/api/token/?status_only=true", fmt.Sprintf(`{"id":%d,"status":1}`, made.ID)), 409, "key_leaked", leaked)
	if got := u.Do(t, http.MethodPost, "/api/token/batch/status", fmt.Sprintf(`{"ids":[%d],"status":1}`, made.ID)); !strings.Contains(got.Body, `"success":false,"field":"ids[0]","code":"key_leaked"`) {
		t.Errorf("enable a batch: got %s, want key_leaked", got.Body)
	}
	wantFailure(t, u.Do(t, http.MethodPost, keyPath(made.ID), ""), http.StatusGone, "key_not_available", "Keys are shown for ten minutes after they are created; rotate the token to get a new one.")
	sentBack, err := json.Marshal(u.get(t, made.ID))
	if err != nil {
		t.Fatal(err)
	}
	if got := u.put(t, fmt.Sprintf(`{"id":%d,"status":1,"remain_quota":50}`, made.ID)); got.Status != token.Disabled || got.RemainQuota != 50 {
		t.Errorf("update: got %+v, want 50 units and still disabled", got)
	}
	if got := wantData[wire.Token](t, u.Do(t, http.MethodPut, "/api/token/", string(sentBack)), http.StatusOK); got.LeakedTime == 0 {
		t.Errorf("sent back: got %+v, want it leaked as before", got)
	}
	u.put(t, fmt.Sprintf(`{"id":%d,"status":1}`, made.ID)) // what was sent back had the status 2
	if v := b.verify(t, `{}`); v.Code != quota.RefusedUnknown {
		t.Errorf("verify: got %+v, want the key unknown", v)
	}
	wantFailure(t, b.do(t, http.MethodGet, "/api/usage/token/", ""), 401, "unauthorized", "The key is not valid. Check that it is complete; it may have been deleted.")
	settled := wantData[wire.Settlement](t, b.do(t, http.MethodPost, "/api/token/settle", `{"quota":4,"request_id":"leaked-0123456789abcdefghij"}`), http.StatusOK)
	if settled.Charged != 4 {
		t.Errorf("settle: got %+v, want 4 charged", settled)
	}
	rotated := wantData[wire.Token](t, u.Do(t, http.MethodPost, tokenPath(made.ID)+"/rotate", `{"grace_seconds":600}`), http.StatusOK)
	if rotated.Status != token.Enabled || rotated.LeakedTime != 0 || rotated.PreviousKey != "" || rotated.UsedQuota != 4 {
		t.Errorf("rotate: got status %d, leaked at %d, previous key %s, want it enabled without a grace period", rotated.Status, rotated.LeakedTime, rotated.PreviousKey)
	}
	if v := (keyCaller{target, rotated.Key}).verify(t, `{}`); !v.Valid || b.verify(t, `{}`).Valid {
		t.Errorf("verify: got the new key valid: %v, want it alone", v.Valid)
	}
}

// A previous key is ended without the present one.
func revokedPreviousKey(t *testing.T, target *Target) {
	u := target.User(t, token.RoleUser)
	made, old := u.keyCaller(t, `{"name":"app","unlimited_quota":true}`)
	rotated := wantData[wire.Token](t, u.Do(t, http.MethodPost, tokenPath(made.ID)+"/rotate", `{"grace_seconds":600}`), http.StatusOK)
	if !old.verify(t, `{}`).Valid {
		t.Fatal("the previous key is refused within its grace period")
	}
	target.revokeKey(t, old.key)
	if got := u.get(t, made.ID); got.Status != token.Enabled || got.LeakedTime != 0 || got.PreviousKey != "" || got.PreviousUntil != 0 {
		t.Errorf("got %+v, want it enabled without a previous key", got)
	}
	if old.verify(t, `{}`).Valid || !(keyCaller{target, rotated.Key}).verify(t, `{}`).Valid {
		t.Error("want the previous key refused and the present one accepted")
	}
}

// A key in the body takes precedence over the header, and a request without a key is
// an error.
func revocationInput(t *testing.T, target *Target) {
	const required = "key is required: send the key that is to end, as {\"key\":\"sk-…\"} or in the header Authorization: Bearer."
	u := target.User(t, token.RoleUser)
	_, mine := u.keyCaller(t, `{"name":"mine","unlimited_quota":true}`)
	_, found := u.keyCaller(t, `{"name":"found","unlimited_quota":true}`)
	mine.do(t, http.MethodPost, revokePath, fmt.Sprintf(`{"key":%q}`, found.key))
	if !mine.verify(t, `{}`).Valid || found.verify(t, `{}`).Valid {
		t.Error("want the key of the body ended and that of the header accepted")
	}
	wantFailure(t, target.Do(t, http.MethodPost, revokePath, ""), 400, "invalid_parameter", required)
	wantFailure(t, target.Do(t, http.MethodPost, revokePath, `{"key":null}`, "Content-Type", "application/json"), 400, "invalid_parameter", required)
	wantFailure(t, mine.do(t, http.MethodPost, revokePath, `{"key":""}`), 400, "invalid_parameter", required)
	wantFailure(t, mine.do(t, http.MethodPost, revokePath, `{"key":1}`), 400, "invalid_parameter", "key must be a string, not an integer.")
	wantFailure(t, mine.do(t, http.MethodPost, revokePath, `{"key"`), 400, "invalid_json", "The body is not valid JSON at byte 6: send one JSON object.")
	wantFailure(t, mine.do(t, http.MethodPost, revokePath, `{"token":"x"}`), 400, "unknown_field", `The field "token" is not known: the fields are key.`)
	if !mine.verify(t, `{}`).Valid {
		t.Error("the key of a request with a wrong body is refused")
	}
}
