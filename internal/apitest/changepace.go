package apitest

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/wire"
)

const tooFast = "Rate limit of changes and searches reached; nothing was done. Try again after the number of seconds in Retry-After, or ask the operator to raise the limit."

// idList returns the body of a batch on 100 ids, of which the first exists.
func idList(first int64, rest string) string {
	ids := []string{strconv.FormatInt(first, 10)}
	for i := range wire.MaxIDs - 1 {
		ids = append(ids, strconv.Itoa(1_000+i))
	}
	return `{"ids":[` + strings.Join(ids, ",") + `]` + rest + `}`
}

// After a batch of 100, which a burst of 5 admits whole, each route that changes
// or searches tokens refuses its request and does nothing. Reads and creates are
// not refused, nor is a repetition of what was answered before.
func changePace(t *testing.T, target *Target) {
	u := target.User(t, token.RoleUser)
	wantData[wire.Tokens](t, u.Do(t, http.MethodPost, batchCreatePath, drafts(3)), http.StatusCreated)
	limit := func(l token.Limits) {
		t.Helper()
		if _, err := target.Users.SetLimits(t.Context(), u.Name, func(old *token.Limits) { *old = l }); err != nil {
			t.Fatal(err)
		}
	}
	limit(token.Limits{ChangesPerSecond: 1, ChangeBurst: 5})
	batch := func() Response {
		return u.Do(t, http.MethodPost, batchStatusPath, idList(1, `,"status":2`), "Idempotency-Key", "whole")
	}
	first := batch()
	if !strings.Contains(first.Body, `"data":1,`) {
		t.Fatalf("a batch of 100: got %d %s, want one token changed", first.Status, first.Body)
	}
	before := u.Do(t, http.MethodGet, "/api/token/", "").Body
	refused := []struct{ method, path, body, idempotencyKey string }{
		{http.MethodPut, "/api/token/", `{"id":1,"name":"changed"}`, ""},
		{http.MethodPut, "/api/token/?status_only=true", `{"id":1,"status":1}`, ""},
		{http.MethodDelete, "/api/token/1", "", ""},
		{http.MethodPost, "/api/token/1/rotate", "{}", ""},
		{http.MethodPost, "/api/token/1/rotate", "{}", "rotate"},
		{http.MethodPost, "/api/token/1/extra", `{"units":0}`, ""},
		{http.MethodPost, "/api/token/1/extra", `{"units":0}`, "extra"},
		{http.MethodPost, batchPath, `{"ids":[1,2]}`, ""},
		{http.MethodPost, batchPath, `{"ids":[1,2]}`, "delete"},
		{http.MethodPost, batchStatusPath, `{"ids":[1,2],"status":1}`, ""},
		{http.MethodPost, batchStatusPath, `{"ids":[1,2],"status":1}`, "status"},
		{http.MethodGet, "/api/token/search?keyword=n", "", ""},
		{http.MethodGet, "/api/token/search?after=3", "", ""},
	}
	for _, r := range refused {
		t.Run(fmt.Sprint(r.method, " ", r.path, " ", r.idempotencyKey), func(t *testing.T) {
			got := u.Do(t, r.method, r.path, r.body, "Idempotency-Key", r.idempotencyKey)
			wantFailure(t, got, http.StatusTooManyRequests, "rate_limited", tooFast)
			if seconds, err := strconv.Atoi(got.Header.Get("Retry-After")); err != nil || seconds < 30 || seconds > 100 {
				t.Errorf("Retry-After is %q, want up to 100 seconds", got.Header.Get("Retry-After"))
			}
		})
	}
	if after := u.Do(t, http.MethodGet, "/api/token/", "").Body; after != before {
		t.Errorf("after what was refused the tokens are %s\nwant %s", after, before)
	}
	wantData[wire.Token](t, u.Do(t, http.MethodGet, "/api/token/1", ""), http.StatusOK)
	if again := batch(); again.Status != first.Status || again.Body != first.Body {
		t.Errorf("the batch again: got %d %s, want the answer of the first time", again.Status, again.Body)
	}
	u.make(t, `{"name":"a create has its own limit"}`)
	limit(token.Limits{})
	// A refusal decided nothing: the same Idempotency-Key may now do something else.
	wantData[wire.Token](t, u.Do(t, http.MethodPost, "/api/token/2/rotate", "{}", "Idempotency-Key", "rotate"), http.StatusOK)
	wantResults(t, u.Do(t, http.MethodPost, batchPath, `{"ids":[3]}`, "Idempotency-Key", "delete"), 1, `[{"index":0,"id":3,"success":true}]`)
	wantResults(t, u.Do(t, http.MethodPost, batchStatusPath, `{"ids":[1],"status":1}`, "Idempotency-Key", "status"), 1, `[{"index":0,"id":1,"success":true}]`)
}
