package dynamo_test

import (
	"errors"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/gate"
	"github.com/latchkey-api/latchkey/shared/period"
	"github.com/latchkey-api/latchkey/shared/price"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

const secondsPerDay = 86_400

// A naiveQuota adds up what was used, and compares it with the quota of the moment.
type naiveQuota struct {
	units  int64
	raise  token.Raise
	used   map[int64]int64 // by the number of the window; the lifetime quota has only 0
	window func(now int64) int64
}

// A naiveHold is an open hold.
type naiveHold struct{ units, madeAt, expiresAt int64 }

// A naiveToken is a token with a lifetime quota and a quota for each day.
type naiveToken struct {
	quotas []*naiveQuota
	holds  map[string]naiveHold
}

func (q *naiveQuota) free(now int64, holds map[string]naiveHold) int64 {
	free := q.units - q.used[q.window(now)]
	if now < q.raise.Until {
		free += q.raise.Units
	}
	for _, h := range holds {
		if now < h.expiresAt && q.window(h.madeAt) == q.window(now) {
			free -= h.units
		}
	}
	return free
}

func (n *naiveToken) allows(now, units int64) bool {
	return !slices.ContainsFunc(n.quotas, func(q *naiveQuota) bool { return q.free(now, n.holds) < max(1, units) })
}

func (n *naiveToken) use(at, units int64) {
	for _, q := range n.quotas {
		q.used[q.window(at)] += units
	}
}

// Raises that begin, change and end between spends, holds, changes of quotas and the ends of
// days allow exactly what a sum over all uses allows.
func TestRaisesMatchSums(t *testing.T) {
	t.Parallel()
	kit := newKit(t)
	tenant := kit.Tenant(t, "naive")
	rapid.Check(t, func(rt *rapid.T) {
		m := startRaises(rt, kit, tenant)
		rt.Repeat(map[string]func(*rapid.T){
			"":        m.compare,
			"spend":   m.spend,
			"spend 2": m.spend,
			"reserve": m.reserve,
			"end":     m.endHold,
			"raise":   m.raise,
			"update":  m.update,
			"wait":    m.wait,
		})
	})
}

// A raiseMachine carries out the same on a token and on its model.
type raiseMachine struct {
	*dynamotest.Tenant
	model naiveToken
	id    int64
	key   credential.Key
	gates []*gate.Gate
}

func startRaises(rt *rapid.T, kit *dynamotest.Kit, tenant *dynamotest.Tenant) *raiseMachine {
	lifetime, day := rapid.Int64Range(0, 300).Draw(rt, "lifetime"), rapid.Int64Range(1, 100).Draw(rt, "day")
	tenant.Clock.Advance(secondsPerDay - (tenant.UnixNow() % secondsPerDay) - rapid.Int64Range(1, 100).Draw(rt, "before midnight"))
	made, key, err := tenant.Create(rt.Context(), tenant.Access, token.Settings{
		Name: new("app"), RemainQuota: &lifetime, Windows: []token.Window{{Period: period.Period{Length: "day"}, Quota: day}},
	})
	if err != nil {
		rt.Fatal(err)
	}
	m := &raiseMachine{Tenant: tenant, id: made.ID, key: key, model: naiveToken{holds: map[string]naiveHold{}, quotas: []*naiveQuota{
		{lifetime, token.Raise{}, map[int64]int64{}, func(int64) int64 { return 0 }},
		{day, token.Raise{}, map[int64]int64{}, func(now int64) int64 { return now / secondsPerDay }},
	}}}
	for range 2 { // processes that know nothing of each other
		m.gates = append(m.gates, gate.New(dynamo.New(kit.Client, dynamotest.Table), gate.WithClock(tenant.Clock.Now)))
	}
	return m
}

func (m *raiseMachine) gate(rt *rapid.T) *gate.Gate {
	return rapid.SampledFrom(m.gates).Draw(rt, "process")
}

func (m *raiseMachine) spend(rt *rapid.T) {
	now, units := m.UnixNow(), rapid.Int64Range(1, 60).Draw(rt, "units")
	v, err := m.gate(rt).Verify(rt.Context(), m.key.Reveal(), quota.Question{Quota: units})
	if want := m.model.allows(now, units); err != nil || v.Valid() != want {
		rt.Fatalf("spend %d: got %+v, %v, want %t", units, v.Reason, err, want)
	}
	if v.Valid() {
		m.model.use(now, units)
	}
}

func (m *raiseMachine) reserve(rt *rapid.T) {
	now, units := m.UnixNow(), rapid.Int64Range(0, 60).Draw(rt, "units")
	ttl := rapid.SampledFrom([]int64{30, 600, 3600}).Draw(rt, "ttl")
	r, err := m.gate(rt).Reserve(rt.Context(), m.key.Reveal(), quota.Question{Quota: units}, time.Duration(ttl)*time.Second)
	if errors.Is(err, quota.ErrTooManyOpen) {
		return
	}
	if want := m.model.allows(now, units); err != nil || r.Valid() != want {
		rt.Fatalf("reserve %d: got %+v, %v, want %t", units, r.Reason, err, want)
	}
	if r.Valid() {
		m.model.holds[r.RequestID] = naiveHold{units, now, now + ttl}
	}
}

// endHold settles a hold for at most its units, or releases it.
func (m *raiseMachine) endHold(rt *rapid.T) {
	ids := slices.Sorted(maps.Keys(m.model.holds))
	if len(ids) == 0 {
		rt.Skip("no hold")
	}
	id := ids[rapid.IntRange(0, len(ids)-1).Draw(rt, "hold")]
	h := m.model.holds[id]
	delete(m.model.holds, id)
	units := rapid.Int64Range(0, h.units).Draw(rt, "used")
	var err error
	if units == 0 {
		_, err = m.gate(rt).Release(rt.Context(), m.key.Reveal(), id)
	} else {
		var s quota.Settlement
		if s, err = m.gate(rt).Settle(rt.Context(), m.key.Reveal(), id, units, price.Use{}); err == nil && s.Charged != units {
			rt.Fatalf("a hold of %d was charged %d, want %d", h.units, s.Charged, units)
		}
	}
	expired := h.expiresAt <= m.UnixNow()
	if expired != (err != nil) || expired && !errors.Is(err, quota.ErrHoldExpired) && !errors.Is(err, quota.ErrHoldNotFound) {
		rt.Fatalf("end a hold, expired %t: got %v", expired, err)
	}
	if !expired {
		m.model.use(h.madeAt, units)
	}
}

func (m *raiseMachine) raise(rt *rapid.T) {
	c := token.RaiseChange{Raise: token.Raise{
		Units: rapid.Int64Range(0, 60).Draw(rt, "raise"),
		Until: m.UnixNow() + rapid.SampledFrom([]int64{1, 30, 60, 3_000, 2 * secondsPerDay}).Draw(rt, "until"),
	}}
	which := rapid.IntRange(0, 1).Draw(rt, "quota")
	if which == 1 {
		c.Window = &token.WindowName{Length: "day"}
	}
	if _, err := m.Raise(rt.Context(), m.Access, m.id, c, nil); err != nil {
		rt.Fatal(err)
	}
	m.model.quotas[which].raise = c.Raise
}

// update adds to the lifetime quota, or changes that of the day.
func (m *raiseMachine) update(rt *rapid.T) {
	units := rapid.Int64Range(-40, 40).Draw(rt, "delta")
	if rapid.Bool().Draw(rt, "day") {
		day := m.model.quotas[1]
		units = max(1, day.units+units)
		if _, err := m.Update(rt.Context(), m.Access, m.id, token.Settings{Windows: []token.Window{{Period: period.Period{Length: "day"}, Quota: units}}}); err != nil {
			rt.Fatal(err)
		}
		day.units = units
		return
	}
	free := m.model.quotas[0].free(m.UnixNow(), m.model.holds)
	_, err := m.Update(rt.Context(), m.Access, m.id, token.Settings{QuotaDelta: &units})
	if fits := units >= 0 || free+units >= 0; fits != (err == nil) || !fits && !errors.Is(err, token.ErrQuotaBelowZero) {
		rt.Fatalf("add %d to %d: got %v", units, free, err)
	}
	if err == nil {
		m.model.quotas[0].units += units
	}
}

func (m *raiseMachine) wait(rt *rapid.T) {
	m.Clock.Advance(rapid.SampledFrom([]int64{1, 1, 29, 30, 60, 600, secondsPerDay / 2}).Draw(rt, "seconds"))
}

// compare compares what answers show with the model.
func (m *raiseMachine) compare(rt *rapid.T) {
	now := m.UnixNow()
	tok, err := m.Get(rt.Context(), m.Access, m.id)
	if err != nil {
		rt.Fatal(err)
	}
	free := []int64{m.model.quotas[0].free(now, m.model.holds), m.model.quotas[1].free(now, m.model.holds)}
	day := tok.WindowUse(tok.Windows[0], now)
	if got := []int64{tok.FreeAt(now), day.Remaining}; !slices.Equal(got, []int64{free[0], max(0, free[1])}) {
		rt.Fatalf("got %d free, want %d", got, free)
	}
	used := []int64{m.model.quotas[0].used[0], m.model.quotas[1].used[now/secondsPerDay]}
	if got := []int64{tok.UsedAt(now), day.Used}; !slices.Equal(got, used) {
		rt.Fatalf("got %d used, want %d", got, used)
	}
}
