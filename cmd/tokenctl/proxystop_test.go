package main_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/latchkey-api/latchkey/shared/quota"

	"github.com/latchkey-api/latchkey/internal/tokenctltest"
	"github.com/latchkey-api/latchkey/shared/token"
)

// A drain lets a stream finish and charges it. Meanwhile the proxy accepts no more
// connections, and says on those that are open that it is not healthy.
func TestProxyDrain(t *testing.T) {
	f, key, answer, goOn, _ := streaming(t)
	if got := f.health(t, dial(t, f.URL)); got != http.StatusOK {
		t.Errorf("got %d from %s, want 200", got, healthPath)
	}
	open := dial(t, f.URL)
	tokenctltest.Eventually(t, "the proxy has accepted the connection", func() bool { return f.health(t, dial(t, f.URL)) == http.StatusOK })
	if err := f.Cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	tokenctltest.Eventually(t, "the proxy accepts no more connections", func() bool { return !tokenctltest.Accepts(t, f.URL) })
	if got := f.health(t, open); got != http.StatusServiceUnavailable {
		t.Errorf("got %d from %s during the drain, want 503", got, healthPath)
	}
	close(goOn)
	if rest, err := io.ReadAll(answer.body); err != nil || string(rest) != lastChunk {
		t.Errorf("got %q, %v, want the rest of the stream", rest, err)
	}
	if code := f.Exit(t); code != 0 {
		t.Errorf("got exit %d, want 0; stderr: %s", code, f.Stderr)
	}
	f.wantUsed(t, key, 21)
}

// A request that is not finished when the drain is over is cut off, at the
// upstream, too, and is charged what was delivered.
func TestProxyDrainTimeout(t *testing.T) {
	f, key, answer, _, over := streaming(t, "--drain-timeout", "100ms")
	if code := f.End(t, syscall.SIGTERM); code != 0 {
		t.Errorf("got exit %d, want 0; stderr: %s", code, f.Stderr)
	}
	<-over
	if rest, err := io.ReadAll(answer.body); err == nil {
		t.Errorf("got %q and the end of the stream, want it cut off", rest)
	}
	if u := f.wantNothingHeld(t, key); u.Used == 0 {
		t.Error("got 0 units used, want what was delivered")
	}
}

// A hold whose reservation got no answer is released before the process ends.
func TestProxyReleasesBeforeItEnds(t *testing.T) {
	f := proxying(t, "http://127.0.0.1:1")
	key := f.key(t, token.Settings{})
	f.engine.Slow.Store(true)
	f.engine.Lossy.Store(true)
	if got := f.ask(t, key, streamed, ""); got.status != http.StatusServiceUnavailable {
		t.Fatalf("got %d, want 503", got.status)
	}
	u, err := f.gate.Usage(t.Context(), key, quota.Origin{})
	if err != nil || u.Available == u.Granted {
		t.Fatalf("got %+v, %v, want a hold that the proxy does not know of", u, err)
	}
	f.engine.Lossy.Store(false)
	if code := f.End(t, syscall.SIGTERM); code != 0 {
		t.Errorf("got exit %d, want 0; stderr: %s", code, f.Stderr)
	}
	if u, err = f.gate.Usage(t.Context(), key, quota.Origin{}); err != nil || u.Available != u.Granted {
		t.Errorf("got %+v, %v after the end, want everything free", u, err)
	}
}

const healthPath = "/healthz"

