package export_test

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/latchkey-api/latchkey/cmd/tokenctl/export"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// A systemCase is a row of another system, and its token in JSON or a part of its
// problem.
type systemCase struct{ name, row, want, problem string }

// readOne reads a file with one row.
func readOne(t *testing.T, content string, o export.Options) (export.File, export.Row) {
	t.Helper()
	o.Now = now
	f, err := export.Read([]byte(content), o)
	if err != nil || len(f.Rows) != 1 {
		t.Fatalf("%s: got %+v, %v; want one row", content, f, err)
	}
	return f, f.Rows[0]
}

// checkSystem reads each case in a file that file makes of its row.
func checkSystem(t *testing.T, o export.Options, file func(row string) string, cases []systemCase) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			f, row := readOne(t, file(c.row), o)
			got, _ := json.Marshal(row.Token)
			problem := row.Problem
			if row.Skip != "" {
				problem = "skipped: " + row.Skip
			}
			for _, u := range f.Unknown {
				problem += " unknown: " + u.Name
			}
			switch {
			case c.problem != "" && !strings.Contains(problem, c.problem):
				t.Errorf("got %s and the problem %q, want one with %q", got, problem, c.problem)
			case c.problem == "" && (problem != "" || string(got) != c.want):
				t.Errorf("got  %s and the problem %q\nwant %s", got, problem, c.want)
			}
		})
	}
}

// object returns a file with one JSON object. What a row says takes the place of
// what it leaves out.
func object(whole string) func(string) string {
	return func(row string) string {
		merged := map[string]any{}
		for _, part := range []string{whole, row} {
			d := json.NewDecoder(strings.NewReader("{" + part + "}"))
			d.UseNumber()
			if err := d.Decode(&merged); err != nil {
				panic(part)
			}
		}
		content, _ := json.Marshal(merged)
		return "[" + string(content) + "]"
	}
}

