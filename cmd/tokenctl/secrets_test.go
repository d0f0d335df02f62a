package main_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/latchkey-api/latchkey/internal/capture"
	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/internal/tokenctltest"
	"github.com/latchkey-api/latchkey/shared/client"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// TestServeKeepsSecrets makes, imports, uses, rotates and leaks keys, makes and rotates
// secrets of webhooks, and sends keys and access tokens where they don't belong, also to
// the proxy. None of them, in any form, is in what serve, proxy and import log and print,
// except what serve prints when it is ready; in what receivers of webhooks got; in the
// history and the audit trail as the commands print them; or in the table, except where
// ARCHITECTURE.md says so.
func TestServeKeepsSecrets(t *testing.T) {
	received := new(capture.Output)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, _ = fmt.Fprintf(received, "%s %v\n%s\n", r.URL.Path, r.Header, body)
	}))
	defer receiver.Close()
	dir := t.TempDir()
	s := tokenctltest.Serve(t, append(anyPort(dir), "TABLE_NAME="+dynamotest.Table), "--foreign-keys")
	greeting := s.Stdout.String()
	c := client.New(s.URL, s.AccessToken)
	secrets := capture.Secrets{"access token": s.AccessToken}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	hook, err := c.CreateWebhook(t.Context(), wire.WebhookInput{URL: new(receiver.URL + "/hook?key=" + s.AccessToken)})
	must(err)
	secrets["webhook"] = hook.Secret
	_, err = c.TestWebhook(t.Context(), hook.ID)
	must(err)
	again, err := c.RotateWebhook(t.Context(), hook.ID)
	must(err)
	secrets["rotated webhook"] = again.Secret
	made, err := c.Create(t.Context(), wire.TokenInput{Name: new("app"), UnlimitedQuota: new(true)})
	must(err)
	secrets["key"] = made.Key
	_, err = c.Verify(t.Context(), made.Key, wire.VerifyInput{Model: new("m"), Quota: new(int64(3))})
	must(err)
	rotated, err := c.Rotate(t.Context(), made.ID, 60)
	must(err)
	secrets["rotated key"] = rotated.Key
	env := []string{"DYNAMODB_ENDPOINT=" + s.Endpoint, "TABLE_NAME=" + dynamotest.Table, "LATCHKEY_URL=" + s.URL, "LATCHKEY_ACCESS_TOKEN=" + s.AccessToken}
	places := map[string]string{"what import prints": importForeign(t, env, dir, secrets)}
	for name, secret := range secrets {
		if v, err := c.Verify(t.Context(), secret, wire.VerifyInput{Model: new("m"), Quota: new(int64(1))}); strings.Contains(name, "foreign") && (err != nil || !v.Valid) {
			t.Errorf("%s: got %+v, %v, want it valid", name, v, err)
		}
	}
	misplace(t, s, c, made.ID, secrets)
	places["what the proxy prints"] = proxySecrets(t, env, secrets)
	must(c.Revoke(t.Context(), rotated.Key))
	must(c.Delete(t.Context(), made.ID))
	tokenctltest.Eventually(t, "the deletion is in the audit trail", func() bool {
		page, err := c.Audit(t.Context(), made.ID, client.AuditOptions{PageSize: 100})
		return err == nil && len(page.Items) > 3 && page.Items[0].Action == "token.deleted"
	})
	places["the log"], places["what receivers got"] = s.Stderr.String(), received.String()
	places["what serve printed later"] = "it printed: " + strings.TrimPrefix(s.Stdout.String(), greeting)
	places["the audit trail"] = tokenctltest.Succeed(t, env, "audit", "--json")
	for _, by := range []string{"token", "model"} {
		places["the usage by "+by] = tokenctltest.Succeed(t, env, "usage", "export", "--csv", "--by", by)
	}
	for place, content := range places {
		if content == "" {
			t.Errorf("%s is empty", place)
		}
		for _, leak := range secrets.Find(content) {
			t.Errorf("%s is in %s (%d bytes)", leak, place, len(content))
		}
	}
	searchTable(t, s.Endpoint, secrets)
}

