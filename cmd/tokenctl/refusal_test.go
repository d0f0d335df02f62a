package main_test

import (
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
)

// raw sends bytes to a server and reads until it closes.
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

// busy holds a port that accepts and never answers.
func busy(t *testing.T) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l.Addr().String()
}

func TestServeRefusesInOneSentence(t *testing.T) {
	silent := busy(t)
	_, port, _ := net.SplitHostPort(silent)
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	bad := script(t, "echo out of luck >&2; exit 3")
	const free = "http://127.0.0.1:1"
	for name, c := range map[string]struct {
		env  []string
		args []string
		want string
	}{
		"busy_port":            {env: []string{"PORT=" + port}, want: "port " + port + " is in use: stop what uses it, or set PORT to another, or to 0 for any free one."},
		"busy_port/no_engine":  {env: []string{"PORT=" + port}, args: []string{"--engine", "/nowhere/engine"}, want: "port " + port + " is in use: stop what uses it, or set PORT to another, or to 0 for any free one."},
		"port_no_number":       {env: []string{"PORT=http"}, want: `PORT "http" is not a port: set it to a number from 0 to 65535, where 0 takes any free one.`},
		"port_too_high":        {env: []string{"PORT=65536"}, want: `PORT "65536" is not a port: set it to a number from 0 to 65535, where 0 takes any free one.`},
		"port_negative":        {args: []string{"--port=-1"}, want: `PORT "-1" is not a port: set it to a number from 0 to 65535, where 0 takes any free one.`},
		"engine_missing":       {args: []string{"--engine", "/nowhere/engine"}, want: "there is no DynamoDB engine at /nowhere/engine: run `make tools`, or give --engine another path, or set DYNAMODB_ENDPOINT to an engine that you have."},
		"endpoint_unreachable": {env: []string{"DYNAMODB_ENDPOINT=" + free}, want: "no DynamoDB can be reached at " + free + ": start it, or check DYNAMODB_ENDPOINT or --endpoint."},
		"endpoint_silent":      {env: []string{"DYNAMODB_ENDPOINT=http://" + silent}, want: "DynamoDB at http://" + silent + " gave no proper answer: a change may or may not have been made, so look with `tokenctl user list` before you try again, or check DYNAMODB_ENDPOINT or --endpoint."},
		"endpoint_malformed":   {env: []string{"DYNAMODB_ENDPOINT=localhost:8000"}, want: `the endpoint "localhost:8000" is not a URL: set DYNAMODB_ENDPOINT or --endpoint to one such as http://127.0.0.1:8000.`},
		"data_dir_unusable":    {args: []string{"--data-dir", file}, want: "DATA_DIR " + file + " can't be used (not a directory): make it a folder that you can write to, or set DATA_DIR to another."},
	} {
		t.Run(name, func(t *testing.T) {
			started := time.Now()
			refuse(t, tokenctl(t, append(anyPort(t.TempDir()), c.env...), append([]string{"serve"}, c.args...)...), c.want)
			if took := time.Since(started); took > 4*time.Second {
				t.Errorf("took %v, want about 3s at most", took)
			}
		})
	}
	t.Run("engine_fails", func(t *testing.T) {
		r := tokenctl(t, anyPort(t.TempDir()), "serve", "--engine", bad)
		if r.code != 1 || r.stdout != "" || strings.Count(r.stderr, "\n") != 1 || !strings.HasPrefix(r.stderr, "tokenctl: the DynamoDB engine "+bad+" did") && !strings.HasPrefix(r.stderr, "tokenctl: the DynamoDB engine "+bad+" does") {
			t.Errorf("got exit %d, %q, %q, want one sentence on the engine", r.code, r.stdout, r.stderr)
		}
	})
}

