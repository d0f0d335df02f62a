package dynamo_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/event"
	"github.com/latchkey-api/latchkey/shared/history"
	"github.com/latchkey-api/latchkey/shared/token"
)

// A witness knows what has to be told of a token, and what its audit trail has to
// have. It looks at the token as the API shows it, before and after each call.
type witness struct {
	events, audit map[string]int
	deleted       bool
	last          *token.Token // nil before and after its life
}

func newWitness() *witness { return &witness{events: map[string]int{}, audit: map[string]int{}} }

// changed notes a change that succeeded, and the events of its types.
func (w *witness) changed(action string, types ...event.Type) {
	w.audit[action]++
	for _, t := range types {
		w.events[string(t)]++
	}
}

// look compares the token with what it was at the last look. An update may have ended
// expired holds before it changed the quota.
func (w *witness) look(now *token.Token, updated bool) {
	was := w.last
	w.last = now
	switch {
	case was == nil:
		return
	case now == nil && !w.deleted:
		w.changed("token.purged", event.TokenPurged)
		return
	case now == nil:
		return
	}
	if updated {
		between := *was
		between.RemainQuota, between.Holds = was.RemainQuota+sumDebited(was.Holds)-(now.UsedQuota-was.UsedQuota), nil
		between.UsedQuota, between.Windows = now.UsedQuota, slices.Clone(was.Windows)
		for i := range between.Windows {
			if n := slices.IndexFunc(now.Windows, func(o token.Window) bool { return o.Number == between.Windows[i].Number }); n >= 0 {
				between.Windows[i].Left = was.Windows[i].Quota - usedOf(*now, now.Windows[n].Number, now.Windows[n].Quota, now.Windows[n].Left)
			}
		}
		between.ModelQuotas = slices.Clone(was.ModelQuotas)
		for i, q := range now.ModelQuotas {
			between.ModelQuotas[i].Left = was.ModelQuotas[i].Quota - usedOf(*now, q.Number, q.Quota, q.Left)
		}
		w.compare(*was, between)
		was = &between
	}
	w.compare(*was, *now)
}

func (w *witness) compare(was, now token.Token) {
	if !now.UnlimitedQuota {
		quota := func(t token.Token) int64 { return t.UsedQuota + t.RemainQuota + sumDebited(t.Holds) }
		w.low("lifetime", was.UsedQuota, quota(was), now.UsedQuota, quota(now))
	}
	for _, win := range now.Windows {
		if win.Number == 0 || win.EndsAt <= now.AccessedTime {
			continue
		}
		var usedBefore, quotaBefore int64
		for _, old := range was.Windows {
			if old.Number == win.Number {
				usedBefore, quotaBefore = usedOf(was, old.Number, old.Quota, old.Left), old.Quota
			}
		}
		w.low("window "+win.Length, usedBefore, quotaBefore, usedOf(now, win.Number, win.Quota, win.Left), win.Quota)
	}
	for i, q := range now.ModelQuotas {
		old := was.ModelQuotas[i]
		if q.Number != 0 {
			before := int64(0)
			if old.Number != 0 {
				before = usedOf(was, old.Number, old.Quota, old.Left)
			}
			w.low("model "+q.Model, before, old.Quota, usedOf(now, q.Number, q.Quota, q.Left), q.Quota)
		}
	}
	switch before, after := isUsedUp(was), isUsedUp(now); {
	case after && !before:
		w.events[string(event.TokenExhausted)]++
	case before && !after:
		w.events[string(event.TokenRevived)]++
	}
}

// low counts the event of the threshold that a charge has crossed.
func (w *witness) low(limit string, usedBefore, quotaBefore, used, quota int64) {
	share := func(used, quota int64) (percent int) {
		if quota <= 0 {
			return 100
		}
		for _, p := range []int64{5, 20} {
			if 100*used >= (100-p)*quota {
				return int(p)
			}
		}
		return 100
	}
	if is := share(used, quota); used > usedBefore && is < share(usedBefore, quotaBefore) {
		w.events[fmt.Sprintf("%s %s %d%%", event.TokenQuotaLow, limit, is)]++
	}
}

func isUsedUp(t token.Token) bool {
	if !t.UnlimitedQuota && t.RemainQuota+sumDebited(t.Holds) <= 0 {
		return true
	}
	return slices.ContainsFunc(t.Windows, func(w token.Window) bool {
		return w.Number != 0 && w.EndsAt > t.AccessedTime && usedOf(t, w.Number, w.Quota, w.Left) >= w.Quota
	})
}

func sumDebited(holds []token.Hold) (sum int64) {
	for _, h := range holds {
		sum += h.Debited
	}
	return sum
}

