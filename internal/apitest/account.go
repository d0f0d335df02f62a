package apitest

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/period"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/wire"
)

const (
	selfPath   = "/api/user/self"
	budgetPath = selfPath + "/budget"
	noBudget   = "You have no budget: only your tokens' own limits apply. To get one, ask the operator."
)

// setBudget sets the user's budget; nil removes it.
func (u *User) setBudget(t testing.TB, b *token.Budget) {
	t.Helper()
	if _, err := u.target.Users.SetBudget(t.Context(), u.Name, b, func(int64, int64) {}); err != nil {
		t.Fatal(err)
	}
}

func (u *User) self(t testing.TB) wire.Self {
	t.Helper()
	return wantData[wire.Self](t, u.Do(t, http.MethodGet, selfPath, ""), http.StatusOK)
}

func (u *User) budget(t testing.TB) wire.Budget {
	t.Helper()
	return wantData[wire.Budget](t, u.Do(t, http.MethodGet, budgetPath, ""), http.StatusOK)
}

// account tests what a user reads about itself and its budget.
func account(t *testing.T, target *Target) {
	t.Run("Self", func(t *testing.T) { self(t, target) })
	t.Run("Choices", func(t *testing.T) { choices(t, target) })
	t.Run("Budget", func(t *testing.T) { budget(t, target) })
	t.Run("Renewal", func(t *testing.T) { renewal(t, target) })
	t.Run("Refused", func(t *testing.T) { accountRefused(t, target) })
}

// The fields, their order and their types are those of New API, and its
// clients' header New-Api-User changes nothing.
func self(t *testing.T, target *Target) {
	u := target.User(t, token.RoleUser)
	const form = `{"success":true,"message":"","data":{"id":%d,"username":%q,"display_name":%q,"role":1,"status":1,"group":%q,"quota":%d,"used_quota":%d,"request_count":0,"unlimited_quota":%t}}`
	for _, path := range []string{selfPath, selfPath + "/"} {
		for _, header := range []string{"Bearer " + u.AccessToken, u.AccessToken} {
			got := target.Do(t, http.MethodGet, path, "", "Authorization", header, "New-Api-User", "77")
			if want := fmt.Sprintf(form, u.ID, u.Name, u.Name, "default", int64(wire.MaxInteger), 0, true); got.Status != http.StatusOK || got.Body != want {
				t.Errorf("%s: got %d %s\nwant 200 %s", path, got.Status, got.Body, want)
			}
		}
	}
	if _, err := target.Users.SetGroups(t.Context(), u.Name, []string{"vip", "team"}); err != nil {
		t.Fatal(err)
	}
	u.setBudget(t, &token.Budget{Units: 6400})
	if got, want := u.Do(t, http.MethodGet, selfPath, "").Body, fmt.Sprintf(form, u.ID, u.Name, u.Name, "team", 6400, 0, false); got != want {
		t.Errorf("with a budget: got %s\nwant %s", got, want)
	}
	wantFailure(t, u.Do(t, http.MethodPost, selfPath, "{}"), 405, "method_not_allowed", "Method not allowed for this path. Use one of GET, HEAD.")
	wantFailure(t, u.Do(t, http.MethodGet, "/api/user", ""), 404, "route_not_found", nothingHere)
}

// What clients of New API load for the form of a token: groups and models.
func choices(t *testing.T, target *Target) {
	u := target.User(t, token.RoleUser)
	ask := func(path string) string { return u.Do(t, http.MethodGet, path, "").Body }
	const groups, models = selfPath + "/groups", "/api/user/models"
	for _, slash := range []string{"", "/"} {
		wantSame(t, ask(groups+slash), `{"success":true,"message":"","data":{"default":{"desc":"default","ratio":1}}}`)
		wantSame(t, ask(models+slash), `{"success":true,"message":"","data":[]}`)
	}
	if _, err := target.Users.SetGroups(t.Context(), u.Name, []string{"vip", "team"}); err != nil {
		t.Fatal(err)
	}
	wantSame(t, ask(groups), `{"success":true,"message":"","data":{"team":{"desc":"team","ratio":1},"vip":{"desc":"vip","ratio":1}}}`)
	for _, path := range []string{groups, models} {
		wantFailure(t, target.Do(t, http.MethodGet, path, ""), 401, "unauthorized", nothingSent)
		wantFailure(t, u.Do(t, http.MethodPost, path, "{}"), 405, "method_not_allowed", "Method not allowed for this path. Use one of GET, HEAD.")
	}
}

