package gateway_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-api/latchkey/shared/quota"

	"github.com/latchkey-api/latchkey/shared/gateway"
)

const (
	finishChunk = `data: {"id":"c1","object":"chat.completion.chunk","choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":null}` + "\n\n"

	responsesPath, messagesPath, geminiPath, chatPath = "/v1/responses", "/v1/messages", "/v1beta/models/m:streamGenerateContent", "/v1/chat/completions"

	responseDelta = "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"delta\":\"Hi\"}\n\n"
	responseEnd   = "event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"id\":\"r1\",\"usage\":{\"input_tokens\":5,\"output_tokens\":6,\"total_tokens\":11}}}\n\n"
	geminiChunk   = "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"Hi\"}]},\"index\":0}]}\r\n\r\n"
	geminiEnd     = "data: {\"candidates\":[{\"finishReason\":\"STOP\",\"index\":0}],\"usageMetadata\":{\"promptTokenCount\":9,\"candidatesTokenCount\":12,\"totalTokenCount\":21}}\r\n\r\n"
)

// requestTo returns a request to a path, with an estimated input of helloInput.
func (s *server) requestTo(t testing.TB, key, path string) *http.Request {
	t.Helper()
	body := hello
	if path == geminiPath {
		body = `{"contents":[{"role":"user","parts":[{"text":"Hello to you!"}]}]}`
	}
	r := s.chatRequest(t, key, body)
	r.URL.Path = path
	return r
}

// post starts a request to a path. The body is closed at the end of the test.
func (s *server) post(t testing.TB, key, path string) (status int, body io.Reader) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	resp, err := http.DefaultClient.Do(s.requestTo(t, key, path).WithContext(ctx))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = resp.Body.Close() })
	return resp.StatusCode, resp.Body
}

// readUntil reads the body until it ends with a text.
func readUntil(t testing.TB, body io.Reader, end string) string {
	t.Helper()
	var got strings.Builder
	buffer := make([]byte, 1)
	for !strings.HasSuffix(got.String(), end) {
		if _, err := body.Read(buffer); err != nil {
			t.Fatalf("got %q, then %v, want it to end with %q", got.String(), err, end)
		}
		got.Write(buffer)
	}
	return got.String()
}

// A client that sees the end of a stream finds it charged, although the upstream
// has not closed the connection.
func TestSettledBeforeEnd(t *testing.T) {
	for name, c := range map[string]struct {
		path, body, end string
		used            int64
	}{
		"chat":                 {chatPath, chunk + finishChunk + lastChunk + done, done, 21},
		"chat/finish_reason":   {chatPath, chunk + finishChunk + lastChunk, finishChunk, 21},
		"chat/error":           {chatPath, "data: {\"error\":{\"message\":\"overloaded\"}}\n\n", "}}\n\n", 0},
		"responses":            {responsesPath, responseDelta + responseEnd, responseEnd, 11},
		"messages":             {messagesPath, anthropicStream, "\"message_stop\"}\n\n", 1040},
		"messages/stop_reason": {messagesPath, anthropicStream, "\"output_tokens\":15}}\n\n", 1040},
		"messages/error":       {messagesPath, "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\"}}\n\n", "}}\n\n", 0},
	} {
		t.Run(name, func(t *testing.T) {
			checked := make(chan struct{})
			s := newServer(t, reverseProxy(t, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", streamType)
				_, _ = io.WriteString(w, c.body)
				_ = http.NewResponseController(w).Flush()
				select {
				case <-checked:
				case <-r.Context().Done():
				}
			}), gateway.Options{})
			key, _ := s.newKey(t, 2000)
			_, answer := s.post(t, key, c.path)
			readUntil(t, answer, c.end)
			s.checkUsage(t, key, 2000, c.used)
			close(checked)
			s.wantUsed(t, key, 2000, c.used)
		})
	}
}

// A Gemini stream has no last event: what follows the finishReason is its end.
func TestGeminiEndIsHeldBack(t *testing.T) {
	for name, body := range map[string]string{
		"events": geminiChunk + geminiEnd,
		"array":  `[{"candidates":[{"content":{"parts":[{"text":"Hi"}]}}]},` + "\r\n" + strings.TrimSpace(strings.TrimPrefix(geminiEnd, "data: ")) + "\r\n]",
	} {
		sent, goOn := make(chan struct{}), make(chan struct{})
		s := newServer(t, reverseProxy(t, func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, body)
			_ = http.NewResponseController(w).Flush()
			close(sent)
			<-goOn
		}), gateway.Options{})
		key, _ := s.newKey(t, 1000)
		_, answer := s.post(t, key, geminiPath)
		got := readUntil(t, answer, "Hi\"}")
		<-sent
		close(goOn)
		rest, err := io.ReadAll(answer)
		if err != nil || got+string(rest) != body {
			t.Errorf("%s: got %q, %v, want %q", name, got+string(rest), err, body)
		}
		s.checkUsage(t, key, 1000, 21)
	}
}

