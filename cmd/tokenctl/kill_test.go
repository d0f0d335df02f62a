package main_test

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/internal/tokenctltest"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/engine"
	"github.com/latchkey-api/latchkey/shared/gate"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// A killable is a `tokenctl serve` on one data folder that is killed and started again.
type killable struct {
	dir, engine string // engine is a script that writes the engine's process ID
	server      *tokenctltest.Server
	url         atomic.Value
}

func newKillable(t *testing.T) *killable {
	t.Helper()
	k := &killable{dir: t.TempDir()}
	k.engine = script(t, fmt.Sprintf(`echo $$ >%q; exec %q "$@"`, filepath.Join(k.dir, "pid"), engine.Path(dynamotest.Root(t))))
	k.start(t)
	return k
}

func (k *killable) start(t *testing.T) {
	t.Helper()
	k.server = tokenctltest.Serve(t, anyPort(filepath.Join(k.dir, "data")), "--engine", k.engine)
	k.url.Store(k.server.URL)
}

// kill kills the server, or the engine alone, and starts both again.
func (k *killable) kill(t *testing.T, engineOnly bool) {
	t.Helper()
	if engineOnly {
		killFrom(t, filepath.Join(k.dir, "pid"))
		k.server.Exit(t)
	} else {
		k.server.End(t, syscall.SIGKILL)
	}
	k.start(t)
}

// send sends a request until the server answers other than that it can't now, and
// returns the answer.
func (k *killable) send(method, path, bearer, body string, stop time.Time, headers ...string) (status int, content string) {
	for time.Now().Before(stop) {
		url, _ := k.url.Load().(string)
		r, err := http.NewRequest(method, url+path, strings.NewReader(body)) //nolint:noctx // the server ends first
		if err != nil {
			return 0, err.Error()
		}
		r.Header.Set("Authorization", "Bearer "+bearer)
		r.Header.Set("Content-Type", "application/json")
		for i := 0; i+1 < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		answer, err := http.DefaultClient.Do(r)
		if err == nil {
			var all []byte
			all, err = io.ReadAll(answer.Body)
			_ = answer.Body.Close()
			status, content = answer.StatusCode, string(all)
		}
		if err == nil && status != http.StatusServiceUnavailable {
			return status, content
		}
		time.Sleep(20 * time.Millisecond) // the server is down
	}
	return status, content
}

// TestKilledServer kills the server or its engine while callers create tokens, spend and
// hold quota, each with an ID under which they repeat what got no answer. Afterwards
// every acknowledged charge is in the ledger once, and in the history once, although the
// fold was killed, too; each token exists once; and holds expire.
func TestKilledServer(t *testing.T) {
	const callers, units = 6, 3
	kills := 6
	if testing.Short() {
		kills = 2
	}
	k := newKillable(t)
	access := k.server.AccessToken
	status, body := tokenctltest.Send(t, http.MethodPost, k.server.URL+wire.TokensPath, access, `{"name":"busy","remain_quota":1000000}`)
	made := dataOf[wire.Token](t, status, body)

	stop, deadline := make(chan struct{}), time.Now().Add(5*time.Minute)
	var charges, created atomic.Int64
	var all sync.WaitGroup
	for caller := range callers {
		all.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				id := fmt.Sprintf("%s-%d-%d", t.Name(), caller, 1_000_000+n)
				status, answer := k.send(http.MethodPost, wire.VerifyPath, made.Key, fmt.Sprintf(`{"quota":%d,"request_id":%q}`, units, id), deadline)
				if status != http.StatusOK || !strings.Contains(answer, `"valid":true`) {
					t.Errorf("spend: %d %s", status, answer)
				}
				charges.Add(1)
				if n%8 == 1 {
					status, answer = k.send(http.MethodPost, wire.ReservePath, made.Key, fmt.Sprintf(`{"quota":5,"ttl_seconds":2,"request_id":%q}`, id+"-hold"), deadline)
					if expired := strings.Contains(answer, string(wire.ErrHoldExpired)); status != http.StatusOK && !expired { // the server may have been down for longer
						t.Errorf("reserve: %d %s", status, answer)
					}
				}
				if n%8 == 2 {
					status, answer = k.send(http.MethodPost, wire.TokensPath, access, `{"name":"made"}`, deadline, "Idempotency-Key", id)
					if status == http.StatusTooManyRequests {
						continue
					}
					if status != http.StatusCreated {
						t.Errorf("create: %d, code in %d bytes", status, len(answer))
					}
					created.Add(1)
				}
			}
		})
	}
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // not a secret
	for i := range kills {
		time.Sleep(500*time.Millisecond + time.Duration(random.IntN(1000))*time.Millisecond) // in mid-load
		k.kill(t, i%2 == 1)
	}
	time.Sleep(500 * time.Millisecond) // more load
	close(stop)
	all.Wait()
	if charges.Load() < callers*8 {
		t.Errorf("only %d charges: the test has no load", charges.Load())
	}
	t.Logf("%d kills, %d charges, %d tokens created", kills, charges.Load(), created.Load())
	k.wantLedger(t, made, charges.Load(), charges.Load()*units)
	status, body = tokenctltest.Send(t, http.MethodGet, k.server.URL+wire.TokensPath, access, "")
	if page := dataOf[wire.TokenPage](t, status, body); page.Total != 1+created.Load() {
		t.Errorf("%d tokens, want %d", page.Total, 1+created.Load())
	}
}

