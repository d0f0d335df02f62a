package apitest

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

// While the operator has stopped the keys of a user, the user can read, change and
// delete tokens, but not create or enable any. Each answer to a key says who
// stopped it.
func stoppedKeys(t *testing.T, target *Target) {
	const (
		refused = "The operator has stopped the keys of this user, so no token can be created or enabled; nothing was changed. Ask the operator to let them work again."
		stopped = "The operator has stopped the keys of this key's user. Ask the operator to let them work again."
	)
	u := target.User(t, token.RoleUser)
	made, b := u.keyCaller(t, `{"name":"app","remain_quota":100}`)
	if _, err := target.Users.Disable(t.Context(), u.Name, true, nil); err != nil {
		t.Fatal(err)
	}
	wantFailure(t, u.Do(t, http.MethodPost, "/api/token/", `{"name":"another"}`), 403, "keys_stopped", refused)
	wantFailure(t, u.Do(t, http.MethodPost, "/api/token/batch/create", `{"tokens":[{"name":"another"}]}`), 403, "keys_stopped", refused)
	wantFailure(t, u.Do(t, http.MethodPut, "/api/token/?status_only=true", fmt.Sprintf(`{"id":%d,"status":1}`, made.ID)), 403, "keys_stopped", refused)
	wantFailure(t, u.Do(t, http.MethodPost, "/api/token/batch/status", fmt.Sprintf(`{"ids":[%d],"status":1}`, made.ID)), 403, "keys_stopped", refused)
	if got := u.put(t, fmt.Sprintf(`{"id":%d,"name":"renamed","remain_quota":70}`, made.ID)); got.Status != token.Disabled || got.Name != "renamed" {
		t.Errorf("update: got %+v, want it renamed and disabled", got)
	}
	if v := b.verify(t, `{"quota":1}`); v.Code != quota.RefusedDisabled || v.Scope != quota.ScopeUser || v.Message != stopped || v.RemainQuota != 70 {
		t.Errorf("verify: got %+v, want disabled by the operator", v)
	}
	got := b.do(t, http.MethodPost, "/api/token/reserve", `{"quota":1,"request_id":"stopped-0123456789abcdefgh"}`)
	want := fmt.Sprintf(`{"success":true,"message":"","data":{"valid":false,"code":"disabled","request_id":"stopped-0123456789abcdefgh","held":0,"remain_quota":70,"expires_at":0,"scope":"user","message":%q}}`, stopped)
	if got.Status != http.StatusOK || got.Body != want {
		t.Errorf("reserve: got %d %s\nwant 200 %s", got.Status, got.Body, want)
	}
	wantFailure(t, b.do(t, http.MethodGet, "/api/usage/token/", ""), 401, "unauthorized", stopped)
	if _, err := target.Users.Enable(t.Context(), u.Name, nil); err != nil {
		t.Fatal(err)
	}
	if got := u.get(t, made.ID); got.Status != token.Enabled {
		t.Errorf("after enable: got status %d, want 1", got.Status)
	}
	if v := b.verify(t, `{"quota":70}`); !v.Valid || v.Scope != "" {
		t.Errorf("after enable: got %+v, want it accepted", v)
	}
}
