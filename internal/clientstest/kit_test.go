//go:build clients

package clientstest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/internal/modelstest"
	"github.com/latchkey-api/latchkey/internal/tokenctltest"
	"github.com/latchkey-api/latchkey/shared/gate"
	"github.com/latchkey-api/latchkey/shared/token"
)

// TestMain lets tests start build/tokenctl, which scripts/test-clients names.
func TestMain(m *testing.M) {
	tokenctl := os.Getenv("TOKENCTL")
	captures, err := os.MkdirTemp("", "clients")
	if tokenctl == "" || err != nil {
		fmt.Fprintln(os.Stderr, "run make test-clients, which sets TOKENCTL", err)
		os.Exit(1)
	}
	_ = os.Setenv("PATH", filepath.Dir(tokenctl)+":"+os.Getenv("PATH")) // the names are valid
	_ = os.Setenv("TOKENCTL_TEST_CAPTURES", captures)
	code := m.Run()
	if err := tokenctltest.CheckSecrets(captures); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	_ = os.RemoveAll(captures)
	os.Exit(code)
}

// A bench is an upstream, a proxy in front of it, and keys for the proxy. A
// driver, which is a program that uses one client, runs its cases on it.
type bench struct {
	priced          bool
	upstream        *modelstest.Upstream
	proxy           *tokenctltest.Server
	gate            *gate.Gate
	tenant          *dynamotest.Tenant
	direct, proxied *tap

	mu      sync.Mutex
	key     string // of the case that runs
	logged  int    // bytes of the proxy's log before the case
	results []result
}

// A result is what a driver reports at the end of a case.
type result struct {
	Case, Kind      string
	Direct, Proxied json.RawMessage
	Problems        []string
}

// quotaOfKey is the quota of a key unless its case says otherwise.
const quotaOfKey = 1_000_000

// newBench starts a bench. priced makes it use a price table.
func newBench(t *testing.T, priced bool, flags ...string) *bench {
	t.Helper()
	kit := dynamotest.New(t)
	b := &bench{priced: priced, upstream: modelstest.New(), gate: gate.New(kit.Store), tenant: kit.Tenant(t, "clients")}
	t.Cleanup(b.upstream.Close)
	env := []string{"PORT=0", "DYNAMODB_ENDPOINT=" + kit.Endpoint, "TABLE_NAME=" + dynamotest.Table, "UPSTREAM_API_KEY=" + modelstest.Key}
	if priced {
		setPrices(t, env)
	}
	args := append([]string{"proxy", "--upstream", b.upstream.URL}, flags...)
	b.proxy = tokenctltest.Start(t, tokenctltest.Command(t, env, args...))
	b.direct, b.proxied = newTap(t, b.upstream.DirectURL), newTap(t, b.proxy.URL)
	return b
}

// A wantedKey says what a case's key allows.
type wantedKey struct {
	Quota  *int64
	Models []string
}

// begin makes a key for the next case.
func (b *bench) begin(ctx context.Context, want wantedKey) (map[string]string, error) {
	settings := token.Settings{Name: new("a case"), RemainQuota: new(int64(quotaOfKey))}
	if want.Quota != nil {
		settings.RemainQuota = want.Quota
	}
	if want.Models != nil {
		settings.ModelLimitsEnabled, settings.Models = new(true), want.Models
	}
	_, key, err := b.tenant.Create(ctx, b.tenant.Access, settings)
	if err != nil {
		return nil, err
	}
	b.key = key.Reveal()
	b.direct.forget()
	b.proxied.forget()
	b.upstream.Take()
	b.logged = len(b.proxy.Stderr.String())
	return map[string]string{"key": b.key, "upstream_key": modelstest.Key, "direct": b.direct.URL, "proxied": b.proxied.URL}, nil
}

// control serves the driver: it begins and ends cases.
func (b *bench) control(t *testing.T) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("POST /begin", func(w http.ResponseWriter, r *http.Request) {
		b.mu.Lock()
		defer b.mu.Unlock()
		var want wantedKey
		err := json.NewDecoder(r.Body).Decode(&want)
		var addresses map[string]string
		if err == nil {
			addresses, err = b.begin(r.Context(), want)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		_ = json.NewEncoder(w).Encode(addresses) // the driver fails without it
	})
	mux.HandleFunc("POST /end", func(w http.ResponseWriter, r *http.Request) {
		b.mu.Lock()
		defer b.mu.Unlock()
		var got result
		if err := json.NewDecoder(r.Body).Decode(&got); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		got.Problems = append(got.Problems, b.check(r.Context(), got)...)
		b.results = append(b.results, got)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server
}

// patience bounds a driver.
const patience = 5 * time.Minute

// drive runs a driver and makes each of its cases a test.
func (b *bench) drive(t *testing.T, cases int, program string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...) //nolint:gosec // a driver of ours
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "CONTROL=" + b.control(t).URL, "NO_PROXY=*", "LITELLM_LOCAL_MODEL_COST_MAP=True",
		"ONLY=" + os.Getenv("ONLY"),
	}
	output, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%s: %v\n%s", strings.Join(args, " "), err, output)
	}
	for _, r := range b.results {
		t.Run(r.Case, func(t *testing.T) {
			for _, p := range r.Problems {
				t.Error(p)
			}
		})
	}
	if len(b.results) != cases && os.Getenv("ONLY") == "" {
		t.Errorf("got %d cases, want %d: a new case is counted in the table of clients", len(b.results), cases)
	}
}

// env returns a variable that scripts/test-clients sets.
func env(t *testing.T, name string) string {
	t.Helper()
	value := os.Getenv(name)
	if value == "" {
		t.Fatalf("%s is not set: run make test-clients", name)
	}
	return value
}
