package main_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/latchkey-api/latchkey/internal/tokenctltest"
)

// A web page of another site can use neither what serve prints as the engine's URL,
// which needs no credentials, nor the API, whose answers it can't read.
func TestServeGuardsEngine(t *testing.T) {
	s := tokenctltest.Serve(t, anyPort(t.TempDir()))
	for _, row := range []struct {
		method, url string
		status      int
	}{
		{http.MethodPost, s.Endpoint, http.StatusForbidden},
		{http.MethodOptions, s.Endpoint, http.StatusForbidden},
		{http.MethodGet, s.URL + "/api/token/", http.StatusUnauthorized},
		{http.MethodOptions, s.URL + "/api/token/", http.StatusMethodNotAllowed},
	} {
		r, err := http.NewRequestWithContext(t.Context(), row.method, row.url, strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Origin", "https://evil.example")
		r.Header.Set("Access-Control-Request-Method", http.MethodPost)
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		if got := answer.Header.Get("Access-Control-Allow-Origin"); answer.StatusCode != row.status || got != "" {
			t.Errorf("%s %s: got %s, allowed origin %q, want %d and none", row.method, row.url, answer.Status, got, row.status)
		}
	}
}