// After an error, the units that were held for it are free again: a request
// that is sent at once is not refused.
func TestErrorIsReleasedBeforeItIsSeen(t *testing.T) {
	for name, next := range map[string]http.HandlerFunc{
		"status":  respond(http.StatusInternalServerError, jsonType, `{"error":{}}`),
		"in_200":  respond(http.StatusOK, jsonType, `{"error":{"message":"failed"}}`),
		"stream":  respond(http.StatusOK, streamType, "data: {\"error\":{\"message\":\"failed\"}}\n\n"),
		"as_json": respond(http.StatusOK, streamType, `{"error":{"message":"failed"}}`),
	} {
		s := newServer(t, reverseProxy(t, next), gateway.Options{})
		key, _ := s.newKey(t, helloEstimate)
		for range 10 {
			status, answer := s.post(t, key, chatPath)
			if status == http.StatusTooManyRequests {
				t.Fatalf("%s: the next request was refused", name)
			}
			readUntil(t, answer, "}")
			s.checkUsage(t, key, helloEstimate, 0)
		}
	}
}

// An error in an answer is free if the answer has delivered nothing else.
func TestErrorInAnswer(t *testing.T) {
	for name, c := range map[string]struct {
		path, body string
		used       int64
	}{
		"chat/after_text":      {chatPath, chunk + "data: {\"error\":{\"message\":\"failed\"}}\n\n", helloInput + 1},
		"responses/failed":     {responsesPath, "data: {\"type\":\"response.failed\",\"response\":{\"status\":\"failed\",\"error\":{\"code\":\"server_error\"},\"usage\":null}}\n\n", 0},
		"messages/after_start": {messagesPath, anthropicStream[:strings.Index(anthropicStream, "event: content")] + "event: error\ndata: {\"type\":\"error\",\"error\":{}}\n\n", 0},
		"messages/plain":       {messagesPath, `{"type":"error","error":{"type":"overloaded_error"}}`, 0},
		"gemini":               {geminiPath, `[{"error":{"code":503,"status":"UNAVAILABLE"}}]`, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, reverseProxy(t, respond(http.StatusOK, streamType, c.body)), gateway.Options{})
			key, _ := s.newKey(t, 2000)
			_, answer := s.post(t, key, c.path)
			if got, err := io.ReadAll(answer); err != nil || string(got) != c.body {
				t.Errorf("got %q, %v, want %q", got, err, c.body)
			}
			s.wantUsed(t, key, 2000, c.used)
		})
	}
}

// Events after the end of a stream are passed on only if they deliver nothing.
func TestNothingIsDeliveredAfterEnd(t *testing.T) {
	s := newServer(t, reverseProxy(t, respond(http.StatusOK, streamType, chunk+lastChunk+done+": bye\n\n"+chunk)), gateway.Options{})
	key, _ := s.newKey(t, 1000)
	_, answer := s.post(t, key, chatPath)
	if got, err := io.ReadAll(answer); err != nil || string(got) != chunk+lastChunk+done+": bye\n\n" {
		t.Errorf("got %q, %v, want the stream up to its end", got, err)
	}
	s.wantUsed(t, key, 1000, 21)
}

// A client that did not ask for usage gets the stream as if the upstream had not
// been asked for it.
func TestInjectedUsageIsRemoved(t *testing.T) {
	plain := func(events ...string) string {
		text := strings.Join(events, "")
		return strings.ReplaceAll(strings.ReplaceAll(text, `,"usage":null`, ""), lastChunk, "")
	}
	odd := "data: {\"usage\": null , \"choices\":[{\"delta\":{\"content\":\"\\\"usage\\\":null\"}}]}\r\n\r\n"
	for name, c := range map[string]struct{ body, want string }{
		"chat":        {chunk + finishChunk + lastChunk + done, plain(chunk, finishChunk, done)},
		"no_finish":   {chunk + lastChunk + done, plain(chunk, done)},
		"crlf":        {strings.ReplaceAll(chunk+lastChunk+done, "\n", "\r\n"), strings.ReplaceAll(plain(chunk, done), "\n", "\r\n")},
		"first":       {odd, "data: {\"choices\":[{\"delta\":{\"content\":\"\\\"usage\\\":null\"}}]}\r\n\r\n"},
		"with_choice": {strings.Replace(lastChunk, `"choices":[]`, `"choices":[{"index":0}]`, 1), strings.Replace(lastChunk, `"choices":[]`, `"choices":[{"index":0}]`, 1)},
	} {
		t.Run(name, func(t *testing.T) {
			for _, piece := range []int{1, len(c.body)} {
				s := newServer(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					for rest := c.body; rest != ""; rest = rest[min(piece, len(rest)):] {
						_, _ = io.WriteString(w, rest[:min(piece, len(rest))])
					}
				}), gateway.Options{})
				key, _ := s.newKey(t, 1000)
				if got := s.chat(t, key, strings.Replace(hello, "{", `{"stream":true,`, 1)); got.body != c.want {
					t.Errorf("in pieces of %d: got\n%q, want\n%q", piece, got.body, c.want)
				}
			}
		})
	}
}

