package modelstest_test

import (
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/latchkey-api/latchkey/internal/modelstest"
	"github.com/latchkey-api/latchkey/shared/price"
)

// TestRecords checks that the upstream records what it reported and sent, plain
// and streamed, and how an answer ended.
func TestRecords(t *testing.T) {
	const all, part = "word000 word001 word002 word003 word004 word005 word006 word007 ", "word000 word001 word002 "
	usage := price.Usage{InputTokens: 20, OutputTokens: 8}
	for _, tt := range []struct {
		name, path, body string
		want             modelstest.Record
	}{
		{"chat", "/v1/chat/completions", `{"messages":[]}`, modelstest.Record{Usage: usage, Reported: true, Sent: 8, Text: all, Ended: true}},
		{"chat_stream", "/v1/chat/completions", `{"stream":true}`, modelstest.Record{Usage: usage, Reported: true, Sent: 8, Text: all, Ended: true}},
		{"chat_cut", "/v1/chat/completions", `{"stream":true,"user":"do:cut-4"}`, modelstest.Record{Sent: 3, Text: part}},
		{"responses_stream", "/v1/responses", `{"stream":true}`, modelstest.Record{Usage: usage, Reported: true, Sent: 8, Text: all, Ended: true}},
		{"messages_stream", "/v1/messages", `{"stream":true}`, modelstest.Record{Usage: usage, Reported: true, Sent: 8, Text: all, Ended: true}},
		{"messages_error", "/v1/messages", `{"stream":true,"x":"do:fail-6"}`, modelstest.Record{Sent: 3, Text: part, Ended: true}},
		{"gemini_array", "/v1beta/models/g:streamGenerateContent", `{}`, modelstest.Record{Usage: usage, Reported: true, Sent: 8, Text: all, Ended: true}},
		{"without_usage", "/v1/chat/completions", `{"user":"do:no-usage"}`, modelstest.Record{Usage: usage, Sent: 8, Text: all, Ended: true}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			u := modelstest.New()
			defer u.Close()
			heard := post(t, u.URL+tt.path, tt.body)
			records := u.Take()
			if len(records) != 1 {
				t.Fatalf("got %d records, want 1", len(records))
			}
			got := records[0]
			got = modelstest.Record{Usage: got.Usage, Reported: got.Reported, Sent: got.Sent, Text: got.Text, Ended: got.Ended}
			if got.Usage != tt.want.Usage || got.Reported != tt.want.Reported || got.Sent != tt.want.Sent || got.Text != tt.want.Text || got.Ended != tt.want.Ended {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
			// response.output_text.done and others repeat the whole text.
			if words := regexp.MustCompile(`word\d\d\d `).FindAllString(heard, int(got.Sent)); strings.Join(words, "") != got.Text {
				t.Errorf("the record has %q, and the client heard\n%s", got.Text, heard)
			}
		})
	}
}

// post returns the answer as far as it arrived.
func post(t *testing.T, url, body string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+modelstest.Key)
	r.Header.Set("X-Goog-Api-Key", modelstest.Key)
	r.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()         //nolint:errcheck // it was read
	got, _ := io.ReadAll(resp.Body) // a cut answer is an error
	return string(got)
}
