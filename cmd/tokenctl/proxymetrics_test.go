package main_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/latchkey-api/latchkey/internal/tokenctltest"
	"github.com/latchkey-api/latchkey/shared/token"
)

// metrics returns what the proxy serves for Prometheus.
func (f *fleet) metrics(t *testing.T) string {
	t.Helper()
	found := regexp.MustCompile(`Metrics: +(http://\S+)/metrics\n`).FindStringSubmatch(f.Stdout.String())
	if found == nil {
		t.Fatalf("got no URL of metrics: %s", f.Stdout)
	}
	status, body := tokenctltest.Send(t, http.MethodGet, found[1]+"/metrics", "", "")
	if status != http.StatusOK {
		t.Fatalf("got %d %s, want the metrics", status, body)
	}
	return body
}

// completeModel is an upstream that answers for every model with a usage.
func completeModel(w http.ResponseWriter, _ *http.Request) {
	_, _ = io.WriteString(w, `{"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":12,"total_tokens":21}}`)
}

// The metrics count requests, tokens and units, and what is in progress.
func TestProxyMetrics(t *testing.T) {
	f, key, answer, goOn, _ := streaming(t, "--metrics-listen", "0")
	f.wantMetrics(t, `latchkey_requests_in_flight 1`, `latchkey_units_held 517`, `latchkey_upstream_latency_seconds_count 1`)
	close(goOn)
	if _, err := io.ReadAll(answer.body); err != nil {
		t.Fatal(err)
	}
	if got := f.ask(t, "sk-nonsense", streamed, "").status; got != http.StatusUnauthorized {
		t.Fatalf("got %d, want 401", got)
	}
	f.wantUsed(t, key, 21)
	f.wantMetrics(t, `latchkey_requests_in_flight 0`, `latchkey_units_held 0`,
		`latchkey_requests_total{shape="openai",status="200"} 1`, `latchkey_requests_total{shape="openai",status="401"} 1`,
		`latchkey_tokens_total{kind="input",model="gpt-4o"} 9`, `latchkey_tokens_total{kind="output",model="gpt-4o"} 12`,
		`latchkey_units_charged_total 21`, `latchkey_settle_failures_total 0`, `latchkey_time_to_first_byte_seconds_count 1`)
	for _, text := range []string{f.metrics(t), f.Stderr.String()} {
		if strings.Contains(text, key) || strings.Contains(text, upstreamKey) {
			t.Error("got a key in the metrics or the log, want none")
		}
	}
	if code := f.End(t, syscall.SIGTERM); code != 0 {
		t.Errorf("got exit %d, want 0; stderr: %s", code, f.Stderr)
	}
}

// wantMetrics waits until the metrics have every line: a request is counted just
// after its client has read the answer.
func (f *fleet) wantMetrics(t *testing.T, lines ...string) {
	t.Helper()
	for _, line := range lines {
		tokenctltest.Eventually(t, line, func() bool { return strings.Contains(f.metrics(t), line+"\n") })
	}
}

// Callers choose the names of models, but get no label with a key, and not any
// number of labels.
func TestProxyMetricsLabels(t *testing.T) {
	f := proxying(t, upstreamOf(t, completeModel), "--metrics-listen", "127.0.0.1:0")
	key := f.key(t, token.Settings{UnlimitedQuota: new(true)})
	models := []string{key, "my " + key, strings.Repeat("long", 30), "line\\nbreak", "ключ", ""}
	for i := range 120 {
		models = append(models, fmt.Sprintf("model-%d", i))
	}
	for _, model := range models {
		body := fmt.Sprintf(`{"model":"%s","messages":[]}`, model)
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, f.URL+"/v1/chat/completions", bytes.NewReader([]byte(body)))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+key)
		r.Header.Set("Content-Type", "application/json")
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, answer.Body)
		_ = answer.Body.Close()
	}
	f.wantMetrics(t, `latchkey_tokens_total{kind="input",model="model-0"} 9`)
	text := f.metrics(t)
	if strings.Contains(text, key[:len(key)/2]) || strings.Contains(text, "sk-") {
		t.Error("got a label with a key, want none")
	}
	labels := regexp.MustCompile(`kind="input",model="([^"]*)"`).FindAllStringSubmatch(text, -1)
	if len(labels) != 101 {
		t.Errorf("got %d models, want 100 and the rest as one", len(labels))
	}
}

// Without --metrics-listen the proxy serves no metrics.
func TestProxyWithoutMetrics(t *testing.T) {
	f := proxying(t, "http://127.0.0.1:1")
	status, body := tokenctltest.Send(t, http.MethodGet, f.URL+"/metrics", "", "")
	if status == http.StatusOK || strings.Contains(body, "latchkey_") {
		t.Errorf("got %d %s from the proxy itself, want no metrics", status, body)
	}
}

// The metrics' address answers the proxy's health, also when the proxy accepts no
// more connections.
func TestProxyHealthDuringDrain(t *testing.T) {
	f, _, _, goOn, _ := streaming(t, "--metrics-listen", "0")
	url := regexp.MustCompile(`Metrics: +(http://\S+)/metrics\n`).FindStringSubmatch(f.Stdout.String())[1]
	if got, _ := tokenctltest.Send(t, http.MethodGet, url+healthPath, "", ""); got != http.StatusOK {
		t.Errorf("got %d, want 200", got)
	}
	_ = f.Cmd.Process.Signal(syscall.SIGTERM)
	tokenctltest.Eventually(t, "the proxy accepts no more connections", func() bool { return !tokenctltest.Accepts(t, f.URL) })
	if got, _ := tokenctltest.Send(t, http.MethodGet, url+healthPath, "", ""); got != http.StatusServiceUnavailable {
		t.Errorf("got %d during the drain, want 503", got)
	}
	close(goOn)
	if code := f.Exit(t); code != 0 {
		t.Errorf("got exit %d, want 0; stderr: %s", code, f.Stderr)
	}
}

// A server collects garbage less often than Go does by default.
func TestServerCollectsLess(t *testing.T) {
	f := proxying(t, upstreamOf(t, completeModel), "--metrics-listen", "0")
	f.wantMetrics(t, "go_gc_gogc_percent 400")
}
