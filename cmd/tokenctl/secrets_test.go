package main_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/latchkey-api/latchkey/internal/capture"
	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/internal/tokenctltest"
	"github.com/latchkey-api/latchkey/shared/client"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// TestServeKeepsSecrets makes, imports, uses, rotates and leaks keys, access tokens and secrets of webhooks, and sends
// each of them where it doesn't belong, to serve and to proxy. No form of them is in what serve, proxy and import print
// and log, in what receivers of webhooks get, in exports of the history and the audit trail, or in the table, except
// where SECURITY.md says so.
func TestServeKeepsSecrets(t *testing.T) {
	r := startSecretRun(t)
	imported := r.importKeys(t)
	made, err := r.client.Create(t.Context(), wire.TokenInput{Name: new("app"), UnlimitedQuota: new(true)})
	r.must(t, err)
	r.secrets["key"] = made.Key
	for _, key := range append(imported, made.Key) {
		verdict, err := r.client.Verify(t.Context(), key, wire.VerifyInput{Model: new("m"), Quota: new(int64(3))})
		if err != nil || !verdict.Valid {
			t.Fatalf("got %+v, %v; want a valid key", verdict, err)
		}
	}
	rotated, err := r.client.Rotate(t.Context(), made.ID, 60)
	r.must(t, err)
	r.secrets["rotated key"] = rotated.Key
	output := tokenctltest.Succeed(t, r.env, "user", "rotate", "demo")
	r.secrets["second access token"] = capture.FindCredential(output)
	again, err := r.client.RotateWebhook(t.Context(), r.hook)
	r.must(t, err)
	r.secrets["rotated webhook"] = again.Secret

	target, err := r.client.CreateWebhook(t.Context(), wire.WebhookInput{URL: new("http://127.0.0.1:1/"), Types: []string{"token.disabled"}})
	r.must(t, err)
	r.secrets["other webhook"] = target.Secret
	for _, secret := range r.secrets {
		r.misplace(t, made.ID, target.ID, secret)
	}
	r.must(t, r.client.Revoke(t.Context(), rotated.Key))
	r.must(t, r.client.Delete(t.Context(), made.ID))
	r.search(t, made.ID)
}

// A secretRun is a server, a proxy and a receiver of webhooks, and the secrets that they
// have seen.
type secretRun struct {
	serve, proxy *tokenctltest.Server
	received     *capture.Output
	client       *client.Client
	env          []string // of commands for the operator
	secrets      capture.Secrets
	printed      map[string]string // by commands that have ended
	hook         int64
}

func (r *secretRun) must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func startSecretRun(t *testing.T) *secretRun {
	t.Helper()
	r := &secretRun{received: new(capture.Output), printed: map[string]string{}}
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, in *http.Request) {
		body, _ := io.ReadAll(in.Body)
		_, _ = fmt.Fprintf(r.received, "%s %v\n%s\n", in.URL, in.Header, body)
	}))
	t.Cleanup(receiver.Close)
	upstream := httptest.NewServer(http.HandlerFunc(completeModel))
	t.Cleanup(upstream.Close)
	r.serve = tokenctltest.Serve(t, append(anyPort(t.TempDir()), "TABLE_NAME="+dynamotest.Table), "--foreign-keys")
	r.env = []string{"DYNAMODB_ENDPOINT=" + r.serve.Endpoint, "TABLE_NAME=" + dynamotest.Table}
	const key = "sk-upstream-0123456789abcdef"
	r.proxy = tokenctltest.Start(t, tokenctltest.Command(t, append(r.env, "PORT=0", "UPSTREAM_API_KEY="+key), "proxy", "--upstream", upstream.URL, "--foreign-keys"))
	r.client = client.New(r.serve.URL, r.serve.AccessToken)
	hook, err := r.client.CreateWebhook(t.Context(), wire.WebhookInput{URL: new(receiver.URL + "/hook")})
	r.must(t, err)
	_, err = r.client.TestWebhook(t.Context(), hook.ID)
	r.must(t, err)
	r.hook = hook.ID
	r.secrets = capture.Secrets{"access token": r.serve.AccessToken, "key of the upstream": key, "webhook": hook.Secret}
	return r
}

