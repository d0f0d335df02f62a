package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/latchkey-api/latchkey/shared/wire"
)

// A page is a file that a browser gets without a credential.
type page struct {
	path, contentType string
	isDocument        bool // it must have a policy against framing by other sites
}

func pages() []page {
	const html = "text/html; charset=utf-8"
	return []page{
		{"/", html, true},
		{"/docs", html, true},
		{"/docs/", html, true},
		{wire.OpenAPIPath, "application/json; charset=utf-8", false},
		{wire.OpenAPIPath + "/", "application/json; charset=utf-8", false},
	}
}

func (r *runner) checkPage(ctx context.Context, p page) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, r.base+p.path, nil)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("page: %w", err)
	}
	defer answer.Body.Close() //nolint:errcheck // it is not read
	contentType, policy := answer.Header.Get("Content-Type"), answer.Header.Get("Content-Security-Policy")
	if answer.StatusCode != http.StatusOK || contentType != p.contentType {
		return fmt.Errorf("page: GET %s answered %d, %s, want 200, %s", p.path, answer.StatusCode, contentType, p.contentType)
	}
	if p.isDocument && !strings.Contains(policy, "frame-ancestors 'none'") {
		return fmt.Errorf("page: GET %s has the policy %q, which lets other sites frame it", p.path, policy)
	}
	_, _ = fmt.Fprintf(r.out, "ok  %d  %-6s %-32s page\n", answer.StatusCode, http.MethodGet, p.path)
	return nil
}
