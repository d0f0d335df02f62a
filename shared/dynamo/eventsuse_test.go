package dynamo_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/event"
	"github.com/latchkey-api/latchkey/shared/gate"
	"github.com/latchkey-api/latchkey/shared/period"
	"github.com/latchkey-api/latchkey/shared/price"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

// useLine writes an event about quotas as a line of a test.
func useLine(t *testing.T, e event.Event) string {
	t.Helper()
	var data struct {
		event.QuotaLow
		Refusals map[string]int64 `json:"refusals"`
	}
	if err := json.Unmarshal(e.Data, &data); err != nil {
		t.Fatal(err)
	}
	line := string(e.Type)
	if data.Kind != "" {
		line += " " + data.Kind + data.Period + data.Model
	}
	if data.ThresholdPercent != 0 {
		line += fmt.Sprintf(" %d%%", data.ThresholdPercent)
	}
	if data.Quota != 0 {
		line += fmt.Sprintf(" used %d of %d, %d remain", data.Used, data.Quota, data.Remaining)
	}
	for _, reason := range []string{"requests", "units", "concurrent"} {
		if n := data.Refusals[reason]; n != 0 {
			line += fmt.Sprintf(" %s %d", reason, n)
		}
	}
	return line
}

// An eventKit is a token whose events of use are checked.
type eventKit struct {
	*audited
	gate *gate.Gate
	key  string
	id   int64
}

func newEventKit(t *testing.T, s token.Settings) *eventKit {
	t.Helper()
	a := newAudited(t)
	s.Name = new("app")
	made, key, err := a.tenant.Create(t.Context(), a.tenant.Access, s)
	if err != nil {
		t.Fatal(err)
	}
	k := &eventKit{a, gate.New(a.Store, gate.WithClock(a.tenant.Clock.Now), gate.WithUseRecords()), key.Reveal(), made.ID}
	a.events(t)
	return k
}

func (k *eventKit) spend(t *testing.T, model string, units int64, allowed bool) {
	t.Helper()
	v, err := k.gate.Verify(t.Context(), k.key, quota.Question{Model: model, Quota: units})
	if err != nil || v.Valid() != allowed {
		t.Fatalf("spend %d: got %+v, %v", units, v, err)
	}
}

func (k *eventKit) hold(t *testing.T, units int64) *gate.Hold {
	t.Helper()
	h, r, err := k.gate.Hold(t.Context(), k.key, quota.Question{Quota: units}, 0)
	if err != nil || h == nil {
		t.Fatalf("hold %d: got %+v, %v", units, r, err)
	}
	return h
}

func (k *eventKit) update(t *testing.T, s token.Settings) {
	t.Helper()
	if _, err := k.tenant.Update(t.Context(), k.tenant.Access, k.id, s); err != nil {
		t.Fatal(err)
	}
}