// dial opens a connection to a server.
func dial(t *testing.T, url string) net.Conn {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// health asks for the proxy's health on a connection and returns the status.
func (f *fleet) health(t *testing.T, conn net.Conn) int {
	t.Helper()
	_, _ = fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: proxy\r\n\r\n", healthPath) // an error is one of reading, too
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	return answer.StatusCode
}

// A refusal comes at once, although the client has announced a body that it sends
// only when it is asked to.
func TestProxyRefusesBeforeTheBody(t *testing.T) {
	f := proxying(t, "http://127.0.0.1:1")
	conn := dial(t, f.URL)
	_, _ = fmt.Fprint(conn, "POST /v1/chat/completions HTTP/1.1\r\nHost: proxy\r\nAuthorization: Bearer sk-nonsense\r\n"+
		"Content-Type: application/json\r\nContent-Length: 1000000\r\nExpect: 100-continue\r\n\r\n")
	if err := conn.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || answer.StatusCode != http.StatusUnauthorized {
		t.Fatalf("got %v, %v, want 401 without a body", answer, err)
	}
	if _, err := io.ReadAll(answer.Body); err != nil {
		t.Errorf("got error %v, want the whole refusal", err)
	}
	_ = answer.Body.Close()
}

// What follows a request in chunks in a connection is not read as another request, which
// a proxy in front would not have seen if it went by a Content-Length. Requests with only
// that keep their connection.
func TestProxyReadsNothingSmuggled(t *testing.T) {
	var reached atomic.Int64
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		reached.Add(1)
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}`)
	}))
	t.Cleanup(upstream.Close)
	f := proxying(t, upstream.URL)
	const body = `{"model":"gpt-4o","messages":[{"role":"user","content":"Hello"}]}`
	request := func(key, head, body string) string {
		return "POST /v1/chat/completions HTTP/1.1\r\nHost: proxy\r\nAuthorization: Bearer " + key + "\r\nContent-Type: application/json\r\n" + head + "\r\n\r\n" + body
	}
	key, length := f.key(t, token.Settings{}), fmt.Sprintf("Content-Length: %d", len(body))
	second := request(key, length+"\r\nConnection: close", body)
	chunks := fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(body), body)
	for name, c := range map[string]struct {
		sent    string
		answers int
		status  string // of the first
		reached int64
	}{
		"length_then_chunks": {request(key, fmt.Sprintf("Content-Length: %d\r\nTransfer-Encoding: chunked", len(chunks)+len(second)), chunks+second), 1, "200", 1},
		"chunks_then_length": {request(key, "Transfer-Encoding: chunked\r\nContent-Length: 4", chunks+second), 1, "200", 1},
		"chunks":             {request(key, "Transfer-Encoding: chunked", chunks+second), 1, "200", 1},
		"refused":            {request("sk-nonsense", "Content-Length: 57\r\nTransfer-Encoding: chunked", "0\r\n\r\n"+second), 1, "401", 0},
		"lengths":            {request(key, length, body+second), 2, "200", 2},
	} {
		t.Run(name, func(t *testing.T) {
			reached.Store(0)
			conn := dial(t, f.URL)
			_, _ = io.WriteString(conn, c.sent) // an error is one of reading, too
			if err := conn.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
				t.Fatal(err)
			}
			all, err := io.ReadAll(conn)
			if n := strings.Count(string(all), "HTTP/1.1 "); err != nil || n != c.answers || !strings.HasPrefix(string(all), "HTTP/1.1 "+c.status) || reached.Load() != c.reached {
				t.Errorf("got %d answers (%v) and %d requests at the upstream, want %d and %d:\n%s", n, err, reached.Load(), c.answers, c.reached, all)
			}
		})
	}
}

// --listen takes an IPv6 address, all addresses, and a port alone.
func TestProxyListen(t *testing.T) {
	for name, address := range map[string]string{"ipv6": "[::1]:0", "all_addresses": ":0", "port_alone": "0", "host_name": "localhost:0"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := proxying(t, "http://127.0.0.1:1", "--listen", address)
			if got := f.health(t, dial(t, f.URL)); got != http.StatusOK {
				t.Errorf("got %d, want 200", got)
			}
			everywhere := strings.Contains(f.Stdout.String(), "all addresses of this machine")
			if want := address == ":0"; everywhere != want {
				t.Errorf("got all addresses %t in the greeting, want %t: %s", everywhere, want, f.Stdout)
			}
			f.wantNothingHeld(t, f.key(t, token.Settings{}))
		})
	}
}
