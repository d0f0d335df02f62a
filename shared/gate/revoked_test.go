package gate_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/token"
)

// Once a rotation, a disabling or a deletion is acknowledged, another process
// refuses the key, to check it, to spend and to reserve. That process has its
// own connections and has used the key just before. There are 10,000 rounds,
// each with its own token; in each the key is rotated or the token disabled, and
// then deleted. A read that is not strongly consistent would be answered by a
// replica that is behind.
func TestRevokedKeyIsRefusedAtOnce(t *testing.T) {
	t.Parallel()
	const workers = 4
	rounds := 10_000
	if testing.Short() {
		rounds = 400
	}
	kit := dynamotest.New(t)
	var results, stale atomic.Int64
	var all sync.WaitGroup
	for n := range workers {
		tenant := kit.Tenant(t, fmt.Sprint("tenant-", n))
		newToken(t, tenant, token.Settings{RemainQuota: new(int64(100))})
		keys := kit.CopyFirstToken(t, tenant, int64(rounds/workers))
		ownerFor := newGateClients(t, kit, tenant)
		gatewayFor := newGateClients(t, kit, tenant, new(dynamotest.LaggingReplica).Configure)
		all.Go(func() {
			for i, key := range keys {
				r := &revocation{t, ownerFor(key), gatewayFor(key), tenant.UnixNow(), i%16 == 0}
				if got := mustDo(t, r.gateway, operation{kind: opCheck, now: r.now}); got.code != "" {
					t.Errorf("before: got %q, want the key valid", got.code)
				}
				for _, kind := range []opKind{[]opKind{opDisable, opRotateKey}[i%2], opDelete} {
					refused, total := r.run(kind)
					results.Add(total)
					stale.Add(total - refused)
				}
				if t.Failed() || stale.Load() > 0 {
					return
				}
			}
		})
	}
	all.Wait()
	if got := stale.Load(); got != 0 {
		t.Errorf("got %d stale results, want none", got)
	}
	t.Logf("%d rounds, %d results after an acknowledgement, %d of them stale", rounds, results.Load(), stale.Load())
}

// A revocation is a round with one token.
type revocation struct {
	t              *testing.T
	owner, gateway client
	now            int64
	spendToo       bool // the gateway also spends and reserves
}

// run revokes the key, which the gateway has just checked. It returns how many
// of the gateway's operations are then refused for the right reason, and how
// many there are.
func (r *revocation) run(kind opKind) (refused, total int64) {
	r.t.Helper()
	if got := mustDo(r.t, r.owner, operation{kind: kind, now: r.now}); got.code != "" {
		r.t.Errorf("%s: got %q, want it acknowledged", kind, got.code)
	}
	want := map[opKind]string{opDisable: "disabled", opRotateKey: "not_found", opDelete: "not_found"}[kind]
	operations := []operation{{kind: opCheck, now: r.now}}
	if r.spendToo {
		operations = append(operations,
			operation{kind: opSpend, quota: 1, now: r.now},
			operation{kind: opReserve, requestID: string(kind), quota: 1, ttlSeconds: 60, now: r.now})
	}
	for _, op := range operations {
		if got := mustDo(r.t, r.gateway, op); got.code == want {
			refused++
		}
	}
	return refused, int64(len(operations))
}
