package dynamo_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/event"
	"github.com/latchkey-api/latchkey/shared/gate"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

// events returns the events of what is new in the stream. Each record gives the same
// ones again.
func (a *audited) events(t *testing.T) []event.Event {
	t.Helper()
	records, err := a.stream.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return eventsOf(t, records)
}

func eventsOf(t *testing.T, records []dynamo.StreamRecord) (all []event.Event) {
	t.Helper()
	ids := map[string]bool{}
	for _, r := range records {
		events, err := dynamo.EventsOf(r)
		again, _ := dynamo.EventsOf(r)
		if err != nil || fmt.Sprint(events) != fmt.Sprint(again) {
			t.Fatalf("got %v, %v, then %v", events, err, again)
		}
		for _, e := range events {
			if ids[e.ID] {
				t.Errorf("two events have the id of %+v", e)
			}
			ids[e.ID] = true
		}
		all = append(all, events...)
	}
	return all
}

// eventLine writes an event of a change as a line of a test, with the settings that
// were changed.
func eventLine(t *testing.T, e event.Event) string {
	t.Helper()
	var data event.Change
	if err := json.Unmarshal(e.Data, &data); err != nil {
		t.Fatal(err)
	}
	line := fmt.Sprintf("%s to %d: %d/%d %q, %s by %s:", e.Type, e.UserID, data.UserID, data.TokenID, data.Name, data.Action, data.By)
	for _, c := range data.Changes {
		line += " " + c.Setting
	}
	return line
}

func (a *audited) checkEvents(t *testing.T, want ...string) {
	t.Helper()
	var got []string
	for _, e := range a.events(t) {
		got = append(got, eventLine(t, e))
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// Each administrative change of a token is told, and nothing else: no refused change,
// no repetition, and none of what follows from a change.
func TestEventsOfChanges(t *testing.T) {
	t.Parallel()
	a := newAudited(t)
	ctx, at, tenant := t.Context(), a.tenant.Access, a.tenant
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	created, key, err := tenant.Create(ctx, at, token.Settings{Name: new("app"), RemainQuota: new(int64(1000))})
	must(err)
	secret := key.Reveal()
	a.checkEvents(t, `token.created to 1: 1/1 "app", token.created by user: key name remain_quota`)

	keys := gate.New(a.Store, gate.WithClock(tenant.Clock.Now))
	_, err = keys.Verify(ctx, secret, quota.Question{Quota: 10})
	must(err)
	if _, err := tenant.Service.Update(ctx, at, 1, token.Settings{Name: new("no")}, token.Versions{7}); err == nil {
		t.Fatal("a wrong version was accepted")
	}
	a.checkEvents(t)

	_, err = tenant.Update(ctx, at, 1, token.Settings{Name: new("has " + secret[:30]), QuotaDelta: new(int64(5))})
	must(err)
	a.checkEvents(t, `token.updated to 1: 1/1 "has sk-**********", token.updated by user: name remain_quota`)

	_, err = tenant.SetStatus(ctx, at, 1, true)
	must(err)
	a.checkEvents(t, `token.disabled to 1: 1/1 "has sk-**********", token.disabled by user: status`)

	_, err = tenant.Update(ctx, at, 1, token.Settings{Name: new("web"), Disabled: new(false)})
	must(err)
	a.checkEvents(t,
		`token.enabled to 1: 1/1 "web", token.updated by user: name status`,
		`token.updated to 1: 1/1 "web", token.updated by user: name status`)

	_, err = tenant.Raise(ctx, at, 1, token.RaiseChange{Raise: token.Raise{Units: 7, Until: tenant.UnixNow() + 1000}}, nil)
	must(err)
	a.checkEvents(t, `token.updated to 1: 1/1 "web", token.raised by user: extra`)

	rotation, err := tenant.NewKeyRotation(ctx, at, 1, 600)
	must(err)
	_, err = tenant.Rotate(ctx, at, 1, rotation)
	must(err)
	a.checkEvents(t, `token.rotated to 1: 1/1 "web", token.rotated by user: key previous_until`)

	for _, one := range []string{secret, rotation.Key.Reveal(), rotation.Key.Reveal()} {
		_, err = keys.Revoke(ctx, one)
		must(err)
	}
	a.checkEvents(t,
		`token.updated to 1: 1/1 "web", token.leaked by key: previous_until`,
		`token.disabled to 1: 1/1 "web", token.leaked by key: leaked_time`)

	must(tenant.Delete(ctx, at, created.ID))
	a.checkEvents(t, `token.deleted to 1: 1/1 "web", token.deleted by user:`)
}

// What commands change of tokens is told; what follows from a change of a user is
// not.
func TestEventsOfCommands(t *testing.T) {
	t.Parallel()
	a := newAudited(t)
	ctx := t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	_, err := a.operator.ImportTokens(ctx, "alice", []token.ForeignToken{{
		Settings: token.Settings{Name: new("old"), RemainQuota: new(int64(5))}, Hash: [32]byte{1}, Mask: "sk-…", From: "litellm", UsedQuota: 3,
	}})
	must(err)
	a.checkEvents(t, `token.created to 1: 1/1 "old", token.imported by operator: used_quota key imported name remain_quota`)
	_, err = a.operator.Disable(ctx, "alice", true, nil)
	must(err)
	_, err = a.operator.SetBudget(ctx, "alice", &token.Budget{Units: 1000}, func(int64, int64) {})
	must(err)
	_, err = a.operator.Delete(ctx, "alice", nil)
	must(err)
	a.checkEvents(t)
}

// A token that TTL removes is told once, and not if it was deleted before.
func TestEventsOfPurges(t *testing.T) {
	t.Parallel()
	a := newAudited(t)
	ctx, at, tenant := t.Context(), a.tenant.Access, a.tenant
	for _, name := range []string{"a", "b"} {
		if _, _, err := tenant.Create(ctx, at, token.Settings{Name: &name, ExpiredTime: new(tenant.UnixNow() + 10)}); err != nil {
			t.Fatal(err)
		}
	}
	a.events(t)
	onlyRevoke(t, a.Kit, tenant, 2)
	if n, err := a.Engine.Sweep(ctx); err != nil || n != 2 {
		t.Fatalf("got %d swept, %v, want 2", n, err)
	}
	a.checkEvents(t,
		`token.deleted to 1: 1/2 "b", token.deleted by user:`,
		`token.purged to 1: 1/1 "a", token.purged by service:`)
}
