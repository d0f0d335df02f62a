//go:build stack

package stacktest_test

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/latchkey-api/latchkey/internal/document"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// output runs a program in the environment of the operator, and returns what it
// printed without the line break at its end.
func (o *operator) output(t *testing.T, name string, args ...string) string {
	t.Helper()
	var said bytes.Buffer
	cmd := exec.CommandContext(t.Context(), name, args...) //nolint:gosec // the test's own
	cmd.Dir, cmd.Env, cmd.Stderr = o.root, append(slices.Clone(o.environment), "AWS_PROFILE=me"), &said
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, said.Bytes())
	}
	return strings.TrimSpace(string(out))
}

// aws runs the AWS CLI and returns the field of its answer that query selects.
func (o *operator) aws(t *testing.T, query string, args ...string) string {
	t.Helper()
	return o.output(t, filepath.Join(o.root, ".tools/ministack/bin/aws"), append(args, "--query", query, "--output", "text")...)
}

// An inventory is what account.py prints.
type inventory struct {
	Names     map[string][]string // by kind
	Functions map[string]struct {
		Versions map[string]string // SHA-256 of the code by version
		Aliases  map[string]string // version by alias
	}
}

func (o *operator) inventory(t *testing.T) (found inventory) {
	t.Helper()
	text := o.output(t, filepath.Join(o.root, ".tools/ministack/bin/python"), filepath.Join(o.root, "internal/stacktest/account.py"))
	if err := json.Unmarshal([]byte(text), &found); err != nil {
		t.Fatal(err)
	}
	return found
}

// request sends a request by way of the proxy and returns the status and the
// body. Headers are alternating names and values.
func (o *operator) request(t *testing.T, method, at, body string, headers ...string) (int, []byte) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, at, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for pair := range slices.Chunk(headers, 2) {
		r.Header.Set(pair[0], pair[1])
	}
	proxy, err := url.Parse(o.proxy)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{Proxy: http.ProxyURL(proxy)}
	defer transport.CloseIdleConnections()
	answer, err := (&http.Client{Transport: transport}).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close() //nolint:errcheck // it is only read
	content, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, content
}

// token creates a token of the last user that was created, and returns its URL
// and its key.
func (o *operator) token(t *testing.T, settings string) (at, key string) {
	t.Helper()
	status, body := o.request(t, http.MethodPost, o.values["<ApiUrl>"]+wire.TokensPath, settings, o.credentials()...)
	var made wire.Envelope[wire.Token]
	if err := json.Unmarshal(body, &made); err != nil || status != http.StatusCreated {
		t.Fatalf("create a token: got status %d (%v), want 201", status, err)
	}
	at, err := url.JoinPath(o.values["<ApiUrl>"], wire.TokensPath, strconv.FormatInt(made.Data.ID, 10))
	if err != nil {
		t.Fatal(err)
	}
	return at, made.Data.Key
}

// credentials returns the headers of a request to the API.
func (o *operator) credentials() []string {
	return []string{"Authorization", "Bearer " + o.values["<access token>"], "Content-Type", "application/json"}
}

// createOtherAPI creates an HTTP API that forwards to a server of the test.
func (o *operator) createOtherAPI(t *testing.T) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }))
	t.Cleanup(server.Close)
	api := o.aws(t, "ApiId", "apigatewayv2", "create-api", "--name", "other", "--protocol-type", "HTTP")
	integration := o.aws(t, "IntegrationId", "apigatewayv2", "create-integration", "--api-id", api, "--integration-type", "HTTP_PROXY",
		"--integration-method", "GET", "--integration-uri", server.URL, "--payload-format-version", "1.0")
	o.values["<its route>"] = o.aws(t, "RouteId", "apigatewayv2", "create-route", "--api-id", api, "--route-key", "GET /hello", "--target", "integrations/"+integration)
	o.aws(t, "StageName", "apigatewayv2", "create-stage", "--api-id", api, "--stage-name", "$default", "--auto-deploy")
	o.values["<id of your HTTP API>"] = api
}

// checkAuthorizer checks that the other API passes a request only with a key that
// is valid at that moment.
func (o *operator) checkAuthorizer(t *testing.T) {
	t.Helper()
	api := o.values["<id of your HTTP API>"]
	hello := o.aws(t, "ApiEndpoint", "apigatewayv2", "get-api", "--api-id", api) + "/hello"
	at, key := o.token(t, `{"name":"authorizer","unlimited_quota":true}`)
	check := func(name string, want int, headers ...string) {
		t.Helper()
		if got, body := o.request(t, http.MethodGet, hello, "", headers...); got != want {
			t.Errorf("%s: got %d %s, want %d", name, got, body, want)
		}
	}
	check("valid key", http.StatusOK, "Authorization", "Bearer "+key)
	check("no header", http.StatusUnauthorized)
	check("not a key", http.StatusForbidden, "Authorization", "Bearer nonsense")
	if status, body := o.request(t, http.MethodDelete, at, "", o.credentials()...); status != http.StatusOK {
		t.Fatalf("delete the token: got %d %s, want 200", status, body)
	}
	check("key of a deleted token", http.StatusForbidden, "Authorization", "Bearer "+key)
	o.aws(t, "@", "apigatewayv2", "delete-api", "--api-id", api)
}