// TestLiteLLM checks what becomes of each restriction of a key of LiteLLM.
func TestLiteLLM(t *testing.T) {
	const (
		free = `{"name":"k","unlimited_quota":true,"model_limits_enabled":false,"models":[]}`
		team = "tokenctl user budget NAME --dollars"
	)
	whole := `"token":"5f2c","key_alias":"k","spend":0,"max_budget":null,"expires":null,"models":[],"blocked":null,"team_id":null,"metadata":{},"litellm_budget_table":null,"permissions":{},"aliases":{},"config":{},"model_max_budget":{}`
	checkSystem(t, export.Options{UnitsPerDollar: 100}, object(whole), []systemCase{
		{"without restrictions", ``, free, ""},
		{"budget", `"max_budget":10,"spend":2.5`, `{"name":"k","remain_quota":750,"model_limits_enabled":false,"models":[]}`, ""},
		{"budget without spend", `"max_budget":10,"spend":null`, "", "spend must say"},
		{"negative spend", `"max_budget":10,"spend":-5`, "", "spend must say"},
		{"budget that renews", `"max_budget":10,"budget_duration":"30d"`, `{"name":"k","unlimited_quota":true,"model_limits_enabled":false,"models":[],"windows":[{"period":"30d","quota":1000}]}`, ""},
		{"budget for each month", `"max_budget":10,"budget_duration":"1mo"`, `{"name":"k","unlimited_quota":true,"model_limits_enabled":false,"models":[],"windows":[{"period":"month","quota":1000}]}`, ""},
		{"budget for each week", `"max_budget":10,"budget_duration":"2w"`, `{"name":"k","unlimited_quota":true,"model_limits_enabled":false,"models":[],"windows":[{"period":"14d","quota":1000}]}`, ""},
		{"budget for half a minute", `"max_budget":10,"budget_duration":"30s"`, "", "windows[0].period"},
		{"budget for two months", `"max_budget":10,"budget_duration":"2mo"`, "", "budget_duration must be"},
		{"budget that renews, partly used", `"max_budget":10,"spend":1,"budget_duration":"30d","budget_reset_at":"2026-01-01T00:00:00Z"`, "", "partly used"},
		{"budget that has been reset", `"max_budget":10,"spend":1,"budget_duration":"30d","budget_reset_at":"2025-01-01T00:00:00Z"`, `{"name":"k","unlimited_quota":true,"model_limits_enabled":false,"models":[],"windows":[{"period":"30d","quota":1000}]}`, ""},
		{"budget of nothing that renews", `"max_budget":0,"budget_duration":"30d"`, `{"name":"k","remain_quota":0,"model_limits_enabled":false,"models":[]}`, ""},
		{"budget of a budget table", `"budget_id":"b","litellm_budget_table":{"budget_id":"b","max_budget":5,"soft_budget":null,"rpm_limit":7,"tpm_limit":null,"model_max_budget":null}`, `{"name":"k","remain_quota":500,"model_limits_enabled":false,"models":[],"requests_per_minute":7}`, ""},
		{"the smaller of two budgets", `"max_budget":9,"litellm_budget_table":{"max_budget":5}`, `{"name":"k","remain_quota":500,"model_limits_enabled":false,"models":[]}`, ""},
		{"two budgets that renew", `"max_budget":9,"budget_duration":"1d","litellm_budget_table":{"max_budget":5,"budget_duration":"1d"}`, `{"name":"k","unlimited_quota":true,"model_limits_enabled":false,"models":[],"windows":[{"period":"1d","quota":500}]}`, ""},
		{"both kinds of budgets", `"max_budget":9,"litellm_budget_table":{"max_budget":5,"budget_duration":"7d"}`, `{"name":"k","remain_quota":900,"model_limits_enabled":false,"models":[],"windows":[{"period":"7d","quota":500}]}`, ""},
		{"budget in another table", `"budget_id":"b"`, "", "budget_id names a budget in another table"},
		{"budgets of models", `"model_max_budget":{"gpt-4o":{"budget_limit":1,"time_period":"1d"}}`, "", "--ignore-column model_max_budget"},
		{"budgets of models in a budget table", `"litellm_budget_table":{"model_max_budget":{"gpt-4o":{"budget_limit":1}}}`, "", "litellm_budget_table.model_max_budget limits single models"},
		{"models of a budget table", `"litellm_budget_table":{"allowed_models":["a"]}`, "", "allowed_models restricts"},
		{"unknown part of a budget table", `"litellm_budget_table":{"weekends":"none"}`, "", "unknown: litellm_budget_table.weekends"},
		{"team", `"team_id":"t"`, "", team},
		{"team without a budget", `"team_id":"","team_blocked":false,"team_models":[]`, free, ""},
		{"user", `"user_id":"u"`, "", team},
		{"the operator", `"user_id":"default_user_id"`, free, ""},
		{"organization", `"organization_id":"o"`, "", team},
		{"rates", `"rpm_limit":60,"max_parallel_requests":5`, `{"name":"k","unlimited_quota":true,"model_limits_enabled":false,"models":[],"requests_per_minute":60,"max_concurrent":5}`, ""},
		{"rate in tokens while units are money", `"tpm_limit":1000`, "", "tpm_limit counts tokens"},
		{"rate in tokens of a budget table while units are money", `"litellm_budget_table":{"tpm_limit":5}`, "", "--ignore-column litellm_budget_table.tpm_limit"},
		{"rate of nothing", `"litellm_budget_table":{"rpm_limit":0}`, "", "must be at least 1"},
		{"rates of models", `"metadata":{"model_rpm_limit":{"gpt-4o":1}}`, "", "metadata.model_rpm_limit limits single models"},
		{"guardrails", `"metadata":{"guardrails":["pii"]}`, "", "metadata.guardrails restricts"},
		{"routes", `"allowed_routes":["/v1/embeddings"]`, "", "allowed_routes restricts"},
		{"unknown metadata", `"metadata":{"note":"x"}`, "", "unknown: metadata.note"},
		{"all models of the proxy", `"models":["all-proxy-models"]`, free, ""},
		{"all models of a team", `"models":["all-team-models"]`, "", "all-team-models"},
		{"no models", `"models":["no-default-models"]`, "", "no-default-models"},
		{"any model", `"models":["*"]`, `{"name":"k","unlimited_quota":true,"model_limits_enabled":true,"models":["*"]}`, ""},
		{"models of a provider", `"models":["openai/*"]`, `{"name":"k","unlimited_quota":true,"model_limits_enabled":true,"models":["openai/*"]}`, ""},
		{"models with an infix", `"models":["openai/*-mini"]`, "", "only once, at the end"},
		{"model without a name", `"models":[""]`, "", "not empty"},
		{"models in Postgres's notation", `"models":"{gpt-4o,\"o3,mini\"}"`, "", "without commas"},
		{"two models in Postgres's notation", `"models":"{gpt-4o,\"o3-mini\"}"`, `{"name":"k","unlimited_quota":true,"model_limits_enabled":true,"models":["gpt-4o","o3-mini"]}`, ""},
		{"deleted", `"deleted_at":"2026-01-01T00:00:00Z","deleted_by":"u"`, "", "skipped: it is deleted"},
		{"blocked", `"blocked":true`, `{"name":"k","status":2,"unlimited_quota":true,"model_limits_enabled":false,"models":[]}`, ""},
	})
	checkSystem(t, export.Options{}, object(whole), []systemCase{
		{"rate in tokens", `"tpm_limit":1000,"litellm_budget_table":{"tpm_limit":900}`, `{"name":"k","unlimited_quota":true,"model_limits_enabled":false,"models":[],"units_per_minute":900}`, ""},
		{"renewing budget without a scale", `"max_budget":1,"budget_duration":"1d"`, "", "--units-per-dollar"},
	})
	for _, missing := range []string{"max_budget", "models", "expires", "blocked"} {
		content := strings.Replace(object(whole)(""), `"`+missing+`"`, `"soft_budget"`, 1)
		if _, row := readOne(t, content, export.Options{}); !strings.Contains(row.Problem, missing) {
			t.Errorf("without %s: got the problem %q", missing, row.Problem)
		}
	}
}

