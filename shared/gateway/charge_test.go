package gateway_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/latchkey-api/latchkey/shared/gateway"
)

// A response costs its usage. Without usage it costs the estimated input and
// what it delivers.
func TestCharge(t *testing.T) {
	const granted = 1000
	for name, c := range map[string]struct {
		contentType, body string
		used              int64
	}{
		"plain":                  {jsonType, completion, 21},
		"plain/no_total":         {jsonType, `{"usage":{"prompt_tokens":9,"completion_tokens":12}}`, 21},
		"plain/responses_api":    {jsonType, `{"object":"response","usage":{"input_tokens":5,"output_tokens":6}}`, 11},
		"plain/nothing_used":     {jsonType, `{"usage":{"prompt_tokens":0,"completion_tokens":0,"total_tokens":0}}`, helloInput},
		"plain/only_seconds":     {jsonType, `{"text":"Hi","usage":{"type":"duration","seconds":3}}`, helloInput + 1},
		"plain/no_usage":         {jsonType, `{"choices":[{"usage":{"total_tokens":1},"message":{"content":"Hi there!"}}]}`, helloInput + 3},
		"plain/more_than_left":   {jsonType, `{"usage":{"total_tokens":5000}}`, granted},
		"plain/beyond_the_hold":  {jsonType, `{"usage":{"total_tokens":900}}`, 900},
		"audio":                  {"audio/mpeg", "\xff\xfb...", helloInput + 1},
		"empty":                  {jsonType, "", helloInput},
		"stream":                 {streamType, chunk + chunk + lastChunk + done, 21},
		"stream/usage_each_time": {streamType, strings.ReplaceAll(lastChunk, "12", "1") + strings.ReplaceAll(lastChunk, "12", "2") + strings.ReplaceAll(lastChunk, "21", "9") + done, 21},
		"stream/responses_api":   {streamType, "event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"id\":\"r1\",\"usage\":{\"input_tokens\":5,\"output_tokens\":6,\"total_tokens\":11}}}\n\n", 11},
		"stream/no_usage":        {streamType, chunk + chunk + done, helloInput + 2},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, reverseProxy(t, respond(http.StatusOK, c.contentType, c.body)), gateway.Options{})
			key, _ := s.newKey(t, granted)
			if got := s.chat(t, key, hello); got.status != http.StatusOK || got.body != c.body {
				t.Errorf("got %d %q, want 200 and the unchanged body", got.status, got.body)
			}
			s.wantUsed(t, key, granted, c.used)
		})
	}
}

// A client that has read a whole response finds it charged.
func TestChargedBeforeResponseEnds(t *testing.T) {
	for name, next := range map[string]http.Handler{
		"stream":         respond(http.StatusOK, streamType, chunk+lastChunk+done),
		"content_length": reverseProxy(t, respond(http.StatusOK, jsonType, completion)),
	} {
		s := newServer(t, next, gateway.Options{})
		key, _ := s.newKey(t, 1000)
		for n := range int64(20) {
			s.chat(t, key, hello)
			if t.Failed() {
				t.Fatalf("after %s", name)
			}
			s.checkUsage(t, key, 1000, 21*(n+1))
		}
	}
}

// Each chunk of a stream reaches the client before the next one is written.
func TestStreamIsNotBuffered(t *testing.T) {
	read := make(chan struct{})
	s := newServer(t, reverseProxy(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", streamType)
		for range 3 {
			_, _ = io.WriteString(w, chunk)
			_ = http.NewResponseController(w).Flush()
			<-read // the client has the chunk
		}
		_, _ = io.WriteString(w, lastChunk+done)
	}), gateway.Options{})
	key, _ := s.newKey(t, 1000)
	resp, err := http.DefaultClient.Do(s.chatRequest(t, key, hello))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // it was read
	for range 3 {
		if _, err := io.ReadFull(resp.Body, make([]byte, len(chunk))); err != nil {
			t.Fatal(err)
		}
		read <- struct{}{}
	}
	if rest, err := io.ReadAll(resp.Body); err != nil || string(rest) != lastChunk+done {
		t.Errorf("got %q, %v, want the rest of the stream", rest, err)
	}
	s.wantUsed(t, key, 1000, 21)
}

// A request costs nothing if its status is not 2xx or its handler panics before
// it responds.
func TestFailureIsFree(t *testing.T) {
	for name, c := range map[string]struct {
		next   http.Handler
		status int // 0 if there is no response
	}{
		"status_500":    {reverseProxy(t, respond(http.StatusInternalServerError, jsonType, completion)), http.StatusInternalServerError},
		"status_302":    {reverseProxy(t, respond(http.StatusFound, jsonType, completion)), http.StatusFound},
		"unreachable":   {reverseProxyTo(t, "http://127.0.0.1:1"), http.StatusBadGateway},
		"panic":         {http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("on purpose") }), 0},
		"abort_handler": {http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }), 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, c.next, gateway.Options{})
			key, _ := s.newKey(t, 1000)
			if got := s.chat(t, key, hello); got.status != c.status || (got.err != nil) != (c.status == 0) {
				t.Errorf("got %d, %v, want %d", got.status, got.err, c.status)
			}
			s.wantUsed(t, key, 1000, 0)
		})
	}
}
