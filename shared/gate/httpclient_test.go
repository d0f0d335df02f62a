package gate_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/api"
	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/gate"
	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// timeHeader is the time of the server's clock during the request, if the request
// has its own.
const timeHeader = "Test-Time"

// An httpClient calls the HTTP endpoints.
type httpClient struct {
	baseURL     string
	key         credential.Key
	accessToken string
	client      *http.Client
}

func newHTTPClients(t testing.TB, kit *dynamotest.Kit, tenant *dynamotest.Tenant, tweaks ...func(*dynamodb.Options)) func(credential.Key) client {
	t.Helper()
	store := dynamo.New(dynamotest.Client(kit.Endpoint, tweaks...), dynamotest.Table)
	handler := func(clock func() time.Time) http.Handler {
		services := api.Services{Tokens: tenantAt(tenant, store, clock).Service, Keys: gate.New(store, gate.WithClock(clock))}
		return api.New(services, slog.New(slog.DiscardHandler), api.Routes()...)
	}
	usual := handler(tenant.Clock.Now)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if at, err := time.Parse(time.RFC3339Nano, r.Header.Get(timeHeader)); err == nil {
			handler(func() time.Time { return at }).ServeHTTP(w, r)
			return
		}
		usual.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	transport := &http.Transport{MaxIdleConnsPerHost: 256}
	t.Cleanup(transport.CloseIdleConnections)
	return func(key credential.Key) client {
		return &httpClient{server.URL, key, tenant.Access.Reveal(), &http.Client{Transport: transport}}
	}
}

func (c *httpClient) do(ctx context.Context, op operation) (result, outcome, error) {
	if slices.Contains([]opKind{opHold, opGrowHold, opSettleHold, opReleaseHold}, op.kind) {
		return result{}, notDone, nil
	}
	method, path, body := c.request(op)
	bearer := c.key.Reveal()
	if method != http.MethodPost && op.kind != opUsage || op.kind == opRotateKey {
		bearer = c.accessToken
	}
	status, content, err := c.send(ctx, method, path, bearer, body, op.at)
	if err != nil {
		return result{}, known, err
	}
	switch status {
	case http.StatusOK:
		got, err := parseResult(op.kind, content)
		return got, known, err
	case http.StatusServiceUnavailable:
		return result{}, uncertain, nil
	}
	var failed wire.Envelope[any]
	if err := json.Unmarshal(content, &failed); err != nil || status == http.StatusInternalServerError {
		return result{}, known, fmt.Errorf("got %d, %s", status, content)
	}
	if failed.Code == wire.ErrRateLimited {
		return result{}, notDone, nil
	}
	return result{code: string(failed.Code)}, known, nil
}

func (c *httpClient) request(op operation) (method, path string, body map[string]any) {
	update := map[string]any{"id": c.key.TokenID}
	question := map[string]any{"quota": op.quota}
	if op.model != "" {
		question["model"] = op.model
	}
	if op.requestID != "" {
		question["request_id"] = fullID(op.requestID)
	}
	switch op.kind {
	case opUsage:
		return http.MethodGet, "/api/usage/token/", nil
	case opLeak:
		return http.MethodPost, "/api/token/revoke", nil
	case opReserve:
		question["ttl_seconds"] = op.ttlSeconds
	case opRelease:
		delete(question, "quota")
	case opCheck, opSpend:
		return http.MethodPost, "/api/token/verify", question
	case opSettle, opHold, opGrowHold, opSettleHold, opReleaseHold:
	case opRotateKey:
		return http.MethodPost, fmt.Sprint("/api/token/", c.key.TokenID, "/rotate"), map[string]any{"grace_seconds": op.ttlSeconds}
	case opDelete:
		return http.MethodDelete, fmt.Sprint("/api/token/", c.key.TokenID), nil
	case opDisable, opEnable:
		update["status"] = map[opKind]token.Status{opDisable: token.Disabled, opEnable: token.Enabled}[op.kind]
		return http.MethodPut, "/api/token/?status_only=true", update
	case opSetQuota:
		update["remain_quota"] = op.quota
	case opUnlimit, opLimit:
		update["unlimited_quota"] = op.kind == opUnlimit
	case opAllowOne:
		update["model_limits_enabled"], update["models"] = true, []string{op.model}
	case opAllowAll:
		update["model_limits_enabled"] = false
	}
	if len(update) > 1 {
		return http.MethodPut, "/api/token/", update
	}
	return http.MethodPost, "/api/token/" + string(op.kind), question
}

