package dynamo_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/internal/openapitest"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/event"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/webhook"
)

// The examples in docs/events.md are what was published in a life of a token, by its
// timers, and by a test of a webhook. Each of them is as
// the API's document says.
func TestEventsDocument(t *testing.T) {
	t.Parallel()
	const file = "../../docs/events.md"
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	api, err := openapitest.Load()
	if err != nil {
		t.Fatal(err)
	}
	examples := exampleEvents(t)
	for _, kind := range append(event.Types(), event.Test) {
		e, ok := examples[kind]
		if !ok {
			t.Errorf("nothing has told %s", kind)
			continue
		}
		raw, err := e.Encode()
		if err != nil {
			t.Fatal(err)
		}
		raw = withFixedMasks(raw)
		if err := api.Validate(raw, "webhooks", string(kind), "post", "requestBody", "content", "application/json", "schema"); err != nil {
			t.Errorf("%s: %v\n%s", kind, err, raw)
		}
		var example bytes.Buffer
		if err := json.Indent(&example, raw, "", "  "); err != nil {
			t.Fatal(err)
		}
		section := regexp.MustCompile("(?s)(\n### " + regexp.QuoteMeta(string(kind)) + "\n.*?```json\n)(.*?)(\n```)")
		found := section.FindSubmatch(content)
		switch {
		case found == nil:
			t.Errorf("docs/events.md has no example of %s", kind)
		case *update:
			content = section.ReplaceAll(content, []byte("${1}"+example.String()+"${3}"))
		case string(found[2]) != example.String():
			t.Errorf("docs/events.md has the example\n%s\nof %s, want\n%s", found[2], kind, example.String())
		}
	}
	if *update {
		if err := os.WriteFile(file, content, 0o600); err != nil { //nolint:gosec // our own document
			t.Fatal(err)
		}
	}
}

var anyMask = regexp.MustCompile(`sk-[0-9A-Za-z]{4}\*{10}[0-9A-Za-z]{4}`)

// withFixedMasks replaces the masks of random keys, different ones by different ones.
func withFixedMasks(raw []byte) []byte {
	fixed := []string{"sk-lkAb**********wXyZ", "sk-lkCd**********uVtS"}
	masks := map[string]string{}
	return anyMask.ReplaceAllFunc(raw, func(mask []byte) []byte {
		if masks[string(mask)] == "" {
			masks[string(mask)] = fixed[len(masks)]
		}
		return []byte(masks[string(mask)])
	})
}

// exampleEvents returns an event of each type.
func exampleEvents(t *testing.T) map[event.Type]event.Event {
	t.Helper()
	k := newEventKit(t, token.Settings{})
	ctx, at := t.Context(), k.tenant.Access
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	settings := token.Settings{Name: new("my app"), RemainQuota: new(int64(1000)), RequestsPerMinute: new(int64(60))}
	_, key, err := k.tenant.Create(ctx, at, settings)
	must(err)
	k.id, k.key = 2, key.Reveal()
	k.spend(t, "", 820, true)
	k.spend(t, "", 180, true)
	k.update(t, token.Settings{QuotaDelta: new(int64(1000)), RequestsPerMinute: new(int64(1))})
	k.tenant.Clock.Advance(100)
	k.spend(t, "", 1, true)
	k.spend(t, "", 1, false)
	_, err = k.tenant.SetStatus(ctx, at, k.id, true)
	must(err)
	_, err = k.tenant.SetStatus(ctx, at, k.id, false)
	must(err)
	rotation, err := k.tenant.NewKeyRotation(ctx, at, k.id, 3600)
	must(err)
	_, err = k.tenant.Rotate(ctx, at, k.id, rotation)
	must(err)
	until := fmt.Append(nil, k.tenant.UnixNow()+3600)
	must(k.tenant.Delete(ctx, at, k.id))
	_, key, err = k.tenant.Create(ctx, at, token.Settings{Name: new("my app"), UnlimitedQuota: new(true), ExpiredTime: new(k.tenant.UnixNow() + 1000)})
	must(err)
	k.id, k.key = 3, key.Reveal()
	_, err = k.operator.SetBudget(ctx, "alice", &token.Budget{Units: 1000}, func(int64, int64) {})
	must(err)
	k.spend(t, "", 900, true)
	k.spend(t, "", 100, true)
	if _, err := k.gate.Verify(ctx, k.key, quota.Question{Quota: 1}); err != nil {
		t.Fatal(err)
	}
	_, err = k.Engine.Sweep(ctx)
	must(err)

	records, err := k.stream.Next(ctx)
	must(err)
	when := time.Date(2026, 11, 27, 9, 0, 0, 0, time.UTC)
	examples := map[event.Type]event.Event{}
	for i := range records {
		records[i].Stream, records[i].Sequence, records[i].Time = "2026-11-01T00:00:00.000", strconv.Itoa(i+1), when
	}
	for _, e := range eventsOf(t, records) {
		if _, known := examples[e.Type]; !known {
			e.Timestamp = when // commands and requests differ in fractions of a second
			e.Data = bytes.ReplaceAll(e.Data, until, fmt.Append(nil, when.Unix()+3600))
			examples[e.Type] = e
		}
	}
	for _, e := range append(exampleTimers(t, when), exampleTest(t, when)) {
		if _, known := examples[e.Type]; !known {
			examples[e.Type] = e
		}
	}
	return examples
}

// exampleTimers returns what is published about a token that expires at a time.
func exampleTimers(t *testing.T, when time.Time) (all []event.Event) {
	t.Helper()
	kit, tenant := newStreamed(t)
	tenant.Clock.Advance(when.Unix() - 2*day - tenant.UnixNow())
	for _, s := range []token.Settings{{Name: new("app")}, {Name: new("my app"), UnlimitedQuota: new(true), ExpiredTime: new(when.Unix())}} {
		if _, _, err := tenant.Create(t.Context(), tenant.Access, s); err != nil {
			t.Fatal(err)
		}
	}
	timers, err := kit.Store.FileTimers(t.Context(), recordsAt(t, kit, tenant), tenant.UnixNow())
	for err == nil && len(timers.Buckets) > 0 {
		slices.Sort(timers.Buckets)
		due := timers.Buckets[0]
		tenant.Clock.Advance(due.Due().Unix() - tenant.UnixNow())
		var next dynamo.Timers
		next, err = kit.Store.CheckTimers(t.Context(), due, "", tenant.UnixNow())
		timers.Buckets = append(timers.Buckets[1:], next.Buckets...)
		all = append(all, next.Events...)
	}
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// exampleTest returns what a test sends to a webhook, with an id that is not random.
func exampleTest(t *testing.T, when time.Time) (sent event.Event) {
	t.Helper()
	kit := dynamotest.New(t)
	tenant := kit.Tenant(t, "alice")
	hooks := &webhook.Service{Store: kit.Store, Now: func() time.Time { return when }, Send: func(_ context.Context, _ webhook.Endpoint, e event.Event, _ int) webhook.Attempt {
		sent = e
		return webhook.Attempt{Status: http.StatusOK}
	}}
	e, err := hooks.Create(t.Context(), tenant.Access, webhook.Settings{URL: new("https://example.com/hook")}, webhook.NewSecret())
	if err == nil {
		_, err = hooks.Test(t.Context(), tenant.Access, e.ID)
	}
	if err != nil {
		t.Fatal(err)
	}
	sent.ID = regexp.MustCompile("^evt_test_[2-7A-Z]{26}$").ReplaceAllString(sent.ID, "evt_test_LATCHKEY2LATCHKEY2LATCHKE")
	return sent
}
