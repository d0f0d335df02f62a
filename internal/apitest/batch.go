package apitest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/wire"
)

const (
	batchPath       = "/api/token/batch"
	batchCreatePath = "/api/token/batch/create"
	batchStatusPath = "/api/token/batch/status"
)

// drafts returns the body of a batch create of n tokens, named n1 to n<n>.
func drafts(n int) string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf(`{"name":"n%d","remain_quota":%d}`, i+1, i+1)
	}
	return `{"tokens":[` + strings.Join(all, ",") + `]}`
}

func batchCreate(t *testing.T, target *Target) {
	u := target.User(t, token.RoleUser)
	for _, path := range []string{batchCreatePath, batchCreatePath + "/"} {
		before := wantData[wire.TokenPage](t, u.Do(t, http.MethodGet, "/api/token/", ""), http.StatusOK).Total
		made := wantData[wire.Tokens](t, u.Do(t, http.MethodPost, path, drafts(3)), http.StatusCreated)
		for i, tok := range made.Items {
			if tok.ID != before+int64(i)+1 || tok.Name != fmt.Sprintf("n%d", i+1) || tok.RemainQuota != int64(i+1) || len(tok.Key) != credential.KeyLength {
				t.Errorf("token %d of the batch is %d %q with %d units and the key %s", i, tok.ID, tok.Name, tok.RemainQuota, mask(tok.Key))
			}
			masked := tok
			masked.Key = mask(tok.Key)
			wantSame(t, wantData[wire.Token](t, u.Do(t, http.MethodGet, tokenPath(tok.ID), ""), http.StatusOK), masked)
		}
	}
	if made := wantData[wire.Tokens](t, u.Do(t, http.MethodPost, batchCreatePath, drafts(token.MaxBatch)), http.StatusCreated); len(made.Items) != token.MaxBatch {
		t.Errorf("got %d tokens, want %d", len(made.Items), token.MaxBatch)
	}
	const total = 6 + token.MaxBatch
	for name, row := range map[string]struct{ body, code, message string }{
		"none":          {`{"tokens":[]}`, "invalid_parameter", "tokens must be an array of 1 to 50 objects, each as for a create."},
		"absent":        {`{}`, "invalid_parameter", "tokens must be an array of 1 to 50 objects, each as for a create."},
		"51":            {drafts(51), "invalid_parameter", "tokens must be an array of 1 to 50 objects, each as for a create."},
		"no array":      {`{"tokens":{"name":"a"}}`, "invalid_parameter", "tokens must be an array of objects, not an object."},
		"no object":     {`{"tokens":[{"name":"a"},"b"]}`, "invalid_parameter", "tokens[1] must be an object, not a string."},
		"no name":       {`{"tokens":[{"name":"a"},{"remain_quota":1}]}`, "invalid_parameter", "tokens[1].name is required: give the token a name of 1 to 50 characters."},
		"bad name":      {`{"tokens":[{"name":"a"},{"name":"b"},{"name":""}]}`, "invalid_parameter", "tokens[2].name must have 1 to 50 characters, not 0."},
		"wrong type":    {`{"tokens":[{"name":"a","remain_quota":"5"}]}`, "invalid_parameter", "tokens[0].remain_quota must be an integer, not a string."},
		"past expiry":   {`{"tokens":[{"name":"a"},{"name":"b","expired_time":1}]}`, "invalid_parameter", "tokens[1].expired_time is in the past: send a later Unix time in seconds, or -1 for a token that never expires."},
		"misspelt":      {`{"tokens":[{"nam":"a"}]}`, "unknown_field", `In tokens[0]: The field "nam" is not known: did you mean name? The fields are ` + fieldNames + `.`},
		"misspelt list": {`{"token":[]}`, "unknown_field", `The field "token" is not known: did you mean tokens? The fields are tokens.`},
		"twice":         {`{"tokens":[{"name":"a","name":"b"}]}`, "invalid_json", `The body has the key "name" twice: send each key once.`},
		"too large":     {`{"tokens":[{"name":"` + strings.Repeat("a", 128<<10) + `"}]}`, "body_too_large", "The body is larger than 128 KiB. Send a smaller one."},
	} {
		t.Run(name, func(t *testing.T) {
			status := map[string]int{"body_too_large": http.StatusRequestEntityTooLarge}[row.code]
			if status == 0 {
				status = http.StatusBadRequest
			}
			wantFailure(t, u.Do(t, http.MethodPost, batchCreatePath, row.body), status, row.code, row.message)
		})
	}
	if page := wantData[wire.TokenPage](t, u.Do(t, http.MethodGet, "/api/token/", ""), http.StatusOK); page.Total != total {
		t.Errorf("after what was refused there are %d tokens, want %d", page.Total, total)
	}
}

