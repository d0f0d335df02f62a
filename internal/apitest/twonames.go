package apitest

import (
	"net/http"
	"testing"

	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/wire"
)

const (
	twoModels = "models and model_limits are two names of one list, and they differ: send only one of them."
	twoIPs    = "allow_ips and subnet are two names of one list, and they differ: send only one of them."
)

// A client can read a token, change a list under either of its names, and send
// everything back.
func twoNames(t *testing.T, target *Target) {
	u := target.User(t, token.RoleUser)
	u.make(t, `{"name":"app","models":"a,b","model_limits":"","allow_ips":"","subnet":"1.2.3.4"}`)
	for _, row := range []struct{ in, models, ips string }{
		{`"models":["a","b"],"model_limits":"b,a"`, "a,b", "1.2.3.4"},
		{`"models":["a","b"],"model_limits":"a,b,c"`, "a,b,c", "1.2.3.4"},
		{`"models":["a"],"model_limits":"c, b,a"`, "a", "1.2.3.4"},
		{`"models":["a"],"model_limits":""`, "", "1.2.3.4"},
		{`"models":[],"model_limits":"gpt-5*"`, "gpt-5*", "1.2.3.4"},
		{`"models":null,"model_limits":"d","allow_ips":"1.2.3.4","subnet":"1.2.3.4,10.0.0.0/8"`, "d", "1.2.3.4,10.0.0.0/8"},
		{`"allow_ips":"1.2.3.4","subnet":"10.1.2.3/8,1.2.3.4"`, "d", "1.2.3.4"},
		{`"allow_ips":"1.2.3.4","subnet":""`, "d", ""},
	} {
		t.Run("200/"+row.in, func(t *testing.T) {
			got := u.put(t, `{"id":1,`+row.in+`}`)
			if got.ModelLimits != row.models || got.Subnet != row.ips {
				t.Errorf("got models %q and addresses %q, want %q and %q", got.ModelLimits, got.Subnet, row.models, row.ips)
			}
		})
	}
	before := u.Do(t, http.MethodGet, tokenPath(1), "").Body
	for in, message := range map[string]string{
		`"models":["x"],"model_limits":"y"`:           twoModels,
		`"models":["x"],"model_limits":""`:            twoModels,
		`"allow_ips":"1.1.1.1","subnet":"2.2.2.2"`:    twoIPs,
		`"model_limits":["x","y"],"models":["d","x"]`: twoModels,
	} {
		wantFailure(t, u.Do(t, http.MethodPut, "/api/token/", `{"id":1,`+in+`}`), 400, "invalid_parameter", message)
	}
	if after := u.Do(t, http.MethodGet, tokenPath(1), "").Body; after != before {
		t.Errorf("a refused update changed the token to %s", after)
	}
	stale := u.Do(t, http.MethodPut, "/api/token/", `{"id":1,"models":["x"],"model_limits":"y"}`, "If-Match", `"1"`)
	if stale.Status != http.StatusPreconditionFailed {
		t.Errorf("with an old ETag: got %d %s, want 412", stale.Status, stale.Body)
	}
	const differ = `{"name":"app","models":["x"],"model_limits":"y"}`
	wantFailure(t, u.Do(t, http.MethodPost, "/api/token/", differ), 400, "invalid_parameter", twoModels)
	wantFailure(t, u.Do(t, http.MethodPost, batchCreatePath, `{"tokens":[{"name":"a"},`+differ+`]}`), 400, "invalid_parameter", "tokens[1]."+twoModels)
	made := wantData[wire.Tokens](t, u.Do(t, http.MethodPost, batchCreatePath, `{"tokens":[{"name":"a","models":[],"model_limits":"x","model_limits_enabled":true}]}`), http.StatusCreated)
	if got := made.Items[0]; got.ModelLimits != "x" || !got.ModelLimitsEnabled {
		t.Errorf("got models %q, want x", got.ModelLimits)
	}
	if got := u.Do(t, http.MethodPut, "/api/token/", `{"id":777,"models":["x"],"model_limits":"y"}`); got.Status != http.StatusNotFound {
		t.Errorf("no such token: got %d %s, want 404", got.Status, got.Body)
	}
}