// TestLiteLLMTable checks a row of LiteLLM's table as Postgres exports it.
func TestLiteLLMTable(t *testing.T) {
	header := "token,key_name,key_alias,spend,expires,models,blocked,max_budget,budget_duration,budget_reset_at,rpm_limit,team_id,metadata,user_id,budget_id,tpm_limit,max_parallel_requests,model_max_budget,permissions\n"
	checkSystem(t, export.Options{UnitsPerDollar: 100}, func(row string) string { return header + row + ",,,,,,\n" }, []systemCase{
		{"empty cells", `5f2c,sk-...1,k,0,,{},,,,,,,{}`, `{"name":"k","unlimited_quota":true,"model_limits_enabled":false,"models":[]}`, ""},
		{"words for no value", `5f2c,sk-...1,NULL,0,\N,"{gpt-4o}",NULL,null,None,<nil>,nil,NULL,NULL`, `{"name":"sk-...1","unlimited_quota":true,"model_limits_enabled":true,"models":["gpt-4o"]}`, ""},
		{"times of Postgres", `5f2c,sk-...1,k,1.5,2030-01-31 12:00:00.123+00,"{gpt-4o,o3}",f,10,30d,2025-01-01 00:00:00,5,,{}`, `{"name":"k","expired_time":1896091200,"unlimited_quota":true,"model_limits_enabled":true,"models":["gpt-4o","o3"],"windows":[{"period":"30d","quota":1000}],"requests_per_minute":5}`, ""},
		{"a word in quotes", `5f2c,sk-...1,k,0,,"NULL",,,,,,,{}`, "", "models is a text such as NULL"},
		{"a budget in quotes", `5f2c,sk-...1,k,0,,{},,"NULL",,,,,{}`, "", "max_budget is a text such as NULL"},
		{"no element", `5f2c,sk-...1,k,0,,{NULL},,,,,,,{}`, "", "notation"},
		{"models split by commas", `5f2c,sk-...1,k,0,,"gpt-4o,o3",,,,,,,{}`, "", "notation"},
		{"rates of models", `5f2c,sk-...1,k,0,,{},,,,,,,"{""model_tpm_limit"": {""o3"": 1}}"`, "", "metadata.model_tpm_limit"},
		{"metadata that is no object", `5f2c,sk-...1,k,0,,{},,,,,,,"{'a': 1}"`, "", "metadata must be an object"},
	})
}