// wantLedger checks a token's balance once its holds have expired, and its history once
// the stream is read.
func (k *killable) wantLedger(t *testing.T, made wire.Token, charges, units int64) {
	t.Helper()
	var got wire.Token
	tokenctltest.Eventually(t, "the holds have expired", func() bool {
		status, body := tokenctltest.Send(t, http.MethodGet, fmt.Sprint(k.server.URL, wire.TokensPath, "/", made.ID), k.server.AccessToken, "")
		got = dataOf[wire.Token](t, status, body)
		return got.RemainQuota+got.UsedQuota == made.RemainQuota
	})
	if got.UsedQuota != units {
		t.Errorf("%d units used, and %d acknowledged", got.UsedQuota, units)
	}
	var sums wire.UsageSums
	for patience := time.Now().Add(20 * time.Second); sums.Units < units && time.Now().Before(patience); time.Sleep(100 * time.Millisecond) {
		status, body := tokenctltest.Send(t, http.MethodGet, fmt.Sprint(k.server.URL, wire.TokensPath, "/", made.ID, "/usage"), k.server.AccessToken, "")
		sums = dataOf[wire.UsageHistory](t, status, body).Total
	}
	if sums.Units != units || sums.Requests != charges {
		t.Errorf("the history has %d units of %d requests, want %d of %d", sums.Units, sums.Requests, units, charges)
	}
}

func dataOf[T any](t *testing.T, status int, body string) T {
	t.Helper()
	var envelope wire.Envelope[T]
	if err := json.Unmarshal([]byte(body), &envelope); err != nil || !envelope.Success {
		t.Fatalf("%d, %d bytes (%v), want a success", status, len(body), err)
	}
	return envelope.Data
}

// TestKilledProxy kills the gateway while callers send requests to a model, again and
// again. Each answer that a caller got whole is charged or still held when the gateway
// dies, no more is charged than was sent, and after its time no hold is left.
func TestKilledProxy(t *testing.T) {
	const callers, cost, kills = 6, 21, 3
	f := proxying(t, upstreamOf(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"choices":[],"usage":{"total_tokens":21}}`)
	}))
	key := f.key(t, token.Settings{UnlimitedQuota: new(true)})
	var sent, answered int64
	for range kills {
		var all sync.WaitGroup
		var whole, tried atomic.Int64
		for range callers {
			all.Go(func() {
				for {
					r, err := http.NewRequest(http.MethodPost, f.URL+"/v1/chat/completions", strings.NewReader(`{"model":"gpt-4o","messages":[{"role":"user","content":"Hello"}]}`)) //nolint:noctx // the proxy is killed
					if err != nil {
						t.Error(err)
						return
					}
					r.Header.Set("Authorization", "Bearer "+key)
					r.Header.Set("Content-Type", "application/json")
					tried.Add(1)
					answer, err := http.DefaultClient.Do(r)
					if err != nil {
						return // killed
					}
					_, err = io.ReadAll(answer.Body)
					_ = answer.Body.Close()
					if err == nil && answer.StatusCode == http.StatusOK {
						whole.Add(1)
					}
				}
			})
		}
		tokenctltest.Eventually(t, "callers get answers", func() bool { return whole.Load() > callers*5 })
		f.End(t, syscall.SIGKILL)
		all.Wait()
		sent, answered = sent+tried.Load(), answered+whole.Load()
		u, err := f.gate.Usage(t.Context(), key, quota.Origin{})
		if err != nil {
			t.Fatal(err)
		}
		held := u.Granted - u.Used - u.Available
		if u.Used+held < answered*cost || u.Used > sent*cost {
			t.Errorf("%d units used and %d held, for %d whole answers to %d requests of %d units", u.Used, held, answered, sent, cost)
		}
		f.Server = f.start()
	}
	later := gate.New(f.tenant.Store.(*dynamo.Store), gate.WithClock(func() time.Time { return time.Now().Add(gate.DefaultTTL + time.Minute) }))
	u, err := later.Usage(t.Context(), key, quota.Origin{})
	if err != nil || u.Used+u.Available != u.Granted {
		t.Errorf("after the time of all holds: %+v, %v", u, err)
	}
}
