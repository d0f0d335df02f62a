package main

import (
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
)

// The engine's printed address answers programs, and refuses web pages, also those
// whose host name was made to point to this machine.
func TestGuardEngine(t *testing.T) {
	kit := dynamotest.New(t)
	endpoint, end, err := guardEngine(t.Context(), kit.Endpoint, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer end()
	for name, row := range map[string]struct {
		header, value, host string
		status              int
	}{
		"program":           {status: 200},
		"localhost":         {host: "localhost:8000", status: 200},
		"IPv6":              {host: "[::1]:8000", status: 200},
		"container":         {host: "172.17.0.1:8000", status: 200},
		"Docker_Desktop":    {host: "host.docker.internal:8000", status: 200},
		"other_site":        {header: "Origin", value: "https://evil.example", status: 403},
		"sandboxed_frame":   {header: "Origin", value: "null", status: 403},
		"same_machine":      {header: "Origin", value: "http://127.0.0.1:3000", status: 403},
		"navigation":        {header: "Sec-Fetch-Site", value: "none", status: 403},
		"rebound_name":      {host: "evil.example:8000", status: 403},
		"name_like_address": {host: "127.0.0.1.evil.example", status: 403},
		"no_port":           {host: "127.0.0.1", status: 200},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, endpoint, strings.NewReader("{}"))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("X-Amz-Target", "DynamoDB_20120810.ListTables")
			r.Header.Set("Content-Type", "application/x-amz-json-1.0")
			r.Header.Set("X-Amz-Date", "20231114T221320Z")
			r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=a/20231114/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=wrong")
			if row.header != "" {
				r.Header.Set(row.header, row.value)
			}
			r.Host = row.host
			answer, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer answer.Body.Close() //nolint:errcheck // it was read
			body, err := io.ReadAll(answer.Body)
			tables := strings.Contains(string(body), dynamotest.Table)
			if err != nil || answer.StatusCode != row.status || tables != (row.status == 200) || row.status != 200 && answer.Header.Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("got %d %v %s (%v), want %d", answer.StatusCode, answer.Header, body, err, row.status)
			}
		})
	}
}