// wantResults checks the count and the results, in JSON, of an answer to a
// batch.
func wantResults(t testing.TB, got Response, count int, results string) {
	t.Helper()
	want := fmt.Sprintf(`{"success":true,"message":"","data":%d,"results":%s}`, count, results)
	if got.Status != http.StatusOK || got.Body != want {
		t.Errorf("got %d %s\nwant 200 %s", got.Status, got.Body, want)
	}
}

const missing = `"success":false,"field":"ids[%d]","code":"token_not_found","message":"` + noSuchToken + `"`

func batchDelete(t *testing.T, target *Target) {
	u, other := target.User(t, token.RoleUser), target.User(t, token.RoleUser)
	wantData[wire.Tokens](t, u.Do(t, http.MethodPost, batchCreatePath, drafts(5)), http.StatusCreated)
	wantData[wire.Tokens](t, other.Do(t, http.MethodPost, batchCreatePath, drafts(6)), http.StatusCreated)
	key := u.make(t, `{"name":"a","unlimited_quota":true}`).Key
	wantResults(t, u.Do(t, http.MethodPost, batchPath, `{"ids":[2,9,4,2,6]}`), 3,
		`[{"index":0,"id":2,"success":true},{"index":1,"id":9,`+fmt.Sprintf(missing, 1)+`},{"index":2,"id":4,"success":true},{"index":4,"id":6,"success":true}]`)
	wantResults(t, u.Do(t, http.MethodPost, batchPath+"/", `{"ids":[2]}`), 0, `[{"index":0,"id":2,`+fmt.Sprintf(missing, 0)+`}]`)
	if page := wantData[wire.TokenPage](t, u.Do(t, http.MethodGet, "/api/token/", ""), http.StatusOK); ids(page) != "5 3 1" || page.Total != 3 {
		t.Errorf("got ids %s of %d, want 5 3 1", ids(page), page.Total)
	}
	if page := wantData[wire.TokenPage](t, other.Do(t, http.MethodGet, "/api/token/", ""), http.StatusOK); page.Total != 6 {
		t.Errorf("the other user has %d tokens, want 6", page.Total)
	}
	if v := wantData[wire.Verdict](t, target.Do(t, http.MethodPost, "/api/token/verify", "", "Authorization", "Bearer "+key), http.StatusOK); v.Valid {
		t.Error("a key that was deleted is valid")
	}
	const count = "ids must be an array of 1 to 100 ids of tokens."
	for body, message := range map[string]string{
		`{}`:         count,
		`{"ids":[]}`: count,
		`{"ids":[1` + strings.Repeat(",1", 100) + `]}`: count,
		`{"ids":5}`:              "ids must be an array of integers, not an integer.",
		`{"ids":[1,"2"]}`:        "ids[1] must be an integer, not a string.",
		`{"ids":[1,null]}`:       "ids[1] must be an integer, not null.",
		`{"ids":[1,0]}`:          "ids[1] must be an integer between 1 and 9007199254740991.",
		`{"ids":[1],"status":2}`: "status is for /api/token/batch/status: leave it out to delete the tokens.",
	} {
		wantFailure(t, u.Do(t, http.MethodPost, batchPath, body), http.StatusBadRequest, "invalid_parameter", message)
	}
}

