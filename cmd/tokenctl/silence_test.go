package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/latchkey-api/latchkey/cmd/tokenctl/export"
	"github.com/latchkey-api/latchkey/internal/tokenctltest"
	"github.com/latchkey-api/latchkey/shared/client"
	"github.com/latchkey-api/latchkey/shared/credential"
)

// TestReadsOfSilentEngine checks that a command that only reads names an endpoint
// that does not answer, and does not say that it may have changed something.
func TestReadsOfSilentEngine(t *testing.T) {
	t.Parallel()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	prices := filepath.Join(t.TempDir(), "prices.json")
	if err := os.WriteFile(prices, []byte(`{"models":{}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	endpoint := "http://" + l.Addr().String()
	for _, args := range []string{
		"user list", "user show alice", "prices show", "prices check " + prices, "reconcile alice",
		"restore --from live --to restored --dry-run",
	} {
		t.Run(strings.ReplaceAll(strings.Fields(args)[0]+" "+strings.Fields(args)[1], " ", "_"), func(t *testing.T) {
			t.Parallel()
			env := []string{"DYNAMODB_ENDPOINT=" + endpoint, "AWS_REGION=us-east-1", "AWS_ACCESS_KEY_ID=a", "AWS_SECRET_ACCESS_KEY=b"}
			r := tokenctltest.Run(t, env, strings.Fields(args)...)
			tokenctltest.WantRefusal(t, r, "DynamoDB at "+endpoint+" did not respond as expected: check DYNAMODB_ENDPOINT or --endpoint and run the command again.")
		})
	}
}

// TestReadsOfSilentAPI checks that a read of the API that gets no answer, or is
// interrupted, says nothing about a change, and that a change says it.
func TestReadsOfSilentAPI(t *testing.T) {
	t.Parallel()
	const doubt = "may or may not have been made"
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	t.Cleanup(server.Close)
	s := &session{Client: client.New(server.URL, "at-x"), url: server.URL}
	_, err := s.Get(t.Context(), 1)
	if got := s.explain(err).Error(); got != "the API at "+server.URL+" did not answer (EOF): check that it is running and that the URL is correct" {
		t.Errorf("a read without an answer: got %q", got)
	}
	if got := s.explain(s.Delete(t.Context(), 1)).Error(); !strings.Contains(got, doubt) {
		t.Errorf("a deletion without an answer: got %q, want that it is in doubt", got)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = s.Get(ended, 1)
	if got := s.explain(err).Error(); got != "interrupted" {
		t.Errorf("an interrupted read: got %q", got)
	}
	if got := s.explain(s.Delete(ended, 1)).Error(); !strings.Contains(got, doubt) {
		t.Errorf("an interrupted deletion: got %q, want that it is in doubt", got)
	}
	p := probe{url: server.URL, row: export.Row{There: export.There{Plain: credential.NewSecret("a-key-of-another-system")}}}
	if err := p.ask(t.Context(), &console{err: io.Discard}); err == nil || strings.Contains(err.Error(), doubt) {
		t.Errorf("shadow: got %v, want an error that says nothing about a change", err)
	}
}
