package gatewaytest_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/latchkey-api/latchkey/shared/gate"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

// Settings of tokens with each kind of limit.
const (
	plain   = `{"name":"a","remain_quota":100000}`
	limited = `{"name":"a","unlimited_quota":true,"windows":[{"period":"48h","quota":100000}],"model_quotas":[{"model":"m","quota":100000}],"requests_per_minute":1000,"units_per_minute":100000,"max_concurrent":10}`
)

// sendRequests sends requests to every route that lead to each of its calls of
// DynamoDB.
func sendRequests(t *testing.T, c *caller) {
	for name, send := range map[string]func(*testing.T, *caller){
		"invalid": sendInvalid, "reads": sendReads, "searches": searchMany, "segments": listSegments, "changes": sendChanges, "batches": sendBatches, "interrupted_deletions": finishDeletions,
		"imported": deleteImported, "spends": sendSpends, "holds": sendHolds, "usage": sendUsage, "leaks": sendLeaks, "webhooks": sendWebhooks, "wallet": drawFromWallet,
	} {
		t.Run(name, func(t *testing.T) { send(t, c) })
	}
}

func idPath(id int64) string { return fmt.Sprintf("/api/token/%d", id) }

// each calls do for a user without limits and a restricted one, each with a
// token that has a block if there is a budget.
func (c *caller) each(t *testing.T, do func(u *tenant, id int64, key string)) {
	t.Helper()
	for _, u := range []*tenant{c.tenant(t), c.restricted(t)} {
		made := u.prepare(t, u.access, "/api/token", plain).Data
		u.prepare(t, made.Key, "/api/token/verify", `{"quota":1}`)
		do(u, made.ID, made.Key)
	}
}

// sendInvalid sends requests that are refused once the caller is authenticated.
func sendInvalid(t *testing.T, c *caller) {
	u := c.tenant(t)
	for method, paths := range map[string][]string{
		http.MethodGet: {"/api/token/x", "/api/token", "/api/token/search"}, http.MethodPut: {"/api/token"}, http.MethodDelete: {"/api/token/x"},
		http.MethodPost: {"/api/token", "/api/token/x/rotate", "/api/token/x/extra", "/api/token/batch", "/api/token/batch/create", "/api/token/batch/status"},
	} {
		for _, path := range paths {
			c.send(t, c.url, http.StatusBadRequest, u.access, method, path+c.ending+"?p=x", "{")
		}
	}
}

func sendChanges(t *testing.T, c *caller) {
	soon := time.Now().Unix() + 3_600
	c.each(t, func(u *tenant, id int64, key string) {
		for i, settings := range []string{plain, limited} {
			u.repeat(t, "/api/token", settings, fmt.Sprint("create-", i))
		}
		u.refuse(t, "/api/token", `{"remain_quota":-1}`)
		held := u.prepare(t, key, "/api/token/reserve", `{"quota":1}`)
		for _, settings := range []string{
			`"name":"b"`, `"status":2`, `"status":1`, `"quota_delta":5`, `"remain_quota":7`, `"requests_per_minute":9`,
			`"windows":[{"period":"48h","quota":9}]`, fmt.Sprintf(`"expired_time":%d`, soon),
		} {
			c.do(t, u.access, http.MethodPut, "/api/token", fmt.Sprintf(`{"id":%d,%s}`, id, settings))
		}
		for _, status := range []int{1, 3} { // an expired token echoes 3
			c.do(t, u.access, http.MethodPut, "/api/token?status_only=true", fmt.Sprintf(`{"id":%d,"status":%d}`, id, status))
		}
		c.do(t, u.access, http.MethodPut, "/api/token", fmt.Sprintf(`{"id":%d,"name":"c"}`, id), "If-Match", "*")
		u.prepare(t, key, "/api/token/release", fmt.Sprintf(`{"request_id":%q}`, held.Data.RequestID))
		u.repeat(t, idPath(id)+"/rotate", `{"grace_seconds":60}`, "rotate")
		u.repeat(t, idPath(id)+"/extra", fmt.Sprintf(`{"units":5,"until":%d}`, soon), "extra")
		c.do(t, u.access, http.MethodDelete, idPath(id), "")
	})
}

// repeat posts a request without an Idempotency-Key, and twice with one.
func (u *tenant) repeat(t *testing.T, path, body, key string) {
	t.Helper()
	u.do(t, u.access, http.MethodPost, path, body)
	for range 2 {
		u.do(t, u.access, http.MethodPost, path, body, "Idempotency-Key", key)
	}
}

