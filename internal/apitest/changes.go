package apitest

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/wire"
)

const changedSince = "The token was changed in the meantime; this request changed nothing. Read the token again, then send its new ETag; for a rotation, a new Idempotency-Key."

// An update, a status change or a deletion with the ETag of an older version
// changes nothing.
func ifMatch(t *testing.T, target *Target) {
	u := target.User(t, token.RoleUser)
	key := u.make(t, `{"name":"edited","remain_quota":100}`).Key
	tag := u.Do(t, http.MethodGet, tokenPath(1), "").Header.Get("ETag")

	// Spending does not change the ETag.
	for _, body := range []string{`{"quota":1}`, `{"quota":1,"request_id":"a-0123456789abcdefghijk"}`} {
		target.Do(t, http.MethodPost, "/api/token/verify", body, "Authorization", "Bearer "+key)
	}
	target.Do(t, http.MethodPost, "/api/token/reserve", `{"quota":5,"request_id":"h-0123456789abcdefghijk"}`, "Authorization", "Bearer "+key)
	target.Do(t, http.MethodPost, "/api/token/settle", `{"quota":2,"request_id":"h-0123456789abcdefghijk"}`, "Authorization", "Bearer "+key)
	first := u.Do(t, http.MethodPut, "/api/token/", `{"id":1,"name":"mine"}`, "If-Match", tag)
	if tok := wantData[wire.Token](t, first, http.StatusOK); tok.Name != "mine" || tok.RemainQuota != 96 || first.Header.Get("ETag") != `"2"` {
		t.Errorf("got %q with %d units and ETag %s, want mine with 96 and \"2\"", tok.Name, tok.RemainQuota, first.Header.Get("ETag"))
	}
	for _, stale := range []string{tag, `W/"2"`, `"02"`, `"x"`, `"1", "3"`, `""`, `"2,3"`, `"1",`} {
		for _, attempt := range []func() Response{
			func() Response {
				return u.Do(t, http.MethodPut, "/api/token/", `{"id":1,"name":"a rival's"}`, "If-Match", stale)
			},
			func() Response {
				return u.Do(t, http.MethodPut, "/api/token/?status_only=true", `{"id":1,"status":2}`, "If-Match", stale)
			},
			func() Response {
				return u.Do(t, http.MethodPut, "/api/token/?status_only=true", `{"id":1,"status":3}`, "If-Match", stale)
			},
			func() Response { return u.Do(t, http.MethodDelete, tokenPath(1), "", "If-Match", stale) },
		} {
			wantFailure(t, attempt(), http.StatusPreconditionFailed, "version_mismatch", changedSince)
		}
	}
	if tok := wantData[wire.Token](t, u.Do(t, http.MethodGet, tokenPath(1), ""), http.StatusOK); tok.Name != "mine" || tok.Status != 1 {
		t.Errorf("got %q, status %d, want it as it was", tok.Name, tok.Status)
	}
	const rule = `If-Match must be * or tags in quotes, such as "3": send the ETag of the token as you read it.`
	for _, bad := range []string{"2", `"2`, "abc", `"1" "2"`, `W/2`, `"2"x`, ","} {
		wantFailure(t, u.Do(t, http.MethodPut, "/api/token/", `{"id":1}`, "If-Match", bad), http.StatusBadRequest, "invalid_parameter", rule)
		wantFailure(t, u.Do(t, http.MethodDelete, tokenPath(1), "", "If-Match", bad), http.StatusBadRequest, "invalid_parameter", rule)
	}
	wantFailure(t, u.Do(t, http.MethodPut, "/api/token/", `{"id":9}`, "If-Match", `"1"`), http.StatusNotFound, "token_not_found", noSuchToken)
	wantFailure(t, u.Do(t, http.MethodDelete, tokenPath(9), "", "If-Match", `"1"`), http.StatusNotFound, "token_not_found", noSuchToken)
	wantData[wire.Token](t, u.Do(t, http.MethodPut, "/api/token/", `{"id":1,"group":"any"}`, "If-Match", "*"), http.StatusOK)
	wantData[any](t, u.Do(t, http.MethodDelete, tokenPath(1), "", "If-Match", `, "7" , "3",`), http.StatusOK)
	wantFailure(t, u.Do(t, http.MethodDelete, tokenPath(1), "", "If-Match", `"3"`), http.StatusNotFound, "token_not_found", noSuchToken)
}

