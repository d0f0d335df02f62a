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
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/api"
	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/gate"
	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// The HTTP endpoints' door.

type httpDoor struct {
	base        string
	key         credential.Key
	accessToken string
	client      *http.Client
}

func openHTTP(t testing.TB, kit *dynamotest.Kit, tenant *dynamotest.Tenant, tweaks ...func(*dynamodb.Options)) func(credential.Key) door {
	t.Helper()
	client := dynamotest.Client(kit.Endpoint, tweaks...)
	services := api.Services{
		Tokens: tenant.WithStore(dynamo.New(client, dynamotest.Table)).Service,
		Keys:   gate.New(dynamo.New(client, dynamotest.Table), gate.WithClock(tenant.Clock.Now)),
	}
	server := httptest.NewServer(api.New(services, slog.New(slog.DiscardHandler), api.Routes()...))
	t.Cleanup(server.Close)
	transport := &http.Transport{MaxIdleConnsPerHost: 256}
	t.Cleanup(transport.CloseIdleConnections)
	return func(key credential.Key) door {
		return &httpDoor{server.URL, key, tenant.Access.Reveal(), &http.Client{Transport: transport}}
	}
}

func (d *httpDoor) ask(ctx context.Context, a ask) (answer, outcome, error) {
	method, path, body := d.request(a)
	credential := d.key.Reveal()
	if method != http.MethodPost && a.does != usage || a.does == rotate {
		credential = d.accessToken
	}
	status, content, err := d.send(ctx, method, path, credential, body)
	if err != nil {
		return answer{}, told, err
	}
	switch status {
	case http.StatusOK:
		got, err := read(a.does, content)
		return got, told, err
	case http.StatusServiceUnavailable:
		return answer{}, unsure, nil
	}
	var failed wire.Envelope[any]
	if err := json.Unmarshal(content, &failed); err != nil || status == http.StatusInternalServerError {
		return answer{}, told, fmt.Errorf("got %d, %s", status, content)
	}
	if failed.Code == wire.ErrRateLimited {
		return answer{}, nothing, nil
	}
	return answer{code: string(failed.Code)}, told, nil
}

func (d *httpDoor) request(a ask) (method, path string, body map[string]any) {
	update := map[string]any{"id": d.key.TokenID}
	question := map[string]any{"quota": a.quota}
	if a.model != "" {
		question["model"] = a.model
	}
	if a.id != "" {
		question["request_id"] = a.id
	}
	switch a.does {
	case usage:
		return http.MethodGet, "/api/usage/token/", nil
	case reserve:
		question["ttl_seconds"] = a.ttl
	case release:
		delete(question, "quota")
	case check, charge:
		return http.MethodPost, "/api/token/verify", question
	case settle:
	case rotate:
		return http.MethodPost, fmt.Sprint("/api/token/", d.key.TokenID, "/rotate"), map[string]any{"grace_seconds": a.ttl}
	case remove:
		return http.MethodDelete, fmt.Sprint("/api/token/", d.key.TokenID), nil
	case disable, enable:
		update["status"] = map[verb]token.Status{disable: token.Disabled, enable: token.Enabled}[a.does]
		return http.MethodPut, "/api/token/?status_only=true", update
	case grant:
		update["remain_quota"] = a.quota
	case unlimit, limit:
		update["unlimited_quota"] = a.does == unlimit
	case allowOne:
		update["model_limits_enabled"], update["models"] = true, []string{a.model}
	case allowEach:
		update["model_limits_enabled"] = false
	}
	if len(update) > 1 {
		return http.MethodPut, "/api/token/", update
	}
	return http.MethodPost, "/api/token/" + string(a.does), question
}

func (d *httpDoor) send(ctx context.Context, method, path, credential string, body map[string]any) (int, []byte, error) {
	content, err := json.Marshal(body)
	if err != nil {
		return 0, nil, err
	}
	if body == nil {
		content = nil
	}
	r, err := http.NewRequestWithContext(ctx, method, d.base+path, bytes.NewReader(content))
	if err != nil {
		return 0, nil, err
	}
	r.Header.Set("Authorization", "Bearer "+credential)
	r.Header.Set("Content-Type", "application/json")
	answer, err := d.client.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer answer.Body.Close() //nolint:errcheck // it is read to its end
	content, err = io.ReadAll(answer.Body)
	return answer.StatusCode, content, err
}

// read takes the code and the numbers out of a successful answer.
func read(does verb, content []byte) (answer, error) {
	var body struct {
		Data struct {
			Code wire.Code `json:"code"`

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
	return answer{string(d.Code), map[verb][3]int64{
		check: {d.Remain}, charge: {d.Remain}, reserve: {d.Held, d.Remain, d.ExpiresAt},
		settle: {d.Charged, d.Shortfall, d.Remain}, release: {d.Released, d.Remain},
		usage: {d.TotalGranted, d.TotalUsed, d.TotalAvailable}, disable: {d.Remain, d.Used}, enable: {d.Remain, d.Used},
		grant: {d.Remain, d.Used}, unlimit: {d.Remain, d.Used}, limit: {d.Remain, d.Used},
		allowOne: {d.Remain, d.Used}, allowEach: {d.Remain, d.Used}, rotate: {d.Remain, d.Used},
	}[does]}, err
}
