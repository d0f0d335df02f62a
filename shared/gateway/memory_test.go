package gateway_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/latchkey-api/latchkey/shared/gateway"
)

// Unfinished bodies of one key take at most four times the largest body, and
// those of all keys at most MaxMemoryBytes. The rest is refused while it arrives,
// and the memory is free again once the clients have gone.
func TestMemoryForBodies(t *testing.T) {
	const megabyte, clients = 1 << 20, 20
	for name, c := range map[string]struct {
		keys    int
		refused int // at least
		code    string
	}{
		"one_key":    {1, 14, "rate_limit_exceeded"},
		"three_keys": {3, 8, "server_busy"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, respond(http.StatusOK, jsonType, completion), gateway.Options{MaxBodyBytes: megabyte, MaxMemoryBytes: 6 * megabyte})
			var keys []string
			for range c.keys {
				key, _ := s.newKey(t, 1000)
				keys = append(keys, key)
			}
			answers := make(chan string, clients)
			var bodies []*io.PipeWriter
			for i := range clients {
				body, w := io.Pipe()
				bodies = append(bodies, w)
				r := s.chatRequest(t, keys[i%c.keys], "")
				r.Body, r.ContentLength, r.GetBody = body, megabyte, nil
				go func() { answers <- answerTo(r) }()
				go func() { _, _ = io.WriteString(w, strings.Repeat(" ", megabyte-100)) }() // fails if the server has answered
			}
			refused := 0
			for range c.refused {
				if strings.Contains(<-answers, c.code) {
					refused++
				}
			}
			if refused == 0 {
				t.Errorf("got no refusal with the code %s", c.code)
			}
			for _, w := range bodies {
				_ = w.CloseWithError(io.ErrUnexpectedEOF)
			}
			for range clients {
				<-s.finished
			}
			if got := s.chat(t, keys[0], hello+strings.Repeat(" ", megabyte/2)); got.status != http.StatusOK {
				t.Errorf("afterwards: got %d %s, want 200", got.status, got.body)
			}
		})
	}
}

// answerTo sends a request and returns the answer as text. A server that refuses
// a body closes the connection, so the answer can be lost.
func answerTo(r *http.Request) string {
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return err.Error()
	}
	defer resp.Body.Close() //nolint:errcheck // it is read to its end
	text, err := io.ReadAll(resp.Body)
	return fmt.Sprint(resp.StatusCode, string(text), err)
}

// BenchmarkParse measures how long a body of 9 MB takes.
func BenchmarkParse(b *testing.B) {
	const size = 9_000_000
	for name, body := range map[string]string{
		"text":    `{"model":"m","messages":[{"role":"user","content":"` + strings.Repeat("word ", size/5) + `"}]}`,
		"members": `{"model":"m"` + strings.Repeat(`,"a":1`, size/6) + `}`,
		"nested":  `{"model":"m","x":` + strings.Repeat(strings.Repeat("[", 9_000)+strings.Repeat("]", 9_000)+",", size/18_001) + `0}`,
		"strings": `{"model":"m","x":["` + strings.Repeat(`","`, size/3) + `"]}`,
	} {
		if name == "nested" {
			body = strings.Replace(strings.TrimSuffix(body, "}"), `"x":`, `"x":[`, 1) + "]}"
		}
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				if _, _, err := gateway.Rewritten(body, 5); err != nil {
					b.Fatal(err)
				}
				gateway.EstimateInput(body)
			}
		})
	}
}
