package gatewaytest_test

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-api/latchkey/internal/apitest"
	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/gate"
	"github.com/latchkey-api/latchkey/shared/period"
	"github.com/latchkey-api/latchkey/shared/token"
)

// A caller sends requests to the functions under test, and prepares the table
// with servers of its own that have all rights.
type caller struct {
	kit         *dynamotest.Kit
	users       *token.UserService
	gate        *gate.Gate
	url, ending string // of the functions, and what follows each path
	free        string // the URL of the API with all rights
	halting     string // the URL of one that revokes tokens but may not remove them
}

func newCaller(t *testing.T, kit *dynamotest.Kit, functions http.Handler, ending string) *caller {
	t.Helper()
	serve := func(h http.Handler) string {
		server := httptest.NewServer(h)
		t.Cleanup(server.Close)
		return server.URL
	}
	guard := dynamotest.NewGuard(t, kit.Endpoint, []dynamotest.Statement{{Actions: []string{"dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:UpdateItem"}, Partitions: []string{"*"}}})
	halting := *kit
	halting.Store = dynamo.New(dynamotest.Client(guard.URL), dynamotest.Table)
	return &caller{
		kit: kit, users: &token.UserService{Store: kit.Store, Now: time.Now}, gate: gate.New(kit.Store),
		url: serve(functions), ending: ending,
		free: serve(apitest.Handler(kit, io.Discard)), halting: serve(apitest.Handler(&halting, io.Discard)),
	}
}

// A tenant is a user of a caller.
type tenant struct {
	*caller
	name   string
	id     int64
	access string
}

// tenant creates a user without limits.
func (c *caller) tenant(t *testing.T) *tenant {
	t.Helper()
	name := "user-" + strings.ToLower(rand.Text()[:8])
	u, at, err := c.users.Create(t.Context(), name, token.RoleUser, 0)
	if err == nil {
		_, err = c.users.SetLimits(t.Context(), name, dynamotest.RemoveLimits)
	}
	if err != nil {
		t.Fatal(err)
	}
	return &tenant{c, name, u.ID, at.Reveal()}
}

// restricted creates a user with a policy, a budget, and a rate of changes of
// which each one is recorded.
func (c *caller) restricted(t *testing.T) *tenant {
	t.Helper()
	u := c.tenant(t)
	_, err := c.users.SetLimits(t.Context(), u.name, func(l *token.Limits) { *l = token.Limits{ChangesPerSecond: 1_000, ChangeBurst: 9} })
	if err == nil {
		_, _, err = c.users.SetPolicy(t.Context(), u.name, func(p *token.Policy) {
			*p = token.Policy{MaxLifetimeSeconds: 86_400, DefaultWindows: []token.Window{{Period: period.Period{Length: period.Month}, Quota: 1_000_000}}}
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	return u.withBudget(t)
}

// imported makes a token with a foreign key and returns its ID.
func (u *tenant) imported(t *testing.T) int64 {
	t.Helper()
	made, err := u.users.ImportTokens(t.Context(), u.name, []token.ForeignToken{{
		Settings: token.Settings{Name: new("imported"), RemainQuota: new(int64(9))},
		Hash:     sha256.Sum256([]byte(rand.Text())), Mask: "sk-****", From: "litellm",
	}})
	if err != nil {
		t.Fatal(err)
	}
	return made[0].ID
}

// budget is drawn in 64ths, so of a 64th.
const budget, block = 6_400, 100

func (u *tenant) withBudget(t *testing.T) *tenant {
	t.Helper()
	if _, err := u.users.SetBudget(t.Context(), u.name, &token.Budget{Units: budget, Period: period.Period{Length: "24h"}}, func(int64, int64) {}); err != nil {
		t.Fatal(err)
	}
	return u
}

// An answer has what the requests below need of an answer.
type answer struct {
	Data struct {
		ID        int64  `json:"id"`
		Key       string `json:"key"`
		Valid     bool   `json:"valid"`
		Code      string `json:"code"`
		RequestID string `json:"request_id"`
	} `json:"data"`
}

// do sends a request to the functions under test, which must answer with 200 or
// 201. The credential is an access token or a key.
func (c *caller) do(t *testing.T, credential, method, path, body string, headers ...string) answer {
	t.Helper()
	path, query, _ := strings.Cut(path, "?")
	return c.send(t, c.url, http.StatusOK, credential, method, strings.TrimSuffix(path+c.ending+"?"+query, "?"), body, headers...)
}

// prepare posts a request with all rights.
func (c *caller) prepare(t *testing.T, credential, path, body string) answer {
	t.Helper()
	return c.send(t, c.free, http.StatusOK, credential, http.MethodPost, path, body)
}

func (c *caller) send(t *testing.T, url string, status int, credential, method, path, body string, headers ...string) (a answer) {
	t.Helper()
	r, err := http.NewRequestWithContext(context.WithoutCancel(t.Context()), method, url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+credential)
	r.Header.Set("Content-Type", "application/json")
	if len(headers) > 0 {
		r.Header.Set(headers[0], headers[1])
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // it is only read
	text, err := io.ReadAll(resp.Body)
	if created := resp.StatusCode == http.StatusCreated && status == http.StatusOK; err != nil || resp.StatusCode != status && !created {
		t.Errorf("%s %s %s: got %d %s, %v, want %d", method, path, body, resp.StatusCode, text, err, status)
		return a
	}
	_ = json.Unmarshal(text, &a) // not every answer has data of this form
	return a
}
