package main_test

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/internal/tokenctltest"
	"github.com/latchkey-api/latchkey/shared/gate"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

// A killer stands between tokenctl and DynamoDB. It kills tokenctl at one call,
// before or after the call has reached DynamoDB.
type killer struct {
	proxy *httputil.ReverseProxy

	mu     sync.Mutex
	victim *os.Process
	left   int // calls before the last one
	after  bool
	signal os.Signal // nil kills it
}

func newKiller(t *testing.T, endpoint string) *httptest.Server {
	t.Helper()
	upstream, err := url.Parse(endpoint)
	if err != nil {
		t.Fatal(err)
	}
	k := &killer{proxy: &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(upstream) }}}
	s := httptest.NewServer(k)
	t.Cleanup(s.Close)
	return s
}

// run runs a command and kills it at a call.
func (k *killer) run(victim *exec.Cmd, calls int, after bool) error {
	k.mu.Lock()
	err := victim.Start()
	k.victim, k.left, k.after = victim.Process, calls, after
	k.mu.Unlock()
	if err != nil {
		return err
	}
	return victim.Wait()
}

// disarm lets all calls pass.
func (k *killer) disarm() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.victim = nil
}

// ServeHTTP passes calls on until the last one.
func (k *killer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.left--
	if k.left >= 0 || k.victim == nil {
		k.proxy.ServeHTTP(w, r)
		return
	}
	if k.after {
		k.proxy.ServeHTTP(httptest.NewRecorder(), r)
	}
	if k.signal == nil {
		_ = k.victim.Kill()
		return
	}
	_ = k.victim.Signal(k.signal)
	<-r.Context().Done() // it has given up
}

// migration writes exports of New API and LiteLLM with n tokens each, and returns
// their paths and all keys.
func migration(t *testing.T, n int) (newAPI, liteLLM string, keys []string) {
	t.Helper()
	var table, list strings.Builder
	_, _ = fmt.Fprintln(&table, "id,key,name,status,remain_quota,used_quota,unlimited_quota,expired_time,models,subnet,users.status") // a Builder never fails
	for i := range n {
		key := fmt.Sprintf("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNO%07d", i)
		_, _ = fmt.Fprintf(&table, "%d,%s,n%d,1,10,7,0,-1,,,1\n", i, key, i)
		keys = append(keys, "sk-"+key)
	}
	for i := range n {
		key := fmt.Sprintf("sk-litellm-%013d", i)
		_, _ = fmt.Fprintf(&list, `{"token":"%x","key_name":"sk-...%04d","key_alias":"l%d","spend":0.5,"max_budget":1.5,"expires":null,"models":[],"blocked":null}`+"\n", sha256.Sum256([]byte(key)), i%10_000, i)
		keys = append(keys, key)
	}
	return written(t, "newapi.csv", table.String()), written(t, "litellm.jsonl", list.String()), keys
}

