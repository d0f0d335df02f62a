package api_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/api"
	"github.com/latchkey-api/latchkey/shared/gate"
	"github.com/latchkey-api/latchkey/shared/reqlog"
	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// sendLogged sends a request without a body, or with one, to an API and returns the
// message of its answer and the fields of its log line.
func sendLogged(t *testing.T, services api.Services, method, path, key, body string) (message string, line map[string]any) {
	t.Helper()
	var log bytes.Buffer
	ctx := reqlog.WithProcess(t.Context(), &reqlog.Process{Stage: "test"})
	r := httptest.NewRequestWithContext(ctx, method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	w := httptest.NewRecorder()
	api.New(services, slog.New(slog.NewJSONHandler(&log, nil)), api.Routes()...).ServeHTTP(w, r)
	var answer struct{ Message string }
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(log.Bytes(), &line); err != nil {
		t.Fatalf("the log is not one JSON line: %v: %s", err, log.String())
	}
	return answer.Message, line
}

// Metrics count a route in the group of what authenticates it: a key, an access
// token, or nothing.
func TestMetricGroups(t *testing.T) {
	kit := dynamotest.New(t)
	services := api.Services{Tokens: &token.Service{Store: kit.Store, Now: time.Now}, Keys: gate.New(kit.Store), History: kit.Store}
	groups := map[string]any{"No key.": "keys", "No access token.": "tokens"}
	endpoints := append(api.Endpoints(), api.Endpoint{Name: "none", Method: "GET", Path: "/.env"})
	for _, e := range endpoints {
		message, line := sendLogged(t, services, e.Method, strings.ReplaceAll(e.Path, wire.IDParameter, "1"), "", "")
		start, _, _ := strings.Cut(message, " Send the header")
		if want := groups[start]; line["group"] != want || line["route"] != e.Name {
			t.Errorf("%s: got group %v, want %v, as the answer is %q", e.Name, line["group"], want, message)
		}
	}
}

// The log line of a request whose key is refused says why, and what refused.
func TestRefusalIsLogged(t *testing.T) {
	kit := dynamotest.New(t)
	tenant := kit.Tenant(t, "refused")
	services := api.Services{Tokens: tenant.Service, Keys: gate.New(kit.Store, gate.WithClock(tenant.Clock.Now))}
	_, key, err := tenant.Create(t.Context(), tenant.Access, token.Settings{
		Name: new("a"), RemainQuota: new(int64(100)), AllowIPs: []string{"10.0.0.0/8"},
		ModelQuotas: []token.ModelQuota{{Model: "gpt-5*", Quota: 10}}, UnitsPerMinute: new(int64(50)),
	})
	if err != nil {
		t.Fatal(err)
	}
	unknown := "sk-" + strings.Repeat("a", 48)
	for name, tt := range map[string]struct {
		key, body   string
		code, scope any
		outcome     reqlog.Outcome
	}{
		"valid":     {key.Reveal(), `{"quota":1}`, nil, nil, reqlog.OK},
		"unknown":   {unknown, `{"quota":1}`, "not_found", nil, reqlog.Refused},
		"address":   {key.Reveal(), `{"quota":1,"ip":"192.0.2.1"}`, "ip_not_allowed", nil, reqlog.Refused},
		"exhausted": {key.Reveal(), `{"quota":101}`, "quota_exhausted", "token", reqlog.Refused},
		"model":     {key.Reveal(), `{"quota":11,"model":"gpt-5-mini"}`, "quota_exhausted", "model:gpt-5*", reqlog.Refused},
		"rate":      {key.Reveal(), `{"quota":60}`, "rate_limited", "rate:units", reqlog.Throttled},
	} {
		for _, path := range []string{wire.VerifyPath, wire.ReservePath} {
			_, line := sendLogged(t, services, "POST", path, tt.key, tt.body)
			got := []any{line["status"], line["code"], line["scope"], line["outcome"]}
			if diff := cmp.Diff([]any{200.0, tt.code, tt.scope, string(tt.outcome)}, got); diff != "" {
				t.Errorf("%s of %s (-want +got):\n%s", path, name, diff)
			}
		}
	}
}

// A change whose answer from DynamoDB is lost may have been made, so its log line
// names the token: after a restore from a backup, the log alone may say which.
func TestFailedChangeIsLogged(t *testing.T) {
	kit := dynamotest.New(t)
	tenant := kit.Tenant(t, "failed")
	ids := make([]int64, 7)
	for i := range ids {
		made, _, err := tenant.Create(t.Context(), tenant.Access, token.Settings{Name: new("a"), RemainQuota: new(int64(100))})
		if err != nil {
			t.Fatal(err)
		}
		ids[i] = made.ID
	}
	faults := &dynamotest.Faults{Choose: func(op string, _ int) dynamotest.Fault {
		if op == dynamotest.UpdateItem {
			return dynamotest.LostAfter
		}
		return dynamotest.NoFault
	}}
	services := api.Services{Tokens: &token.Service{Store: kit.StoreWith(faults.Configure), Now: tenant.Clock.Now}}
	for i, tt := range []struct{ method, path, body string }{
		{"DELETE", "/api/token/%d", ""},
		{"POST", "/api/token/%d/rotate", ""},
		{"POST", "/api/token/%d/extra", `{"units":5,"until":1800000000}`},
		{"PUT", "/api/token", `{"id":%d,"remain_quota":5}`},
		{"PUT", "/api/token?status_only=true", `{"id":%d,"status":2}`},
		{"POST", "/api/token/batch", `{"ids":[%d]}`},
		{"POST", "/api/token/batch/status", `{"ids":[%d],"status":2}`},
	} {
		named := func(text string) string { return strings.Replace(text, "%d", strconv.FormatInt(ids[i], 10), 1) }
		_, line := sendLogged(t, services, tt.method, named(tt.path), tenant.Access.Reveal(), named(tt.body))
		all, _ := line["token_ids"].([]any)
		if id := float64(ids[i]); line["token_id"] != id && (len(all) != 1 || all[0] != id) || line["user_id"] != float64(tenant.Access.UserID) {
			t.Errorf("%s %s: got %v, want token %d named", tt.method, tt.path, line, ids[i])
		}
	}
}
