package apitest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-api/latchkey/shared/period"
	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// The policy that the operator sets for a user applies to each way to create or
// change a token. The refusal names the rule, its limit, and what to send.
func policy(t *testing.T, target *Target) {
	u := target.User(t, token.RoleUser)
	old := u.make(t, `{"name":"old","unlimited_quota":true}`)
	_, _, err := target.Users.SetPolicy(t.Context(), u.Name, func(p *token.Policy) {
		*p = token.Policy{
			RequireLimit: true, MaxLifetimeSeconds: 86_400,
			MaxWindows:   []token.Window{{Period: period.Period{Length: "week", Timezone: "Europe/Berlin", Anchor: period.Anchor{Hour: 6}}, Quota: 100}},
			DefaultRates: token.Rates{RequestsPerMinute: 60}, AllowedModels: []string{"gpt-5*"},
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	made := u.make(t, `{"name":"app"}`)
	window := wire.Window{Period: "week", Quota: 100, Timezone: "Europe/Berlin", Anchor: &wire.Anchor{Hour: 6, Weekday: 1}, Remaining: 100, ResetsAt: made.Windows[0].ResetsAt}
	wantSame(t, made.Windows, []wire.Window{window})
	wantSame(t, []any{made.RequestsPerMinute, made.Models, made.ModelLimitsEnabled, made.ExpiredTime - made.CreatedTime}, []any{60, []string{"gpt-5*"}, true, 86_400})

	for _, absent := range []string{`"models":null`, `"model_limits_enabled":true`, `"model_limits_enabled":true,"models":null,"expired_time":null,"windows":null,"requests_per_minute":null`} {
		draft := fmt.Sprintf(`{"name":"absent",%s}`, absent)
		batch := wantData[wire.Tokens](t, u.Do(t, http.MethodPost, batchCreatePath, `{"tokens":[`+draft+`]}`), http.StatusCreated).Items
		for _, got := range append(batch, u.make(t, draft)) {
			wantSame(t, []any{got.Models, got.ModelLimitsEnabled, len(got.Windows), got.RequestsPerMinute, got.ExpiredTime - got.CreatedTime}, []any{made.Models, true, 1, 60, 86_400})
			if err := u.Delete(t.Context(), got.ID); err != nil {
				t.Fatal(err)
			}
		}
	}
	wantFailure(t, u.Do(t, http.MethodPost, "/api/token/", `{"name":"a","model_limits_enabled":true,"models":[]}`), 400, "invalid_parameter", noModels)
	other := target.User(t, token.RoleUser) // without a policy
	wantFailure(t, other.Do(t, http.MethodPost, batchCreatePath, `{"tokens":[{"name":"a"},{"name":"b","model_limits_enabled":true}]}`), 400, "invalid_parameter", "tokens[1]."+noModels)

	const (
		against   = ": the operator's policy for this user is "
		lifetime  = "expired_time" + against + "max_lifetime 1d; send a Unix time in seconds up to "
		maxWindow = "windows" + against + `max_windows week=100,timezone=Europe/Berlin,hour=6; send windows with {"period":"week","quota":100,"timezone":"Europe/Berlin","anchor":{"hour":6}}, or with a smaller quota.`
		models    = "allowed_models gpt-5*; send "
	)
	limitsOff := "model_limits_enabled" + against + models + "model_limits_enabled true and models that it allows."
	gpt4 := "models" + against + models + `only names and patterns that it allows, without "gpt-4".`
	for _, row := range []struct{ name, settings, refused string }{
		{"expiry", `"expired_time":-1`, lifetime},
		{"no windows", `"windows":[]`, maxWindow},
		{"limits off", `"model_limits_enabled":false`, limitsOff},
		{"model", `"models":["gpt-4"]`, gpt4},
		{"no limit", `"windows":[],"unlimited_quota":true`, maxWindow},
	} {
		t.Run(row.name, func(t *testing.T) {
			wantPolicy(t, u.Do(t, http.MethodPost, "/api/token/", fmt.Sprintf(`{"name":"b",%s}`, row.settings)), row.refused)
			batch := u.Do(t, http.MethodPost, batchCreatePath, fmt.Sprintf(`{"tokens":[{"name":"a"},{"name":"b",%s}]}`, row.settings))
			wantPolicy(t, batch, "tokens[1]."+row.refused)
			wantPolicy(t, u.Do(t, http.MethodPut, "/api/token/", fmt.Sprintf(`{"id":%d,"name":"b",%s}`, made.ID, row.settings)), row.refused)
		})
	}
	if page := wantData[wire.TokenPage](t, u.Do(t, http.MethodGet, "/api/token/", ""), http.StatusOK); page.Total != 2 {
		t.Errorf("there are %d tokens, want the two that were not refused", page.Total)
	}
	made.Key = mask(made.Key)
	wantSame(t, u.get(t, made.ID), made)

	// A raise counts in the window's quota. The lifetime quota has no maximum.
	until := time.Now().Unix() + 600
	u.put(t, fmt.Sprintf(`{"id":%d,"windows":[{"period":"week","quota":90,"timezone":"Europe/Berlin","anchor":{"hour":6}}]}`, made.ID))
	tooMuch := u.Do(t, http.MethodPost, extraPath(made.ID), fmt.Sprintf(`{"units":11,"until":%d,"window":"week"}`, until))
	wantPolicy(t, tooMuch, "units"+against+"max_windows week=100,timezone=Europe/Berlin,hour=6; send at most 10 units")
	u.raise(t, made.ID, `{"units":10,"until":%d,"window":"week"}`, until)
	wantPolicy(t, u.Do(t, http.MethodPut, "/api/token/", fmt.Sprintf(`{"id":%d,"windows":[{"period":"week","quota":91,"timezone":"Europe/Berlin","anchor":{"hour":6}}]}`, made.ID)), maxWindow)
	u.raise(t, made.ID, `{"units":1000,"until":%d}`, until)

	// A token that is older than the policy can be used, renamed, disabled and rotated.
	u.put(t, fmt.Sprintf(`{"id":%d,"name":"renamed","remain_quota":5}`, old.ID))
	for _, status := range []wire.Status{wire.Disabled, wire.Enabled} {
		u.Do(t, http.MethodPut, "/api/token/?status_only=true", fmt.Sprintf(`{"id":%d,"status":%d}`, old.ID, status))
		wantSame(t, u.get(t, old.ID).Status, status)
	}
	wantData[wire.Token](t, u.Do(t, http.MethodPost, tokenPath(old.ID)+"/rotate", "{}"), http.StatusOK)
	echo, err := json.Marshal(u.get(t, old.ID)) // all of its settings as they are
	if err != nil {
		t.Fatal(err)
	}
	u.put(t, string(echo))
	u.put(t, fmt.Sprintf(`{"id":%d,"unlimited_quota":false}`, old.ID))
	wantPolicy(t, u.Do(t, http.MethodPut, "/api/token/", fmt.Sprintf(`{"id":%d,"unlimited_quota":true}`, old.ID)), "unlimited_quota"+against+"require_limit; send unlimited_quota false, or windows with at least one window")
}

// wantPolicy checks that an answer is a refusal whose message begins with a text.
func wantPolicy(t *testing.T, got Response, text string) {
	t.Helper()
	var body struct{ Code, Message string }
	if err := json.Unmarshal([]byte(got.Body), &body); err != nil {
		t.Fatal(err)
	}
	if got.Status != http.StatusForbidden || body.Code != "policy_violation" || !strings.HasPrefix(body.Message, text) {
		t.Errorf("got %d %s\nwant %d policy_violation with %s", got.Status, got.Body, http.StatusForbidden, text)
	}
}
