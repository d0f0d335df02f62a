package apitest

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/wire"
)

const otherRequest = "This Idempotency-Key was used in the last 24 hours for another request or with another access token; nothing was done. Send the original request, or a new Idempotency-Key."

// Every POST of the management API is sent twice with one Idempotency-Key: the
// second answer repeats the first one.
func idempotency(t *testing.T, target *Target) {
	u := target.User(t, token.RoleUser)
	again := func(t *testing.T, path, body, key string) {
		t.Helper()
		first := u.Do(t, http.MethodPost, path, body, "Idempotency-Key", key)
		if first.Status >= http.StatusMultipleChoices {
			t.Fatalf("%s: got %d %s, want a success", path, first.Status, first.Body)
		}
		second := u.Do(t, http.MethodPost, path, body, "Idempotency-Key", key)
		for _, header := range []string{"ETag", "Location", "Content-Type"} {
			if second.Header.Get(header) != first.Header.Get(header) {
				t.Errorf("%s: the header %s was %q and is %q", path, header, first.Header.Get(header), second.Header.Get(header))
			}
		}
		if second.Status != first.Status || second.Body != first.Body {
			t.Errorf("%s: the second answer differs: status %d and %d", path, first.Status, second.Status)
		}
		wantFailure(t, u.Do(t, http.MethodPost, path, strings.Replace(body, "{", "{ ", 1), "Idempotency-Key", key), http.StatusUnprocessableEntity, "idempotency_mismatch", otherRequest)
	}
	wantTotal := func(t *testing.T, want int64) {
		t.Helper()
		if page := wantData[wire.TokenPage](t, u.Do(t, http.MethodGet, "/api/token/", ""), http.StatusOK); page.Total != want {
			t.Errorf("there are %d tokens, want %d", page.Total, want)
		}
	}
	again(t, "/api/token/", `{"name":"one","remain_quota":5}`, "create")
	wantTotal(t, 1)
	again(t, batchCreatePath, drafts(3), "create-several")
	wantTotal(t, 4)
	u.put(t, `{"id":2,"name":"renamed"}`)
	again(t, batchPath, `{"ids":[2,3,9]}`, "delete")
	wantTotal(t, 2)
	again(t, batchStatusPath, `{"ids":[4,3],"status":2}`, "disable")
	wantFailure(t, u.Do(t, http.MethodPost, batchStatusPath, `{"ids":[1],"status":2}`, "Idempotency-Key", "create"), http.StatusUnprocessableEntity, "idempotency_mismatch", otherRequest)
	if tok := wantData[wire.Token](t, u.Do(t, http.MethodGet, tokenPath(1), ""), http.StatusOK); tok.Status != token.Enabled {
		t.Error("a request that was refused for its key was carried out")
	}

	// Idempotency keys of different users do not collide.
	other := target.User(t, token.RoleUser)
	wantData[wire.Token](t, other.Do(t, http.MethodPost, "/api/token/", `{"name":"one","remain_quota":5}`, "Idempotency-Key", "create"), http.StatusCreated)

	// A request that failed is not remembered: a corrected one may use its key.
	wantFailure(t, u.Do(t, http.MethodPost, "/api/token/", `{"name":""}`, "Idempotency-Key", "corrected"), http.StatusBadRequest, "invalid_parameter", "name must have 1 to 50 characters, not 0.")
	wantData[wire.Token](t, u.Do(t, http.MethodPost, "/api/token/", `{"name":"a"}`, "Idempotency-Key", "corrected"), http.StatusCreated)

	const rule = "Idempotency-Key must be 1 to 255 visible ASCII characters: send a new random one, such as a UUID, with each new request."
	for name, key := range map[string]string{"space": "a b", "long": strings.Repeat("k", 256), "accent": "é"} {
		t.Run("400/"+name, func(t *testing.T) {
			wantFailure(t, u.Do(t, http.MethodPost, "/api/token/", `{"name":"a"}`, "Idempotency-Key", key), http.StatusBadRequest, "invalid_parameter", rule)
		})
	}
	const empty = "Idempotency-Key must not be empty: send a random value, such as a UUID, or leave the header out."
	for _, request := range []struct{ method, path, body string }{
		{http.MethodPost, "/api/token/", `{"name":"a"}`},
		{http.MethodPost, batchCreatePath, drafts(1)},
		{http.MethodPost, batchPath, `{"ids":[1]}`},
		{http.MethodPost, batchStatusPath, `{"ids":[1],"status":2}`},
		{http.MethodPost, "/api/token/1/rotate", ""},
		{http.MethodPost, "/api/token/1/extra", `{"units":0}`},
		{http.MethodPut, "/api/token/", `{"id":1,"name":"changed"}`},
		{http.MethodDelete, "/api/token/1", ""},
	} {
		t.Run("400/empty_"+request.method+request.path, func(t *testing.T) {
			wantFailure(t, u.Do(t, request.method, request.path, request.body, "Idempotency-Key", emptyValue), http.StatusBadRequest, "invalid_parameter", empty)
		})
	}
	if got := wantData[wire.Token](t, u.Do(t, http.MethodGet, tokenPath(1), "", "Idempotency-Key", emptyValue), http.StatusOK); got.Name != "one" || got.Status != token.Enabled {
		t.Errorf("a refused request has made the token %+v", got)
	}
	// A client's header is not a request ID: a gateway that passes it on would
	// let the client decide what is charged once.
	t.Run("not_a_request_id", func(t *testing.T) {
		key := u.make(t, `{"name":"spent","remain_quota":10}`).Key
		do := func(path, body string) Response {
			return target.Do(t, http.MethodPost, "/api/token/"+path, body, "Authorization", "Bearer "+key, "Idempotency-Key", "0123456789abcdefghijklmnop")
		}
		for _, left := range []int64{6, 2} {
			v := wantData[wire.Verdict](t, do("verify", `{"quota":4}`), http.StatusOK)
			if !v.Valid || v.KeyInfo == nil || v.RemainQuota != left {
				t.Errorf("got %+v, want %d units left", fmt.Sprint(v.KeyInfo), left)
			}
		}
		first := wantData[wire.Reservation](t, do("reserve", `{"quota":1}`), http.StatusOK)
		second := wantData[wire.Reservation](t, do("reserve", `{"quota":1}`), http.StatusOK)
		if first.RequestID == second.RequestID || len(first.RequestID) < quota.MinRequestIDLength || second.RemainQuota != 0 {
			t.Errorf("got holds %+v and %+v, want two with random ids", first, second)
		}
		wantFailure(t, do("settle", `{"quota":1}`), http.StatusBadRequest, "invalid_parameter", needsHold)
		wantFailure(t, do("release", `{}`), http.StatusBadRequest, "invalid_parameter", needsHold)
	})
}
