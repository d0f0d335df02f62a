package gate_test

import (
	"context"
	"fmt"
	"iter"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/gate"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

// However processes interleave: the uses that are recorded of a token are at least
// an hour apart, a process writes the refusals of a token once a minute, as many as
// there were, and a record changes nothing else of the token.
func TestUseRecordHistories(t *testing.T) {
	t.Parallel()
	histories := 80
	if testing.Short() {
		histories = 20
	}
	kit := dynamotest.New(t)
	tenant := kit.Tenant(t, "tenant")
	var all useCounts
	for seed := range histories {
		h := &useHistory{t: t, kit: kit, random: seeded(77, seed), seed: seed, now: dynamotest.Epoch, lastUse: map[int64]int64{}, happened: map[string]int64{}, written: map[string]int64{}}
		for range 2 {
			h.keys = append(h.keys, newToken(t, tenant, token.Settings{RemainQuota: new(int64(1000)), ModelLimitsEnabled: new(true), Models: []string{"known"}}))
		}
		for range 3 {
			h.start()
		}
		h.run()
		all.uses, all.refused, all.missed = all.uses+h.uses, all.refused+h.refused, all.missed+h.missed
		if t.Failed() {
			return
		}
	}
	t.Logf("%d uses and %d refusals were recorded; %d uses had been recorded by another process meanwhile", all.uses, all.refused, all.missed)
	if all.uses < histories || all.refused < int64(histories) || all.missed < histories/4 {
		t.Error("too few of some kind happened")
	}
}

type useCounts struct {
	uses, missed int
	refused      int64
}

// A useHistory is a few processes that check and spend with the same keys. Only one
// of them runs at a time; which one is drawn before each call to the table.
type useHistory struct {
	useCounts
	t       *testing.T
	kit     *dynamotest.Kit
	random  *rand.Rand
	seed    int
	now     int64
	keys    []credential.Key
	gates   []*gate.Gate
	running []func() (struct{}, bool)

	lastUse           map[int64]int64  // by token: the second of the use that is recorded
	happened, written map[string]int64 // refusals by token and name
}

// start starts a process, whose clock may be some seconds wrong.
func (h *useHistory) start() {
	wrong := h.random.Int64N(7) - 3
	clock := func() time.Time { return time.Unix(h.now+wrong, 0) }
	store := &turnStore{Store: h.kit.Store, h: h, refusedAt: map[int64]int64{}, now: func() int64 { return clock().Unix() }}
	h.gates = append(h.gates, gate.New(store, gate.WithClock(clock), gate.WithUseRecords()))
}

func (h *useHistory) run() {
	for range 60 {
		switch n := h.random.IntN(10); {
		case n < 2:
			h.now += h.random.Int64N(oneOf[int64](h.random, 3, 90, 5000))
		case n < 6 && len(h.running) < 8:
			h.begin(oneOf(h.random, h.gates...), oneOf(h.random, h.keys...), h.random.IntN(4))
		default:
			h.step()
		}
	}
	for len(h.running) > 0 {
		h.step()
	}
	h.now += 120
	for _, g := range h.gates { // what is counted is written with the next refusal
		for _, key := range h.keys {
			h.begin(g, key, 1)
			h.begin(g, key, 0)
		}
	}
	for len(h.running) > 0 {
		h.step()
	}
	if diff := cmp.Diff(h.happened, h.written); diff != "" {
		h.t.Errorf("seed %d: refusals that happened and were written (-happened +written):\n%s", h.seed, diff)
	}
}

// begin lets a process do something with a key, up to its first call.
func (h *useHistory) begin(g *gate.Gate, key credential.Key, what int) {
	next, _ := iter.Pull(func(yield func(struct{}) bool) {
		ctx := context.WithValue(h.t.Context(), turnKey{}, yield)
		q, want := quota.Question{Model: "known", From: quota.Origin{IP: netip.MustParseAddr("203.0.113.7")}}, quota.Refusal("")
		switch what {
		case 1:
			q.Model, want = "unknown", quota.RefusedModel
		case 2:
			q.Quota = 1
		case 3:
			q.Quota, want = 5000, quota.RefusedExhausted
		}
		v, err := g.Verify(ctx, key.Reveal(), q)
		if err != nil || v.Refusal != want {
			h.t.Errorf("seed %d: got %q, %v, want %q", h.seed, v.Refusal, err, want)
		}
		if !v.Valid() {
			h.happened[refusalName(key, v.Name())]++
		}
	})
	h.running = append(h.running, next)
	next()
}

// step lets one of the processes make its next call.
func (h *useHistory) step() {
	if len(h.running) == 0 {
		return
	}
	i := h.random.IntN(len(h.running))
	if _, more := h.running[i](); !more {
		h.running[i] = h.running[len(h.running)-1]
		h.running = h.running[:len(h.running)-1]
	}
}

// A turnStore is the store of one process. It waits for its turn before each call,
// and checks each Touch.
type turnStore struct {
	gate.Store
	h         *useHistory
	now       func() int64
	refusedAt map[int64]int64 // by token: when this process wrote refusals
}

type turnKey struct{}

func wait(ctx context.Context) { ctx.Value(turnKey{}).(func(struct{}) bool)(struct{}{}) }

func (s *turnStore) Lookup(ctx context.Context, key credential.Key, now int64) (quota.Ledger, error) {
	wait(ctx)
	return s.Store.Lookup(ctx, key, now)
}

func (s *turnStore) Do(ctx context.Context, key credential.Key, o quota.Operation) (quota.Ledger, error) {
	wait(ctx)
	return s.Store.Do(ctx, key, o)
}

func (s *turnStore) Touch(ctx context.Context, key credential.Key, touch quota.Touch) error {
	h, id, now := s.h, key.TokenID, s.now()
	if len(touch.Refusals) > 0 {
		if last, ok := s.refusedAt[id]; ok && now-last < 60 {
			h.t.Errorf("seed %d: refusals were written twice in %d s", h.seed, now-last)
		}
		s.refusedAt[id] = now
	}
	wait(ctx)
	before := h.ledger(key)
	if err := s.Store.Touch(ctx, key, touch); err != nil {
		return err
	}
	after := h.ledger(key)
	switch use := after.LastUse; {
	case touch.Use.Time == 0:
	case use == before.LastUse:
		h.missed++
	case use.Time != touch.Use.Time || use.Network != "203.0.113.0/24":
		h.t.Errorf("seed %d: got %+v recorded, want %+v", h.seed, use, touch.Use)
	case use.Time-h.lastUse[id] < quota.UseSeconds:
		h.t.Errorf("seed %d: a use at %d and one at %d were recorded", h.seed, h.lastUse[id]-dynamotest.Epoch, use.Time-dynamotest.Epoch)
	default:
		h.lastUse[id] = use.Time
		h.uses++
	}
	for name, n := range touch.Refusals {
		h.written[refusalName(key, name)] += n
		h.refused += n
	}
	before.LastUse = after.LastUse
	if diff := cmp.Diff(before, after); diff != "" {
		h.t.Errorf("seed %d: the token changed:\n%s", h.seed, diff)
	}
	return nil
}

func refusalName(key credential.Key, name string) string { return fmt.Sprint(key.TokenID, " ", name) }

func (h *useHistory) ledger(key credential.Key) quota.Ledger {
	l, err := h.kit.Store.Lookup(h.t.Context(), key, h.now)
	if err != nil {
		h.t.Fatal(err)
	}
	return l
}