// A stream that the balance does not cover ends in the form of its API, with
// everything charged, and the upstream's request is cancelled.
func TestStreamOutOfUnits(t *testing.T) {
	const granted = 30
	for name, c := range map[string]struct{ path, first, event, end string }{
		"chat": {chatPath, "", chunk, `data: {"id":"c1","object":"chat.completion.chunk","model":"","choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":"length"}]}` + "\n\n" + done},
		"completions": {
			"/v1/completions", "", `data: {"id":"t","object":"text_completion","created":7,"model":"m","choices":[{"index":0,"text":"Hi"}]}` + "\n\n",
			`data: {"id":"t","object":"text_completion","created":7,"model":"m","choices":[{"index":0,"text":"","logprobs":null,"finish_reason":"length"}]}` + "\n\n" + done,
		},
		"responses": {responsesPath, "", responseDelta, `"status":"incomplete","error":null,"incomplete_details":{"reason":"max_output_tokens"},"model":"","output":[],"parallel_tool_calls":false,"tool_choice":"auto","tools":[],"usage":{"input_tokens":17,"output_tokens":14,"total_tokens":31}}}` + "\n\n"},
		"messages": {
			messagesPath, "data: {\"type\":\"content_block_start\",\"index\":2,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n",
			"data: {\"type\":\"content_block_delta\",\"index\":2,\"delta\":{\"type\":\"text_delta\",\"text\":\"Hi\"}}\n\n",
			"event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":2}\n\n" +
				"event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"max_tokens\",\"stop_sequence\":null},\"usage\":{\"output_tokens\":14}}\n\n" +
				"event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
		},
		"gemini":       {geminiPath, "", geminiChunk, `data: {"candidates":[{"content":{"parts":[{"text":""}],"role":"model"},"finishReason":"MAX_TOKENS","index":0}],"usageMetadata":{"promptTokenCount":17,"candidatesTokenCount":14,"totalTokenCount":31}}` + "\r\n\r\n"},
		"gemini/array": {geminiPath, "[{}", ",\r\n" + `{"candidates":[{"content":{"parts":[{"text":"Hi"}]}}]}`, `"totalTokenCount":31}}]`},
	} {
		t.Run(name, func(t *testing.T) {
			gone := make(chan struct{})
			s := newServer(t, reverseProxy(t, func(w http.ResponseWriter, r *http.Request) {
				defer close(gone)
				w.Header().Set("Content-Type", streamType)
				_, _ = io.WriteString(w, c.first)
				for n := 0; n < 1000 && r.Context().Err() == nil; n++ {
					_, _ = io.WriteString(w, c.event)
					_ = http.NewResponseController(w).Flush()
				}
			}), gateway.Options{})
			key, _ := s.newKey(t, granted)
			_, answer := s.post(t, key, c.path)
			got, err := io.ReadAll(answer)
			if n := strings.Count(string(got), `"Hi"`); err != nil || n != granted-helloInput || !strings.HasSuffix(string(got), c.end) {
				t.Errorf("got %d pieces and %q, %v, want %d and the end %q", n, got, err, granted-helloInput, c.end)
			}
			s.checkUsage(t, key, granted, granted)
			<-gone
		})
	}
}

// A client that has asked for the usage gets it, also if its stream ends early.
func TestStreamOutOfUnitsWithUsage(t *testing.T) {
	s := newServer(t, reverseProxy(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", streamType)
		for n := 0; n < 1000 && r.Context().Err() == nil; n++ {
			_, _ = io.WriteString(w, chunk)
			_ = http.NewResponseController(w).Flush()
		}
	}), gateway.Options{})
	key, _ := s.newKey(t, 40)
	got := s.chat(t, key, `{"model":"gpt-4o","stream":true,"stream_options":{"include_usage":true},"messages":[]}`)                                                                                                    // 22 tokens
	end := `"finish_reason":"length"}]}` + "\n\n" + `data: {"id":"c1","object":"chat.completion.chunk","model":"","choices":[],"usage":{"prompt_tokens":22,"completion_tokens":19,"total_tokens":41}}` + "\n\n" + done // with the piece that the balance did not cover
	if got.err != nil || !strings.HasSuffix(got.body, end) {
		t.Errorf("got %q, %v, want the end %q", got.body, got.err, end)
	}
	s.wantUsed(t, key, 40, 40)
}

// A stream that delivers more than was held raises its hold, so that no other
// request can take what it costs.
func TestHoldGrowsWithStream(t *testing.T) {
	const granted, pieces = 5000, 2000
	s := newServer(t, reverseProxy(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", streamType)
		_, _ = io.WriteString(w, strings.Repeat(chunk, pieces))
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}), gateway.Options{})
	key, _ := s.newKey(t, granted)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	resp, err := http.DefaultClient.Do(s.chatRequest(t, key, hello).WithContext(ctx))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // the test abandons it
	if _, err := io.ReadFull(resp.Body, make([]byte, pieces*len(chunk))); err != nil && !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	if u, err := s.gate.Usage(t.Context(), key, quota.Origin{}); err != nil || u.Available > granted-pieces-helloInput {
		t.Errorf("%d units are available, %v, although %d were delivered", u.Available, err, pieces)
	}
	cancel()
	s.wantUsed(t, key, granted, helloInput+pieces)
}
