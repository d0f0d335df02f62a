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

// Sweep removes the items whose time to live is over, and returns how many. In
// AWS, DynamoDB does so by itself; the engine does it when it is asked, with
// the records in the table's stream that DynamoDB would write.
//
// It calls the engine's tool of that name, by MCP over HTTP, where a call needs
// no session: https://modelcontextprotocol.io/specification/2025-03-26/basic/transports
func (e *Engine) Sweep(ctx context.Context) (int, error) {
	const call = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"sweep_ttl","arguments":{}}}`
	answer, err := e.post(ctx, call)
	if err != nil {
		return 0, fmt.Errorf("sweep the engine: %w", err)
	}
	n, err := swept(answer)
	if err != nil {
		return 0, fmt.Errorf("sweep the engine: %w: %.200s", err, answer)
	}
	return n, nil
}

func (e *Engine) post(ctx context.Context, body string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, e.control, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/json, text/event-stream")
	r.Header.Set("Authorization", "Bearer "+e.secret)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close() //nolint:errcheck // it was read
	if answer.StatusCode != http.StatusOK {
		return nil, errors.New(answer.Status)
	}
	return io.ReadAll(answer.Body)
}

// swept reads the tool's answer: a text that is JSON itself.
func swept(answer []byte) (int, error) {
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
		return 0, errors.New("not a count")
	}
	return *report.Deleted, nil
}