func batchStatus(t *testing.T, target *Target) {
	u := target.User(t, token.RoleUser)
	wantData[wire.Tokens](t, u.Do(t, http.MethodPost, batchCreatePath, drafts(3)), http.StatusCreated)
	u.make(t, `{"name":"empty"}`)
	wantResults(t, u.Do(t, http.MethodPost, batchStatusPath, `{"ids":[1,2,3,4],"status":2}`), 4,
		`[{"index":0,"id":1,"success":true},{"index":1,"id":2,"success":true},{"index":2,"id":3,"success":true},{"index":3,"id":4,"success":true}]`)
	wantResults(t, u.Do(t, http.MethodPost, batchStatusPath+"/", `{"ids":[4,2,7],"status":1}`), 1,
		`[{"index":0,"id":4,"success":false,"field":"ids[0]","code":"token_exhausted","message":"The token has no quota left; it can't be enabled. Raise remain_quota, or set unlimited_quota."},`+
			`{"index":1,"id":2,"success":true},{"index":2,"id":7,`+fmt.Sprintf(missing, 2)+`}]`)
	page := wantData[wire.TokenPage](t, u.Do(t, http.MethodGet, "/api/token/", ""), http.StatusOK)
	var statuses []wire.Status
	for _, tok := range page.Items {
		statuses = append(statuses, tok.Status)
	}
	if got, _ := json.Marshal(statuses); string(got) != "[2,2,1,2]" {
		t.Errorf("statuses are %s, want [2,2,1,2]", got)
	}
	for _, body := range []string{`{"ids":[1]}`, `{"ids":[1],"status":3}`} {
		wantFailure(t, u.Do(t, http.MethodPost, batchStatusPath, body), http.StatusBadRequest, "invalid_parameter", "status must be 1 to enable or 2 to disable the tokens.")
	}
}

// A user with a limit of 35 tokens and of one create per second is refused
// beyond either.
func limits(t *testing.T, target *Target) {
	u := target.User(t, token.RoleUser)
	limit := func(l token.Limits) {
		t.Helper()
		if _, err := target.Users.SetLimits(t.Context(), u.Name, func(old *token.Limits) { *old = l }); err != nil {
			t.Fatal(err)
		}
	}
	limit(token.Limits{MaxTokens: 35, CreatesPerSecond: 1, CreateBurst: 1})
	wantData[wire.Tokens](t, u.Do(t, http.MethodPost, batchCreatePath, drafts(34)), http.StatusCreated)
	got := u.Do(t, http.MethodPost, "/api/token/", `{"name":"a"}`) // the batch has used up half a minute
	wantFailure(t, got, http.StatusTooManyRequests, "rate_limited", "Create rate limit reached; no token was created. Try again after the number of seconds in Retry-After, or ask the operator to raise the limit.")
	if after := got.Header.Get("Retry-After"); len(after) != 2 {
		t.Errorf("Retry-After is %q, want some 30 seconds", after)
	}
	const full = "Token limit reached; no token was created. Delete unused tokens or ask the operator to raise the limit."
	limit(token.Limits{MaxTokens: 35})
	wantFailure(t, u.Do(t, http.MethodPost, batchCreatePath, drafts(2)), http.StatusConflict, "token_limit_reached", full)
	created := u.Do(t, http.MethodPost, "/api/token/", `{"name":"last"}`, "Idempotency-Key", "the-last")
	wantFailure(t, u.Do(t, http.MethodPost, "/api/token/", `{"name":"a"}`), http.StatusConflict, "token_limit_reached", full)
	if again := u.Do(t, http.MethodPost, "/api/token/", `{"name":"last"}`, "Idempotency-Key", "the-last"); again.Body != created.Body || again.Status != http.StatusCreated {
		t.Errorf("the last create again: got %d, want the answer of the first time", again.Status)
	}
	if err := u.Delete(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	u.make(t, `{"name":"in its place"}`)
}