func quotaDelta(t *testing.T, target *Target) {
	u := target.User(t, token.RoleUser)
	u.make(t, `{"name":"limited","remain_quota":100}`)
	u.make(t, `{"name":"unlimited","unlimited_quota":true,"remain_quota":0}`)
	for _, row := range []struct {
		body string
		want int64
	}{
		{`{"id":1,"quota_delta":50}`, 150},
		{`{"id":1,"quota_delta":-150}`, 0},
		{`{"id":1,"quota_delta":0}`, 0},
		{`{"id":1,"quota_delta":9007199254740991}`, token.MaxInteger},
		{`{"id":1,"quota_delta":-9007199254740991}`, 0},
		{`{"id":1,"quota_delta":7,"name":"renamed"}`, 7},
		{`{"id":1,"quota_delta":5,"unlimited_quota":true}`, 7},
		{`{"id":1,"quota_delta":5}`, 7},
		{`{"id":1,"quota_delta":5,"unlimited_quota":false}`, 12},
		{`{"id":2,"quota_delta":-5}`, 0},
	} {
		if tok := u.put(t, row.body); tok.RemainQuota != row.want {
			t.Errorf("%s: got %d units, want %d", row.body, tok.RemainQuota, row.want)
		}
	}
	const below = "The token has less quota left than quota_delta subtracts; nothing was changed. Read remain_quota and send a smaller change, or set remain_quota."
	wantFailure(t, u.Do(t, http.MethodPut, "/api/token/", `{"id":1,"quota_delta":-13,"name":"a"}`), http.StatusConflict, "token_exhausted", below)
	for body, message := range map[string]string{
		`{"id":1,"quota_delta":9007199254740991}`:     "quota_delta would raise remain_quota above 9007199254740991, so nothing was changed.",
		`{"id":1,"quota_delta":9007199254740992}`:     "quota_delta must be between -9007199254740991 and 9007199254740991.",
		`{"id":1,"quota_delta":-9223372036854775809}`: "quota_delta must be between -9007199254740991 and 9007199254740991.",
		`{"id":1,"quota_delta":1,"remain_quota":1}`:   "quota_delta can't be combined with remain_quota: send one of them.",
		`{"id":1,"quota_delta":"1"}`:                  "quota_delta must be an integer, not a string.",
		`{"id":1,"quota_delta":1.5}`:                  "quota_delta must be an integer, not a number with a fraction or exponent.",
	} {
		wantFailure(t, u.Do(t, http.MethodPut, "/api/token/", body), http.StatusBadRequest, "invalid_parameter", message)
	}
	if tok := wantData[wire.Token](t, u.Do(t, http.MethodGet, tokenPath(1), ""), http.StatusOK); tok.RemainQuota != 12 || tok.Name != "renamed" {
		t.Errorf("after what was refused: got %d units, name %q, want 12 and renamed", tok.RemainQuota, tok.Name)
	}
}

