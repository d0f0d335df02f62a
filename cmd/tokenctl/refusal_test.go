package main_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-api/latchkey/internal/dynamotest"

	"github.com/latchkey-api/latchkey/internal/tokenctltest"
)

// raw sends bytes to a server and returns what the server sends until it closes.
func raw(t *testing.T, base, request string) string {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", strings.TrimPrefix(base, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close() //nolint:errcheck // it was read
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	return string(answer)
}

// busy returns the address of a port that accepts connections and never answers.
func busy(t *testing.T) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l.Addr().String()
}

// TestStartFailsFast checks that serve and proxy give up within 4 seconds if the
// port is busy or DynamoDB does not answer, with one sentence on stderr.
func TestStartFailsFast(t *testing.T) {
	silent := busy(t)
	_, port, _ := net.SplitHostPort(silent)
	const free = "http://127.0.0.1:1"
	const unreachable = "DynamoDB can't be reached at " + free + ": start the engine, or check DYNAMODB_ENDPOINT or --endpoint."
	noAnswer := "DynamoDB at http://" + silent + " did not respond as expected: check DYNAMODB_ENDPOINT or --endpoint and run the command again."
	serve, proxy := []string{"serve"}, []string{"proxy", "--upstream", "https://api.openai.com"}
	for name, c := range map[string]struct {
		args []string
		env  string
		want string
	}{
		"serve/busy_port":            {serve, "PORT=" + port, "port " + port + " is in use: stop the program that uses it, or set PORT to another port, or to 0 for a free one."},
		"serve/endpoint_unreachable": {serve, "DYNAMODB_ENDPOINT=" + free, unreachable},
		"serve/endpoint_silent":      {serve, "DYNAMODB_ENDPOINT=http://" + silent, noAnswer},
		"proxy/endpoint_unreachable": {proxy, "DYNAMODB_ENDPOINT=" + free, unreachable},
	} {
		t.Run(name, func(t *testing.T) {
			started := time.Now()
			tokenctltest.WantRefusal(t, tokenctltest.Run(t, append(anyPort(t.TempDir()), c.env), c.args...), c.want)
			if took := time.Since(started); took > 4*time.Second {
				t.Errorf("took %v, want at most 4s", took)
			}
		})
	}
}

// TestServeReportsFailedEngine checks that serve reports an engine that exits at
// once, in one sentence.
func TestServeReportsFailedEngine(t *testing.T) {
	engine := script(t, "echo out of luck >&2; exit 3")
	r := tokenctltest.Run(t, anyPort(t.TempDir()), "serve", "--engine", engine)
	if r.Code != 1 || r.Stdout != "" || strings.Count(r.Stderr, "\n") != 1 ||
		!strings.HasPrefix(r.Stderr, "tokenctl: the DynamoDB engine "+engine+" did not start") && !strings.HasPrefix(r.Stderr, "tokenctl: the DynamoDB engine "+engine+" does not respond") {
		t.Errorf("got exit %d, %q, %q, want one sentence about the engine", r.Code, r.Stdout, r.Stderr)
	}
}

// TestServeWithoutInstalledEngine checks that serve says how to install the engine
// if it runs outside the project.
func TestServeWithoutInstalledEngine(t *testing.T) {
	args := []string{"serve"}
	cmd := tokenctltest.Command(t, anyPort(t.TempDir()), args...)
	cmd.Dir = t.TempDir()
	tokenctltest.WantRefusal(t, tokenctltest.Finish(t, cmd), "the local DynamoDB engine was not found in node_modules/ of this folder or of a folder above it: run `make tools` in the project, or set DYNAMODB_ENDPOINT to the URL of a running engine.")
}

// TestEmptySettingsMeanDefaults checks that an empty environment variable means the
// default.
func TestEmptySettingsMeanDefaults(t *testing.T) {
	args := []string{"serve", "--engine", "/nowhere/engine", "--port", "0"}
	cmd := tokenctltest.Command(t, []string{"PORT=", "DATA_DIR=", "DYNAMODB_ENDPOINT=", "TABLE_NAME="}, args...)
	cmd.Dir = t.TempDir()
	if r := tokenctltest.Finish(t, cmd); !strings.Contains(r.Stderr, "no DynamoDB engine at /nowhere/engine") {
		t.Errorf("got %q, want an error about the engine", r.Stderr)
	}
	if _, err := os.Stat(filepath.Join(cmd.Dir, ".local")); err != nil {
		t.Errorf("no .local: %v", err)
	}
}

// refusing returns the endpoint of an engine that answers one action with an error.
func refusing(t *testing.T, action, code string) string {
	t.Helper()
	kit := dynamotest.New(t)
	target, err := url.Parse(kit.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }}
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.Header.Get("X-Amz-Target"), "."+action) {
			proxy.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"__type":"com.amazonaws.dynamodb.v20120810#`+code+`","message":"Told\nby the engine."}`)
	}))
	t.Cleanup(front.Close)
	tokenctltest.Succeed(t, []string{"DYNAMODB_ENDPOINT=" + kit.Endpoint, "TABLE_NAME=" + dynamotest.Table}, "user", "create", "alice")
	return front.URL
}

// TestDatabaseErrors checks that each error of DynamoDB becomes one sentence.
func TestDatabaseErrors(t *testing.T) {
	for _, c := range []struct{ action, code, want string }{
		{"UpdateItem", "ConditionalCheckFailedException", "another command changed the same items at the same time, and nothing was changed: try again."},
		{"UpdateItem", "ThrottlingException", "DynamoDB at %s did not respond as expected: check DYNAMODB_ENDPOINT or --endpoint and run the command again."},
		{"GetItem", "AccessDeniedException", "DynamoDB at %s refused the request (AccessDeniedException: Told by the engine): check DYNAMODB_ENDPOINT or --endpoint and the permissions of the credentials."},
		{"GetItem", "ResourceNotFoundException", "table latchkey-test does not exist at %s: check TABLE_NAME or --table, or for a local engine, run `tokenctl table create`."},
	} {
		t.Run(c.code, func(t *testing.T) {
			endpoint := refusing(t, c.action, c.code)
			got := tokenctltest.Run(t, []string{"DYNAMODB_ENDPOINT=" + endpoint, "TABLE_NAME=" + dynamotest.Table}, "user", "disable", "alice")
			tokenctltest.WantRefusal(t, got, strings.ReplaceAll(c.want, "%s", endpoint))
		})
	}
}

// What answers at the endpoint may be anything.
func TestEndpointIsNotDynamoDB(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		scheme string
		answer http.HandlerFunc
		want   string
	}{
		"https of an http port": {"https", func(http.ResponseWriter, *http.Request) {}, "what answers at %s does not speak https: check DYNAMODB_ENDPOINT or --endpoint."},
		"another server":        {"http", http.NotFound, "what answers at %s is not DynamoDB: check DYNAMODB_ENDPOINT or --endpoint."},
		"an overloaded server": {
			"http", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) },
			"DynamoDB at %s did not respond as expected: check DYNAMODB_ENDPOINT or --endpoint and run the command again.",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(c.answer)
			t.Cleanup(server.Close)
			endpoint := strings.Replace(server.URL, "http", c.scheme, 1)
			got := tokenctltest.Run(t, []string{"DYNAMODB_ENDPOINT=" + endpoint}, "user", "list")
			tokenctltest.WantRefusal(t, got, fmt.Sprintf(c.want, endpoint))
		})
	}
}