// check compares the events since the last call, without those of changes.
func (k *eventKit) check(t *testing.T, want ...string) {
	t.Helper()
	var got []string
	for _, e := range k.events(t) {
		if e.Type != event.TokenUpdated && e.Type != event.TokenDeleted {
			got = append(got, useLine(t, e))
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// The lifetime quota is all that a token ever had, also after a top-up.
func TestQuotaLowAfterTopUp(t *testing.T) {
	t.Parallel()
	k := newEventKit(t, token.Settings{RemainQuota: new(int64(9000))})
	k.spend(t, "", 9000, true)
	k.check(t, "token.quota_low lifetime 5% used 9000 of 9000, 0 remain", "token.exhausted lifetime")
	k.update(t, token.Settings{QuotaDelta: new(int64(1000))})
	k.spend(t, "", 499, true)
	k.check(t, "token.revived")
	k.spend(t, "", 1, true)
	k.check(t, "token.quota_low lifetime 5% used 9500 of 10000, 500 remain")
	k.spend(t, "", 500, true)
	k.check(t, "token.exhausted lifetime")
	k.update(t, token.Settings{QuotaDelta: new(int64(500))}) // a nineteenth of what was used is more
	k.spend(t, "", 500, true)
	k.check(t, "token.revived", "token.exhausted lifetime")
}

// A quota is low once for each threshold, by a charge: not by a hold, a refusal or a
// change of settings.
func TestEventsOfQuota(t *testing.T) {
	t.Parallel()
	k := newEventKit(t, token.Settings{RemainQuota: new(int64(1000))})
	k.spend(t, "", 799, true)
	k.check(t)
	k.spend(t, "", 1, true)
	k.check(t, "token.quota_low lifetime 20% used 800 of 1000, 200 remain")
	for range 2 {
		h := k.hold(t, 200)
		k.spend(t, "", 1, false)
		if err := h.Release(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	k.check(t)
	h := k.hold(t, 180)
	if _, err := h.Settle(t.Context(), 150, price.Use{}); err != nil {
		t.Fatal(err)
	}
	k.check(t, "token.quota_low lifetime 5% used 950 of 1000, 50 remain")
	k.spend(t, "", 50, true)
	k.check(t, "token.exhausted lifetime")
	k.spend(t, "", 1, false)
	k.check(t)
	k.update(t, token.Settings{QuotaDelta: new(int64(1000))})
	k.check(t, "token.revived")
	k.spend(t, "", 1000, true)
	k.check(t, "token.quota_low lifetime 5% used 2000 of 2000, 0 remain", "token.exhausted lifetime")
	k.update(t, token.Settings{UnlimitedQuota: new(true)})
	k.check(t, "token.revived")
	k.spend(t, "", 1000, true)
	if err := k.tenant.Delete(t.Context(), k.tenant.Access, k.id); err != nil {
		t.Fatal(err)
	}
	k.check(t)
}

// A window that begins anew is full, and its thresholds are told again. So are those
// of a model quota, once.
func TestEventsOfWindows(t *testing.T) {
	t.Parallel()
	k := newEventKit(t, token.Settings{
		UnlimitedQuota: new(true), Windows: []token.Window{{Period: period.Period{Length: "1h"}, Quota: 100}},
		ModelQuotas: []token.ModelQuota{{Model: "gpt-*", Quota: 1000}},
	})
	for range 3 {
		k.spend(t, "", 90, true)
		k.check(t, "token.quota_low window1h 20% used 90 of 100, 10 remain")
		k.tenant.Clock.Advance(3600)
	}
	h := k.hold(t, 10)
	k.spend(t, "", 90, true)
	k.check(t, "token.quota_low window1h 20% used 90 of 100, 0 remain")
	k.tenant.Clock.Advance(3600)
	if _, err := h.Settle(t.Context(), 10, price.Use{}); err == nil {
		t.Error("a hold was settled after it had expired")
	}
	k.check(t)
	k.spend(t, "gpt-5", 100, true)
	k.check(t, "token.quota_low window1h 5% used 100 of 100, 0 remain", "token.exhausted window1h")
	k.tenant.Clock.Advance(3600)
	k.update(t, token.Settings{Windows: []token.Window{{Period: period.Period{Length: "1h"}, Quota: 1000}}})
	k.check(t, "token.revived")
	k.spend(t, "gpt-5", 800, true)
	k.check(t, "token.quota_low window1h 20% used 800 of 1000, 200 remain", "token.quota_low modelgpt-* 20% used 900 of 1000, 100 remain")
	k.update(t, token.Settings{Windows: []token.Window{{Period: period.Period{Length: "1h"}, Quota: 850}}})
	k.spend(t, "gpt-5", 1, true)
	k.check(t)
}

// A hold that expired is counted when the next write charges or returns it.
func TestEventsOfExpiredHold(t *testing.T) {
	t.Parallel()
	k := newEventKit(t, token.Settings{RemainQuota: new(int64(100))})
	k.hold(t, 85)
	rotation, err := k.tenant.NewKeyRotation(t.Context(), k.tenant.Access, k.id, 0)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second drops the key of the hold, which is charged then
		if _, err := k.tenant.Rotate(t.Context(), k.tenant.Access, k.id, rotation); err != nil {
			t.Fatal(err)
		}
		if rotation, err = k.tenant.NewKeyRotation(t.Context(), k.tenant.Access, k.id, 0); err != nil {
			t.Fatal(err)
		}
		k.key = rotation.Key.Reveal()
	}
	if _, err := k.tenant.Rotate(t.Context(), k.tenant.Access, k.id, rotation); err != nil {
		t.Fatal(err)
	}
	k.tenant.Clock.Advance(7200)
	k.events(t)
	k.spend(t, "", 1, true)
	k.check(t, "token.quota_low lifetime 20% used 86 of 100, 14 remain")
}

// Refusals by rates are told with one id for each token and hour; others are not told.
func TestEventsOfRates(t *testing.T) {
	t.Parallel()
	k := newEventKit(t, token.Settings{UnlimitedQuota: new(true), RequestsPerMinute: new(int64(1))})
	k.spend(t, "", 1, true)
	k.spend(t, "", 1, false)
	records, err := k.stream.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	events := eventsOf(t, records)
	if len(events) != 1 || useLine(t, events[0]) != "token.rate_limited requests 1" {
		t.Fatalf("got %+v", events)
	}
	last := records[len(records)-1]
	last.Sequence += "0"
	hour := last.Time.Truncate(time.Hour)
	for _, at := range []time.Time{hour, hour.Add(time.Hour - 1), hour.Add(time.Hour)} {
		last.Time = at
		again := eventsOf(t, []dynamo.StreamRecord{last})
		if same := again[0].ID == events[0].ID; same != at.Before(hour.Add(time.Hour)) {
			t.Errorf("at %v: got the same id: %t", at, same)
		}
	}
	k.tenant.Clock.Advance(100)
	k.update(t, token.Settings{Disabled: new(true)})
	k.spend(t, "", 1, false)
	k.events(t)
}

// A budget is low once in each of its periods, also if tokens return units and draw
// them again.
func TestEventsOfBudget(t *testing.T) {
	t.Parallel()
	k := newEventKit(t, token.Settings{UnlimitedQuota: new(true)})
	budget := func(units int64) {
		t.Helper()
		b := &token.Budget{Units: units, Period: period.Period{Length: "1h"}}
		if _, err := k.operator.SetBudget(t.Context(), "alice", b, func(int64, int64) {}); err != nil {
			t.Fatal(err)
		}
	}
	budget(1000)
	k.spend(t, "", 790, true)
	k.check(t)
	k.spend(t, "", 20, true)
	k.check(t, "user.budget_low 20%")
	// Tokens take the last units from each other.
	for range 5 {
		_, key, err := k.tenant.Create(t.Context(), k.tenant.Access, token.Settings{Name: new("other"), UnlimitedQuota: new(true)})
		if err != nil {
			t.Fatal(err)
		}
		k.key = key.Reveal()
		k.spend(t, "", 1, true)
		h := k.hold(t, 185)
		if err := h.Release(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	var told []string
	for _, e := range k.events(t) {
		if e.Type != event.TokenCreated {
			told = append(told, useLine(t, e))
		}
	}
	if want := []string{"user.budget_low 5%", "user.budget_exhausted"}; !slices.Equal(told, want) {
		t.Errorf("got %v, want %v", told, want)
	}
	_, key, err := k.tenant.Create(t.Context(), k.tenant.Access, token.Settings{Name: new("other"), UnlimitedQuota: new(true)})
	if err != nil {
		t.Fatal(err)
	}
	if err := k.tenant.Delete(t.Context(), k.tenant.Access, 6); err != nil { // it has the free units
		t.Fatal(err)
	}
	k.events(t)
	k.key = key.Reveal()
	for range 4 {
		k.spend(t, "", 40, true)
	}
	k.check(t)
	budget(2000)
	k.spend(t, "", 640, true)
	k.check(t, "user.budget_low 20%")
	k.tenant.Clock.Advance(3600)
	k.spend(t, "", 1, true)
	k.check(t)
	k.spend(t, "", 1960, true)
	k.check(t, "user.budget_low 5%")
}