// refuse posts a request with an Idempotency-Key that is invalid. Then it may have been
// answered before.
func (u *tenant) refuse(t *testing.T, path, body string) {
	t.Helper()
	u.send(t, u.url, http.StatusBadRequest, u.access, http.MethodPost, path+u.ending, body, "Idempotency-Key", "refused")
}

func sendBatches(t *testing.T, c *caller) {
	c.each(t, func(u *tenant, id int64, _ string) {
		u.repeat(t, "/api/token/batch/create", fmt.Sprintf(`{"tokens":[%s,%s]}`, plain, limited), "create")
		u.refuse(t, "/api/token/batch/create", `{"tokens":[{"remain_quota":-1}]}`)
		u.repeat(t, "/api/token/batch/status", fmt.Sprintf(`{"ids":[%d,2],"status":2}`, id), "status")
		u.repeat(t, "/api/token/batch", fmt.Sprintf(`{"ids":[%d,2]}`, id), "delete")
	})
}

// finishDeletions finds tokens that are revoked and not yet removed.
func finishDeletions(t *testing.T, c *caller) {
	for _, finish := range []struct {
		method, path, body string
		status             int
	}{
		{http.MethodGet, "/api/token", "", http.StatusOK},
		{http.MethodDelete, idPath(1), "", http.StatusNotFound},
		{http.MethodPost, "/api/token/batch", `{"ids":[1]}`, http.StatusOK},
		{http.MethodPut, "/api/token", `{"id":1,"name":"b"}`, http.StatusNotFound},
		{http.MethodPost, "/api/token/batch/status", `{"ids":[1],"status":2}`, http.StatusOK},
	} {
		c.each(t, func(u *tenant, id int64, _ string) {
			c.send(t, c.halting, http.StatusInternalServerError, u.access, http.MethodDelete, idPath(id), "")
			c.send(t, c.url, finish.status, u.access, finish.method, finish.path+c.ending, finish.body)
		})
	}
}

// deleteImported deletes tokens with foreign keys, and finds some that are revoked
// and not yet removed. The table may have them in a stage that accepts no foreign
// keys: it was restored, or the setting was turned off.
func deleteImported(t *testing.T, c *caller) {
	u := c.tenant(t)
	c.do(t, u.access, http.MethodDelete, idPath(u.imported(t)), "")
	c.do(t, u.access, http.MethodPost, "/api/token/batch", fmt.Sprintf(`{"ids":[%d]}`, u.imported(t)))
	c.send(t, c.halting, http.StatusInternalServerError, u.access, http.MethodDelete, idPath(u.imported(t)), "")
	c.do(t, u.access, http.MethodGet, "/api/token", "")
}

// spenders returns the keys of new tokens: one without limits, one with all of
// them, and one with a budget.
func (c *caller) spenders(t *testing.T) []string {
	t.Helper()
	u, other := c.tenant(t), c.tenant(t).withBudget(t)
	return []string{
		u.prepare(t, u.access, "/api/token", plain).Data.Key,
		u.prepare(t, u.access, "/api/token", limited).Data.Key,
		other.prepare(t, other.access, "/api/token", plain).Data.Key,
	}
}

// expire makes a hold that has expired.
func (c *caller) expire(t *testing.T, key string) {
	t.Helper()
	past := gate.New(c.kit.Store, gate.WithClock(func() time.Time { return time.Now().Add(-time.Hour) }))
	held, err := past.Reserve(t.Context(), key, quota.Question{Quota: 1, RequestID: "expired-0123456789abcdefgh"}, time.Minute)
	if err != nil || !held.Valid() {
		t.Fatalf("got refusal %q, %v, want a hold", held.Refusal, err)
	}
}

const usageOfModel = `"model":"m","usage":{"input_tokens":1}`

func sendSpends(t *testing.T, c *caller) {
	for _, key := range c.spenders(t) {
		c.expire(t, key)
		for _, body := range []string{`{"quota":1}`, `{}`, `{"quota":1,"request_id":"spend-0123456789abcdefghijk"}`, `{` + usageOfModel + `}`} {
			c.do(t, key, http.MethodPost, "/api/token/verify", body)
		}
	}
}