// importForeign imports tokens with keys of other systems, and returns what the command
// prints.
func importForeign(t *testing.T, env []string, dir string, secrets capture.Secrets) string {
	t.Helper()
	const rows = `[{"name":"old","key":"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKL","status":1,"remain_quota":5000,"expired_time":-1,"model_limits":"","allow_ips":"","deleted_at":null}]`
	secrets["foreign key"] = "sk-0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKL"
	file := filepath.Join(dir, "tokens.json")
	if err := os.WriteFile(file, []byte(rows), 0o600); err != nil {
		t.Fatal(err)
	}
	r := tokenctltest.Run(t, env, "import", file, "--keep-keys", "--user", "demo")
	if !strings.Contains(r.Stdout, "1 token") {
		t.Fatalf("got %+v, want one token imported", r)
	}
	bad := tokenctltest.Run(t, env, "import", file, "--keep-keys", "--user", "demo", "--ignore-column", secrets["foreign key"])
	return r.Stdout + r.Stderr + bad.Stdout + bad.Stderr
}

// proxySecrets sends each secret to the proxy, as the key, as a model and in headers, and
// returns what the proxy prints.
func proxySecrets(t *testing.T, env []string, secrets capture.Secrets) string {
	t.Helper()
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"choices":[],"usage":{"total_tokens":21}}`)
	}))
	defer upstream.Close()
	secrets["key of the upstream"] = "sk-proj-abcdefghijKLMNOPQRST0123456789"
	p := tokenctltest.Start(t, tokenctltest.Command(t, append(env, "PORT=0", "UPSTREAM_API_KEY="+secrets["key of the upstream"]), "proxy", "--upstream", upstream.URL, "--foreign-keys"))
	charged := 0
	for _, secret := range secrets {
		for _, key := range []string{secret, secrets["rotated key"]} {
			for _, target := range []string{"/v1/chat/completions", "/v1/" + url.PathEscape(secret), "/v1/chat/completions?key=" + url.QueryEscape(secret)} {
				if send(t, p.URL+target, key, secret, `{"model":"`+secret+`","messages":[{"role":"user","content":"Hello"}]}`) == http.StatusOK {
					charged++
				}
			}
		}
	}
	if charged < len(secrets) {
		t.Errorf("the proxy served %d requests, want %d or more", charged, len(secrets))
	}
	p.End(t, syscall.SIGINT)
	return p.Stdout.String() + p.Stderr.String()
}

// send sends a request with a key, and a secret in headers, and returns the status.
func send(t *testing.T, target, key, secret, body string) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"User-Agent", "Idempotency-Key", "X-Request-Id", "Referer", "If-Match", "New-Api-User"} {
		r.Header.Set(name, secret)
	}
	r.Header.Set("Authorization", "Bearer "+key)
	r.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	return response.StatusCode
}

// misplace sends each secret in the name of a token and of a model, in paths, queries,
// headers and bodies. The answers don't matter.
func misplace(t *testing.T, s *tokenctltest.Server, c *client.Client, id int64, secrets capture.Secrets) {
	t.Helper()
	for _, secret := range secrets {
		_, _ = c.Update(t.Context(), id, wire.UpdateInput{TokenInput: wire.TokenInput{Name: new(secret[:min(len(secret), 50)]), Models: []string{"*", secret}}})
		_, _ = c.Verify(t.Context(), secrets["rotated key"], wire.VerifyInput{Model: new(secret), Quota: new(int64(1))})
		for _, target := range []string{"/api/token/" + url.PathEscape(secret), "/api/token/?after=" + url.QueryEscape(secret), "/" + url.PathEscape(secret)} {
			send(t, s.URL+target, secret, secret, `{"name":"`+secret+`"`)
		}
	}
}

// searchTable checks that no item of the table has a secret where it may not be.
func searchTable(t *testing.T, endpoint string, secrets capture.Secrets) {
	t.Helper()
	pages := dynamodb.NewScanPaginator(dynamotest.Client(endpoint), &dynamodb.ScanInput{TableName: aws.String(dynamotest.Table)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, it := range page.Items {
			for _, leak := range dynamotest.FindSecrets(it, secrets) {
				t.Error(leak)
			}
		}
	}
}
