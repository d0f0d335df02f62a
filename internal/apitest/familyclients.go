package apitest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// A familyClient is what a client of New API or a relative does with its tokens:
// how it lists them, what it sends to create one, and how it edits the row that it
// has read. The lists of One API and One Hub have other shapes, see docs/family.md:
// of these two it is the requests that are checked.
type familyClient struct {
	name   string
	list   string // the query
	create string
	edit   func(row map[string]any)
	want   string // of the edited token: name, models, addresses
}

func familyClientsUnderTest() []familyClient {
	return []familyClient{
		{
			"all-api-hub", "?p=0&size=100",
			`{"name":"app","remain_quota":500000,"expired_time":-1,"unlimited_quota":false,"model_limits_enabled":true,"model_limits":"gpt-4o,o3","allow_ips":"","group":"default"}`,
			func(row map[string]any) { row["name"], row["model_limits"] = "renamed", "gpt-4o" },
			"renamed gpt-4o ",
		},
		{
			"New_API_default_console", "?p=1&size=20",
			`{"name":"app","remain_quota":500000,"expired_time":-1,"unlimited_quota":false,"model_limits_enabled":false,"model_limits":"","allow_ips":"","group":"","cross_group_retry":false,"model_route_notify":false}`,
			func(row map[string]any) {
				row["model_limits"], row["model_limits_enabled"], row["model_route_notify"] = "o3,gpt-4o", true, true
			},
			"app o3,gpt-4o ",
		},
		{
			"New_API_classic_console", "?p=1&size=10",
			`{"name":"app","remain_quota":500000,"remain_amount":1,"expired_time":-1,"unlimited_quota":false,"model_limits_enabled":true,"model_limits":"gpt-4o","allow_ips":"","group":"","tokenCount":1}`,
			func(row map[string]any) { row["remain_amount"], row["allow_ips"] = 2, "1.2.3.4\n10.0.0.0/8" },
			"app gpt-4o 1.2.3.4,10.0.0.0/8",
		},
		{
			"fork_with_group_routes", "?p=1&page_size=10",
			`{"name":"app","remain_quota":500000,"expired_time":-1,"unlimited_quota":false,"group_route_config":"","group_route_sticky":false}`,
			func(row map[string]any) {
				row["name"], row["group_route_config"], row["group_route_sticky"] = "renamed", `[{"group":"a"}]`, true
			},
			"renamed  ",
		},
		{
			"One_API_console", "?p=0",
			`{"name":"app","remain_quota":500000,"expired_time":-1,"unlimited_quota":false,"models":"gpt-4o,o3","subnet":"10.0.0.0/8"}`,
			func(row map[string]any) { row["models"], row["subnet"] = "gpt-4o", "10.0.0.0/8,192.168.0.0/16" },
			"app gpt-4o 10.0.0.0/8,192.168.0.0/16",
		},
		{
			"One_Hub_console", "?page=1&size=10&order=-id",
			`{"is_edit":false,"name":"app","remain_quota":500000,"expired_time":-1,"unlimited_quota":false,"group":"","backup_group":"","setting":{"heartbeat":{"enabled":false,"timeout_seconds":30},"limits":{"limit_model_setting":{"enabled":true,"models":["gpt-4o"]},"limits_ip_setting":{"enabled":false,"whitelist":[]}}}}`,
			func(row map[string]any) {
				row["is_edit"], row["backup_group"] = true, "b"
				row["setting"] = map[string]any{"limits": map[string]any{"limits_ip_setting": map[string]any{"enabled": true, "whitelist": []string{"1.2.3.4"}}}}
			},
			"app gpt-4o 1.2.3.4",
		},
		{
			"Java_NewApiClient", "?p=0&size=100",
			`{"name":"app","remain_quota":500000,"expired_time":-1,"unlimited_quota":false,"model_limits_enabled":true,"model_limits":"gpt-4o"}`,
			func(row map[string]any) { row["model_limits"] = ""; row["model_limits_enabled"] = false },
			"app  ",
		},
	}
}