// TestNewAPI checks what becomes of each restriction of a token of New API, One API
// and One Hub.
func TestNewAPI(t *testing.T) {
	const free = `{"name":"k","expired_time":-1,"remain_quota":5,"allow_ips":[]}`
	hub := func(models, addresses string) string {
		return `"setting":{"heartbeat":{"enabled":false,"timeout_seconds":30},"limits":{"limit_model_setting":` + models + `,"limits_ip_setting":` + addresses + `}}`
	}
	const off, offIP = `{"enabled":false,"models":["a"]}`, `{"enabled":false,"whitelist":[]}`
	checkSystem(t, export.Options{}, object(`"id":1,"user_id":7,"name":"k","status":1,"remain_quota":5,"expired_time":-1,"used_quota":9,"setting":null,"deleted_at":null`), []systemCase{
		{"without restrictions", `"cross_group_retry":true,"backup_group":"b"`, free, ""},
		{"no limits of One Hub", hub(off, offIP), free, ""},
		{"models of One Hub", hub(`{"enabled":true,"models":["a","b"]}`, offIP), `{"name":"k","expired_time":-1,"remain_quota":5,"model_limits_enabled":true,"models":["a","b"],"allow_ips":[]}`, ""},
		{"addresses of One Hub", hub(off, `{"enabled":true,"whitelist":["10.0.0.1"]}`), `{"name":"k","expired_time":-1,"remain_quota":5,"allow_ips":["10.0.0.1"]}`, ""},
		{"limits of One Hub in a text", `"setting":"{\"limits\":{\"limit_model_setting\":{\"enabled\":true,\"models\":[\"a\"]}}}"`, `{"name":"k","expired_time":-1,"remain_quota":5,"model_limits_enabled":true,"models":["a"],"allow_ips":[]}`, ""},
		{"limits of One Hub without models", hub(`{"enabled":true,"models":[]}`, offIP), "", "is empty although"},
		{"pattern of One Hub", hub(`{"enabled":true,"models":["gpt*"]}`, offIP), "", "ends with *"},
		{"limits of One Hub that say not whether they count", hub(`{"models":["a"]}`, offIP), "", "does not say whether"},
		{"unknown limit of One Hub", `"setting":{"limits":{"limits_hours":{"enabled":true}}}`, "", "unknown: setting.limits.limits_hours"},
		{"models twice", hub(`{"enabled":true,"models":["a"]}`, offIP) + `,"models":"b"`, "", "second limit"},
		{"unknown column", `"region":"eu"`, "", "unknown: region"},
		{"unknown column that is false", `"anywhere":false`, "", "unknown: anywhere"},
		{"routes of a fork", `"group_route_config":{"a":1}`, "", "unknown: group_route_config"},
		{"lists that differ", `"models":"a","model_limits":"a,b","subnet":""`, "", "two names of one list"},
		{"one list is empty", `"models":"","model_limits":"a"`, `{"name":"k","expired_time":-1,"remain_quota":5,"model_limits_enabled":true,"models":["a"],"allow_ips":[]}`, ""},
		{"separators alone", `"models":" , "`, "", "no element"},
		{"a list of one empty text", `"allow_ips":[""]`, "", "not empty"},
		{"list of Python", `"allow_ips":"['10.0.0.1', \"10.0.0.2\"]"`, `{"name":"k","expired_time":-1,"remain_quota":5,"allow_ips":["10.0.0.1","10.0.0.2"]}`, ""},
		{"list of Go", `"model_limits":"[a b]"`, "", "notation"},
		{"map of Go", `"model_limits":"map[a:true]"`, "", "notation"},
		{"object", `"model_limits":"{\"a\":true}"`, "", "notation"},
		{"no element of Python", `"models":"[None]"`, "", "notation"},
		{"a word for none", `"model_limits":"NULL","model_limits_enabled":false`, "", "a text such as NULL"},
		{"a word for no deletion", `"deletedat":"NULL"`, "", "a text such as NULL"},
		{"a zero for no deletion", `"deleted_at":"0000-00-00 00:00:00"`, "", "is a zero"},
		{"pattern in both columns as text", `"models":"gpt*","model_limits":"gpt*"`, "", "ends with *"},
		{"deleted", `"DeletedAt":"2026-01-01T00:00:00Z"`, "", "skipped: it is deleted"},
		{"exhausted, with quota added since", `"status":4`, `{"name":"k","status":2,"expired_time":-1,"remain_quota":5,"allow_ips":[]}`, ""},
		{"exhausted", `"status":4,"remain_quota":0`, `{"name":"k","expired_time":-1,"remain_quota":0,"allow_ips":[]}`, ""},
		{"expired, with the time raised since", `"status":3`, `{"name":"k","status":2,"expired_time":-1,"remain_quota":5,"allow_ips":[]}`, ""},
	})
}

