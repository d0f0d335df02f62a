package dynamo_test

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/history"
	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/webhook"
)

// TestAuditOfWebhooks makes each kind of change of a webhook, with attempts in between,
// and repeats those that can be. The audit trail has each change once.
func TestAuditOfWebhooks(t *testing.T) {
	t.Parallel()
	a := newAudited(t)
	ctx := token.WithOrigin(t.Context(), token.Origin{RequestID: "r1", Address: "192.0.2.7"})
	at, hooks, clock := a.tenant.Access, hooksOf(a.Kit, a.tenant), a.tenant.Clock
	var want []string
	made := func(err error, lines ...string) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, lines...)
		attempt(t, a.Store, at.UserID)
		for _, r := range a.fold(t) {
			if events, err := dynamo.EventsOf(r); strings.HasPrefix(r.Partition, "E#") && len(events) > 0 || err != nil {
				t.Errorf("got the events %v, %v, want none about webhooks", events, err)
			}
		}
		if got := webhookTrail(a.trail(t, at.UserID, 0)); !slices.Equal(got, want) {
			t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
	const by = " by user slot 0 v1 from 192.0.2.7"
	first := webhook.NewSecret()
	_, err := hooks.Create(ctx, at, webhook.Settings{URL: new(hookURL + "?a=1")}, first)
	made(err, `1 webhook.created 1/0`+by+`; url →"https://example.com/hooks?…"`)
	_, err = hooks.Create(ctx, at, webhook.Settings{URL: new(hookURL + "?a=1")}, first)
	made(err)
	_, err = hooks.Update(ctx, at, 1, webhook.Settings{URL: new(hookURL + "?a=2"), Types: new([]string{"token.*"})})
	made(err, `1 webhook.updated 1/0`+by+`; url "https://example.com/hooks?…"→"https://example.com/hooks?…"; types []→["token.*"]`)
	_, err = hooks.Update(ctx, at, 1, webhook.Settings{URL: new(hookURL + "?a=2"), Disabled: new(false)})
	made(err)
	_, err = hooks.Update(ctx, at, 1, webhook.Settings{Disabled: new(true)})
	made(err, `1 webhook.disabled 1/0`+by+`; status 1→2; disabled_reason ""→"user"`)
	_, err = hooks.Update(ctx, at, 1, webhook.Settings{Disabled: new(false)})
	made(err, `1 webhook.enabled 1/0`+by+`; status 2→1; disabled_reason "user"→""`)
	until, secret := dynamotest.Epoch+int64(webhook.RotationOverlap.Seconds()), webhook.NewSecret()
	_, err = hooks.Rotate(ctx, at, 1, secret)
	made(err, fmt.Sprintf(`1 webhook.rotated 1/0%s; previous_secret_until 0→%d`, by, until))
	clock.Advance(1)
	_, err = hooks.Rotate(ctx, at, 1, secret)
	made(err)
	stored := endpointOf(t, a.Store, at.UserID)
	made(a.Store.DisableEndpoint(ctx, stored, webhook.Gone, clock.Now()), `1 webhook.disabled 1/0 by service; status 1→2; disabled_reason ""→"gone"`)
	made(a.Store.DisableEndpoint(ctx, endpointOf(t, a.Store, at.UserID), webhook.Failing, clock.Now()))
	made(hooks.Delete(ctx, at, 1), `1 webhook.deleted 1/0`+by+`; url "https://example.com/hooks?…"→`)
	if hooks.Delete(ctx, at, 1) == nil {
		t.Error("deleted twice")
	}
	made(nil)
	_, err = hooks.Create(ctx, at, webhook.Settings{URL: new(hookURL), Disabled: new(true)}, webhook.NewSecret())
	made(err, `2 webhook.created 1/0`+by+`; url →"https://example.com/hooks"; status →2; disabled_reason →"user"`)
	_, err = a.operator.Delete(ctx, "alice", nil)
	made(err) // the trail has the deletion of the user
}

// attempt records an attempt of each webhook of a user.
func attempt(t *testing.T, store *dynamo.Store, userID int64) {
	t.Helper()
	all, _, err := store.EndpointsOf(t.Context(), userID)
	for _, e := range all {
		if err == nil {
			_, err = store.RecordAttempt(t.Context(), e, webhook.Attempt{Time: 1, Failure: webhook.FailGone})
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}

func endpointOf(t *testing.T, store *dynamo.Store, userID int64) webhook.Endpoint {
	t.Helper()
	e, err := store.Endpoint(t.Context(), userID, 1)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// webhookTrail returns lines of the entries about webhooks, by webhook: the requests of a
// test are long past for the engine, so those of a second have one time.
func webhookTrail(all []history.Entry) (lines []string) {
	slices.SortStableFunc(all, func(a, b history.Entry) int { return cmp.Compare(a.WebhookID, b.WebhookID) })
	for _, e := range all {
		if e.WebhookID != 0 {
			lines = append(lines, fmt.Sprintf("%d %s", e.WebhookID, line(e)))
		}
	}
	return lines
}

// meanwhile returns webhooks of a user for which something happens right before the
// first transaction.
func meanwhile(t *testing.T, kit *dynamotest.Kit, tenant *dynamotest.Tenant, do func() error) *webhook.Service {
	t.Helper()
	var once sync.Once
	faults := &dynamotest.Faults{Choose: func(op string, _ int) dynamotest.Fault {
		if op == dynamotest.TransactWriteItems {
			once.Do(func() {
				if err := do(); err != nil {
					t.Error(err)
				}
			})
		}
		return dynamotest.NoFault
	}}
	return &webhook.Service{Store: kit.StoreWith(faults.Configure), Now: tenant.Clock.Now}
}

// A webhook that changes while it is being deleted has the right URL in the entry of its
// deletion, and one that is deleted meanwhile has one entry of it.
func TestAuditOfDeletionRaces(t *testing.T) {
	t.Parallel()
	const created = `webhook.created →"https://example.com/hooks"`
	for name, tt := range map[string]struct {
		change webhook.Settings // empty: it is deleted
		want   []string
	}{
		"changed": {webhook.Settings{URL: new(hookURL + "/2")}, []string{created, `webhook.updated "https://example.com/hooks"→"https://example.com/hooks/2"`, `webhook.deleted "https://example.com/hooks/2"→`}},
		"deleted": {webhook.Settings{}, []string{created, `webhook.deleted "https://example.com/hooks"→`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAudited(t)
			at, hooks := a.tenant.Access, hooksOf(a.Kit, a.tenant)
			mustHook(t, hooks, at, webhook.Settings{})
			late := meanwhile(t, a.Kit, a.tenant, func() error {
				if tt.change.URL == nil {
					return hooks.Delete(t.Context(), at, 1)
				}
				_, err := hooks.Update(t.Context(), at, 1, tt.change)
				return err
			})
			if err := late.Delete(t.Context(), at, 1); tt.change.URL == nil != errors.Is(err, webhook.ErrNotFound) {
				t.Errorf("got %v", err)
			}
			a.fold(t)
			var got []string
			for _, e := range a.trail(t, at.UserID, 0) {
				if e.WebhookID == 1 {
					got = append(got, fmt.Sprintf("%s %s→%s", e.Action, e.Changes[0].Before, e.Changes[0].After))
				}
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}
