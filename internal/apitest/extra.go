package apitest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// extra checks that a quota can be raised for a while.
func extra(t *testing.T, target *Target) {
	t.Run("Lifetime", func(t *testing.T) { extraOfLifetime(t, target) })
	t.Run("Windows", func(t *testing.T) { extraOfWindows(t, target) })
	t.Run("Repeated", func(t *testing.T) { repeatedExtra(t, target) })
	t.Run("Invalid", func(t *testing.T) { invalidExtra(t, target) })
}

func extraPath(id int64) string { return tokenPath(id) + "/extra" }

// raise raises a quota of a token; the body is a format for the time until which
// it does.
func (u *User) raise(t *testing.T, id int64, body string, until int64) wire.Token {
	t.Helper()
	return wantData[wire.Token](t, u.Do(t, http.MethodPost, extraPath(id), fmt.Sprintf(body, until)), http.StatusOK)
}

func extraOfLifetime(t *testing.T, target *Target) {
	u := target.User(t, token.RoleUser)
	made, b := u.keyCaller(t, `{"name":"app","remain_quota":100}`)
	until := time.Now().Unix() + 600
	raised := u.raise(t, made.ID, `{"units":50,"until":%d}`, until)
	wantSame(t, []any{raised.RemainQuota, raised.Extra}, []any{int64(150), &wire.Extra{Units: 50, Remaining: 50, Until: until}})
	wantSame(t, b.verify(t, `{"quota":151}`).Code, quota.RefusedExhausted)
	wantSame(t, b.verify(t, `{"quota":130}`).RemainQuota, int64(20))
	shown := u.get(t, made.ID)
	wantSame(t, shown.Extra, &wire.Extra{Units: 50, Remaining: 20, Until: until})

	// A token can be sent back as it came.
	echo, err := json.Marshal(shown)
	if err != nil {
		t.Fatal(err)
	}
	echoed := u.put(t, string(echo))
	wantSame(t, []any{echoed.RemainQuota, echoed.Extra}, []any{int64(20), shown.Extra})

	// Another raise replaces it, and 0 ends it. What was used counts on.
	more := u.raise(t, made.ID, `{"units":60,"until":%d}`, until+60)
	wantSame(t, []any{more.RemainQuota, more.Extra}, []any{int64(30), &wire.Extra{Units: 60, Remaining: 30, Until: until + 60}})
	ended := u.raise(t, made.ID, `{"units":0,"until":%d}`, 1)
	wantSame(t, []any{ended.RemainQuota, ended.UsedQuota, ended.Status, ended.Extra}, []any{int64(0), int64(130), wire.Exhausted, (*wire.Extra)(nil)})
	wantSame(t, b.verify(t, `{"quota":1}`).Code, quota.RefusedExhausted)
	usage := wantUsage(t, b)
	wantSame(t, []int64{usage.TotalGranted, usage.TotalUsed, usage.TotalAvailable}, []int64{100, 130, 0})
	wantSame(t, u.put(t, fmt.Sprintf(`{"id":%d,"quota_delta":40}`, made.ID)).RemainQuota, int64(10))
	wantSame(t, wantData[wire.Token](t, u.Do(t, http.MethodPost, extraPath(made.ID), `{"units":0}`), http.StatusOK).RemainQuota, int64(10))
}

func extraOfWindows(t *testing.T, target *Target) {
	u := target.User(t, token.RoleUser)
	made, b := u.keyCaller(t, `{"name":"app","unlimited_quota":true,"windows":[
		{"period":"48h","quota":100},{"period":"month","quota":200},{"period":"month","quota":300,"anchor":{"hour":6}}]}`)
	until := time.Now().Unix() + 600
	raised := u.raise(t, made.ID, `{"units":50,"until":%d,"window":"2d"}`, until)
	wantSame(t, raised.Windows[0].Extra, &wire.Extra{Units: 50, Remaining: 50, Until: until})
	wantSame(t, use(raised.Windows), [][2]int64{{0, 150}, {0, 200}, {0, 300}})
	wantSame(t, b.verify(t, `{"quota":120}`).Valid, true)
	shown := u.get(t, made.ID)
	wantSame(t, []any{use(shown.Windows), shown.Windows[0].Extra}, []any{[][2]int64{{120, 30}, {120, 80}, {120, 180}}, &wire.Extra{Units: 50, Remaining: 30, Until: until}})

	both := u.raise(t, made.ID, `{"units":1,"until":%d,"window":"month","timezone":"UTC","anchor":{"hour":6}}`, until)
	wantSame(t, use(both.Windows), [][2]int64{{120, 30}, {120, 80}, {120, 181}})
	kept := u.put(t, fmt.Sprintf(`{"id":%d,"windows":[{"period":"2d","quota":110,"extra":{"units":9}}]}`, made.ID))
	wantSame(t, []any{use(kept.Windows), kept.Windows[0].Extra}, []any{[][2]int64{{120, 40}}, &wire.Extra{Units: 50, Remaining: 40, Until: until}})
	ended := u.raise(t, made.ID, `{"units":0,"until":%d,"window":"2d"}`, until)
	wantSame(t, []any{use(ended.Windows), ended.Status, ended.Windows[0].Extra}, []any{[][2]int64{{120, 0}}, wire.Exhausted, (*wire.Extra)(nil)})
	wantSame(t, b.verify(t, `{"quota":1}`).Scope, "window:2d")
}