// importKeys imports keys of other systems, from exports with the keys and with their
// hashes, and tries exports in which the keys are in other columns. It returns the keys.
func (r *secretRun) importKeys(t *testing.T) (keys []string) {
	t.Helper()
	const header = "id,key,name,status,remain_quota,used_quota,unlimited_quota,expired_time,model_limits,allow_ips,deleted_at\n"
	const newAPI, liteLLM, unkey = "sk-abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQR0011", "sk-litellm-0123456789abcdefAB12", "prod_3ZUnkeyExample0123456789CD"
	hash := sha256.Sum256([]byte(liteLLM))
	dir := t.TempDir()
	for name, file := range map[string]struct {
		content string
		code    int
	}{
		"newapi.csv": {header + "11," + strings.TrimPrefix(newAPI, "sk-") + ",web,1,500000,1500,0,-1,,,\n", 0},
		"litellm.json": {`[{"token":"` + hex.EncodeToString(hash[:]) + `","key_name":"sk-...AB12","key_alias":"app","spend":0,"max_budget":10,` +
			`"expires":null,"models":[],"blocked":null}]`, 0},
		"unkey.json":   {`{"data":[{"keyId":"key_2","start":"prod_3Z","name":"decrypted","enabled":true,"plaintext":"` + unkey + `"}]}`, 0},
		"columns.csv":  {header + newAPI + "," + newAPI + "," + newAPI + "," + newAPI + "," + newAPI + ",x,x," + newAPI + "," + newAPI + "," + newAPI + "," + newAPI + "\n", 1},
		"header.csv":   {newAPI + "," + newAPI + "\n", 1},
		"broken.json":  {`[{"token":"` + liteLLM + `","` + liteLLM + `":"` + liteLLM + `"`, 1},
		"twice.csv":    {header + "11," + newAPI + ",web,1,5,1,0,-1,,,\n12," + newAPI + ",web,1,5,1,0,-1,,,\n", 1},
		"unheard.json": {`{"` + liteLLM + `":"` + newAPI + `"}`, 1},
	} {
		path := filepath.Join(dir, name)
		r.must(t, os.WriteFile(path, []byte(file.content), 0o600))
		for _, flags := range [][]string{{"--json"}, {}} {
			result := tokenctltest.Run(t, r.env, append([]string{"import", path, "--keep-keys", "--user", "demo", "--units-per-dollar", "500000"}, flags...)...)
			if result.Code != file.code {
				t.Fatalf("%s: got %+v, want exit %d", name, result, file.code)
			}
			r.printed["the output of import "+name] += result.Stdout + result.Stderr
		}
	}
	result := tokenctltest.Run(t, r.env, "import", filepath.Join(dir, "newapi.csv"), "--keep-keys", "--user", newAPI, "--ignore-column", liteLLM)
	r.printed["the refusal of flags"] = result.Stdout + result.Stderr
	r.secrets["key of New API"], r.secrets["key of LiteLLM"], r.secrets["key of Unkey"] = newAPI, liteLLM, unkey
	return []string{newAPI, liteLLM, unkey}
}

// misplace sends a secret in the name of a token and of a model, as a model of the proxy,
// in the URL of a webhook, and in paths, queries, headers and bodies. The answers don't
// matter. A text that doesn't look like a secret is no name and no path of a URL: nothing could find it there.
func (r *secretRun) misplace(t *testing.T, id, hook int64, secret string) {
	t.Helper()
	ctx, key := t.Context(), r.secrets["key"]
	body := `{"name":"` + secret + `"`
	if capture.FindCredential(secret) != "" {
		_, _ = r.client.UpdateWebhook(ctx, hook, wire.WebhookInput{URL: new("http://127.0.0.1:1/" + secret + "?key=" + secret)})
		_, _ = r.client.Update(ctx, id, wire.UpdateInput{TokenInput: wire.TokenInput{Name: new("x " + secret), Models: []string{"m", secret}}})
		_, _ = r.client.Update(ctx, id, wire.UpdateInput{TokenInput: wire.TokenInput{Models: []string{"*", secret}}})
		_, _ = r.client.Verify(ctx, key, wire.VerifyInput{Model: new(secret), Quota: new(int64(1))})
		_, _ = r.client.Reserve(ctx, key, wire.ReserveInput{VerifyInput: wire.VerifyInput{Model: new(secret), Quota: new(int64(1))}})
		r.send(t, r.proxy.URL+"/v1/chat/completions", `{"model":"`+secret+`","messages":[{"role":"user","content":"`+secret+`"}]}`, map[string]string{"Authorization": key})
	}
	_, _ = r.client.UpdateWebhook(ctx, hook, wire.WebhookInput{URL: new("http://127.0.0.1:1/?key=" + secret)})
	_, _ = r.client.TestWebhook(ctx, hook)
	_, _ = r.client.UpdateWebhook(ctx, hook, wire.WebhookInput{URL: new("http://" + secret + "@127.0.0.1:1/"), Types: []string{secret}})
	fresh, err := r.client.Create(ctx, wire.TokenInput{Name: new("fresh"), UnlimitedQuota: new(true)}) // the first use of a key records its program
	r.must(t, err)
	in := url.QueryEscape(secret)
	all := map[string]string{}
	for _, name := range []string{"User-Agent", "Authorization", "Idempotency-Key", "X-Request-Id", "Referer", "If-Match", "New-Api-User", "X-Api-Key", "Content-Type"} {
		all[name] = secret
		r.send(t, r.serve.URL+"/api/token/", `{"name":"b"}`, map[string]string{"Authorization": r.serve.AccessToken, name: secret})
		r.send(t, r.proxy.URL+"/v1/chat/completions", `{"model":"m"}`, map[string]string{"Authorization": fresh.Key, name: secret})
	}
	for _, path := range []string{"/api/token/" + in, "/api/token/?after=" + in, "/" + in, "/" + in + "?" + in + "=" + in, "/v1/models/" + in, "/v1beta/models/" + in + ":generateContent?key=" + in} {
		r.send(t, r.serve.URL+path, body, all)
		r.send(t, r.proxy.URL+path, body, all)
		r.send(t, r.proxy.URL+path, body, map[string]string{"Authorization": key})
	}
}