// usedOf returns how much of a meter is used, without what open holds have of it.
func usedOf(t token.Token, number, quota, left int64) int64 {
	for _, h := range t.Holds {
		if slices.Contains(h.Meters, number) {
			left += h.Quota
		}
	}
	return quota - left
}

// look lets the witnesses look at all tokens after a call, which may have updated one.
func (l *life) look(t *testing.T, updated *living) {
	t.Helper()
	for _, tok := range l.tokens {
		got, err := l.tenant.Get(t.Context(), l.tenant.Access, tok.id)
		switch {
		case err == nil:
			tok.saw.look(&got, tok == updated)
		case errors.Is(err, token.ErrNotFound):
			tok.saw.look(nil, false)
		default:
			t.Fatal(err)
		}
	}
}

// TestEventsOfRandomLives is about more lives than TestFoldOfRandomHistories, and
// folds none of them: each has exactly the events that its witnesses saw.
func TestEventsOfRandomLives(t *testing.T) {
	t.Parallel()
	lives := uint64(max(4, *foldings/100))
	told := map[string]int{}
	for number := range lives {
		t.Run(strconv.FormatUint(number, 10), func(t *testing.T) { //nolint:paralleltest // each has an engine
			l := newLife(t, 1_000_000+number)
			for range 3 * stepsPerLife {
				l.step(t)
			}
			c := &receiver{events: map[string]event.Event{}}
			c.tell(t, l.read(t), l.random, false)
			l.checkTold(t, 0, c)
			for _, tok := range l.tokens {
				for what, n := range tok.saw.events {
					told[what] += n
				}
			}
		})
	}
	t.Logf("%d lives: %v", lives, told)
}

// A receiver gets events and drops those whose ids it has seen.
type receiver struct {
	mu      sync.Mutex
	events  map[string]event.Event
	repeats int
}

// tell publishes the events of records that are folded, as the function history does.
// The process may die while it does; then some of the events are told, and tell
// returns how many of the records are finished.
func (c *receiver) tell(t *testing.T, records []dynamo.StreamRecord, random *rand.Rand, dies bool) (done int) {
	limit := -1
	if dies {
		limit = random.IntN(20)
	}
	for i, r := range records {
		events, err := dynamo.EventsOf(r)
		if err != nil {
			t.Error(err)
		}
		for _, e := range events {
			if limit == 0 {
				return i
			}
			limit--
			c.receive(t, e)
		}
	}
	return len(records)
}

func (c *receiver) receive(t *testing.T, e event.Event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if known, ok := c.events[e.ID]; ok {
		c.repeats++
		if string(known.Data) != string(e.Data) || known.Type != e.Type || !known.Timestamp.Equal(e.Timestamp) {
			t.Errorf("the same id has %+v and %+v", known, e)
		}
		return
	}
	c.events[e.ID] = e
}

// told returns how often each thing was told of a token.
func (c *receiver) told(t *testing.T, id int64) map[string]int {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	all := map[string]int{}
	for _, e := range c.events {
		var data event.QuotaLow
		if err := json.Unmarshal(e.Data, &data); err != nil {
			t.Fatal(err)
		}
		what := string(e.Type)
		if e.Type == event.TokenQuotaLow {
			what = fmt.Sprintf("%s %s", e.Type, data.Kind)
			if rest := data.Period + data.Model; rest != "" {
				what += " " + rest
			}
			what += fmt.Sprintf(" %d%%", data.ThresholdPercent)
		}
		if data.TokenID == id {
			all[what]++
		}
	}
	return all
}

// checkTold compares what was told with what the witnesses saw.
func (l *life) checkTold(t *testing.T, n int, c *receiver) {
	t.Helper()
	for _, tok := range l.tokens {
		if got := c.told(t, tok.id); !maps.Equal(got, tok.saw.events) {
			t.Errorf("round %d, folding %d, token %d: got the events %v, want %v", l.number, n, tok.id, got, tok.saw.events)
		}
	}
}

// checkAudit compares the audit trails with what the witnesses saw.
func (l *life) checkAudit(t *testing.T, n int, store *dynamo.Store) {
	t.Helper()
	trail := func(id int64) []history.Entry {
		entries, _, err := store.Audit(t.Context(), l.tenant.Access.UserID, id, "", 10_000)
		if err != nil {
			t.Fatal(err)
		}
		return entries
	}
	for _, tok := range l.tokens {
		got := map[string]int{}
		for _, e := range trail(tok.id) {
			got[e.Action]++
		}
		if !maps.Equal(got, tok.saw.audit) {
			t.Errorf("round %d, folding %d, token %d: got the changes %v, want %v", l.number, n, tok.id, got, tok.saw.audit)
		}
	}
	l.hooks.check(t, trail(0))
}
