package gate_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/latchkey-api/latchkey/shared/period"
	"github.com/latchkey-api/latchkey/shared/token"
)

// limitKinds are the limits of tokens in histories. A day ends at midnight in
// Berlin.
func limitKinds() []limitSettings {
	hour, day := meterSettings{length: "hour", quota: 40}, meterSettings{length: "day", quota: 60}
	short, m1 := meterSettings{length: "1m", fixed: 60, quota: 35}, meterSettings{model: "m1", quota: 25}
	return []limitSettings{
		{meters: [maxMeters]meterSettings{hour, day}},
		{meters: [maxMeters]meterSettings{short, day}},
		{meters: [maxMeters]meterSettings{day, m1}},
		{requests: 12, units: 90},
		{meters: [maxMeters]meterSettings{short}, concurrent: 3},
		{meters: [maxMeters]meterSettings{short, hour, m1}, requests: 30, units: 120, concurrent: 4},
	}
}

// token returns the settings of a token with the limits.
func (s limitSettings) token(units int64) token.Settings {
	u := token.Settings{
		RemainQuota: &units, RequestsPerMinute: &s.requests, UnitsPerMinute: &s.units, MaxConcurrent: &s.concurrent,
		Windows: []token.Window{}, ModelQuotas: []token.ModelQuota{},
	}
	for _, m := range s.meters {
		switch {
		case m.model != "":
			u.ModelQuotas = append(u.ModelQuotas, token.ModelQuota{Model: m.model, Quota: m.quota})
		case m.length != "":
			p := period.Period{Length: m.length}
			if m.fixed == 0 {
				p.Timezone = berlin().String()
			}
			u.Windows = append(u.Windows, token.Window{Period: p, Quota: m.quota})
		}
	}
	return u
}

// A sharedClock is the clock of several processes, which moves while they work.
type sharedClock struct {
	mu  sync.Mutex
	now time.Time
}

// advance moves the clock, and returns its time then.
func (c *sharedClock) advance(d time.Duration) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	return c.now
}

// limitedStarts are moments at which histories start: less than a minute before
// the end of an hour or a day, also of the days that are longer or shorter.
func limitedStarts() []time.Time {
	var all []time.Time
	for _, s := range []string{
		"2030-06-10T23:59:20+02:00", "2030-06-30T23:58:50+02:00", "2030-11-12T10:59:30.5+01:00",
		"2030-03-31T01:59:20+01:00", "2030-03-31T23:59:10+02:00", "2030-10-27T02:59:20+02:00", "2030-10-27T23:59:30+01:00",
	} {
		at, err := time.Parse(time.RFC3339Nano, s)
		if err != nil {
			panic(err)
		}
		all = append(all, at)
	}
	return all
}

const (
	limitedUnits = 120         // of each token with limits
	skew         = time.Second // of the second process's clock in every second history
)

// Histories of tokens with windows, model quotas and rates are linearizable too,
// while the clock moves over the ends of windows and of holds during operations.
// In half of them the clocks of the two processes differ.
func TestLimitedHistoriesAreLinearizable(t *testing.T) {
	t.Parallel()
	checkHistories(t, (*historyWorker).runLimited)
}

// runLimited creates a token with limits and runs one history on it.
func (w *historyWorker) runLimited(t *testing.T, seed int) *history {
	random := w.reseed(seed)
	settings := oneOf(random, limitKinds()...)
	clock := &sharedClock{now: oneOf(random, limitedStarts()...)}
	ahead := [2]time.Duration{1: oneOf(random, 0, skew)}
	h := &history{first: tokenModel{free: limitedUnits, limits: limitsModel{settings: &settings}}, started: time.Now()}
	key := newToken(t, w.tenant, settings.token(limitedUnits))
	var models [clientsPerHistory]string // of the clients' own holds
	var clients [clientsPerHistory]client
	for n := range clients {
		clients[n] = w.newClients[n%len(w.newClients)](key)
	}
	for round := range roundsPerHistory {
		var all sync.WaitGroup
		for n, c := range clients {
			operations := make([]operation, operationsPerRound)
			moves := make([]time.Duration, operationsPerRound)
			for i := range operations {
				operations[i] = drawOperation(random, clock.advance(0).Unix())
				if slices.Contains([]opKind{opSetQuota, opDisable, opEnable}, operations[i].kind) {
					// They are two writes if a hold has expired. An operation in between, by a
					// clock from before, would see that only the first was made.
					operations[i] = operation{kind: opCheck}
				}
				if random.IntN(8) == 0 {
					moves[i] = oneOf(random, time.Millisecond, 1700*time.Millisecond, 7*time.Second, 30*time.Second)
				}
			}
			drawHold(random, operations, n, round)
			for i := range operations {
				switch operations[i].kind { //nolint:exhaustive // the others name any model
				case opHold:
					models[n] = operations[i].model
				case opGrowHold:
					operations[i].model = models[n]
				}
			}
			all.Go(func() {
				for i, op := range operations {
					now := clock.advance(moves[i]).Add(ahead[n%len(ahead)])
					h.record(t, c, n, op.startedAt(now), w.faultPercent > 0)
				}
			})
		}
		all.Wait()
		clock.advance(oneOf(random, 0, 0, 31*time.Second, time.Hour+time.Minute, 25*time.Hour))
	}
	w.reseed(0) // no faults during the last operations
	for _, kind := range []opKind{opCheck, opUsage} {
		h.record(t, w.newClients[0](key), clientsPerHistory, operation{kind: kind}.startedAt(clock.advance(skew)), false)
	}
	return h
}