func sendHolds(t *testing.T, c *caller) {
	for _, key := range c.spenders(t) {
		for _, with := range []string{`"quota":1`, usageOfModel} {
			for i, end := range []string{"settle", "release"} {
				held := c.do(t, key, http.MethodPost, "/api/token/reserve", fmt.Sprintf(`{%s}`, with)).Data.RequestID
				body := fmt.Sprintf(`{"request_id":%q,%s}`, held, with)
				if i == 1 {
					body = fmt.Sprintf(`{"request_id":%q}`, held)
				}
				for range 2 {
					c.do(t, key, http.MethodPost, "/api/token/"+end, body)
				}
			}
		}
	}
	for _, call := range []string{"reserve", "settle", "release"} { // the function that gets it has not seen the token before
		for _, key := range c.spenders(t) {
			c.expire(t, key)
			held := c.prepare(t, key, "/api/token/reserve", `{"quota":1}`).Data.RequestID
			body := fmt.Sprintf(`{"request_id":%q,"quota":1}`, held)
			if call == "release" {
				body = fmt.Sprintf(`{"request_id":%q}`, held)
			}
			c.do(t, key, http.MethodPost, "/api/token/"+call, body)
		}
	}
}

// sendLeaks revokes keys that have leaked: present, previous, imported and unknown
// ones.
func sendLeaks(t *testing.T, c *caller) {
	c.each(t, func(u *tenant, id int64, key string) {
		next := u.prepare(t, u.access, idPath(id)+"/rotate", `{"grace_seconds":60}`).Data.Key
		for _, leaked := range []string{key, next, next, "sk-of-another-system-0123456789"} {
			c.do(t, "", http.MethodPost, "/api/token/revoke", fmt.Sprintf(`{"key":%q}`, leaked))
		}
	})
}

// drawFromWallet makes requests that need the units that another token has drawn.
func drawFromWallet(t *testing.T, c *caller) {
	for path, used := range map[string]int64{"verify": 0, "reserve": 0, "settle": budget - block} {
		key := c.beside(t)
		body := fmt.Sprintf(`{"quota":%d,"request_id":"draw-0123456789abcdefghijklm"}`, budget-block+1)
		if path == "settle" {
			c.prepare(t, key, "/api/token/reserve", fmt.Sprintf(`{"quota":%d,"request_id":"draw-0123456789abcdefghijklm"}`, used))
		}
		if got := c.do(t, key, http.MethodPost, "/api/token/"+path, body).Data; path != "settle" && !got.Valid {
			t.Errorf("%s: got refusal %s, want the other token's units", path, got.Code)
		}
	}
	key := c.beside(t)
	c.prepare(t, key, "/api/token/verify", fmt.Sprintf(`{"quota":%d}`, budget-block))
	c.do(t, key, http.MethodGet, "/api/usage/token", "")
	c.do(t, key, http.MethodPost, "/api/token/verify", "{}")
	for _, path := range []string{"verify", "reserve"} { // a token that does not follow the wallet yet
		u := c.tenant(t)
		key := u.prepare(t, u.access, "/api/token", plain).Data.Key
		found, _, err := c.users.Policy(t.Context(), u.name)
		if err == nil {
			_, _, err = c.kit.Store.SetBudget(t.Context(), found, &token.Budget{Units: budget})
		}
		if err != nil {
			t.Fatal(err)
		}
		c.do(t, key, http.MethodPost, "/api/token/"+path, `{"quota":1}`)
	}
}

// beside returns the key of a token whose user has another token that has drawn
// a block.
func (c *caller) beside(t *testing.T) string {
	t.Helper()
	u := c.tenant(t).withBudget(t)
	const unlimited = `{"name":"a","unlimited_quota":true}`
	first := u.prepare(t, u.access, "/api/token", unlimited).Data.Key
	u.prepare(t, first, "/api/token/verify", `{"quota":1}`)
	return u.prepare(t, u.access, "/api/token", unlimited).Data.Key
}

func sendWebhooks(t *testing.T, c *caller) {
	const path, one = "/api/user/self/webhooks", "/api/user/self/webhooks/1"
	for _, u := range []*tenant{c.tenant(t), c.restricted(t)} {
		u.repeat(t, path, `{"url":"https://webhook.invalid/"}`, "create-webhook")
		c.do(t, u.access, http.MethodGet, path, "")
		c.do(t, u.access, http.MethodPut, one, `{"types":["token.*"]}`)
		u.repeat(t, one+"/rotate", "{}", "rotate-webhook")
		c.do(t, u.access, http.MethodPost, one+"/test", "")
		c.do(t, u.access, http.MethodDelete, one, "")
	}
}