// Every unit of a budget is left, in a token, held or used.
func budget(t *testing.T, target *Target) {
	u := target.User(t, token.RoleUser)
	wantFailure(t, u.Do(t, http.MethodGet, budgetPath, ""), 404, "budget_not_found", noBudget)
	u.setBudget(t, &token.Budget{Units: 6400})
	wantSame(t, u.budget(t), wire.Budget{Budget: 6400, Remaining: 6400})
	first, a := u.keyCaller(t, `{"name":"a","unlimited_quota":true}`)
	_, b := u.keyCaller(t, `{"name":"b","unlimited_quota":true}`)
	wantSame(t, a.verify(t, `{"quota":10}`).Valid, true) // draws a 64th
	wantSame(t, []int64{u.self(t).Quota, u.self(t).UsedQuota}, []int64{6300, 100})
	held := wantData[wire.Reservation](t, a.do(t, http.MethodPost, "/api/token/reserve", `{"quota":20}`), http.StatusOK)
	wantSame(t, u.budget(t), wire.Budget{Budget: 6400, Remaining: 6300, InTokens: 70, Held: 20, Used: 10})
	wantData[wire.Settlement](t, a.do(t, http.MethodPost, "/api/token/settle", fmt.Sprintf(`{"request_id":%q,"quota":5}`, held.RequestID)), http.StatusOK)
	wantSame(t, u.budget(t), wire.Budget{Budget: 6400, Remaining: 6300, InTokens: 85, Used: 15})

	refused := b.verify(t, `{"quota":6386}`)
	wantSame(t, []any{refused.Valid, refused.Code, refused.Scope, refused.ResetsAt}, []any{false, quota.RefusedExhausted, quota.ScopeWallet, 0})
	wantSame(t, refused.Message, "The budget of all tokens of this user does not have as many units. Ask for fewer units, or ask the operator to raise it.")
	wantSame(t, b.verify(t, `{"quota":6385}`).Valid, true) // takes what the other token had drawn
	wantSame(t, u.budget(t), wire.Budget{Budget: 6400, Used: 6400})
	wantSame(t, []int64{u.self(t).Quota, u.self(t).UsedQuota}, []int64{0, 6400})

	u.setBudget(t, &token.Budget{Units: 100})
	wantSame(t, u.budget(t), wire.Budget{Budget: 100, Remaining: -6300, Used: 6400})
	wantSame(t, []int64{u.self(t).Quota, u.self(t).UsedQuota}, []int64{0, 6400})
	u.setBudget(t, &token.Budget{Units: 6401})
	if err := u.Delete(t.Context(), first.ID); err != nil {
		t.Fatal(err)
	}
	wantSame(t, u.budget(t), wire.Budget{Budget: 6401, Remaining: 1, Used: 6400})
	u.setBudget(t, nil)
	wantFailure(t, u.Do(t, http.MethodGet, budgetPath+"/", ""), 404, "budget_not_found", noBudget)
	wantSame(t, u.self(t).UnlimitedQuota, true)
	wantSame(t, b.verify(t, `{"quota":1}`).Valid, true)
}

