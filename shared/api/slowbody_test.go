package api_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/api"
	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/gate"
	"github.com/latchkey-api/latchkey/shared/token"
)

// bodies serves requests whose bodies are special.
type bodies struct {
	t       *testing.T
	handler http.Handler
	access  string
	key     string
}

func newBodies(t *testing.T) *bodies {
	t.Helper()
	kit := dynamotest.New(t)
	tenant := kit.Tenant(t, "sender")
	_, key, err := tenant.Create(t.Context(), tenant.Access, token.Settings{Name: new("a")})
	if err != nil {
		t.Fatal(err)
	}
	services := api.Services{Tokens: &token.Service{Store: kit.Store, Now: time.Now}, Keys: gate.New(kit.Store)}
	return &bodies{t, api.New(services, slog.New(slog.DiscardHandler), api.Routes()...), tenant.Access.Reveal(), key.Reveal()}
}

func (b *bodies) send(ctx context.Context, method, path, credential string, body io.Reader, length int64) (int, string) {
	r := httptest.NewRequestWithContext(ctx, method, path, body)
	r.ContentLength = length
	r.Header.Set("Authorization", "Bearer "+credential)
	w := httptest.NewRecorder()
	b.handler.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

// A body that does not come in time is 408, and not an error of the database.
func TestSlowBody(t *testing.T) {
	t.Parallel()
	b := newBodies(t)
	late, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	for _, row := range []struct{ method, path, credential string }{
		{http.MethodPost, "/api/token/", b.access},
		{http.MethodPut, "/api/token/", b.access},
		{http.MethodPost, "/api/token/batch", b.access},
		{http.MethodPost, "/api/token/batch/keys", b.access},
		{http.MethodPost, "/api/token/verify", b.key},
		{http.MethodPost, "/api/token/settle", b.key},
	} {
		timedOut := fmt.Errorf("read tcp: %w", os.ErrDeadlineExceeded)
		if status, body := b.send(t.Context(), row.method, row.path, row.credential, iotest.ErrReader(timedOut), 10); status != http.StatusRequestTimeout || !strings.Contains(body, "request_timeout") {
			t.Errorf("%s %s, the read times out: got %d %s, want 408", row.method, row.path, status, body)
		}
		if status, body := b.send(late, row.method, row.path, row.credential, strings.NewReader(`{"name":"late"}`), 15); status != http.StatusRequestTimeout {
			t.Errorf("%s %s, the body comes late: got %d %s, want 408", row.method, row.path, status, body)
		}
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// Of a body of more than 16 KiB, or of unknown length, nothing is read before the
// caller is authenticated.
func TestLargeBodyOfStranger(t *testing.T) {
	t.Parallel()
	b := newBodies(t)
	const path = "/api/token/batch/create"
	for _, length := range []int64{api.MaxBody + 1, -1} {
		read := false
		watched := readerFunc(func([]byte) (int, error) {
			read = true
			return 0, io.ErrUnexpectedEOF
		})
		stranger := credential.NewAccessToken(1, 0).Reveal()
		if status, body := b.send(t.Context(), http.MethodPost, path, stranger, watched, length); status != http.StatusUnauthorized || read {
			t.Errorf("a stranger: got %d %s, the body was read: %t; want 401 and no read", status, body, read)
		}
		if status, body := b.send(t.Context(), http.MethodPost, path, b.access, watched, length); status != http.StatusBadRequest || !read {
			t.Errorf("a user: got %d %s, want 400, because the body can't be read", status, body)
		}
	}
	large := `{"tokens":[{"name":"a"}` + strings.Repeat(" ", api.MaxBody) + `]}`
	if status, body := b.send(t.Context(), http.MethodPost, path, b.access, strings.NewReader(large), int64(len(large))); status != http.StatusCreated {
		t.Errorf("a large batch: got %d %s, want 201", status, body)
	}
}

// How long a body takes grows with its length, whatever its keys are.
func BenchmarkManyKeys(b *testing.B) {
	for _, n := range []int{1_000, 10_000} {
		var body strings.Builder
		body.WriteString(`{"tokens":[{`)
		for i := range n {
			fmt.Fprintf(&body, `"k%d":0,`, i)
		}
		body.WriteString(`"name":"a"}]}`)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				api.ParseObject([]byte(body.String()))
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/key")
		})
	}
}
