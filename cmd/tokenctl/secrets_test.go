package main_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/latchkey-api/latchkey/internal/capture"
	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/internal/tokenctltest"
	"github.com/latchkey-api/latchkey/shared/client"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// TestServeKeepsSecrets makes, uses, rotates and leaks keys, makes and rotates secrets of webhooks, and sends keys and
// access tokens where they don't belong. None of them, in any form, is in the history,
// the audit trail, the timers, what receivers of webhooks got, or the log. The items of
// tokens, users, foreign keys, endpoints and saved responses are not searched: they
// have hashes, or what is encrypted.
func TestServeKeepsSecrets(t *testing.T) {
	received := new(capture.Output)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, _ = fmt.Fprintf(received, "%s %v\n%s\n", r.URL, r.Header, body)
	}))
	defer receiver.Close()
	s := tokenctltest.Serve(t, append(anyPort(t.TempDir()), "TABLE_NAME="+dynamotest.Table))
	c := client.New(s.URL, s.AccessToken)
	secrets := map[string]string{"access token": s.AccessToken}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	hook, err := c.CreateWebhook(t.Context(), wire.WebhookInput{URL: new(receiver.URL + "/hook")})
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
	misplace(t, s, c, made.ID, secrets)
	must(c.Revoke(t.Context(), rotated.Key))
	must(c.Delete(t.Context(), made.ID))
	tokenctltest.Eventually(t, "the deletion is in the audit trail", func() bool {
		page, err := c.Audit(t.Context(), made.ID, client.AuditOptions{PageSize: 100})
		return err == nil && len(page.Items) > 3 && page.Items[0].Action == "token.deleted"
	})
	places := map[string]string{"the log": s.Stderr.String(), "what receivers got": received.String(), "the table": recordedItems(t, s.Endpoint)}
	for name, secret := range secrets {
		for form, text := range capture.Forms(secret) {
			for place, content := range places {
				if len(text) < 16 || content == "" || strings.Contains(content, text) {
					t.Errorf("%s, %s, is in %s (%d bytes)", name, form, place, len(content))
				}
			}
		}
	}
}

// misplace sends each secret in the name of a token and of a model, in paths, queries,
// headers and bodies. The answers don't matter.
func misplace(t *testing.T, s *tokenctltest.Server, c *client.Client, id int64, secrets map[string]string) {
	t.Helper()
	for _, secret := range secrets {
		_, _ = c.Update(t.Context(), id, wire.UpdateInput{TokenInput: wire.TokenInput{Name: new("x " + secret), Models: []string{secret}}})
		_, _ = c.Verify(t.Context(), secrets["key"], wire.VerifyInput{Model: new(secret), Quota: new(int64(1))})
		for _, target := range []string{"/api/token/" + url.PathEscape(secret), "/api/token/?after=" + url.QueryEscape(secret), "/" + url.PathEscape(secret)} {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+target, strings.NewReader(`{"name":"`+secret+`"`))
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range []string{"Authorization", "User-Agent", "Idempotency-Key", "X-Request-Id", "Referer", "If-Match", "New-Api-User"} {
				r.Header.Set(name, secret)
			}
			response, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			_ = response.Body.Close()
		}
	}
}

// recordedItems returns what the items of histories, audit trails and timers have, with
// all names and values.
func recordedItems(t *testing.T, endpoint string) string {
	t.Helper()
	var all strings.Builder
	pages := dynamodb.NewScanPaginator(dynamotest.Client(endpoint), &dynamodb.ScanInput{TableName: aws.String(dynamotest.Table)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, it := range page.Items {
			if pk, ok := it["pk"].(*types.AttributeValueMemberS); ok && strings.ContainsRune("AYZCF", rune(pk.Value[0])) {
				writeValue(&all, &types.AttributeValueMemberM{Value: it})
			}
		}
	}
	return all.String()
}

func writeValue(b *strings.Builder, value types.AttributeValue) {
	switch v := value.(type) {
	case *types.AttributeValueMemberM:
		for name, e := range v.Value {
			b.WriteString(name + " ")
			writeValue(b, e)
		}
	case *types.AttributeValueMemberL:
		for _, e := range v.Value {
			writeValue(b, e)
		}
	case *types.AttributeValueMemberB:
		b.WriteString(string(v.Value) + "\n")
	case *types.AttributeValueMemberS:
		b.WriteString(v.Value + "\n")
	case *types.AttributeValueMemberN:
		b.WriteString(v.Value + "\n")
	}
}
