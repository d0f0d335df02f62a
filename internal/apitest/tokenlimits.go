package apitest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// Windows, model quotas and rates are shown, changed and obeyed.
func tokenLimits(t *testing.T, target *Target) {
	t.Run("Windows", func(t *testing.T) { windows(t, target) })
	t.Run("ModelQuotas", func(t *testing.T) { modelQuotas(t, target) })
	t.Run("Rates", func(t *testing.T) { rates(t, target) })
	t.Run("Invalid", func(t *testing.T) { invalidLimits(t, target) })
}

func windows(t *testing.T, target *Target) {
	u := target.User(t, token.RoleUser)
	made, b := u.keyCaller(t, `{"name":"app","unlimited_quota":true,"windows":[
		{"period":"48h","quota":100},{"period":"month","quota":1000,"timezone":"Europe/Berlin","anchor":{"hour":6,"day":31}}]}`)
	now := time.Now().Unix()
	monthEnd := made.Windows[1].ResetsAt
	if monthEnd <= now || monthEnd > now+32*86_400 {
		t.Errorf("the month resets at %d, want within 32 days of %d", monthEnd, now)
	}
	month := wire.Window{Period: "month", Quota: 1000, Timezone: "Europe/Berlin", Anchor: &wire.Anchor{Hour: 6, Day: 31}, Remaining: 1000, ResetsAt: monthEnd}
	wantSame(t, made.Windows, []wire.Window{{Period: "2d", Quota: 100, Remaining: 100}, month})

	spent := b.verify(t, `{"quota":30}`)
	begun := spent.Windows[0]
	if begun.ResetsAt < now+2*86_400 || begun.ResetsAt > now+2*86_400+60 {
		t.Errorf("the window resets at %d, want two days after its first use at %d", begun.ResetsAt, now)
	}
	held := wantData[wire.Reservation](t, b.do(t, http.MethodPost, "/api/token/reserve", `{"quota":50}`), http.StatusOK)
	wantSame(t, use(held.Windows), [][2]int64{{30, 20}, {30, 920}})
	refused := b.verify(t, `{"quota":21}`)
	wantSame(t, []any{refused.Valid, refused.Code, refused.Scope, refused.ResetsAt}, []any{false, quota.RefusedExhausted, "window:2d", begun.ResetsAt})
	settled := wantData[wire.Settlement](t, b.do(t, http.MethodPost, "/api/token/settle", fmt.Sprintf(`{"request_id":%q,"quota":20}`, held.RequestID)), http.StatusOK)
	wantSame(t, use(settled.Windows), [][2]int64{{50, 50}, {50, 950}})
	over := wantData[wire.Reservation](t, b.do(t, http.MethodPost, "/api/token/reserve", `{"quota":10}`), http.StatusOK)
	settled = wantData[wire.Settlement](t, b.do(t, http.MethodPost, "/api/token/settle", fmt.Sprintf(`{"request_id":%q,"quota":70}`, over.RequestID)), http.StatusOK)
	wantSame(t, []any{settled.Charged, settled.Shortfall, use(settled.Windows)}, []any{50, 20, [][2]int64{{100, 0}, {100, 900}}})

	exhausted := u.get(t, made.ID)
	wantSame(t, []any{exhausted.Status, exhausted.ResetsAt}, []any{wire.Exhausted, begun.ResetsAt})
	usage := wantUsage(t, b)
	wantSame(t, use(usage.Windows), [][2]int64{{100, 0}, {100, 900}})

	// A larger quota keeps what was used. Another period begins anew.
	raised := u.put(t, fmt.Sprintf(`{"id":%d,"windows":[{"period":"2d","quota":150},{"period":"week","quota":7}]}`, made.ID))
	wantSame(t, []any{raised.Status, use(raised.Windows)}, []any{wire.Enabled, [][2]int64{{100, 50}, {0, 7}}})
	unchanged := u.put(t, fmt.Sprintf(`{"id":%d,"name":"renamed"}`, made.ID))
	wantSame(t, unchanged.Windows, raised.Windows)
	echo, err := json.Marshal(unchanged)
	if err != nil {
		t.Fatal(err)
	}
	wantSame(t, u.put(t, string(echo)).Windows, raised.Windows) // a token can be sent back as it came
	wantSame(t, b.verify(t, `{"quota":8}`).Scope, "window:week")
	wantSame(t, b.verify(t, `{"quota":7}`).Valid, true)
	removed := u.put(t, fmt.Sprintf(`{"id":%d,"windows":[]}`, made.ID))
	wantSame(t, []any{removed.Status, len(removed.Windows)}, []any{wire.Enabled, 0})
	wantSame(t, b.verify(t, `{"quota":1000}`).Valid, true)
}