// A period of a fixed length begins with its first use, one of the calendar is
// always running.
func renewal(t *testing.T, target *Target) {
	u := target.User(t, token.RoleUser)
	_, b := u.keyCaller(t, `{"name":"a","unlimited_quota":true}`)
	u.setBudget(t, &token.Budget{Units: 640, Period: period.Period{Length: "48h"}})
	wantSame(t, u.budget(t), wire.Budget{Budget: 640, Period: "2d", Remaining: 640})
	now := time.Now().Unix()
	wantSame(t, b.verify(t, `{"quota":640}`).Valid, true)
	begun := u.budget(t)
	if begun.ResetsAt < now+2*86_400 || begun.ResetsAt > now+2*86_400+60 {
		t.Errorf("the budget resets at %d, want two days after its first use at %d", begun.ResetsAt, now)
	}
	wantSame(t, begun, wire.Budget{Budget: 640, Period: "2d", Used: 640, ResetsAt: begun.ResetsAt})
	wantSame(t, []int64{u.self(t).Quota, u.self(t).ResetsAt}, []int64{0, begun.ResetsAt})
	refused := b.verify(t, `{"quota":1}`)
	wantSame(t, []any{refused.Scope, refused.ResetsAt}, []any{quota.ScopeWallet, begun.ResetsAt})
	wantSame(t, refused.Message, "The budget of all tokens of this user does not have as many units. It renews at "+time.Unix(begun.ResetsAt, 0).UTC().Format(time.RFC3339)+".")

	u.setBudget(t, &token.Budget{Units: 50, Period: period.Period{Length: period.Month, Timezone: "Europe/Berlin", Anchor: period.Anchor{Hour: 6, Day: 31}}})
	month := u.budget(t)
	if month.ResetsAt <= now || month.ResetsAt > now+32*86_400 {
		t.Errorf("the month resets at %d, want within 32 days of %d", month.ResetsAt, now)
	}
	wantSame(t, month, wire.Budget{Budget: 50, Period: "month", Timezone: "Europe/Berlin", Anchor: &wire.Anchor{Hour: 6, Day: 31}, Remaining: 50, ResetsAt: month.ResetsAt})
}

// Both routes need an access token of a user that may manage tokens. The budget
// counts as a search.
func accountRefused(t *testing.T, target *Target) {
	guest, disabled := target.User(t, token.RoleGuest), target.User(t, token.RoleUser)
	if _, err := target.Users.Disable(t.Context(), disabled.Name, false, nil); err != nil {
		t.Fatal(err)
	}
	u := target.User(t, token.RoleUser)
	made := u.make(t, `{"name":"a"}`)
	u.setBudget(t, &token.Budget{Units: 10})
	for _, path := range []string{selfPath, budgetPath} {
		wantFailure(t, target.Do(t, http.MethodGet, path, ""), 401, "unauthorized", nothingSent)
		wantFailure(t, target.Do(t, http.MethodGet, path, "", "Authorization", "Bearer "+made.Key), 401, "unauthorized", keyNotAccess)
		wrong := credential.NewAccessToken(u.ID, 0).Reveal()
		wantFailure(t, target.Do(t, http.MethodGet, path, "", "Authorization", "Bearer "+wrong), 401, "unauthorized", badAccessToken)
		wantFailure(t, guest.Do(t, http.MethodGet, path, ""), 403, "forbidden", "This user may not manage tokens. Ask the operator for the role \"user\".")
		wantFailure(t, disabled.Do(t, http.MethodGet, path, ""), 403, "user_disabled", "This user is disabled. Ask the operator to enable it.")
	}
	if _, err := target.Users.SetLimits(t.Context(), u.Name, func(l *token.Limits) { *l = token.Limits{ChangesPerSecond: 1, ChangeBurst: 5} }); err != nil {
		t.Fatal(err)
	}
	u.Do(t, http.MethodPost, batchStatusPath, idList(1, `,"status":2`)) // 100 changes
	wantFailure(t, u.Do(t, http.MethodGet, budgetPath, ""), http.StatusTooManyRequests, "rate_limited", tooFast)
	u.self(t) // is no search
}