// send sends a request and ignores its answer.
func (*secretRun) send(t *testing.T, target, body string, header map[string]string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	for name, value := range header {
		if name == "Authorization" {
			value = "Bearer " + value
		}
		request.Header.Set(name, value)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
}

// search looks for the secrets everywhere.
func (r *secretRun) search(t *testing.T, id int64) {
	t.Helper()
	tokenctltest.Eventually(t, "the deletion is an event", func() bool { return strings.Contains(r.received.String(), "token.deleted") })
	places := r.printed
	places["the log of serve"], places["the log of the proxy"] = r.serve.Stderr.String(), r.proxy.Stderr.String()
	places["the output of serve"] = strings.ReplaceAll(r.serve.Stdout.String(), r.serve.AccessToken, "") // is shown there
	places["the output of the proxy"] = r.proxy.Stdout.String()
	places["what receivers got"] = r.received.String()
	r.exports(t, id)
	for place, content := range places {
		if content == "" {
			t.Errorf("%s is empty", place)
		}
		for _, leak := range r.secrets.Find(content) {
			t.Errorf("%s is in %s", leak, place)
		}
	}
	pages := dynamodb.NewScanPaginator(dynamotest.Client(r.serve.Endpoint), &dynamodb.ScanInput{TableName: aws.String(dynamotest.Table)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		r.must(t, err)
		for _, it := range page.Items {
			for _, leak := range dynamotest.FindSecrets(it, r.secrets) {
				t.Error(leak)
			}
		}
	}
}

// exports adds what the history and the audit trail give out, as JSON and as CSV. Both
// have masks of what was sent as a name.
func (r *secretRun) exports(t *testing.T, id int64) {
	t.Helper()
	add := func(name, mask, content string, err error) {
		r.must(t, err)
		if !strings.Contains(content, mask) {
			t.Errorf("%s lacks %s: no secret could leak there", name, mask)
		}
		r.printed[name] = content
	}
	encode := func(v any, err error) (string, error) {
		r.must(t, err)
		content, err := json.Marshal(v)
		return string(content), err
	}
	const masked = "whsec_**********"
	content, err := encode(r.client.History(t.Context(), id, client.HistoryOptions{By: "model"}))
	add("the history of a token", masked, content, err)
	content, err = r.client.HistoryCSV(t.Context(), id, client.HistoryOptions{By: "model"})
	add("the history of a token as CSV", masked, content, err)
	content, err = encode(r.client.AllHistory(t.Context(), client.HistoryOptions{By: "model"}))
	add("the history of a user", masked, content, err)
	content, _, err = r.client.SelfHistoryCSV(t.Context(), client.HistoryOptions{})
	add("the history of a user as CSV", masked, content, err)
	content, err = encode(r.client.FamilyLog(t.Context(), 0, 1<<40, client.ListOptions{}))
	add("the log of a user", masked, content, err)
	content, err = encode(r.client.Audit(t.Context(), id, client.AuditOptions{PageSize: 100}))
	add("the audit trail of a token", masked, content, err)
	content, err = encode(r.client.SelfAudit(t.Context(), client.AuditOptions{PageSize: 100}))
	add("the audit trail of a user", masked, content, err)
	add("tokenctl audit", masked, tokenctltest.Succeed(t, r.env, "audit", "--user", "demo", "--json"), nil)
	add("tokenctl audit as a table", "", tokenctltest.Succeed(t, r.env, "audit", "--user", "demo"), nil)
	env := append(r.env, "LATCHKEY_URL="+r.serve.URL, "LATCHKEY_ACCESS_TOKEN="+r.serve.AccessToken)
	for _, by := range []string{"token", "model"} {
		add("tokenctl usage by "+by, "", tokenctltest.Succeed(t, env, "usage", "export", "--csv", "--by", by), nil)
	}
}
