package delivery_test

import (
	"context"
	"crypto/x509"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/latchkey-api/latchkey/shared/event"
	"github.com/latchkey-api/latchkey/shared/webhook"
	"github.com/latchkey-api/latchkey/shared/webhook/delivery"
)

func newEvent(t testing.TB) event.Event {
	t.Helper()
	e, err := event.New(1, "evt_1", event.TokenCreated, time.Unix(1_700_000_000, 0), map[string]int64{"token_id": 7})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// local is the rules of a server on one's own machine.
func local() webhook.Rules { return webhook.Rules{Loopback: true} }

func newClient(rules webhook.Rules) *delivery.Client {
	return delivery.NewClient(rules, 3*time.Second, time.Now) // long enough for a busy machine
}

// receiver starts a receiver, and returns its URL and how often it was called.
func receiver(t testing.TB, answer http.HandlerFunc) (url string, calls *atomic.Int64) {
	t.Helper()
	calls = new(atomic.Int64)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		answer(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL, calls
}

// A webhook is a POST of the event, which the receiver can verify with each of the
// secrets.
func TestSend(t *testing.T) {
	t.Parallel()
	e := webhook.Endpoint{Secret: webhook.NewSecret(), Previous: webhook.NewSecret(), PreviousUntil: time.Now().Unix() + 60}
	for name, secret := range map[string]webhook.Secret{"current": e.Secret, "previous": e.Previous} {
		url, _ := receiver(t, func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			want, _ := newEvent(t).Encode()
			if r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" || r.Header.Get("Webhook-Id") != "evt_1" || string(body) != string(want) {
				t.Errorf("got %s %v %s", r.Method, r.Header, body)
			}
			if err := webhook.Verify([]webhook.Secret{secret}, r.Header, body, time.Now()); err != nil {
				t.Errorf("%s secret: %v", name, err)
			}
			w.WriteHeader(http.StatusNoContent)
		})
		e.URL = url + "/hooks?a=b"
		a := newClient(local()).Send(t.Context(), e, newEvent(t), 3)
		if a.Failure != "" || a.Status != http.StatusNoContent || a.Number != 3 || a.EventID != "evt_1" || a.EventType != event.TokenCreated || a.Time == 0 {
			t.Errorf("got %+v", a)
		}
	}
}

// Only a 2xx within the time is a success. A redirect is not followed.
func TestReceivers(t *testing.T) {
	t.Parallel()
	elsewhere, followed := receiver(t, func(http.ResponseWriter, *http.Request) {})
	status := func(code int, header ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			for i := 0; i < len(header); i += 2 {
				w.Header().Set(header[i], header[i+1])
			}
			w.WriteHeader(code)
		}
	}
	hang := func(r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // the server notices the end of the connection afterwards
		<-r.Context().Done()
	}
	for name, tt := range map[string]struct {
		answer     http.HandlerFunc
		status     int
		failure    webhook.Failure
		retryAfter time.Duration
	}{
		"ok":                  {answer: status(200), status: 200},
		"accepted":            {answer: status(299), status: 299},
		"not_modified":        {answer: status(304), status: 304, failure: webhook.FailRedirect},
		"redirects":           {answer: status(307, "Location", elsewhere), status: 307, failure: webhook.FailRedirect},
		"moved":               {answer: status(301, "Location", elsewhere), status: 301, failure: webhook.FailRedirect},
		"bad_request":         {answer: status(400), status: 400, failure: webhook.FailStatus},
		"gone":                {answer: status(410), status: 410, failure: webhook.FailGone},
		"down":                {answer: status(500, "Retry-After", "7"), status: 500, failure: webhook.FailStatus},
		"busy":                {answer: status(503, "Retry-After", "7"), status: 503, failure: webhook.FailStatus, retryAfter: 7 * time.Second},
		"limited":             {answer: status(429, "Retry-After", "120"), status: 429, failure: webhook.FailStatus, retryAfter: 2 * time.Minute},
		"limited_for_ever":    {answer: status(429, "Retry-After", "9223372036854775807"), status: 429, failure: webhook.FailStatus, retryAfter: 24 * time.Hour},
		"limited_until_1994":  {answer: status(429, "Retry-After", "Sun, 06 Nov 1994 08:49:37 GMT"), status: 429, failure: webhook.FailStatus},
		"limited_until_2100":  {answer: status(429, "Retry-After", "Fri, 01 Jan 2100 00:00:00 GMT"), status: 429, failure: webhook.FailStatus, retryAfter: 24 * time.Hour},
		"limited_nonsensical": {answer: status(429, "Retry-After", "soon"), status: 429, failure: webhook.FailStatus},
		"slow":                {answer: func(_ http.ResponseWriter, r *http.Request) { hang(r) }, failure: webhook.FailTimeout},
		"slow_body": {answer: func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusOK)
			w.(http.Flusher).Flush()
			hang(r)
		}, status: 200},
		"endless_head": {answer: hijacked(func(c net.Conn) {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n")
			for range 100 {
				_, _ = io.WriteString(c, "X-A: "+strings.Repeat("a", 1000)+"\r\n")
			}
		}), failure: webhook.FailConnection},
		"endless_informational": {answer: hijacked(func(c net.Conn) {
			for _, err := io.WriteString(c, ""); err == nil; {
				_, err = io.WriteString(c, "HTTP/1.1 103 Early Hints\r\nLink: "+strings.Repeat("a", 1000)+"\r\n\r\n")
			}
		}), failure: webhook.FailConnection},
		"breaks_off": {answer: hijacked(func(net.Conn) {}), failure: webhook.FailConnection},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url, calls := receiver(t, tt.answer)
			started := time.Now()
			a := newClient(local()).Send(t.Context(), webhook.Endpoint{URL: url, Secret: webhook.NewSecret()}, newEvent(t), 1)
			near := a.RetryAfter - tt.retryAfter
			if a.Status != tt.status || a.Failure != tt.failure || near > 0 || near < -time.Minute || tt.retryAfter < time.Hour && near != 0 {
				t.Errorf("got %+v, want status %d, failure %q, retry after %s", a, tt.status, tt.failure, tt.retryAfter)
			}
			if calls.Load() != 1 || followed.Load() != 0 {
				t.Errorf("got %d calls, and %d to where a redirect leads; want 1 and 0", calls.Load(), followed.Load())
			}
			if took := time.Since(started); took > 30*time.Second {
				t.Errorf("took %s", took)
			}
		})
	}
}