// Each client of the family can list, create, edit by reading and sending back the
// whole row, disable, enable and delete.
func familyClients(t *testing.T, target *Target) {
	for _, c := range familyClientsUnderTest() {
		t.Run(c.name, func(t *testing.T) {
			u := target.User(t, token.RoleUser)
			wantData[map[string]any](t, u.Do(t, http.MethodPost, "/api/token/", c.create), http.StatusCreated)
			page := wantData[struct {
				Total int64            `json:"total"`
				Items []map[string]any `json:"items"`
			}](t, u.Do(t, http.MethodGet, "/api/token/"+c.list, ""), http.StatusOK)
			if page.Total != 1 || page.Items[0]["name"] != "app" || page.Items[0]["remain_quota"] != 500000.0 || page.Items[0]["status"] != 1.0 {
				t.Fatalf("got %+v, want the new token", page)
			}
			id := int64(page.Items[0]["id"].(float64)) //nolint:forcetypeassert // a failure ends the test
			u.useShownKey(t, id)
			row := wantData[map[string]any](t, u.Do(t, http.MethodGet, fmt.Sprintf("/api/token/%d", id), ""), http.StatusOK)
			c.edit(row)
			sent, err := json.Marshal(row)
			if err != nil {
				t.Fatal(err)
			}
			edited := wantData[map[string]any](t, u.Do(t, http.MethodPut, "/api/token/", string(sent)), http.StatusOK)
			if got := fmt.Sprint(edited["name"], " ", edited["model_limits"], " ", edited["subnet"]); got != c.want {
				t.Errorf("after the edit: got %q, want %q", got, c.want)
			}
			for _, status := range []int{2, 1} {
				got := wantData[map[string]any](t, u.Do(t, http.MethodPut, "/api/token/?status_only=true", fmt.Sprintf(`{"id":%d,"status":%d}`, id, status)), http.StatusOK)
				if got["status"] != float64(status) {
					t.Errorf("got status %v, want %d", got["status"], status)
				}
			}
			if got := u.Do(t, http.MethodDelete, fmt.Sprintf("/api/token/%d/", id), ""); got.Status != http.StatusOK || !strings.Contains(got.Body, `"success":true`) {
				t.Errorf("delete: got %d %s", got.Status, got.Body)
			}
		})
	}
}

// useShownKey does what clients do after a create, whose answer they don't read:
// they ask for the key of the token that they find in the list, and put sk- before
// it.
func (u *User) useShownKey(t *testing.T, id int64) {
	t.Helper()
	one := wantData[wire.ShownKey](t, u.Do(t, http.MethodPost, fmt.Sprintf("/api/token/%d/key", id), ""), http.StatusOK).Key
	all := wantData[wire.ShownKeys](t, u.Do(t, http.MethodPost, "/api/token/batch/keys", fmt.Sprintf(`{"ids":[%d]}`, id)), http.StatusOK).Keys
	if all[id] != one {
		t.Error("the two ways to a key give different keys")
	}
	if !wantData[wire.Verdict](t, u.target.Do(t, http.MethodPost, "/api/token/verify", "", "Authorization", "Bearer sk-"+one), http.StatusOK).Valid {
		t.Error("the key that was shown can't be used")
	}
}

// A key is accepted without sk-, as New API accepts it, wherever a key is.
func keysWithoutPrefix(t *testing.T, target *Target) {
	u := target.User(t, token.RoleUser)
	key := u.make(t, `{"name":"app","remain_quota":10}`).Key
	rest := strings.TrimPrefix(key, "sk-")
	target.transcript.addSecret(rest)
	do := func(method, path, authorization, body string) Response {
		return target.Do(t, method, path, body, "Authorization", authorization, "Content-Type", "application/json")
	}
	for i, authorization := range []string{"Bearer " + rest, rest, "bearer  " + rest, "Bearer " + key} {
		v := wantData[wire.Verdict](t, do(http.MethodPost, "/api/token/verify", authorization, `{"quota":1}`), http.StatusOK)
		if !v.Valid || v.RemainQuota != int64(9-i) {
			t.Errorf("%d: got %+v, want one unit spent", i, v)
		}
	}
	hold := wantData[wire.Reservation](t, do(http.MethodPost, "/api/token/reserve", rest, `{"quota":3}`), http.StatusOK)
	settled := wantData[wire.Settlement](t, do(http.MethodPost, "/api/token/settle", key, fmt.Sprintf(`{"request_id":%q,"quota":2}`, hold.RequestID)), http.StatusOK)
	if settled.Charged != 2 || settled.RemainQuota != 4 {
		t.Errorf("got %+v, want 2 charged and 4 left", settled)
	}
	if got := do(http.MethodGet, "/api/usage/token/", "Bearer "+rest, ""); got.Status != http.StatusOK || !strings.Contains(got.Body, `"total_used":6`) {
		t.Errorf("usage: got %d %s", got.Status, got.Body)
	}
	for name, wrong := range map[string]string{"twice": "sk-" + key, "cut": rest[1:], "changed": "0" + rest[1:], "other_prefix": "at-" + rest} {
		v := wantData[wire.Verdict](t, do(http.MethodPost, "/api/token/verify", "Bearer "+wrong, ""), http.StatusOK)
		if v.Valid || v.Code != wire.RefusedUnknown {
			t.Errorf("%s: got %+v, want an unknown key", name, v)
		}
	}
	const notAccess = "This is an sk- key, which can't manage tokens. Send an access token, which begins with at-."
	wantFailure(t, do(http.MethodGet, "/api/token/", "Bearer "+rest, ""), http.StatusUnauthorized, "unauthorized", notAccess)
}