func (c *httpClient) send(ctx context.Context, method, path, bearer string, body map[string]any, at time.Time) (int, []byte, error) {
	content, err := json.Marshal(body)
	if err != nil {
		return 0, nil, err
	}
	if body == nil {
		content = nil
	}
	r, err := http.NewRequestWithContext(ctx, method, c.baseURL+path, bytes.NewReader(content))
	if err != nil {
		return 0, nil, err
	}
	r.Header.Set("Authorization", "Bearer "+bearer)
	r.Header.Set("Content-Type", "application/json")
	if !at.IsZero() {
		r.Header.Set(timeHeader, at.Format(time.RFC3339Nano))
	}
	resp, err := c.client.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close() //nolint:errcheck // it is read to its end
	content, err = io.ReadAll(resp.Body)
	return resp.StatusCode, content, err
}

// parseResult returns the code and the numbers of a response with status 200.
func parseResult(kind opKind, content []byte) (result, error) {
	var body struct {
		Data struct {
			Code         wire.Code `json:"code"`
			Scope        string    `json:"scope"`
			ResetsAt     int64     `json:"resets_at"`
			RetryAfterMS int64     `json:"retry_after_ms"`

			Windows     []httpUse `json:"windows"`
			ModelQuotas []httpUse `json:"model_quotas"`

			Held      int64 `json:"held"`
			ExpiresAt int64 `json:"expires_at"`
			Charged   int64 `json:"charged"`
			Shortfall int64 `json:"shortfall"`
			Released  int64 `json:"released"`
			Remain    int64 `json:"remain_quota"`
			Used      int64 `json:"used_quota"`

			TotalGranted   int64 `json:"total_granted"`
			TotalUsed      int64 `json:"total_used"`
			TotalAvailable int64 `json:"total_available"`
		} `json:"data"`
	}
	err := json.Unmarshal(content, &body)
	d := body.Data
	got := result{code: string(d.Code), scope: d.Scope}
	if d.Scope != "" {
		got.wait = max(d.ResetsAt, d.RetryAfterMS)
	}
	if kind == opCheck {
		for i, use := range append(d.Windows, d.ModelQuotas...) {
			got.quotas[i] = quotaUse{use.Used, use.Remaining, use.ResetsAt}
		}
	}
	got.numbers = map[opKind][3]int64{
		opCheck: {d.Remain}, opSpend: {d.Remain}, opReserve: {d.Held, d.Remain, d.ExpiresAt},
		opSettle: {d.Charged, d.Shortfall, d.Remain}, opRelease: {d.Released, d.Remain},
		opUsage: {d.TotalGranted, d.TotalUsed, d.TotalAvailable}, opDisable: {d.Remain, d.Used}, opEnable: {d.Remain, d.Used},
		opSetQuota: {d.Remain, d.Used}, opUnlimit: {d.Remain, d.Used}, opLimit: {d.Remain, d.Used},
		opAllowOne: {d.Remain, d.Used}, opAllowAll: {d.Remain, d.Used}, opRotateKey: {d.Remain, d.Used},
	}[kind]
	return got, err
}

type httpUse struct {
	Used      int64 `json:"used"`
	Remaining int64 `json:"remaining"`
	ResetsAt  int64 `json:"resets_at"`
}