// TestKilledImportKeepsKeys moves 10,000 tokens in while tokenctl is killed 20
// times, at any call. Afterwards every old key is valid, with its quota, and each is
// the key of one token. tokenctl shadow then finds no difference.
func TestKilledImportKeepsKeys(t *testing.T) {
	tokens, kills := 5_000, 10 // of each file
	if testing.Short() {
		tokens, kills = 200, 3
	}
	kit := dynamotest.New(t)
	users := &token.UserService{Store: kit.Store, Now: time.Now}
	if _, _, err := users.Create(t.Context(), "alice", token.RoleUser, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := users.SetLimits(t.Context(), "alice", dynamotest.RemoveLimits); err != nil {
		t.Fatal(err)
	}
	newAPI, liteLLM, keys := migration(t, tokens)
	front := newKiller(t, kit.Endpoint)
	k, _ := front.Config.Handler.(*killer)
	env := []string{"DYNAMODB_ENDPOINT=" + front.URL, "TABLE_NAME=" + dynamotest.Table, "AWS_EC2_METADATA_DISABLED=true"}
	for _, file := range []string{newAPI, liteLLM} {
		args := []string{"import", file, "--keep-keys", "--user", "alice", "--units-per-dollar", "10", "--json"}
		for i := range kills {
			// Any call of the run: there are at least two for each batch.
			last := 1 + (i*131+i%3)%(tokens/token.MaxImport*2)
			if err := k.run(tokenctltest.Command(t, env, args...), last, i%2 == 0); err == nil {
				t.Fatalf("run %d ended before call %d", i, last)
			}
		}
		k.disarm()
		out := tokenctltest.JSON[struct{ Rows, Imported, Before int }](t, tokenctltest.Succeed(t, env, args...))
		if out.Rows != tokens || out.Imported != tokens || out.Before == 0 {
			t.Errorf("%s: got %+v", file, out)
		}
	}
	wantAllValid(t, kit, keys)
	for _, file := range []string{newAPI, liteLLM} {
		out := tokenctltest.JSON[struct{ Keys, Same int }](t, tokenctltest.Succeed(t, env, "shadow", "--from", file, "--user", "alice", "--units-per-dollar", "10", "--json"))
		if out.Keys != tokens || out.Same != tokens {
			t.Errorf("%s: shadow: got %+v, want %d keys with the same answers", file, out, tokens)
		}
	}
	if u, err := kit.Store.FindUser(t.Context(), "alice"); err != nil || u.TokenCount() != int64(len(keys)) {
		t.Errorf("got %d tokens, %v; want %d", u.TokenCount(), err, len(keys))
	}
}

// TestInterruptedImportCounts checks that an import that is interrupted does not deny
// the tokens of a batch whose answer it did not see.
func TestInterruptedImportCounts(t *testing.T) {
	kit := dynamotest.New(t)
	users := &token.UserService{Store: kit.Store, Now: time.Now}
	if _, _, err := users.Create(t.Context(), "alice", token.RoleUser, 0); err != nil {
		t.Fatal(err)
	}
	file, _, _ := migration(t, 3*token.MaxImport)
	front := newKiller(t, kit.Endpoint)
	k, _ := front.Config.Handler.(*killer)
	k.signal = os.Interrupt
	env := []string{"DYNAMODB_ENDPOINT=" + front.URL, "TABLE_NAME=" + dynamotest.Table, "AWS_EC2_METADATA_DISABLED=true"}
	for calls := 1; ; calls++ {
		var stderr strings.Builder
		victim := tokenctltest.Command(t, env, "import", file, "--keep-keys", "--user", "alice")
		victim.Stderr = &stderr
		if err := k.run(victim, calls, true); err == nil {
			t.Fatal("no import was interrupted after its first batch")
		}
		u, err := kit.Store.FindUser(t.Context(), "alice")
		if err != nil {
			t.Fatal(err)
		}
		if n := u.TokenCount(); n > token.MaxImport {
			if want := fmt.Sprintf("tokenctl: interrupted; at least %d of %d tokens were imported; ", n-token.MaxImport, 3*token.MaxImport); !strings.HasPrefix(stderr.String(), want) {
				t.Errorf("%d tokens: got %q, want %q", n, stderr.String(), want)
			}
			return
		}
	}
}

// wantAllValid checks that each key is valid with a token of its own and all of its
// quota.
func wantAllValid(t *testing.T, kit *dynamotest.Kit, keys []string) {
	t.Helper()
	g := gate.New(kit.Store, gate.WithForeignKeys(kit.Store))
	var all sync.WaitGroup
	var next, failures atomic.Int64
	var tokens sync.Map
	for range 4 {
		all.Go(func() {
			for i := next.Add(1) - 1; int(i) < len(keys) && failures.Load() < 5; i = next.Add(1) - 1 {
				v, err := g.Verify(t.Context(), keys[i], quota.Question{})
				if err != nil || !v.Valid() || v.Token.RemainQuota != 10 {
					failures.Add(1)
					t.Errorf("key %d: got %+v, %v", i, v, err)
					continue
				}
				if _, twice := tokens.LoadOrStore(v.Token.ID, i); twice {
					t.Errorf("key %d: token %d has another key, too", i, v.Token.ID)
				}
			}
		})
	}
	all.Wait()
}