// use returns what is used and what remains of each window.
func use(windows []wire.Window) (all [][2]int64) {
	for _, w := range windows {
		all = append(all, [2]int64{w.Used, w.Remaining})
	}
	return all
}

func wantUsage(t *testing.T, b keyCaller) wire.Usage {
	t.Helper()
	var answer wire.UsageAnswer
	if err := json.Unmarshal([]byte(b.usage(t)), &answer); err != nil {
		t.Fatal(err)
	}
	return answer.Data
}

func modelQuotas(t *testing.T, target *Target) {
	u := target.User(t, token.RoleUser)
	made, b := u.keyCaller(t, `{"name":"app","remain_quota":1000,"model_quotas":[{"model":"gpt-5*","quota":100},{"model":"gpt-5-pro","quota":10}]}`)
	wantSame(t, made.ModelQuotas, []wire.ModelQuota{{Model: "gpt-5*", Quota: 100, Remaining: 100}, {Model: "gpt-5-pro", Quota: 10, Remaining: 10}})
	for _, row := range []struct {
		body, scope string
	}{
		{`{"model":"gpt-5-pro","quota":11}`, "model:gpt-5-pro"},
		{`{"model":"gpt-5-pro","quota":10}`, ""},
		{`{"model":"gpt-5-pro","quota":1}`, "model:gpt-5-pro"},
		{`{"model":"gpt-5","quota":91}`, "model:gpt-5*"},
		{`{"model":"gpt-5","quota":90}`, ""},
		{`{"model":"gpt-5.1","quota":1}`, "model:gpt-5*"},
		{`{"model":"gpt-4","quota":800}`, ""},
		{`{"quota":50}`, ""}, // no model is named
		{`{"model":"gpt-4","quota":51}`, "token"},
	} {
		v := b.verify(t, row.body)
		if v.Valid != (row.scope == "") || v.Scope != row.scope {
			t.Errorf("%s: got valid %v, scope %q, want scope %q", row.body, v.Valid, v.Scope, row.scope)
		}
	}
	got := u.get(t, made.ID).ModelQuotas
	wantSame(t, got, []wire.ModelQuota{{Model: "gpt-5*", Quota: 100, Used: 100}, {Model: "gpt-5-pro", Quota: 10, Used: 10}})
}

func rates(t *testing.T, target *Target) {
	u := target.User(t, token.RoleUser)
	_, b := u.keyCaller(t, `{"name":"requests","unlimited_quota":true,"requests_per_minute":2}`)
	for range 2 {
		wantSame(t, b.verify(t, `{"quota":1}`).Valid, true)
	}
	refused := b.verify(t, `{"quota":1}`)
	wantSame(t, []any{refused.Valid, refused.Code, refused.Scope}, []any{false, quota.RefusedRate, "rate:requests"})
	if refused.RetryAfterMS < 1 || refused.RetryAfterMS > 30_000 {
		t.Errorf("retry after %d ms, want up to half a minute", refused.RetryAfterMS)
	}
	wantSame(t, b.verify(t, `{}`).Code, quota.RefusedRate) // a check tells the same, and counts nothing

	_, b = u.keyCaller(t, `{"name":"units","unlimited_quota":true,"units_per_minute":1000}`)
	held := wantData[wire.Reservation](t, b.do(t, http.MethodPost, "/api/token/reserve", `{"quota":1000}`), http.StatusOK)
	wantSame(t, b.verify(t, `{"quota":500}`).Scope, "rate:units")
	wantSame(t, b.verify(t, `{"quota":1001}`).RetryAfterMS, 0) // never
	settle := fmt.Sprintf(`{"request_id":%q,"quota":100}`, held.RequestID)
	wantData[wire.Settlement](t, b.do(t, http.MethodPost, "/api/token/settle", settle), http.StatusOK)
	wantSame(t, b.verify(t, `{"quota":500}`).Valid, true) // the settlement has corrected the estimate

	_, b = u.keyCaller(t, `{"name":"concurrent","unlimited_quota":true,"max_concurrent":1}`)
	held = wantData[wire.Reservation](t, b.do(t, http.MethodPost, "/api/token/reserve", `{"quota":5}`), http.StatusOK)
	second := wantData[wire.Reservation](t, b.do(t, http.MethodPost, "/api/token/reserve", `{"quota":5}`), http.StatusOK)
	wantSame(t, []any{second.Valid, second.Code, second.Scope}, []any{false, quota.RefusedRate, "rate:concurrent"})
	wantData[wire.Release](t, b.do(t, http.MethodPost, "/api/token/release", fmt.Sprintf(`{"request_id":%q}`, held.RequestID)), http.StatusOK)
	third := wantData[wire.Reservation](t, b.do(t, http.MethodPost, "/api/token/reserve", `{"quota":5}`), http.StatusOK)
	wantSame(t, third.Valid, true)
}

