package faultstest_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// The clocks of two servers jump by an hour, forward and back, each for itself, while
// callers spend and hold. At the end the quota is what is used and available, what is
// used is what was acknowledged, and nothing is held.
func TestClockJumps(t *testing.T) {
	t.Parallel()
	const callers, steps = 6, 40
	w := newWorld(t)
	u := w.user(t, "jumping", true)
	var offsets [2]atomic.Int64
	var urls [2]string
	for i := range urls {
		urls[i] = w.serve(t, dynamotest.ProductClient(w.Endpoint), func() time.Time { return time.Now().Add(time.Duration(offsets[i].Load())) })
	}
	var ok, refused, late atomic.Int64
	var all sync.WaitGroup
	for i := range callers {
		random := rand.New(rand.NewPCG(3, uint64(i))) //nolint:gosec // not a secret
		all.Go(func() {
			for n := range steps {
				if n%5 == 4 {
					offsets[i%2].Store(int64(time.Duration(random.IntN(3)-1) * time.Hour))
				}
				token, id, units := 1+i%2, fmt.Sprintf("request-%d-%020d", i, n), 1+random.Int64N(3)
				send := func(path, body string) (answer, wire.Settlement) {
					a, err := u.key(token, path, body).send(urls[i%2])
					if err != nil {
						t.Error(err)
					}
					return a, decode[wire.Settlement](t, a)
				}
				if n%2 == 0 {
					a, _ := send(wire.VerifyPath, fmt.Sprintf(`{"quota":%d,"request_id":%q,"model":"m1"}`, units, id))
					if decode[wire.Verdict](t, a).Valid {
						ok.Add(units)
					} else {
						refused.Add(1)
					}
					continue
				}
				if a, _ := send(wire.ReservePath, fmt.Sprintf(`{"quota":5,"request_id":%q,"model":"m1"}`, id)); !decode[wire.Reservation](t, a).Valid {
					refused.Add(1)
					continue
				}
				a, s := send(wire.SettlePath, fmt.Sprintf(`{"quota":%d,"request_id":%q}`, units, id))
				switch a.status {
				case http.StatusOK:
					ok.Add(s.Charged)
				case http.StatusConflict, http.StatusNotFound: // the hold has expired
					late.Add(1)
				default:
					t.Errorf("settle: %d %s", a.status, masked(a.body))
				}
			}
		})
	}
	all.Wait()
	t.Logf("%d units acknowledged, %d refused, %d settlements of expired holds", ok.Load(), refused.Load(), late.Load())
	u.wantSettled(t, w.serve(t, dynamotest.ProductClient(w.Endpoint), func() time.Time { return time.Now().Add(3 * time.Hour) }), ok.Load())
}

// wantSettled checks that the user's tokens have used a number of units and hold none,
// as a server with another clock shows it.
func (u *user) wantSettled(t *testing.T, url string, units int64) {
	t.Helper()
	get := func(path string) answer {
		a, err := u.as(http.MethodGet, path, "").send(url)
		if err != nil || a.status != http.StatusOK {
			t.Errorf("%s: %d %v", path, a.status, err)
		}
		return a
	}
	var used int64
	for _, made := range decode[wire.TokenPage](t, get(wire.TokensPath)).Items {
		used += made.UsedQuota
		if made.Name == "plain" && made.UsedQuota+made.RemainQuota != 1000 {
			t.Errorf("%d units used and %d left of 1000", made.UsedQuota, made.RemainQuota)
		}
	}
	b := decode[wire.Budget](t, get(wire.BudgetPath))
	if used != units || b.Used != units || b.Held != 0 || b.Remaining+b.InTokens+b.Used != budget {
		t.Errorf("%d units used, the wallet is %+v, want %d used and nothing held", used, b, units)
	}
}
