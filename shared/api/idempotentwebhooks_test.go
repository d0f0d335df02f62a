package api_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/latchkey-api/latchkey/internal/apitest"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/webhook"
)

// Concurrent requests with one Idempotency-Key, whose writes are lost or applied without
// an answer, make one webhook, or rotate its secret once. All have the answer with the
// secret that signs, also once the webhook is deleted.
func TestIdempotentWebhooks(t *testing.T) {
	t.Parallel()
	target, kit := apitest.Serve(t, lossy(8).Configure)
	store := kit.StoreWith()
	plain := apitest.NewTarget(t, target.URL, &token.UserService{Store: store, Now: target.Users.Now})
	for name, row := range map[string]struct {
		path, body string
		status     int
	}{
		"create": {"/api/user/self/webhooks", `{"url":"https://example.com/once"}`, http.StatusCreated},
		"rotate": {"/api/user/self/webhooks/1/rotate", "", http.StatusOK},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u := plain.User(t, token.RoleUser)
			do := func(method, path, body string, headers ...string) (got apitest.Response) {
				for range 200 {
					if got = u.Do(t, method, path, body, headers...); got.Status != http.StatusServiceUnavailable && got.Status != http.StatusTooManyRequests {
						break
					}
				}
				return got
			}
			before := webhook.NewSecret()
			if name == "rotate" {
				do(http.MethodPost, "/api/user/self/webhooks", `{"url":"https://example.com/"}`, "Idempotency-Key", "first")
				before = onlyWebhook(t, store, u.ID).Secret
			}
			answers := make([]apitest.Response, 30)
			var all sync.WaitGroup
			for i := range answers {
				all.Go(func() { answers[i] = do(http.MethodPost, row.path, row.body, "Idempotency-Key", "key") })
			}
			all.Wait()
			e := onlyWebhook(t, store, u.ID)
			for _, got := range answers {
				if got.Status != row.status || got.Body != answers[0].Body || !strings.Contains(got.Body, e.Secret.Reveal()) {
					t.Fatalf("got %d %s, want %d, one answer, and the secret that signs", got.Status, got.Body, row.status)
				}
			}
			if name == "rotate" && string(e.Previous.Key()) != string(before.Key()) {
				t.Error("the secret before is lost: it was rotated twice")
			}
			if got := do(http.MethodDelete, "/api/user/self/webhooks/1", ""); got.Status != http.StatusOK {
				t.Fatalf("delete: got %d %s", got.Status, got.Body)
			}
			if got := do(http.MethodPost, row.path, row.body, "Idempotency-Key", "key"); got.Status != row.status || got.Body != answers[0].Body {
				t.Errorf("after the deletion: got %d %s, want the answer from before", got.Status, got.Body)
			}
			if all, _, err := store.EndpointsOf(t.Context(), u.ID); err != nil || len(all) > 0 {
				t.Errorf("got %d webhooks, %v, want none", len(all), err)
			}
		})
	}
}

func onlyWebhook(t *testing.T, store *dynamo.Store, userID int64) webhook.Endpoint {
	t.Helper()
	all, unread, err := store.EndpointsOf(t.Context(), userID)
	if err != nil || unread != nil || len(all) != 1 {
		t.Fatalf("got %d webhooks, %v, %v, want one", len(all), unread, err)
	}
	return all[0]
}
