package soaktest_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/internal/modelstest"
	"github.com/latchkey-api/latchkey/internal/tokenctltest"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/engine"
	"github.com/latchkey-api/latchkey/shared/token"
)

// A soak is a running server and proxy, and all that uses them.
type soak struct {
	client    *http.Client
	accounts  []*account
	workers   []*worker
	processes []*process
	serve     *tokenctltest.Server
	proxy     *tokenctltest.Server
	upstream  *modelstest.Upstream
	receiver  *receiver

	mu    sync.Mutex
	stats map[string]*stat
}

// newSoak fills a table, and starts a server and a proxy with it.
func newSoak(t *testing.T, binary string) *soak {
	t.Helper()
	t.Setenv("PATH", filepath.Dir(binary)+":"+os.Getenv("PATH"))
	t.Setenv("TOKENCTL_TEST_CAPTURES", t.TempDir())
	transport := &http.Transport{MaxIdleConnsPerHost: 1_000, DisableCompression: true}
	t.Cleanup(transport.CloseIdleConnections)
	s := &soak{client: &http.Client{Transport: transport, Timeout: time.Minute}, stats: map[string]*stat{}}
	for _, name := range names() {
		s.stats[name] = new(stat)
	}
	dir := dataDir(t)
	s.fill(t, filepath.Join(dir, "engine.db"))
	s.upstream, s.receiver = modelstest.New(), newReceiver()
	t.Cleanup(s.upstream.Close)
	t.Cleanup(s.receiver.Close)
	s.serve = s.start(t, []string{"DATA_DIR=" + dir, "PORT=0", "TABLE_NAME=" + dynamotest.Table}, "serve")
	s.proxy = s.start(t, []string{"DYNAMODB_ENDPOINT=" + s.serve.Endpoint, "TABLE_NAME=" + dynamotest.Table, "UPSTREAM_API_KEY=" + modelstest.Key},
		"proxy", "--upstream", s.upstream.URL, "--listen", "127.0.0.1:0")
	return s
}

// dataDir returns a folder for the engine's database, in memory if the system has such a
// place: otherwise the engine waits for the disk with each write, and so for whatever
// else uses the disk.
func dataDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "soak") //nolint:usetesting // t.TempDir is on a disk
	if err != nil {                              // not on Linux
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// fill makes users and their tokens in a database file, without a server: creates
// through the API would take longer than the test.
func (s *soak) fill(t *testing.T, file string) {
	t.Helper()
	e, err := engine.Start(t.Context(), engine.Path(dynamotest.Root(t)), file)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Stop()
	client := dynamotest.Client(e.Endpoint)
	if err := dynamo.CreateTable(t.Context(), client, dynamotest.Table); err != nil {
		t.Fatal(err)
	}
	kit := &dynamotest.Kit{Endpoint: e.Endpoint, Engine: e, Client: client, Store: dynamo.New(client, dynamotest.Table)}
	service := &token.UserService{Store: kit.Store, Now: time.Now}
	for i := range *users {
		tenant := kit.Tenant(t, fmt.Sprint("user-", i))
		a := &account{
			id: tenant.Access.UserID, name: fmt.Sprint("user-", i), access: tenant.Access.Reveal(), hooked: i%5 == 1,
			entries: map[int64]*entry{}, use: map[useKey]sums{}, tokenUse: map[int64]sums{},
		}
		switch i % 4 {
		case 1:
			a.budget = largeQuota
		case 3:
			a.budget, a.small = smallBudget, true
		}
		if a.budget > 0 {
			if _, err := service.SetBudget(t.Context(), a.name, &token.Budget{Units: a.budget}, func(int64, int64) {}); err != nil {
				t.Fatal(err)
			}
		}
		_, first, err := tenant.Create(t.Context(), tenant.Access, token.Settings{Name: new("production-app"), RemainQuota: new(int64(largeQuota))})
		if err != nil {
			t.Fatal(err)
		}
		a.add(1, first.Reveal(), largeQuota)
		a.order = append(a.order, 1)
		for n, key := range kit.CopyFirstToken(t, tenant, int64(*tokens / *users)-1) {
			id := int64(n) + 2
			a.add(id, key.Reveal(), largeQuota)
			a.order = append(a.order, id)
		}
		s.accounts = append(s.accounts, a)
		for range workersOfUser {
			s.workers = append(s.workers, newWorker(s, a, len(s.workers)))
		}
	}
}

const (
	workersOfUser = 2
	largeQuota    = 1_000_000_000
	smallBudget   = 5_000
)

// start starts tokenctl with its log in a file, and with lines of the garbage collection
// in it.
func (s *soak) start(t *testing.T, env []string, args ...string) *tokenctltest.Server {
	t.Helper()
	log, err := os.Create(filepath.Join(t.TempDir(), args[0]+".log"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = log.Close() })
	cmd := tokenctltest.Command(t, append(env, "GODEBUG=gctrace=1", "TMPDIR="+t.TempDir()), args...)
	cmd.Dir = dynamotest.Root(t)
	cmd.Stderr = log
	server := tokenctltest.Start(t, cmd)
	s.processes = append(s.processes, &process{name: "tokenctl " + args[0], server: server, log: log.Name(), client: s.client})
	return server
}

// A receiver counts the events that webhooks deliver.
type receiver struct {
	*httptest.Server
	mu   sync.Mutex
	seen map[string]map[string]bool // ids, by the path of the webhook
}

func newReceiver() *receiver {
	r := &receiver{seen: map[string]map[string]bool{}}
	r.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, in *http.Request) {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.seen[in.URL.Path] == nil {
			r.seen[in.URL.Path] = map[string]bool{}
		}
		r.seen[in.URL.Path][in.Header.Get("Webhook-Id")] = true
	}))
	return r
}

// count returns how many events have come for an account.
func (r *receiver) count(a *account) int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return int64(len(r.seen["/"+a.name]))
}
