package api_test

import (
	"maps"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/latchkey-api/latchkey/internal/apitest"
	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// A batch on 100 ids reads before it writes. If no token exists, it writes
// nothing but the pace of the user, and saves neither a plan nor an answer.
func TestBatchCalls(t *testing.T) {
	t.Parallel()
	recorder := new(dynamotest.CallRecorder)
	target, _ := apitest.Serve(t, recorder.Configure)
	u := target.User(t, token.RoleUser)
	in := make([]wire.TokenInput, 6)
	for i := range in {
		in[i] = wire.TokenInput{Name: new("app")}
	}
	if _, err := u.CreateAll(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	fresh := func() { // a full burst for each case
		if _, err := target.Users.SetLimits(t.Context(), u.Name, func(l *token.Limits) {
			*l = token.Limits{ChangesPerSecond: 1_000_000, ChangeBurst: 200}
		}); err != nil {
			t.Fatal(err)
		}
	}
	fresh()
	type calls = map[string]int
	for _, row := range []struct {
		name, path, more, key string
		exist                 []string
		want                  calls
	}{
		{"delete_none", "/api/token/batch", "", "", nil, calls{"GetItem": 1, "BatchGetItem": 1, "UpdateItem": 1}},
		{"delete_none_with_key", "/api/token/batch", "", "k1", nil, calls{"GetItem": 5, "BatchGetItem": 1, "UpdateItem": 1}},
		{"delete_two", "/api/token/batch", "", "", []string{"1", "2"}, calls{"GetItem": 1, "BatchGetItem": 1, "UpdateItem": 3, "TransactWriteItems": 2}},
		{"delete_two_with_key", "/api/token/batch", "", "k2", []string{"3", "4"}, calls{"GetItem": 5, "BatchGetItem": 1, "UpdateItem": 3, "TransactWriteItems": 2, "PutItem": 2}},
		{"delete_two_again", "/api/token/batch", "", "k2", []string{"3", "4"}, calls{"GetItem": 2}},
		{"disable_none", "/api/token/batch/status", `,"status":2`, "", nil, calls{"GetItem": 1, "BatchGetItem": 1, "UpdateItem": 1}},
		{"disable_none_with_key", "/api/token/batch/status", `,"status":2`, "k3", nil, calls{"GetItem": 5, "BatchGetItem": 1, "UpdateItem": 1}},
		{"disable_two", "/api/token/batch/status", `,"status":2`, "", []string{"5", "6"}, calls{"GetItem": 1, "BatchGetItem": 1, "UpdateItem": 3}},
		{"disable_two_with_key", "/api/token/batch/status", `,"status":2`, "k4", []string{"5", "6"}, calls{"GetItem": 5, "BatchGetItem": 1, "UpdateItem": 3, "PutItem": 2}},
	} {
		t.Run(row.name, func(t *testing.T) {
			ids := row.exist
			for i := len(ids); i < wire.MaxIDs; i++ {
				ids = append(ids, strconv.Itoa(1_000+i))
			}
			before := recorder.Calls()
			got := u.Do(t, http.MethodPost, row.path, `{"ids":[`+strings.Join(ids, ",")+`]`+row.more+`}`, "Idempotency-Key", row.key)
			if want := `"data":` + strconv.Itoa(len(row.exist)) + `,`; got.Status != http.StatusOK || !strings.Contains(got.Body, want) {
				t.Errorf("got %d %s, want %s", got.Status, got.Body, want)
			}
			did := recorder.Calls()
			for op, n := range before {
				if did[op] -= n; did[op] == 0 {
					delete(did, op)
				}
			}
			if !maps.Equal(did, row.want) {
				t.Errorf("got calls %v, want %v", did, row.want)
			}
		})
	}
}
