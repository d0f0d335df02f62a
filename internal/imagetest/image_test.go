//go:build image

package imagetest_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/gate"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

// docker runs the docker command and returns its output.
func docker(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "docker", args...).CombinedOutput() //nolint:gosec // a test's own arguments
	if err != nil {
		t.Fatalf("docker %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// The image has the binary, licences and certificates, no shell, and no root.
func TestContents(t *testing.T) {
	id := docker(t, "create", "latchkey")
	defer docker(t, "rm", id)
	files := exec.CommandContext(t.Context(), "/bin/sh", "-c", "docker export "+id+" | tar -t") //nolint:gosec // an id of docker's
	out, err := files.Output()
	if err != nil {
		t.Fatal(err)
	}
	ofDocker := regexp.MustCompile(`^(\.dockerenv|(dev|etc|proc|sys)/.*|etc/(hosts|hostname|mtab|resolv.conf))$`)
	var got []string
	for _, name := range strings.Fields(string(out)) {
		if !ofDocker.MatchString(name) || strings.HasPrefix(name, "etc/ssl/") && !strings.HasSuffix(name, "/") {
			got = append(got, name)
		}
	}
	slices.Sort(got)
	if diff := cmp.Diff([]string{"LICENSE", "THIRD-PARTY.txt", "etc/ssl/certs/ca-certificates.crt", "tokenctl"}, got); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	if got := docker(t, "inspect", "--format", "{{.Config.User}}", "latchkey"); got != "65532:65532" {
		t.Errorf("got user %s, want one without rights", got)
	}
}

// The proxy in its container checks and charges a request, and stops with status 0
// when Docker stops it.
func TestProxy(t *testing.T) {
	kit := dynamotest.New(t)
	tenant := kit.Tenant(t, "caller")
	_, key, err := tenant.Create(t.Context(), tenant.Access, token.Settings{Name: new("a key"), RemainQuota: new(int64(1000))})
	if err != nil {
		t.Fatal(err)
	}
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":12,"total_tokens":21}}`)
	}))
	t.Cleanup(upstream.Close)
	// The container shares the network of this machine, where upstream and engine are.
	id := docker(t, "run", "--detach", "--network", "host", "--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges",
		"--env", "LISTEN=127.0.0.1:0", "--env", "UPSTREAM_URL="+upstream.URL, "--env", "DYNAMODB_ENDPOINT="+kit.Endpoint, "--env", "TABLE_NAME="+dynamotest.Table, "latchkey")
	defer docker(t, "rm", "--force", id)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, baseURL(t, id)+"/v1/chat/completions", strings.NewReader(`{"model":"gpt-4o","messages":[]}`))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+key.Reveal())
	r.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close() //nolint:errcheck // it has been read
	if text, err := io.ReadAll(answer.Body); err != nil || answer.StatusCode != http.StatusOK {
		t.Errorf("got %d %s, %v, want the answer of the upstream", answer.StatusCode, text, err)
	}
	usage, err := gate.New(dynamo.New(kit.Client, dynamotest.Table)).Usage(t.Context(), key.Reveal(), quota.Origin{})
	if err != nil || usage.Used != 21 {
		t.Errorf("got %d units used, %v, want 21", usage.Used, err)
	}
	docker(t, "stop", "--time", "60", id)
	if got := docker(t, "inspect", "--format", "{{.State.ExitCode}}", id); got != "0" {
		t.Errorf("got exit code %s after docker stop, want 0:\n%s", got, docker(t, "logs", id))
	}
}

// baseURL waits until the proxy is ready and returns its URL.
func baseURL(t *testing.T, id string) string {
	t.Helper()
	ready := regexp.MustCompile(`ready at (\S+)`)
	deadline := time.Now().Add(30 * time.Second)
	for {
		log := docker(t, "logs", id)
		if found := ready.FindStringSubmatch(log); found != nil {
			return found[1]
		}
		if time.Now().After(deadline) {
			t.Fatalf("the proxy is not ready: %s", log)
		}
	}
}

// The engine in its container takes the table, and keeps it when the container is
// started again.
func TestEngine(t *testing.T) {
	id := docker(t, "run", "--detach", "--publish", "127.0.0.1::8000", "latchkey-engine")
	defer docker(t, "rm", "--force", "--volumes", id)
	tokenctl := func(args ...string) string {
		endpoint := "http://" + docker(t, "port", id, "8000/tcp")
		return docker(t, append([]string{"run", "--rm", "--network", "host", "--env", "DYNAMODB_ENDPOINT=" + endpoint, "latchkey"}, args...)...)
	}
	tokenctl("table", "create")
	tokenctl("user", "create", "demo")
	docker(t, "restart", id)
	if got := tokenctl("user", "list"); !strings.Contains(got, "demo") {
		t.Errorf("got %q after a restart, want the user", got)
	}
}