// configure writes the settings of the stages as an operator has to before
// staging and prod can be deployed.
func (o *operator) configure(t *testing.T) {
	t.Helper()
	here := `{"account":"` + o.aws(t, "Account", "sts", "get-caller-identity") + `","region":"` + region + `"}`
	o.write(t, stagesName, `{"staging":`+here+`,"prod":`+here+`}`)
}

// checkCI checks that jobs of the subject may deploy, and that CloudFormation then has
// the rights of infra/ci and no others.
func (o *operator) checkCI(t *testing.T) {
	t.Helper()
	account := o.aws(t, "Account", "sts", "get-caller-identity")
	role := "cdk-hnb659fds-cfn-exec-role-" + account + "-" + region
	if got, want := o.aws(t, "AttachedPolicies[].PolicyArn", "iam", "list-attached-role-policies", "--role-name", role), o.values["<ExecutionPolicyArn>"]; got != want {
		t.Errorf("got the policies %s of CloudFormation, want %s", got, want)
	}
	provider := "arn:aws:iam::" + account + ":oidc-provider/token.actions.githubusercontent.com"
	if got := o.aws(t, "ClientIDList", "iam", "get-open-id-connect-provider", "--open-id-connect-provider-arn", provider); got != "sts.amazonaws.com" {
		t.Errorf("got an identity provider for %s, want sts.amazonaws.com", got)
	}
	_, name, _ := strings.Cut(o.values["<DeployRoleArn>"], "role/")
	trust := o.aws(t, "Role.AssumeRolePolicyDocument.Statement[].[Principal.Federated, Condition.StringEquals.\"token.actions.githubusercontent.com:sub\"[]][]", "iam", "get-role", "--role-name", name)
	if want := provider + "\trepo:OWNER/alice:environment:prod"; strings.ReplaceAll(trust, "\n", "\t") != want {
		t.Errorf("got a role for %s, want %s", trust, want)
	}
}

// changeFunction changes the code of one function and deploys prod.
func (o *operator) changeFunction(t *testing.T) {
	t.Helper()
	file := o.bootstrap("get")
	binary, err := os.ReadFile(filepath.Join(o.home, file)) //nolint:gosec // the test wrote it
	if err != nil {
		t.Fatal(err)
	}
	o.write(t, file, string(binary)+"changed") // the system ignores what follows the program
	o.run(t, document.Command{Text: "make deploy STAGE=prod"}, "")
	for name, f := range o.inventory(t).Functions {
		want := map[string]string{"live": "1"}
		switch {
		case !strings.HasPrefix(name, "Latchkey-prod-"):
			continue
		case strings.HasPrefix(name, "Latchkey-prod-get"):
			o.values["<function>"], o.values["<previous version>"] = name, "1"
			want["live"] = "2"
		}
		if versions := len(f.Versions); !maps.Equal(f.Aliases, want) || strconv.Itoa(versions) != want["live"] {
			t.Errorf("%s: got aliases %v and %d versions, want the aliases %v", name, f.Aliases, versions, want)
		}
	}
	if o.values["<function>"] == "" {
		t.Error("prod has no function get")
	}
}

// checkRollBack checks that the function uses its first version again.
func (o *operator) checkRollBack(t *testing.T) {
	t.Helper()
	f := o.inventory(t).Functions[o.values["<function>"]]
	if want := map[string]string{"live": "1"}; !maps.Equal(f.Aliases, want) || len(f.Versions) != 2 {
		t.Errorf("got aliases %v and versions %v, want %v and both versions", f.Aliases, f.Versions, want)
	}
}

// checkKept checks that the account has only the table, the logs and the queue of
// the stage prod.
func (o *operator) checkKept(t *testing.T) {
	t.Helper()
	for kind, names := range o.inventory(t).Names {
		for _, name := range names {
			if kept := slices.Contains([]string{"table", "log group", "queue"}, kind); strings.Contains(name, "Latchkey-prod") && !kept {
				t.Errorf("the %s %s is left, want only the table, the logs and the queue", kind, name)
			}
		}
	}
}

// checkNothingLeft checks that the account has nothing of the stage dev.
func (o *operator) checkNothingLeft(t *testing.T) {
	t.Helper()
	for kind, names := range o.inventory(t).Names {
		for _, name := range names {
			if strings.Contains(name, "Latchkey-dev") {
				t.Errorf("the %s %s is left, want nothing", kind, name)
			}
		}
	}
}