func rotation(t *testing.T, target *Target) {
	u := target.User(t, token.RoleUser)
	first := u.make(t, `{"name":"rotated","remain_quota":100,"models":["m"],"group":"g"}`)
	rotate := func(body string, headers ...string) (Response, wire.Token) {
		t.Helper()
		got := u.Do(t, http.MethodPost, tokenPath(first.ID)+"/rotate", body, headers...)
		return got, wantData[wire.Token](t, got, http.StatusOK)
	}
	valid := func(key string) bool {
		t.Helper()
		return wantData[wire.Verdict](t, target.Do(t, http.MethodPost, "/api/token/verify", `{"quota":1}`, "Authorization", "Bearer "+key), http.StatusOK).Valid
	}
	wantValid := func(when string, keys map[string]bool) {
		t.Helper()
		for key, want := range keys {
			if valid(key) != want {
				t.Errorf("%s: the key %s is valid: %t, want %t", when, mask(key), !want, want)
			}
		}
	}
	target.Do(t, http.MethodPost, "/api/token/reserve", `{"quota":10,"request_id":"h-0123456789abcdefghijk"}`, "Authorization", "Bearer "+first.Key)
	answer, second := rotate(`{"grace_seconds":600}`)
	if second.ID != first.ID || second.Name != first.Name || second.Group != "g" || second.RemainQuota != 90 || second.CreatedTime != first.CreatedTime ||
		second.PreviousKey != mask(first.Key) || second.PreviousUntil < time.Now().Unix()+500 || answer.Header.Get("ETag") != `"2"` || len(second.Key) != credential.KeyLength {
		t.Errorf("after a rotation the token is %s of version %s", strings.ReplaceAll(fmt.Sprintf("%+v", second), second.Key, "(key)"), answer.Header.Get("ETag"))
	}
	masked := second
	masked.Key = mask(second.Key)
	wantSame(t, wantData[wire.Token](t, u.Do(t, http.MethodGet, tokenPath(first.ID), ""), http.StatusOK), masked)
	wantValid("during the grace period", map[string]bool{first.Key: true, second.Key: true})

	_, third := rotate(``)
	if third.PreviousKey != "" || third.PreviousUntil != 0 {
		t.Errorf("without a grace period there is a previous key, %s", third.PreviousKey)
	}
	wantValid("after a second rotation without grace", map[string]bool{first.Key: false, second.Key: false, third.Key: true})
	if got := target.Do(t, http.MethodGet, "/api/usage/token/", "", "Authorization", "Bearer "+second.Key); got.Status != http.StatusUnauthorized {
		t.Errorf("usage of a replaced key: got %d, want 401", got.Status)
	}

	// A hold can be ended with the previous key, also after that has stopped
	// working.
	target.Do(t, http.MethodPost, "/api/token/reserve", `{"quota":10,"request_id":"i-0123456789abcdefghijk"}`, "Authorization", "Bearer "+third.Key)
	_, fourth := rotate(`{"grace_seconds":0}`)
	if s := wantData[wire.Settlement](t, target.Do(t, http.MethodPost, "/api/token/settle", `{"quota":4,"request_id":"i-0123456789abcdefghijk"}`, "Authorization", "Bearer "+third.Key), http.StatusOK); s.Charged != 4 {
		t.Errorf("settled with the previous key: %d charged, want 4", s.Charged)
	}
	wantValid("after that", map[string]bool{third.Key: false, fourth.Key: true})

	// With an Idempotency-Key a repetition returns the first answer.
	path, body := tokenPath(first.ID)+"/rotate/", `{"grace_seconds":60}`
	once := u.Do(t, http.MethodPost, path, body, "Idempotency-Key", "rotate")
	target.Do(t, http.MethodPost, "/api/token/verify", `{"quota":1}`, "Authorization", "Bearer "+fourth.Key)
	again := u.Do(t, http.MethodPost, path, body, "Idempotency-Key", "rotate")
	if fifth := wantData[wire.Token](t, once, http.StatusOK); again.Body != once.Body || again.Header.Get("ETag") != once.Header.Get("ETag") || fifth.PreviousKey != mask(fourth.Key) {
		t.Error("the second answer differs")
	}
	wantFailure(t, u.Do(t, http.MethodPost, path, `{}`, "Idempotency-Key", "rotate"), http.StatusUnprocessableEntity, "idempotency_mismatch", otherRequest)

	wantFailure(t, u.Do(t, http.MethodPost, tokenPath(9)+"/rotate", ``), http.StatusNotFound, "token_not_found", noSuchToken)
	wantFailure(t, u.Do(t, http.MethodPost, tokenPath(9)+"/rotate", ``, "Idempotency-Key", "none"), http.StatusNotFound, "token_not_found", noSuchToken)
	for _, seconds := range []string{"-1", "604801", "9223372036854775808"} {
		wantFailure(t, u.Do(t, http.MethodPost, path, `{"grace_seconds":`+seconds+`}`), http.StatusBadRequest, "invalid_parameter",
			"grace_seconds must be between 0 (the old key stops working at once) and 604800.")
	}
	if got := u.Do(t, http.MethodGet, path, ""); got.Status != http.StatusMethodNotAllowed || got.Header.Get("Allow") != http.MethodPost {
		t.Errorf("GET: got %d, Allow %s, want 405 and POST", got.Status, got.Header.Get("Allow"))
	}
	if err := u.Delete(t.Context(), first.ID); err != nil {
		t.Fatal(err)
	}
	wantValid("after its deletion", map[string]bool{fourth.Key: false})
}