// TestUnkey checks what becomes of each restriction of a key of Unkey.
func TestUnkey(t *testing.T) {
	checkSystem(t, export.Options{}, object(`"keyId":"key_1","start":"sk","enabled":true,"name":"k","createdAt":1700000000000`), []systemCase{
		{"without restrictions", `"permissions":[],"meta":{},"identity":{"id":"i","externalId":"u","ratelimits":[]}`, `{"name":"k","unlimited_quota":true}`, ""},
		{"credits", `"credits":{"remaining":7}`, `{"name":"k","remain_quota":7}`, ""},
		{"credits of both versions", `"credits":{"remaining":7},"remaining":9`, "", "differs from"},
		{"limit for each minute", `"ratelimits":[{"id":"r","name":"a","limit":60,"duration":60000,"autoApply":true},{"id":"r","name":"a","limit":50,"duration":60000,"autoApply":true}]`, `{"name":"k","unlimited_quota":true,"requests_per_minute":50}`, ""},
		{"limit for each second", `"ratelimits":[{"name":"a","limit":60,"duration":1000,"autoApply":true}]`, "", "--ignore-column ratelimits"},
		{"limit that the application names", `"ratelimits":[{"name":"a","limit":60,"duration":60000}]`, "", "--ignore-column ratelimits"},
		{"limit of the first version", `"ratelimit":{"limit":1,"duration":1000}`, "", "ratelimit restricts"},
		{"limits of the identity", `"identity":{"ratelimits":[{"limit":1}]}`, "", "identity.ratelimits restricts"},
		{"permissions", `"permissions":["read"]`, "", "permissions is what"},
		{"metadata", `"meta":{"plan":"free"}`, "", "unknown: meta"},
		{"time of expiry 0", `"expires":0`, "", "expired_time must not be 0"},
		{"expired", `"expires":1700000000000`, "", "skipped: it has expired"},
		{"deleted", `"deletedAt":1700000000000`, "", "skipped: it is deleted"},
		{"disabled", `"enabled":false`, `{"name":"k","status":2,"unlimited_quota":true}`, ""},
	})
}