// hijacked answers with what it writes to the connection, which then ends.
func hijacked(write func(net.Conn)) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		c, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			panic(err)
		}
		write(c)
		_ = c.Close()
	}
}

// What is not there, or is not who it should be, fails and has a reason.
func TestUnreachable(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // closed at once
	if err != nil {
		t.Fatal(err)
	}
	closed := listener.Addr().String()
	_ = listener.Close()
	plain, _ := receiver(t, func(http.ResponseWriter, *http.Request) {})
	foreign := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(foreign.Close)
	names := nameserver(t, func(string) netip.Addr { return netip.Addr{} })
	for url, want := range map[string]webhook.Failure{
		"http://" + closed: webhook.FailConnection,
		foreign.URL:        webhook.FailTLS,
		strings.Replace(plain, "http", "https", 1): webhook.FailTLS,
		"https://missing.example":                  webhook.FailName,
		"http://example.com/":                      webhook.FailURL,
		"https://10.0.0.1/":                        webhook.FailURL,
	} {
		c := newClient(local())
		c.ResolveWith(names)
		if a := c.Send(t.Context(), webhook.Endpoint{URL: url, Secret: webhook.NewSecret()}, newEvent(t), 1); a.Failure != want || a.Status != 0 {
			t.Errorf("%s: got %+v, want %s", url, a, want)
		}
	}
}

// A name whose address changes between two attempts, or between the check of a URL
// and the attempt, leads to no address that is not public.
func TestDNSRebinding(t *testing.T) {
	t.Parallel()
	var calls atomic.Int64
	server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { calls.Add(1) }))
	t.Cleanup(server.Close)
	pool := x509.NewCertPool()
	pool.AddCert(server.Certificate()) // is for example.com, too
	_, port, _ := net.SplitHostPort(server.Listener.Addr().String())
	e := webhook.Endpoint{URL: "https://example.com:" + port + "/", Secret: webhook.NewSecret()}

	var address atomic.Pointer[netip.Addr]
	names := nameserver(t, func(string) netip.Addr { return *address.Load() })
	send := func(rules webhook.Rules, to string) webhook.Failure {
		address.Store(new(netip.MustParseAddr(to)))
		c := newClient(rules)
		c.ResolveWith(names)
		c.Trust(pool)
		return c.Send(t.Context(), e, newEvent(t), 1).Failure
	}
	if got := send(local(), "127.0.0.1"); got != "" || calls.Load() != 1 {
		t.Fatalf("the receiver can't be reached: %s", got)
	}
	for _, to := range []string{"10.0.0.1", "169.254.169.254", "100.64.0.1", "192.168.0.1", "0.0.0.0", "224.0.0.1"} {
		if got := send(local(), to); got != webhook.FailAddress {
			t.Errorf("%s: got %q, want %q", to, got, webhook.FailAddress)
		}
	}
	if got := send(webhook.Rules{}, "127.0.0.1"); got != webhook.FailAddress || calls.Load() != 1 {
		t.Errorf("loopback: got %q and %d calls, want %q and 1", got, calls.Load(), webhook.FailAddress)
	}
}

