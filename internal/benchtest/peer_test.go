package benchtest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A peer is a system that forwards requests to models for its own keys: ours or another.
type peer struct {
	name   string
	url    string // of its OpenAI API, without /v1
	keys   keyring
	tokens *tokenAPI // its management API, if it is of the family; else nil
	// kill ends it as kill -9 does, and start starts it again. Both are nil if it is not
	// ours to kill.
	kill  func()
	start func(testing.TB)
	// patience is how long it may need to write a charge or to end a hold.
	patience time.Duration
}

// A keyring makes keys with a budget. One unit is one token of a model.
type keyring interface {
	// newKey makes a key.
	newKey(units int64) (key string, err error)
	// charged returns how much of the budget is not left, held units included.
	charged(key string) (units int64, err error)
}

// oneKey is the keyring of a system of which only one key without a budget is known.
type oneKey string

func (k oneKey) newKey(int64) (string, error)  { return string(k), nil }
func (k oneKey) charged(string) (int64, error) { return 0, errors.New("keys have no budgets") }

// openPeer returns the peer that the environment describes; see docs/benchmarks.md. It
// starts PEER_COMMAND if it is set.
func openPeer(t testing.TB, upstream string) *peer {
	t.Helper()
	kind, url, key := os.Getenv("PEER_KIND"), os.Getenv("PEER_URL"), os.Getenv("PEER_KEY")
	if url == "" || key == "" {
		t.Fatal("PEER_URL and PEER_KEY are not set: run make bench-peers")
	}
	p := &peer{name: os.Getenv("PEER_NAME"), url: url, patience: 75 * time.Second} // LiteLLM counts what its database has when its counter in Redis ends, after 60 s
	if p.name == "" {
		p.name = kind
	}
	if command := os.Getenv("PEER_COMMAND"); command != "" {
		p.keepRunning(t, command, append(os.Environ(), "UPSTREAM="+upstream))
	}
	client := newClient(t)
	switch kind {
	case "litellm":
		p.keys = &liteLLM{client, url, key}
	case "newapi":
		p.tokens = &tokenAPI{client: client, url: url, credential: key, user: "1"}
		p.keys = p.tokens
		p.tokens.prepareNewAPI(t, upstream)
	case "openai":
		p.keys = oneKey(key)
	default:
		t.Fatalf("PEER_KIND is %q, not litellm, newapi or openai", kind)
	}
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(time.Second) {
		key, err := p.keys.newKey(1_000_000)
		if err == nil {
			err = chat(client, url, key, http.StatusOK)
		}
		if err == nil && kind != "openai" {
			_, err = p.keys.charged(key)
		}
		if err == nil {
			return p
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s does not answer: %v", p.name, err)
		}
	}
}

// keepRunning starts a shell command that serves the peer until the test ends.
func (p *peer) keepRunning(t testing.TB, command string, env []string) {
	t.Helper()
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = log.Close() })
	var cmd *exec.Cmd
	var ended chan struct{} // is closed when cmd has ended
	p.kill = func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // with all that it started; it may have ended
		<-ended
	}
	p.start = func(t testing.TB) {
		t.Helper()
		cmd = exec.Command("sh", "-c", "exec "+command) //nolint:gosec,noctx // the operator's command; the cleanup ends it
		cmd.Env, cmd.Stdout, cmd.Stderr = env, log, log
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		started, end := cmd, make(chan struct{})
		ended = end
		go func() { _ = started.Wait(); close(end) }()
		for deadline := time.Now().Add(5 * time.Minute); !answers(p.url); {
			select {
			case <-ended:
				deadline = time.Time{}
			case <-time.After(100 * time.Millisecond):
			}
			if time.Now().After(deadline) {
				text, _ := os.ReadFile(log.Name())
				t.Fatalf("%s has ended or does not answer at %s: %s", command, p.url, text)
			}
		}
	}
	p.start(t)
	t.Cleanup(p.kill)
}

// answers says whether a server answers at all.
func answers(url string) bool {
	r, err := http.NewRequestWithContext(context.Background(), http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	status, _, err := finish(http.DefaultClient.Do(r))
	return err == nil && status < http.StatusInternalServerError
}

// callJSON sends JSON and reads JSON. An answer that is not a success is an error: a status of
// 400 or more, or "success":false.
func callJSON(client *http.Client, method, url string, header http.Header, body, out any) error {
	var text []byte
	if body != nil { // LiteLLM answers 500 to a body that is null
		var err error
		if text, err = json.Marshal(body); err != nil {
			return err
		}
	}
	r, err := http.NewRequestWithContext(context.Background(), method, url, bytes.NewReader(text)) //nolint:gosec // the operator gives the address
	if err != nil {
		return err
	}
	r.Header = header.Clone()
	r.Header.Set("Content-Type", "application/json")
	status, answer, err := finish(client.Do(r)) //nolint:gosec // as above
	switch {
	case err != nil:
		return err
	case status == http.StatusServiceUnavailable || status == http.StatusTooManyRequests:
		return errBusy
	case status >= http.StatusBadRequest || bytes.Contains(answer, []byte(`"success":false`)):
		return fmt.Errorf("%s %s: %d %s", method, url, status, strings.TrimSpace(string(answer)))
	case out == nil:
		return nil
	default:
		return json.Unmarshal(answer, out)
	}
}