func invalidLimits(t *testing.T, target *Target) {
	u := target.User(t, token.RoleUser)
	made := u.make(t, `{"name":"app"}`)
	for body, message := range map[string]string{
		`"windows":[{"period":"day"}]`:                                      "windows[0].quota is required: send the units for each period.",
		`"windows":[{"quota":1}]`:                                           "windows[0].period is required: send hour, day, week, month, or a length such as 5h.",
		`"windows":[{"period":"day","quota":0}]`:                            "windows[0].quota must be between 1 and 9007199254740991 units; to stop the token, disable it.",
		`"windows":[{"period":"day","quota":1},{"period":"day","quota":2}]`: "windows[1].period must differ from the token's other windows: send one window with the smaller quota.",
		`"windows":[{"period":"day","quota":1,"timezone":"Berlin"}]`:        `windows[0].timezone must be a name of the IANA time zone database, spelled exactly, such as "Europe/Berlin" or "UTC".`,
		`"windows":[{"period":"day","quota":1,"anchor":{"hour":24}}]`:       "windows[0].anchor hour must be from 0 to 23.",
		`"windows":[{"period":"day","quota":1,"anchor":5}]`:                 "windows[0].anchor must be an object, not an integer.",
		`"windows":{"period":"day","quota":1}`:                              "windows must be an array of objects, not an object.",
		`"windows":[5]`:                                                     "windows[0] must be an object, not an integer.",
		`"model_quotas":[{"model":"a"}]`:                                    "model_quotas[0].quota is required: send the units for these models.",
		`"model_quotas":[{"model":"a","quota":-1}]`:                         "model_quotas[0].quota must be between 0 and 9007199254740991.",
		`"model_quotas":[{"model":"a","quota":1},{"model":"a","quota":2}]`:  "model_quotas[1].model must differ from the other entries.",
		`"requests_per_minute":-1`:                                          "requests_per_minute must be between 0 (no limit) and 1000000000.",
		`"max_concurrent":51`:                                               "max_concurrent must be between 0 (no limit) and 50.",
		`"units_per_minute":"5"`:                                            "units_per_minute must be an integer, not a string.",
		`"windows":[{"period":"1h","quota":1},{"period":"2h","quota":1},{"period":"3h","quota":1},{"period":"4h","quota":1}]`: "windows must have at most 3 windows, not 4.",
	} {
		t.Run("400/"+short(body), func(t *testing.T) {
			wantFailure(t, u.Do(t, http.MethodPost, "/api/token/", `{"name":"x",`+body+`}`, "Content-Type", "application/json"), 400, "invalid_parameter", message)
			wantFailure(t, u.Do(t, http.MethodPut, "/api/token/", fmt.Sprintf(`{"id":%d,%s}`, made.ID, body), "Content-Type", "application/json"), 400, "invalid_parameter", message)
		})
	}
	unknown := `The field "windows[0].size" is not known: the fields are period, quota, timezone, anchor.`
	wantFailure(t, u.Do(t, http.MethodPost, "/api/token/", `{"name":"x","windows":[{"period":"day","size":1}]}`, "Content-Type", "application/json"), 400, "unknown_field", unknown)
}
