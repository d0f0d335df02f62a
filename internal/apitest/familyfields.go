package apitest

import (
	"net/http"
	"testing"

	"github.com/latchkey-api/latchkey/shared/token"
)

// Fields of other clients are ignored if they limit nothing, and refused by name if
// they limit a token in a way that it can't be limited here.
func familyFields(t *testing.T, target *Target) {
	u := target.User(t, token.RoleUser)
	u.make(t, `{"name":"the one that is updated","models":["a"],"allow_ips":"1.2.3.4"}`)
	both := func(t *testing.T, fields string, status int, message string) {
		t.Helper()
		create := u.Do(t, http.MethodPost, "/api/token/", named(fields))
		update := u.Do(t, http.MethodPut, "/api/token/", `{"id":1,`+fields+`}`)
		if status == http.StatusOK {
			if create.Status != http.StatusCreated || update.Status != http.StatusOK {
				t.Errorf("got %d %s and %d %s, want 201 and 200", create.Status, create.Body, update.Status, update.Body)
			}
			return
		}
		wantFailure(t, create, status, "invalid_parameter", message)
		wantFailure(t, update, status, "invalid_parameter", message)
	}
	const ignored = `"cross_group_retry":true,"auto_groups":["x"],"DeletedAt":null,"tokenCount":3,"model_route_notify":true,"remain_amount":1.5,` +
		`"group_route_config":"{}","group_route_sticky":true,"group_route_enabled":true,"group_routes":[{"group":"x"}],"mj_model":"fast","quota_type":1,` +
		`"is_edit":true,"backup_group":"x","backup_groups":["x"]`
	t.Run("without_a_limit", func(t *testing.T) { both(t, ignored, http.StatusOK, "") })
	for field, instead := range map[string]string{
		"model_limits_type":  "send the models that are allowed, in models, and model_limits_type 0",
		"quota_limit_period": days, "quota_limit_custom_seconds": days, "quota_limit": days, "window_hours": days, "window_quota": days,
		"cycle_days": days, "cycle_quota": days, "rate_limit_5h": days, "rate_limit_1d": days, "rate_limit_7d": days,
		"ip_whitelist": "send allow_ips", "ip_blacklist": "send the addresses that are allowed, in allow_ips",
	} {
		t.Run(field, func(t *testing.T) {
			for _, off := range []string{"null", "false", "0", `""`, "[]", "{}", `"never"`} {
				both(t, `"`+field+`":`+off, http.StatusOK, "")
			}
			for _, on := range []string{"1", "true", `"daily"`, `["1.2.3.4"]`, `{"a":0}`, "0.5", "-1"} {
				both(t, `"`+field+`":`+on, http.StatusBadRequest, field+" is a limit that tokens don't have here, so nothing was done: "+instead+", or leave it out.")
			}
		})
	}
	t.Run("setting", func(t *testing.T) { oneHubSetting(t, u, both) })
}

const days = `send windows, such as [{"period":"day","quota":1000}]`

// oneHubSetting checks the field setting of One Hub's clients.
func oneHubSetting(t *testing.T, u *User, both func(t *testing.T, fields string, status int, message string)) {
	limits := func(models, ips string) string {
		return `"setting":{"heartbeat":{"enabled":true,"timeout_seconds":30},"billing_tag":"x","quota_reset":null,"limits":{"limit_model_setting":` + models + `,"limits_ip_setting":` + ips + `}}`
	}
	const noModelLimit, noIPLimit = `{"enabled":false,"models":["x"]}`, `{"enabled":false,"whitelist":["9.9.9.9"]}`
	for in, message := range map[string]string{
		`"setting":null`:                             "",
		`"setting":{}`:                               "",
		`"setting":{"limits":null}`:                  "",
		limits(noModelLimit, noIPLimit):              "",
		`"setting":1`:                                "setting must be an object, not an integer.",
		`"setting":[]`:                               "setting must be an object, not an array.",
		`"setting":{"quota_reset":{"period":"day"}}`: "setting.quota_reset is a limit that tokens don't have here, so nothing was done: send windows, or leave it out.",
		limits(noModelLimit, `{"enabled":true,"whitelist":[" "]}`):               "setting.limits.limits_ip_setting is enabled without addresses: send at least one, or enabled false.",
		limits(noModelLimit, `{"enabled":true}`):                                 "setting.limits.limits_ip_setting is enabled without addresses: send at least one, or enabled false.",
		limits(noModelLimit, `{"enabled":1}`):                                    "setting.limits.limits_ip_setting.enabled must be true or false, not an integer.",
		limits(noModelLimit, `{"enabled":true,"whitelist":["x"]}`):               badIPs,
		limits(`{"enabled":true,"models":["a,b"]}`, noIPLimit):                   "models must be names without commas: send each name as a separate element.",
		`"models":["x"],` + limits(`{"enabled":true,"models":["y"]}`, noIPLimit): "models and setting.limits.limit_model_setting.models are two names of one list, and they differ: send only one of them.",
	} {
		status := http.StatusOK
		if message != "" {
			status = http.StatusBadRequest
		}
		both(t, in, status, message)
	}
	if got := u.put(t, `{"id":1}`); got.ModelLimits != "a" || got.ModelLimitsEnabled || got.AllowIPs != "1.2.3.4" {
		t.Errorf("limits that are off changed the token to %+v", got)
	}
	wantFailure(t, u.Do(t, http.MethodPost, "/api/token/", `{"name":"x","setting":{"limits":{"limit_models":{}}}}`), 400, "unknown_field",
		`The field "setting.limits.limit_models" is not known: the fields are limit_model_setting, limits_ip_setting.`)
	got := u.make(t, named(limits(`{"enabled":true,"models":["x","y"]}`, `{"enabled":true,"whitelist":["9.9.9.9",""," 10.0.0.0/8"]}`)))
	if got.ModelLimits != "x,y" || !got.ModelLimitsEnabled || got.AllowIPs != "9.9.9.9\n10.0.0.0/8" {
		t.Errorf("created with limits: got %+v", got)
	}
	got = u.put(t, `{"id":1,"models":["a"],"model_limits":"a","model_limits_enabled":false,"allow_ips":"1.2.3.4","subnet":"1.2.3.4",`+
		limits(`{"enabled":true,"models":["z"]}`, `{"enabled":true,"whitelist":["9.9.9.9"]}`)+`}`)
	if got.ModelLimits != "z" || !got.ModelLimitsEnabled || got.AllowIPs != "9.9.9.9" {
		t.Errorf("updated with limits: got %+v", got)
	}
	wantFailure(t, u.Do(t, http.MethodPut, "/api/token/", `{"id":1,"models":[],`+limits(`{"enabled":true,"models":[]}`, noIPLimit)+`}`), 400, "invalid_parameter", noModels)
}