// TestWholeRows checks that rows with all columns that the systems write, with their
// defaults, need no --ignore-column.
func TestWholeRows(t *testing.T) {
	for name, content := range map[string]string{
		"New API": `[{"id":1,"user_id":1,"key":"x","status":1,"name":"k","created_time":1,"accessed_time":1,"expired_time":-1,"remain_quota":5,"unlimited_quota":false,"model_limits_enabled":false,"model_limits":"","allow_ips":"","used_quota":0,"group":"","cross_group_retry":false,"billing_type":0,"DeletedAt":null}]`,
		"New API, table": "id,user_id,key,status,name,created_time,accessed_time,expired_time,remain_quota,unlimited_quota,model_limits_enabled,model_limits,allow_ips,used_quota,group,cross_group_retry,billing_type,deleted_at\n" +
			"1,1,x,1,k,1,1,-1,5,0,0,,,0,,0,0,NULL\n",
		"One API": `{"data":[{"id":1,"user_id":1,"key":"x","status":1,"name":"k","created_time":1,"accessed_time":1,"expired_time":-1,"remain_quota":5,"unlimited_quota":false,"used_quota":0,"models":null,"subnet":""}],"message":"","success":true}`,
		"One Hub": `{"data":{"data":[{"id":1,"user_id":1,"key":"x","status":1,"name":"k","created_time":1,"accessed_time":1,"expired_time":-1,"remain_quota":5,"unlimited_quota":false,"used_quota":0,"group":"","backup_group":"","setting":{"heartbeat":{"enabled":false,"timeout_seconds":0},"limits":{"limit_model_setting":{"enabled":false,"models":null},"limits_ip_setting":{"enabled":false,"whitelist":null}},"billing_tag":null}}],"page":1,"size":10,"total_count":1}}`,
		"New API, MySQL": "id\tuser_id\tkey\tstatus\tname\texpired_time\tremain_quota\tunlimited_quota\tmodel_limits_enabled\tmodel_limits\tallow_ips\tgroup\tdeleted_at\n" +
			"1\t1\tx\t1\tk\t-1\t5\t0\t0\tNULL\t\t\tNULL\n",
		"New API, phpMyAdmin": `[{"type":"header","version":"5.2.1","comment":"Export to JSON plugin"},{"type":"database","name":"oneapi"},{"type":"table","name":"tokens","database":"oneapi","data":[
			{"id":"1","user_id":"1","key":"x","status":"1","name":"k","created_time":"1","accessed_time":"1","expired_time":"-1","remain_quota":"5","unlimited_quota":"0","model_limits_enabled":"0","model_limits":"","allow_ips":"","used_quota":"0","group":"","deleted_at":null}]}]`,
		"LiteLLM": `{"keys":[{"token":"5f","key_name":"sk-...1","key_alias":"k","soft_budget_cooldown":false,"spend":0.0,"expires":null,"models":[],"aliases":{},"config":{},"router_settings":{},"user_id":"default_user_id","team_id":null,"agent_id":null,"project_id":null,"permissions":{},"max_parallel_requests":null,"metadata":{},"blocked":null,"tpm_limit":null,"rpm_limit":null,"max_budget":null,"budget_duration":null,"budget_reset_at":null,"allowed_cache_controls":[],"allowed_routes":[],"policies":[],"access_group_ids":[],"model_spend":{},"model_max_budget":{},"budget_id":null,"organization_id":null,"object_permission_id":null,"created_at":"2026-01-01T00:00:00Z","created_by":"u","updated_at":"2026-01-01T00:00:00Z","updated_by":"u","last_active":null,"rotation_count":0,"auto_rotate":false,"rotation_interval":null,"last_rotation_at":null,"key_rotation_at":null,"budget_limits":null,"litellm_budget_table":null,"object_permission":null}],"total_count":1,"current_page":1,"total_pages":1}`,
		"LiteLLM, table": "token,key_name,key_alias,soft_budget_cooldown,spend,expires,models,aliases,config,user_id,team_id,permissions,max_parallel_requests,metadata,blocked,tpm_limit,rpm_limit,max_budget,budget_duration,budget_reset_at,allowed_cache_controls,model_spend,model_max_budget,budget_id,organization_id,created_at,created_by,updated_at,updated_by\n" +
			"5f,sk-...1,k,f,0,,{},{},{},default_user_id,,{},,{},,,,,,,{},{},{},,,2026-01-01 00:00:00,u,2026-01-01 00:00:00,u\n",
		"API Gateway":      "Name,key,description,Enabled,usageplanIds\nk,apikey1234abcdefghij0123456789,,TRUE,\n",
		"Unkey":            `{"meta":{"requestId":"r"},"data":[{"keyId":"k1","start":"sk","enabled":true,"name":"k","meta":{},"createdAt":1,"updatedAt":1,"lastUsedAt":1,"expires":null,"permissions":[],"roles":[],"credits":{"remaining":5,"refill":null},"identity":{"id":"i","externalId":"u","meta":null,"ratelimits":[]},"ratelimits":[]}],"pagination":{"cursor":null,"hasMore":false}}`,
		"Unkey, version 1": `{"keys":[{"id":"k1","apiId":"a","workspaceId":"w","name":"k","start":"sk","ownerId":"u","meta":{},"createdAt":1,"remaining":5,"roles":[],"permissions":[],"enabled":true}],"total":1}`,
	} {
		f, row := readOne(t, content, export.Options{})
		f.Warnings = slices.DeleteFunc(f.Warnings, func(w string) bool { return strings.HasPrefix(w, "the file does not say which users are disabled") })
		if row.Problem != "" || row.Skip != "" || len(f.Unknown) > 0 || len(f.Warnings) > 0 && name != "API Gateway" {
			t.Errorf("%s: got %q, %q, %+v, %q; want a good row", name, row.Problem, row.Skip, f.Unknown, f.Warnings)
		}
	}
}

