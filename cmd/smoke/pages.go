package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/latchkey-api/latchkey/shared/wire"
)

// A page is what a browser gets, without a credential.
type page struct {
	path, kind string
	isDocument bool // and so has a policy that lets no other site frame it
}

func pages() []page {
	const html = "text/html; charset=utf-8"
	return []page{
		{"/", html, true},
		{"/docs", html, true},
		{"/docs/", html, true},
		{wire.OpenAPIPath, "application/json; charset=utf-8", false},
	}
}

func (w *walk) look(ctx context.Context, p page) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, w.base+p.path, nil)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return fmt.Errorf("page: %w", err)
	}
	defer answer.Body.Close() //nolint:errcheck // what is in it is for other tests
	kind, policy := answer.Header.Get("Content-Type"), answer.Header.Get("Content-Security-Policy")
	if answer.StatusCode != http.StatusOK || kind != p.kind {
		return fmt.Errorf("page: GET %s answered %d, %s, want 200, %s", p.path, answer.StatusCode, kind, p.kind)
	}
	if p.isDocument && !strings.Contains(policy, "frame-ancestors 'none'") {
		return fmt.Errorf("page: GET %s has the policy %q: another site may frame it", p.path, policy)
	}
	_, _ = fmt.Fprintf(w.out, "ok  %d  %-6s %-32s page\n", answer.StatusCode, http.MethodGet, p.path)
	return nil
}
