package api_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"

	"github.com/latchkey-api/latchkey/internal/apitest"
	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/token"
)

// lossy fails one of n calls, half of them after they were applied.
func lossy(one int) *dynamotest.Faults {
	return &dynamotest.Faults{Choose: func(string, int) dynamotest.Fault {
		if rand.IntN(one) > 0 { //nolint:gosec // a test's
			return dynamotest.NoFault
		}
		return []dynamotest.Fault{dynamotest.LostAfter, dynamotest.LostBefore, dynamotest.ErrorAfter, dynamotest.Throttled}[rand.IntN(4)] //nolint:gosec // a test's
	}}
}

// A hundred concurrent requests with one Idempotency-Key act once and get one answer.
func TestConcurrentIdempotentRequests(t *testing.T) {
	t.Parallel()
	target, kit := apitest.Serve(t, lossy(8).Configure)
	plain := apitest.NewTarget(t, target.URL, &token.UserService{Store: kit.StoreWith(), Now: target.Users.Now})
	for name, row := range map[string]struct {
		path, body string
		total      int64 // tokens afterwards
	}{
		"create":       {"/api/token/", `{"name":"once","remain_quota":5}`, 1},
		"batch create": {"/api/token/batch/create", `{"tokens":[{"name":"a"},{"name":"b"},{"name":"c"}]}`, 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u := plain.User(t, token.RoleUser)
			idempotencyKey := "key-of-" + u.Name
			answers := make([]apitest.Response, 100)
			var all sync.WaitGroup
			for i := range answers {
				all.Go(func() {
					for range 200 {
						answers[i] = u.Do(t, http.MethodPost, row.path, row.body, "Idempotency-Key", idempotencyKey)
						if s := answers[i].Status; s != http.StatusServiceUnavailable && s != http.StatusTooManyRequests {
							return
						}
					}
				})
			}
			all.Wait()
			for _, got := range answers {
				if got.Status != http.StatusCreated || got.Body != answers[0].Body || got.Header.Get("Etag") != answers[0].Header.Get("Etag") {
					t.Errorf("got status %d, want 201 and the answer of all others", got.Status)
				}
			}
			if a := kit.Audit(t, u.ID); int64(len(a.IDs)) != row.total {
				t.Errorf("got %d tokens, want %d", len(a.IDs), row.total)
			}
			for what, secret := range map[string]string{"access token": u.AccessToken, "idempotency key": idempotencyKey, "key": `"key":"sk-`} {
				if kit.Contains(t, secret) {
					t.Errorf("the table holds the %s", what)
				}
			}
		})
	}
}

// A batch that was interrupted is finished by the same request sent again.
func TestInterruptedBatchIsFinished(t *testing.T) {
	t.Parallel()
	random := lossy(3)
	faults := &dynamotest.Faults{Choose: func(op string, nth int) dynamotest.Fault {
		if op == dynamotest.TransactWriteItems && nth < 12 {
			// The fourth of the first request fails for good, all others do not.
			return map[bool]dynamotest.Fault{true: dynamotest.LostBefore, false: dynamotest.NoFault}[nth > 3 && nth < 10]
		}
		return random.Choose(op, nth)
	}}
	target, kit := apitest.Serve(t, faults.Configure)
	plain := apitest.NewTarget(t, target.URL, &token.UserService{Store: kit.StoreWith(), Now: target.Users.Now})
	for round := range 10 {
		u := plain.User(t, token.RoleUser)
		at, err := credential.ParseAccessToken(u.AccessToken)
		if err != nil {
			t.Fatal(err)
		}
		service := &token.Service{Store: kit.StoreWith(), Now: target.Users.Now}
		drafts := make([]token.Settings, 8)
		for i := range drafts {
			drafts[i] = token.Settings{Name: new(fmt.Sprint(i))}
		}
		if _, err := service.Create(t.Context(), at, drafts, nil); err != nil {
			t.Fatal(err)
		}
		want := `{"success":true,"message":"","data":7,"results":[`
		for i := range 7 {
			want += fmt.Sprintf(`{"index":%d,"id":%d,"success":true},`, i, i+1)
		}
		want += `{"index":7,"id":99,"success":false,"field":"ids[7]","code":"token_not_found","message":"Token not found. Check the ID, or list your tokens."}]}`
		attempts := 0
		var got apitest.Response
		for ; attempts < 500 && got.Body != want; attempts++ {
			got = u.Do(t, http.MethodPost, "/api/token/batch", `{"ids":[1,2,3,4,5,6,7,99]}`, "Idempotency-Key", "delete")
		}
		if got.Body != want {
			t.Fatalf("round %d: got %d %s\nwant %s", round, got.Status, got.Body, want)
		}
		if page, err := service.List(t.Context(), at, 1, 10); err != nil || page.Total != 1 {
			t.Errorf("round %d: got %d tokens, %v, want 1", round, page.Total, err)
		}
		kit.Audit(t, u.ID)
	}
}