// TestAPIGateway checks the rules for plans of API Gateway, and how its files are
// recognised.
func TestAPIGateway(t *testing.T) {
	const key = "apikey1234abcdefghij0123456789"
	for _, c := range []struct {
		content, want string // a part of the problem
		ignored       []string
	}{
		{"Key,name,description\n" + key + ",k,\n", "UsageplanIds missing", nil},
		{"name,ENABLED,KEY\nk,TRUE," + key + "\n", "UsageplanIds missing", nil},
		{"name,ENABLED,KEY\nk,TRUE," + key + "\n", "", []string{"UsageplanIds"}},
		{"name,ENABLED,KEY,UsageplanIds\nk,TRUE," + key + ",\n", "", nil},
		{"name,KEY,UsageplanIds\nk," + key + ",\n", "enabled missing", nil},
		{"name,KEY,UsageplanIds\nk," + key + ",\n", "", []string{"Enabled"}},
		{"name,ENABLED,KEY,UsageplanIds\nk,," + key + ",\n", "enabled has no value", nil},
		{"Name,key,Enabled,UsageplanIds\nk," + key + ",TRUE,\"a,b\"\n", "names plans", nil},
		{"Name,key,Enabled,UsageplanIds\nk," + key + ",TRUE,\"a,b\"\n", "", []string{"UsageplanIds"}},
		{`{"items":[{"id":"a","value":"` + key + `","name":"k","enabled":true,"stageKeys":[]}]}`, "UsageplanIds missing", nil},
		{`{"items":[{"id":"a","value":"` + key + `","name":"k","enabled":true,"stageKeys":[]}]}`, "", []string{"usageplanids"}},
		{`{"items":[{"id":"a","value":"` + key + `","name":"k","enabled":true,"stageKeys":["a/b"]}]}`, "for which stages", []string{"UsageplanIds"}},
	} {
		f, row := readOne(t, c.content, export.Options{KeepKeys: true, IgnoreColumns: c.ignored})
		if f.Dialect != "API Gateway" || (row.Problem == "") != (c.want == "") || !strings.Contains(row.Problem, c.want) || len(f.Unknown) > 0 {
			t.Errorf("%s: got %s, %q, %v, want a problem with %q", c.content, f.Dialect, row.Problem, f.Unknown, c.want)
		}
	}
}

// TestOwnColumns checks that every field of a token of Latchkey is known.
func TestOwnColumns(t *testing.T) {
	row := map[string]any{"name": "k"}
	for _, f := range reflect.VisibleFields(reflect.TypeFor[wire.Token]()) {
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" {
			row[name] = "1"
		}
	}
	content, err := json.Marshal(row)
	if err != nil || len(row) < 20 {
		t.Fatalf("got %v, %v; want the fields of a token", row, err)
	}
	if f, _ := readOne(t, string(content), export.Options{}); len(f.Unknown) > 0 {
		t.Errorf("the columns %+v are not known: import them, or say in newAPI that they restrict nothing", f.Unknown)
	}
}

// TestBoundsElsewhere checks that the user hears of what bounds tokens of New API and
// is not in the file.
func TestBoundsElsewhere(t *testing.T) {
	for content, want := range map[string]int{
		`[{"name":"k","unlimited_quota":true,"group":"vip"}]`:                                          2,
		`[{"name":"k","remain_quota":1,"group":"vip","model_limits":"a","model_limits_enabled":true}]`: 0,
		`[{"name":"k","unlimited_quota":true,"group":"vip","models":[],"model_limits":""}]`:            0, // from Latchkey
	} {
		if f, row := readOne(t, content, export.Options{}); len(f.Warnings) != want || row.Problem != "" {
			t.Errorf("%s: got %q and the problem %q, want %d warnings", content, f.Warnings, row.Problem, want)
		}
	}
}
