package dynamo_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/gate"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/reqlog"
	"github.com/latchkey-api/latchkey/shared/token"
)

const (
	longModel = "arn:aws:bedrock:eu-central-1:123456789012:inference-profile/eu.anthropic.claude-sonnet-4-5-20250929-v1:0"
	midModel  = "us.anthropic.claude-3-7-sonnet-20250219-v1:0" // longer than the names of which every prefix is tested
)

// Each entry that a direct write tests allows the model by the rule in Go. For
// a short name, these are all entries that do.
func TestModelEntriesAllowTheModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		model := rapid.OneOf(
			rapid.StringMatching(`[a-cé0-9*.-]{1,40}`), rapid.StringMatching(`[a-cé0-9*:/-]{41,256}`), rapid.SampledFrom([]string{longModel, midModel, "*", "a*"}),
		).Draw(rt, "model")
		entries := dynamo.ModelEntries(model)
		if len(entries) > 43 {
			rt.Fatalf("got %d entries, want at most 43", len(entries))
		}
		for _, entry := range entries {
			if !utf8.ValidString(entry) || !(token.Token{ModelLimitsEnabled: true, Models: []string{entry}}).AllowsModel(model) {
				rt.Fatalf("a direct write allows %q for the entry %q, which the rule in Go refuses", model, entry)
			}
		}
		if !slices.Contains(entries, model) || !slices.Contains(entries, model+"*") || !slices.Contains(entries, "*") {
			rt.Fatalf("got %q, want the name, the name as a pattern, and *", entries)
		}
		for i := range model {
			if pattern := model[:i] + "*"; utf8.RuneCountInString(model) <= 40 && !slices.Contains(entries, pattern) {
				rt.Fatalf("the entries of %q don't have %q", model, pattern)
			}
		}
	})
}

// A request for a model that a usual pattern allows takes one write and one
// round trip, an unusual pattern one more, and another model is refused.
func TestModelPatternCosts(t *testing.T) {
	t.Parallel()
	kit := newKit(t)
	tenant := kit.Tenant(t, "a")
	for i, row := range []struct {
		models, model string
		trips         int
	}{
		{"gpt-5", "gpt-5", 1},
		{"gpt-5*", "gpt-5", 1},
		{"gpt-5*", "gpt-5-mini-2025-08-07", 1},
		{"g*", "gpt-5-mini-2025-08-07", 1},
		{"gpt-5-mini-2025-08*", "gpt-5-mini-2025-08-07", 1},
		{"gpt-5-min*", "gpt-5-mini-2025-08-07", 1},
		{"gpt-5*", "gpt-5*", 1},
		{"*", "*", 1},
		{"*", longModel, 1},
		{"*", strings.Repeat("m", 256), 1},
		{longModel, longModel, 1},
		{"us.anthropic.*", midModel, 1},
		{"us.anthropic.claude-3*", midModel, 1},
		{"us.anthropic.claude-3-7-sonnet-20250219*", midModel, 1},
		{"us.anth*", midModel, 2},
		{"arn:aws:bedrock:*", longModel, 1},
		{"arn:aws:bedrock:eu-central-1:123456789012:inference-profile/*", longModel, 1},
		{"arn:aws:bedrock:eu-central-1:123456789012:inference-profile/eu.anthropic.claude*", longModel, 1},
		{"arn:aws:bedrock:eu-central-1:123456789012:inference-profile/eu.anthropic.claude-sonnet-4-5*", longModel, 1},
		{"arn:aws:bedrock:eu-central-1:1234*", longModel, 2},
		{strings.Repeat("m", 200) + "*", strings.Repeat("m", 256), 2},
		{"gpt-5*", "gpt-4", 0},
		{"gpt-5*", "gpt-", 0},
		{"gpt-5", "gpt-5*", 0},
		{"gpt-5", "gpt-5-mini", 0},
		{"gpt-5*", "*", 0},
		{"us.anthropic.claude-3-8*", midModel, 0},
		{"arn:aws:bedrock:us*", longModel, 0},
	} {
		_, key, err := tenant.Create(t.Context(), tenant.Access, token.Settings{
			Name: new("a"), RemainQuota: new(int64(100)), ModelLimitsEnabled: new(true), Models: []string{row.models},
		})
		if err != nil {
			t.Fatal(err)
		}
		g := gate.New(kit.Store, gate.WithClock(tenant.Clock.Now))
		ctx, meter := reqlog.WithMeter(t.Context())
		v, err := g.Verify(ctx, key.Reveal(), quota.Question{Model: row.model, Quota: 1, RequestID: fmt.Sprintf("%022d", i)})
		if err != nil || v.Valid() != (row.trips > 0) || !v.Valid() && v.Refusal != quota.RefusedModel {
			t.Errorf("%q asked for %q: got refusal %q, %v", row.models, row.model, v.Refusal, err)
		}
		if cost := meter.Cost(); v.Valid() && (cost.RoundTrips != row.trips || cost.WriteUnits != float64(row.trips)) {
			t.Errorf("%q asked for %q: got %+v, want %d round trips, each a write of 1 unit", row.models, row.model, cost, row.trips)
		}
	}
}

// A token with as many bytes of models as are allowed costs four write units
// more than one without, for each request.
func TestLargestModelsCost(t *testing.T) {
	t.Parallel()
	kit := newKit(t)
	tenant := kit.Tenant(t, "a")
	names := make([]string, token.MaxModels)
	for i := range names {
		names[i] = fmt.Sprintf("%0*d", token.MaxModelsBytes/token.MaxModels, i)
	}
	for _, models := range [][]string{nil, names} {
		_, key, err := tenant.Create(t.Context(), tenant.Access, token.Settings{Name: new("a"), RemainQuota: new(int64(100)), ModelLimitsEnabled: new(models != nil), Models: models})
		if err != nil {
			t.Fatal(err)
		}
		ctx, meter := reqlog.WithMeter(t.Context())
		v, err := gate.New(kit.Store, gate.WithClock(tenant.Clock.Now)).Verify(ctx, key.Reveal(), quota.Question{Model: names[63], Quota: 1})
		if err := verdictError(v, err); err != nil {
			t.Fatal(err)
		}
		want := 1.0
		if models != nil {
			want = 5
		}
		if cost := meter.Cost(); cost.WriteUnits != want || cost.RoundTrips != 1 {
			t.Errorf("%d models: got %+v, want %v write units and 1 round trip", len(models), cost, want)
		}
	}
}
