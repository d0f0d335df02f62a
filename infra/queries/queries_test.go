package queries_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"github.com/latchkey-api/latchkey/infra/queries"
	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/api"
	"github.com/latchkey-api/latchkey/shared/boot"
	"github.com/latchkey-api/latchkey/shared/gate"
	"github.com/latchkey-api/latchkey/shared/gateway"
	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// The queries find what they promise in the lines that the API, the authorizer and
// the gateway write.
func TestQueries(t *testing.T) {
	log := writeLines(t)
	for _, q := range queries.All() {
		t.Run(strings.ReplaceAll(q.Name, " ", "_"), func(t *testing.T) {
			got, err := run(q.Text(), log)
			if err != nil {
				t.Fatal(err)
			}
			for _, row := range got {
				t.Log(row)
			}
			map[string]func(*testing.T, []row, []row){
				"Tenants": checkTenants, "Refused by reason": checkRefused, "Dearest tokens": checkTokens,
			}[q.Name](t, got, log)
		})
	}
}

// checkTenants checks that user 2, whose calls write, comes before user 1, and that
// requests of nobody are left out.
func checkTenants(t *testing.T, got, log []row) {
	if len(got) != 2 || got[0]["user_id"] != 2.0 || got[1]["user_id"] != 1.0 {
		t.Fatalf("got %v, want users 2 and 1", got)
	}
	for _, tenant := range got {
		checkCosts(t, tenant, log, "user_id")
	}
}

// checkTokens checks that the token whose calls write comes before the other.
func checkTokens(t *testing.T, got, log []row) {
	if len(got) != 2 || got[0]["token_id"] == nil || got[0]["user_id"] != 2.0 {
		t.Fatalf("got %v, want the tokens of users 2 and 1", got)
	}
	for _, tok := range got {
		checkCosts(t, tok, log, "user_id", "token_id")
	}
}

// checkCosts checks a row against the lines that have the same values in the fields.
func checkCosts(t *testing.T, got row, log []row, fields ...string) {
	t.Helper()
	var requests, reads, writes float64
	var ms []float64
	for _, line := range log {
		if line["msg"] != "request" || slices.ContainsFunc(fields, func(f string) bool { return line[f] != got[f] }) {
			continue
		}
		requests++
		reads += number(line["read_units"])
		writes += number(line["write_units"])
		ms = append(ms, number(line["ms"]))
		if line["read_units"] == nil || line["write_units"] == nil {
			t.Errorf("got line %v without units: the dollars of a tenant with no other lines would be empty", line)
		}
	}
	dollars := (reads*125 + writes*625) / 1e9
	if got["requests"] != requests || got["reads"] != reads || got["writes"] != writes || reads+writes == 0 || !near(got["dollars"], dollars) {
		t.Errorf("got %v, want %v requests, %v reads, %v writes, %v dollars", got, requests, reads, writes, dollars)
	}
	if p99, ok := got["p99"]; ok && p99 != slices.Max(ms) { // of fewer than 100 values
		t.Errorf("got p99 %v of %v ms", p99, ms)
	}
}

func near(got any, want float64) bool {
	n, ok := got.(float64)
	return ok && n > want*(1-1e-9) && n < want*(1+1e-9)
}

// checkRefused checks that a reason comes with its scope, its routes and the number
// of users, the most frequent first.
func checkRefused(t *testing.T, got, _ []row) {
	type reason struct{ code, scope, route any }
	counts := map[reason][2]any{}
	for _, r := range got {
		counts[reason{r["code"], r["scope"], r["route"]}] = [2]any{r["requests"], r["users"]}
	}
	for want, count := range map[reason][2]any{
		{"quota_exhausted", "token", "reserve"}: {3.0, 2.0}, // the third is by the other user
		{"not_found", nil, "authorize"}:         {1.0, 1.0},
		{"quota_exhausted", "token", nil}:       {1.0, 1.0}, // of the gateway
	} {
		if counts[want] != count {
			t.Errorf("%v: got %v requests and users, want %v", want, counts[want], count)
		}
	}
	if got[0]["requests"] != 3.0 {
		t.Errorf("got %v first, want the most frequent", got[0])
	}
}

// writeLines lets two users call the API, the authorizer and the gateway, and returns
// their log lines.
func writeLines(t *testing.T) []row {
	t.Helper()
	kit := dynamotest.New(t)
	var written bytes.Buffer
	log := slog.New(slog.NewJSONHandler(&written, nil))
	keys := gate.New(kit.Store)
	authorizer := boot.Authorizer(keys, log)
	for i, name := range []string{"reads", "writes"} {
		tenant := kit.Tenant(t, name)
		_, key, err := tenant.Create(t.Context(), tenant.Access, token.Settings{Name: new("a"), RemainQuota: new(int64(10))})
		if err != nil {
			t.Fatal(err)
		}
		served := api.New(api.Services{Tokens: tenant.Service, Keys: keys, History: kit.Store}, log, api.Routes()...)
		call := func(h http.Handler, path, credential, body string) {
			r := httptest.NewRequestWithContext(t.Context(), cmp.Or(map[bool]string{true: http.MethodGet}[body == ""], http.MethodPost), path, strings.NewReader(body))
			r.Header.Set("Authorization", "Bearer "+credential)
			r.Header.Set("Content-Type", "application/json")
			h.ServeHTTP(httptest.NewRecorder(), r)
		}
		call(served, "/api/token/", tenant.Access.Reveal(), "")
		authorize(t, authorizer.Invoke, key.Reveal())
		call(served, wire.ReservePath, key.Reveal(), `{"quota":11}`)
		if i == 0 {
			authorize(t, authorizer.Invoke, "sk-"+strings.Repeat("a", 48))
			continue
		}
		call(served, wire.ReservePath, key.Reveal(), `{"quota":1}`)
		call(served, wire.ReservePath, key.Reveal(), `{"quota":12}`)
		upstream := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `{"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}`)
		})
		call(gateway.Middleware(keys, upstream, gateway.Options{Log: log}), "/v1/chat/completions", key.Reveal(), `{"model":"m","max_tokens":1000000,"messages":[]}`)
	}
	var lines []row
	for text := range bytes.Lines(written.Bytes()) {
		var line row
		if err := json.Unmarshal(text, &line); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, line)
	}
	return lines
}

func authorize(t *testing.T, invoke func(context.Context, []byte) ([]byte, error), key string) {
	t.Helper()
	e := events.APIGatewayV2CustomAuthorizerV2Request{Headers: map[string]string{"authorization": "Bearer " + key}}
	e.RequestContext.HTTP.SourceIP = "203.0.113.7"
	payload, err := json.Marshal(e)
	if err == nil {
		_, err = invoke(t.Context(), payload)
	}
	if err != nil {
		t.Fatal(err)
	}
}
