package dynamo_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"

	"github.com/latchkey-api/latchkey/shared/token"
)

const (
	auditCallers   = 5
	changesByEach  = 25
	refusedVersion = 1 << 40 // that no token has
)

// TestAuditOfRandomCallers lets several callers at once make random changes of the same
// users, tokens and webhooks, while answers of DynamoDB get lost. The audit trail has
// one entry for each revision of each item, and each entry begins with what the one
// before it left. A change that was confirmed has its entries once, one that was refused
// has none, and one of which the answer was lost has them once or not at all.
func TestAuditOfRandomCallers(t *testing.T) {
	t.Parallel()
	rounds := max(6, *foldings/1000)
	if testing.Short() {
		rounds = 2
	}
	var changes, confirmed, uncertain int
	for round := range rounds {
		t.Run(strconv.Itoa(round), func(t *testing.T) { //nolint:paralleltest // each has an engine
			m := newAuditModel(t, rand.New(rand.NewPCG(11, uint64(round)))) //nolint:gosec // reproducible
			c := &auditCalls{auditModel: m, made: map[string]outcome{}}
			var all sync.WaitGroup
			for caller := range auditCallers {
				random := rand.New(rand.NewPCG(uint64(round), uint64(caller))) //nolint:gosec // reproducible
				all.Go(func() {
					for n := range changesByEach {
						c.call(t, random, caller*changesByEach+n)
					}
				})
			}
			all.Wait()
			records, err := m.stream.Next(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			m.foldAll(t, records)
			changes += c.check(t, records)
			for _, o := range c.made {
				if o.err == nil {
					confirmed += o.entries
				} else if !o.refused {
					uncertain++
				}
			}
		})
	}
	t.Logf("%d rounds: %d entries, %d of confirmed changes; %d calls failed", rounds, changes, confirmed, uncertain)
}

// auditCalls are the calls of several callers.
type auditCalls struct {
	*auditModel
	mu   sync.Mutex
	made map[string]outcome // by request id
}

// An outcome is that of a call.
type outcome struct {
	entries int  // that the call makes; 0 if that depends on what the others do
	refused bool // whatever the others do
	err     error
}

// call makes a random change.
func (c *auditCalls) call(t *testing.T, random *rand.Rand, n int) {
	request := fmt.Sprint("request-", n)
	ctx := token.WithOrigin(t.Context(), token.Origin{RequestID: request, Address: "2001:db8::" + strconv.Itoa(n)})
	who := random.IntN(2)
	var o outcome
	if random.IntN(2) == 0 {
		o = c.changeToken(ctx, random, who, n)
	} else {
		o = c.changeUser(ctx, t, random, who, n)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.made[request] = o
}

func (c *auditCalls) changeToken(ctx context.Context, random *rand.Rand, who, n int) outcome {
	tenant, name := c.tenants[who], fmt.Sprint("n", n)
	at, id := tenant.Access, 1+random.Int64N(6)
	update := func(s token.Settings, versions token.Versions) error {
		_, err := tenant.Service.Update(ctx, at, id, s, versions)
		return err
	}
	switch random.IntN(10) {
	case 0, 1:
		_, err := tenant.Service.Create(ctx, at, []token.Settings{{Name: &name, RemainQuota: new(int64(n))}, {Name: new("b")}}, nil)
		return outcome{entries: 2, err: err}
	case 2:
		return outcome{entries: 1, err: update(token.Settings{Name: &name, RemainQuota: new(int64(n))}, nil)}
	case 3:
		return outcome{entries: 1, err: update(token.Settings{Name: &name, Models: []string{name}, Group: new("vip")}, nil)}
	case 4:
		return outcome{entries: 1, err: update(token.Settings{Name: &name, ExpiredTime: new(tenant.UnixNow() + 1)}, nil)} // it is purged
	case 5:
		return outcome{refused: true, err: update(token.Settings{Name: &name}, token.Versions{refusedVersion})}
	case 6:
		rotation, err := tenant.NewKeyRotation(ctx, at, id, 0)
		if err == nil {
			_, err = tenant.Rotate(ctx, at, id, rotation)
		}
		return outcome{entries: 1, err: err}
	case 7:
		return outcome{entries: 1, err: tenant.Delete(ctx, at, id)}
	case 8:
		errs, err := tenant.DeleteAll(ctx, at, []int64{id, id + 1}, nil)
		o := outcome{err: errors.Join(append(errs, err)...)}
		if o.err == nil {
			o.entries = 2
		}
		return o
	default:
		_, err := tenant.SetStatusAll(ctx, at, []int64{id, id + 1, id + 2}, random.IntN(2) == 0, nil)
		return outcome{err: err}
	}
}

func (c *auditCalls) changeUser(ctx context.Context, t *testing.T, random *rand.Rand, who, n int) outcome {
	name, tenant := []string{"alice", "bob"}[who], c.tenants[who]
	switch random.IntN(12) {
	case 0:
		_, err := c.faulty.SetLimits(ctx, name, func(l *token.Limits) { l.MaxTokens = int64(1000 + n) })
		return outcome{entries: 1, err: err}
	case 1:
		_, _, err := c.faulty.SetPolicy(ctx, name, func(p *token.Policy) { p.MaxLifetimeSeconds = int64(100_000 + n) })
		return outcome{entries: 1, err: err}
	case 2:
		_, err := c.faulty.SetBudget(ctx, name, &token.Budget{Units: int64(1_000_000 + n)}, func(int64, int64) {})
		return outcome{entries: 1, err: err}
	case 3:
		_, err := c.faulty.Disable(ctx, name, true, nil)
		return outcome{err: err}
	case 4:
		_, err := c.faulty.Enable(ctx, name, nil)
		return outcome{err: err}
	case 5:
		_, revision, err := c.Store.PriceFile(ctx)
		if err == nil {
			_, err = c.Store.SetPriceFile(ctx, fmt.Appendf(nil, `{"units_per_dollar":%d,"models":{"m":{"input":"1","output":"2"}}}`, n+1), revision)
		}
		return outcome{entries: 1, err: err}
	case 6:
		_, err := c.faulty.RotateAccessToken(ctx, name, false, 0)
		return outcome{entries: 1, err: err}
	case 7:
		var hash [32]byte
		binary.BigEndian.PutUint64(hash[:], uint64(n)+1) //nolint:gosec // not negative
		_, err := c.faulty.ImportTokens(ctx, name, []token.ForeignToken{{Settings: token.Settings{Name: new("old")}, Hash: hash, Mask: "sk-…", From: "litellm"}})
		return outcome{entries: 1, err: err}
	case 8:
		_, err := c.Engine.Sweep(ctx) // an entry of it has no request id
		return outcome{refused: true, err: err}
	default:
		var hooks hookWitness
		hooks.look(t, c.Store, "", tenant.Access.UserID)
		hooks.act(ctx, random, c.store, tenant.Access, tenant.Clock.Now())
		return outcome{err: errUnknown}
	}
}

var errUnknown = errors.New("an unknown outcome")
