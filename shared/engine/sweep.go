package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// Sweep removes all items whose time to live has passed, and returns how many. On
// AWS, DynamoDB removes them by itself; the engine does so only on request. Like
// DynamoDB, it writes a record of each removal to the stream of the table.
//
// Sweep calls the engine's tool sweep_ttl through MCP over HTTP, which needs no session:
// https://modelcontextprotocol.io/specification/2025-03-26/basic/transports
func (e *Engine) Sweep(ctx context.Context) (int, error) {
	const call = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"sweep_ttl","arguments":{}}}`
	answer, err := e.callMCP(ctx, call)
	if err != nil {
		return 0, fmt.Errorf("remove expired items: %w", err)
	}
	n, err := removedItems(answer)
	if err != nil {
		return 0, fmt.Errorf("remove expired items: %w: %.200s", err, answer)
	}
	return n, nil
}

func (e *Engine) callMCP(ctx context.Context, body string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, e.mcpURL, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/json, text/event-stream")
	r.Header.Set("Authorization", "Bearer "+e.mcpToken)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close() //nolint:errcheck // the body was read
	if answer.StatusCode != http.StatusOK {
		return nil, errors.New(answer.Status)
	}
	return io.ReadAll(answer.Body)
}

// removedItems returns the count in the answer of the tool, a JSON object whose
// text is JSON, too.
func removedItems(answer []byte) (int, error) {
	var out struct {
		Result struct {
			Content []struct{ Text string }
			IsError bool
		}
	}
	if err := json.Unmarshal(answer, &out); err != nil {
		return 0, err
	}
	var report struct {
		Deleted *int `json:"items_deleted"`
	}
	if len(out.Result.Content) != 1 || out.Result.IsError || json.Unmarshal([]byte(out.Result.Content[0].Text), &report) != nil || report.Deleted == nil {
		return 0, errors.New("the answer has no items_deleted")
	}
	return *report.Deleted, nil
}