func TestWithoutTheProjectServeSaysWhereToGetTheEngine(t *testing.T) {
	args := []string{"serve"}
	cmd := command(t, anyPort(t.TempDir()), args)
	cmd.Dir = t.TempDir()
	refuse(t, finish(t, cmd, args), "the local DynamoDB engine is not in node_modules/ of this folder or one above: run `make tools` in the project, or set DYNAMODB_ENDPOINT to an engine that you have.")
}

func TestEmptySettingsAreTheDefaults(t *testing.T) {
	args := []string{"serve", "--engine", "/nowhere/engine", "--port", "0"}
	cmd := command(t, []string{"PORT=", "DATA_DIR=", "DYNAMODB_ENDPOINT=", "TABLE_NAME="}, args)
	cmd.Dir = t.TempDir()
	if r := finish(t, cmd, args); !strings.Contains(r.stderr, "no DynamoDB engine at /nowhere/engine") {
		t.Errorf("got %q, want it to come as far as the engine", r.stderr)
	}
	if _, err := os.Stat(filepath.Join(cmd.Dir, ".local")); err != nil {
		t.Errorf("no .local: %v", err)
	}
}

func TestASecondServerOnTheSameDataIsRefused(t *testing.T) {
	dir := t.TempDir()
	first := serving(t, anyPort(dir))
	refuse(t, tokenctl(t, anyPort(dir), "serve"), "another `tokenctl serve` uses the data in "+dir+": stop it, or set DATA_DIR to another folder.")
	if got := ask(t, first.url, first.accessToken); got != "200" {
		t.Errorf("the first server: got %s, want 200", got)
	}
}

func TestUserCommandsSayWhatToSetForAWS(t *testing.T) {
	const local = "; for a local engine set DYNAMODB_ENDPOINT to what `tokenctl serve` prints."
	refuse(t, tokenctl(t, nil, "user", "list"), "no AWS region is set: set AWS_REGION, or AWS_PROFILE to a profile that has one"+local)
	refuse(t, tokenctl(t, []string{"AWS_REGION=eu-west-1"}, "user", "list"), "there are no usable AWS credentials: set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and log in again if they come from a login"+local)
	refuse(t, tokenctl(t, []string{"AWS_PROFILE=none"}, "user", "list"), "the AWS configuration can't be used (failed to get shared config profile, none): check AWS_PROFILE and the files in ~/.aws"+local)
	refuse(t, tokenctl(t, nil, "table", "create"), "`table create` is for local engines, deployed tables come from the stack: set DYNAMODB_ENDPOINT or --endpoint to the engine's URL.")
}

// refusing is an engine that answers one action with an error.
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
	succeed(t, []string{"DYNAMODB_ENDPOINT=" + kit.Endpoint, "TABLE_NAME=" + dynamotest.Table}, "user", "create", "alice")
	return front.URL
}

func TestErrorsOfTheDatabaseAreOneSentence(t *testing.T) {
	for _, c := range []struct{ action, code, want string }{
		{"UpdateItem", "ConditionalCheckFailedException", "somebody else changed the same rows at the same time, and nothing was done: try again."},
		{"UpdateItem", "ThrottlingException", "DynamoDB at %s gave no proper answer: a change may or may not have been made, so look with `tokenctl user list` before you try again, or check DYNAMODB_ENDPOINT or --endpoint."},
		{"GetItem", "AccessDeniedException", "DynamoDB at %s refused the request (AccessDeniedException: Told by the engine): check DYNAMODB_ENDPOINT or --endpoint and what the credentials may do."},
		{"GetItem", "ResourceNotFoundException", "table latchkey-test does not exist at %s: run `tokenctl table create` if that is a local engine, or check --table."},
	} {
		t.Run(c.code, func(t *testing.T) {
			endpoint := refusing(t, c.action, c.code)
			got := tokenctl(t, []string{"DYNAMODB_ENDPOINT=" + endpoint, "TABLE_NAME=" + dynamotest.Table}, "user", "disable", "alice")
			refuse(t, got, strings.ReplaceAll(c.want, "%s", endpoint))
		})
	}
}