// A repeated request gets the first answer. One on the condition of an older
// version does nothing, unless it was applied before.
func repeatedExtra(t *testing.T, target *Target) {
	u := target.User(t, token.RoleUser)
	made := u.make(t, `{"name":"app","remain_quota":100}`)
	body := fmt.Sprintf(`{"units":50,"until":%d}`, time.Now().Unix()+600)
	post := func(body string, headers ...string) Response {
		return u.Do(t, http.MethodPost, extraPath(made.ID), body, headers...)
	}
	first := post(body, "Idempotency-Key", "once", "If-Match", `"1"`)
	if tok := wantData[wire.Token](t, first, http.StatusOK); tok.RemainQuota != 150 || first.Header.Get("ETag") != `"2"` {
		t.Errorf("got %d units and ETag %s, want 150 and \"2\"", tok.RemainQuota, first.Header.Get("ETag"))
	}
	// As if no answer had been saved: the token has the raise already.
	for _, headers := range [][]string{{"If-Match", `"1"`}, {"If-Match", `"1"`, "Idempotency-Key", "not-saved"}} {
		again := post(body, headers...)
		if tok := wantData[wire.Token](t, again, http.StatusOK); tok.RemainQuota != 150 || again.Header.Get("ETag") != `"2"` {
			t.Errorf("again with %q: got %d units and ETag %s, want 150 and \"2\"", headers, tok.RemainQuota, again.Header.Get("ETag"))
		}
	}
	other := strings.Replace(body, "50", "60", 1)
	wantFailure(t, post(other, "If-Match", `"1"`), http.StatusPreconditionFailed, "version_mismatch", changedSince)
	wantSame(t, wantData[wire.Token](t, post(other), http.StatusOK).RemainQuota, int64(160))
	again := post(body, "Idempotency-Key", "once", "If-Match", `"1"`)
	wantSame(t, again.Body, first.Body)
	wantSame(t, u.get(t, made.ID).RemainQuota, int64(160))
	wantFailure(t, post(other, "Idempotency-Key", "once"), http.StatusUnprocessableEntity, "idempotency_mismatch", otherRequest)
	wantFailure(t, u.Do(t, http.MethodPost, extraPath(9), body), http.StatusNotFound, "token_not_found", noSuchToken)
	wantFailure(t, u.Do(t, http.MethodPost, extraPath(9), body, "Idempotency-Key", "none"), http.StatusNotFound, "token_not_found", noSuchToken)
}

func invalidExtra(t *testing.T, target *Target) {
	u := target.User(t, token.RoleUser)
	bare := u.make(t, `{"name":"bare","unlimited_quota":true}`)
	made := u.make(t, `{"name":"app","remain_quota":100,"windows":[{"period":"day","quota":100},{"period":"day","quota":100,"timezone":"Asia/Tokyo"}]}`)
	now := time.Now().Unix()
	for _, row := range []struct {
		id            int64
		body, message string
	}{
		{made.ID, `{}`, "units is required: send the units by which the quota is to be larger, or 0 to end that."},
		{made.ID, `{"units":1}`, "until is required: send the Unix time in seconds at which the raise ends."},
		{made.ID, `{"units":-1,"until":1}`, "units must be between 1 and 9007199254740991, or 0 to end the raise."},
		{made.ID, `{"units":9007199254740992,"until":1}`, "units must be between 1 and 9007199254740991, or 0 to end the raise."},
		{made.ID, fmt.Sprintf(`{"units":1,"until":%d}`, now-1), "until must be a Unix time in seconds that is in the future."},
		{made.ID, fmt.Sprintf(`{"units":1,"until":%d000}`, now+60), "until must be at most 366 days ahead, as a Unix time in seconds: to raise a quota for longer, change the quota itself."},
		{made.ID, fmt.Sprintf(`{"units":1,"until":%d,"anchor":{}}`, now+60), "window is required: send the period of the window that has this time zone and anchor."},
		{made.ID, fmt.Sprintf(`{"units":9007199254740990,"until":%d}`, now+60), "units would raise remain_quota above 9007199254740991."},
		{made.ID, fmt.Sprintf(`{"units":1,"until":%d,"window":"day"}`, now+60), "window fits more than one of the token's windows: send timezone and anchor as well, as the window has them."},
		{made.ID, fmt.Sprintf(`{"units":1,"until":%d,"window":"week"}`, now+60), "window must be the period of one of the token's windows, which are day, day; timezone and anchor can be left out."},
		{bare.ID, fmt.Sprintf(`{"units":1,"until":%d,"window":"week"}`, now+60), "window must be left out, because the token has no windows."},
		{bare.ID, fmt.Sprintf(`{"units":1,"until":%d}`, now+60), "units has nothing to raise, because the lifetime quota is unlimited and the token has no windows."},
	} {
		wantFailure(t, u.Do(t, http.MethodPost, extraPath(row.id), row.body), http.StatusBadRequest, "invalid_parameter", row.message)
	}
	wantSame(t, u.get(t, made.ID).RemainQuota, int64(100))
}
