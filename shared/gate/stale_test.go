package gate_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/token"
)

// In 10,000 rounds, an operator rotates a token's key, or disables the token,
// and then deletes it. From
// each acknowledgement on, another process, with connections of its own that
// has used the key just before, refuses it: to check it, to spend and to hold.
// A read that is not strongly consistent would be answered by a replica that
// lags behind.
func TestNoKeyIsAcceptedAfterItsEndWasAcknowledged(t *testing.T) {
	t.Parallel()
	const workers = 4
	rounds := 10_000
	if testing.Short() {
		rounds = 400
	}
	kit := dynamotest.New(t)
	var accepted, answers atomic.Int64
	var all sync.WaitGroup
	for n := range workers {
		tenant := kit.Tenant(t, fmt.Sprint("tenant-", n))
		newToken(t, tenant, token.Settings{RemainQuota: new(int64(100))})
		keys := kit.Copies(t, tenant, int64(rounds/workers))
		operator := openGate(t, kit, tenant, unhurried)
		gateway := openGate(t, kit, tenant, unhurried, new(dynamotest.Replica).Tweak)
		all.Go(func() {
			for i, key := range keys {
				r := &round{t, operator(key), gateway(key), tenant.UnixNow(), i%16 == 0}
				if got := insist(t, r.gateway, ask{does: check, now: r.now}); got.code != "" {
					t.Errorf("at first: got %q, want the key accepted", got.code)
				}
				for _, end := range []verb{[]verb{disable, rotate}[i%2], remove} {
					refused, asked := r.end(end)
					answers.Add(asked)
					accepted.Add(asked - refused)
				}
				if t.Failed() || accepted.Load() > 0 {
					return
				}
			}
		})
	}
	all.Wait()
	if got := accepted.Load(); got != 0 {
		t.Errorf("got %d stale answers, want none", got)
	}
	t.Logf("%d rounds, %d answers after an acknowledgement, %d of them stale", rounds, answers.Load(), accepted.Load())
}

// A round is about one token.
type round struct {
	t                 *testing.T
	operator, gateway door
	now               int64
	thorough          bool // spends and holds, too
}

// end ends the key's use, which the gateway has just looked at, and counts how
// often the gateway then refuses it as it should, and how often it was asked.
func (r *round) end(how verb) (refused, asked int64) {
	r.t.Helper()
	if got := insist(r.t, r.operator, ask{does: how, now: r.now}); got.code != "" {
		r.t.Errorf("%s: got %q, want it acknowledged", how, got.code)
	}
	want := map[verb]string{disable: "disabled", rotate: "not_found", remove: "not_found"}[how]
	asks := []ask{{does: check, now: r.now}}
	if r.thorough {
		asks = append(asks, ask{does: charge, quota: 1, now: r.now}, ask{does: reserve, id: string(how), quota: 1, ttl: 60, now: r.now})
	}
	for _, a := range asks {
		if got := insist(r.t, r.gateway, a); got.code == want {
			refused++
		}
	}
	return refused, int64(len(asks))
}