// A proxy of the environment is not used: it would connect to any address.
func TestNoProxy(t *testing.T) {
	proxy, proxied := receiver(t, func(http.ResponseWriter, *http.Request) {})
	t.Setenv("HTTP_PROXY", proxy)
	t.Setenv("HTTPS_PROXY", proxy)
	c := newClient(local()) // could connect to the proxy
	c.ResolveWith(nameserver(t, func(string) netip.Addr { return netip.MustParseAddr("10.0.0.1") }))
	if a := c.Send(t.Context(), webhook.Endpoint{URL: "https://example.com/", Secret: webhook.NewSecret()}, newEvent(t), 1); a.Failure != webhook.FailAddress || proxied.Load() != 0 {
		t.Errorf("got %+v and %d calls of the proxy", a, proxied.Load())
	}
}

// nameserver starts a DNS server, and returns a resolver that asks it. A name without
// an address does not exist.
func nameserver(t testing.TB, addressOf func(name string) netip.Addr) *net.Resolver {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0") //nolint:noctx // closed at the end of the test
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	go func() {
		query := make([]byte, 512)
		for {
			n, from, err := conn.ReadFrom(query)
			if err != nil {
				return
			}
			_, _ = conn.WriteTo(dnsAnswer(query[:n], addressOf), from)
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
}

// dnsAnswer answers a query with one question (RFC 1035, 4.1).
func dnsAnswer(query []byte, addressOf func(string) netip.Addr) []byte {
	const header, typeA = 12, 1
	end := header
	var labels []string
	for query[end] != 0 {
		n := int(query[end])
		labels = append(labels, string(query[end+1:end+1+n]))
		end += 1 + n
	}
	end += 5 // the final 0, type and class
	address := addressOf(strings.Join(labels, "."))
	answer := append([]byte{}, query[:end]...)
	binary.BigEndian.PutUint16(answer[2:], 0x8180) // a response without error
	copy(answer[6:header], make([]byte, 6))        // no records
	switch kind := binary.BigEndian.Uint16(query[end-4:]); {
	case !address.IsValid():
		answer[3] |= 3 // no such name
	case kind == typeA:
		answer[7] = 1                                                           // one record:
		answer = append(answer, 0xc0, header, 0, typeA, 0, 1, 0, 0, 0, 0, 0, 4) // name, type, class, 0 s to live, length
		answer = append(answer, address.AsSlice()...)
	}
	return answer
}

// Failures have no text of the receiver, which could forge log lines or messages.
func TestFailureHasNoForeignText(t *testing.T) {
	t.Parallel()
	url, _ := receiver(t, hijacked(func(c net.Conn) { _, _ = io.WriteString(c, "forged\r\n\r\n") }))
	a := newClient(local()).Send(t.Context(), webhook.Endpoint{URL: url, Secret: webhook.NewSecret()}, newEvent(t), 1)
	if a.Failure != webhook.FailConnection || strings.Contains(fmt.Sprint(a), "forged") {
		t.Errorf("got %+v", a)
	}
}

// Each attempt makes a connection of its own, whose address is checked.
func TestEachAttemptConnects(t *testing.T) {
	t.Parallel()
	var connections atomic.Int64
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	c := newClient(local())
	for range 3 {
		if a := c.Send(t.Context(), webhook.Endpoint{URL: server.URL, Secret: webhook.NewSecret()}, newEvent(t), 1); a.Failure != "" {
			t.Fatalf("got %+v", a)
		}
	}
	if connections.Load() != 3 {
		t.Errorf("got %d connections, want 3", connections.Load())
	}
}
