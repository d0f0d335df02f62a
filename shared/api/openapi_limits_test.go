package api_test

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-api/latchkey/shared/api"
	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/gate"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/webhook"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// limitsInCode are those that the document must have, by keyword and place: the
// last names of a path to the schema, or one of them, or * for any other.
func limitsInCode() map[string]map[string]int64 {
	seconds := func(d time.Duration) int64 { return int64(d / time.Second) }
	return map[string]map[string]int64{
		"maximum": {
			"*": token.MaxInteger, "expired_time": token.MaxExpiredTime, "Usage.expires_at": token.MaxExpiredTime,
			"status": int64(token.Exhausted), "TokenPage.page_size": api.MaxPageSize, "FamilyLogs.page_size": api.MaxPageSize, "Result.index": wire.MaxIDs - 1, "ResultsAnswer.data": wire.MaxIDs,
			"requests_per_minute": token.MaxRate, "units_per_minute": token.MaxRate, "max_concurrent": token.MaxOpenHolds,
			"hour": 23, "weekday": 7, "day": 31,
			"grace_seconds": token.MaxGraceSeconds, "ttl_seconds": seconds(gate.MaxTTL),
		},
		"minimum": {"quota_delta": -token.MaxInteger, "remaining": -token.MaxInteger, "expired_time": token.Never},
		"maxLength": {
			"name": token.MaxNameLength, "group": token.MaxGroupLength, "models.items": token.MaxModelNameLength, // in answers
			"token_name": token.MaxNameLength, "model_name": token.MaxModelNameLength,
			"url": webhook.MaxURLBytes, "model": token.MaxModelNameLength, "request_id": quota.MaxRequestIDLength, "user_agent": quota.MaxUserAgentLength,
			"IdempotencyKey": token.MaxIdempotencyKeyLength,
		},
		"maxItems": {
			"windows": token.MaxWindows, "model_quotas": token.MaxModelQuotas,
			"models": token.MaxModels, "tokens": token.MaxBatch, "NewTokens.items": token.MaxBatch,
			"ids": wire.MaxIDs, "results": wire.MaxIDs, "TokenPage.items": api.MaxPageSize, "FamilyLogs.items": api.MaxPageSize, "Off": 0,
		},
		"maxProperties": {"model_limits": token.MaxModels},
	}
}

// unbounded lists the integers without limits.
const unbounded = " PageSize Size PS After Retry-After "

// Limits in the document's schemas are those of the code.
func TestOpenAPILimits(t *testing.T) {
	limits := limitsInCode()
	for _, group := range []string{"schemas", "parameters", "headers"} {
		for name, content := range object(t, "components", group) {
			everySchema(content, []string{name}, func(path []string, schema map[string]any) { checkLimits(t, limits, path, schema) })
		}
	}
	for _, o := range document(t).Operations() {
		parameters, _ := document(t).At("paths", o.Path, strings.ToLower(o.Method), "parameters").([]any)
		for _, p := range parameters {
			if p, ok := p.(map[string]any); ok && p["schema"] != nil {
				everySchema(p["schema"], []string{fmt.Sprint(p["name"])}, func(path []string, schema map[string]any) { checkLimits(t, limits, path, schema) })
			}
		}
	}
}

func checkLimits(t *testing.T, limits map[string]map[string]int64, path []string, schema map[string]any) {
	t.Helper()
	kinds := fmt.Sprint(schema["type"])
	for keyword, byPlace := range limits {
		got, ok := schema[keyword].(json.Number)
		if !ok {
			continue
		}
		want, known := byPlace["*"]
		if keyword == "minimum" && !strings.HasPrefix(got.String(), "-") {
			continue // 0 or 1, as the meaning is
		}
		for _, place := range []string{path[len(path)-1], strings.Join(path[max(0, len(path)-2):], ".")} {
			if n, ok := byPlace[place]; ok {
				want, known = n, true
			}
		}
		if !known || got.String() != fmt.Sprint(want) {
			t.Errorf("%s of %s is %s, and in the code %d (%t)", keyword, strings.Join(path, "."), got, want, known)
		}
	}
	bounded := schema["enum"] != nil || schema["const"] != nil || schema["maximum"] != nil && schema["minimum"] != nil
	if strings.Contains(kinds, "integer") && !bounded && !strings.Contains(unbounded, " "+path[0]+" ") {
		t.Errorf("%s is an integer without bounds", strings.Join(path, "."))
	}
}

// Schemas have nothing that generators of clients fail with or that makes worse clients:
// lists of types, const, allOf, anyOf, defaults, which some clients send and others
// require, and integers that don't fit in 32 bits without the format int64.
func TestOpenAPISuitsGenerators(t *testing.T) {
	check := func(path []string, schema map[string]any) {
		for _, keyword := range []string{"const", "allOf", "anyOf", "default"} {
			if schema[keyword] != nil {
				t.Errorf("%s has %s", strings.Join(path, "."), keyword)
			}
		}
		if _, isText := schema["type"].(string); schema["type"] != nil && !isText {
			t.Errorf("%s has a list of types", strings.Join(path, "."))
		}
		most, _ := schema["maximum"].(json.Number)
		if n, err := most.Int64(); err == nil && n > math.MaxInt32 && schema["format"] != "int64" {
			t.Errorf("%s is up to %d and has not the format int64", strings.Join(path, "."), n)
		}
	}
	for _, group := range []string{"schemas", "parameters", "headers"} {
		for name, content := range object(t, "components", group) {
			everySchema(content, []string{name}, check)
		}
	}
	for _, o := range document(t).Operations() {
		parameters, _ := document(t).At(placeOf(o, "parameters")...).([]any)
		for _, p := range parameters {
			everySchema(p, []string{o.ID}, check)
		}
	}
}

// everySchema visits every schema. Paths consist of the names of properties and
// parameters, and "items".
func everySchema(content any, path []string, visit func([]string, map[string]any)) {
	schema, ok := content.(map[string]any)
	if !ok {
		return
	}
	visit(path, schema)
	properties, _ := schema["properties"].(map[string]any)
	for name, property := range properties {
		everySchema(property, append(path[:len(path):len(path)], name), visit)
	}
	everySchema(schema["items"], append(path[:len(path):len(path)], "items"), visit)
	everySchema(schema["schema"], path, visit) // of a parameter
	choices, _ := schema["oneOf"].([]any)
	for _, choice := range choices {
		everySchema(choice, path, visit)
	}
}

// words lists what a text of the document must contain.
type words struct {
	keys []string
	want string
}

// Limits in the document's texts are those of the code.
func TestOpenAPITextLimits(t *testing.T) {
	limits := token.DefaultLimits()
	schema := func(name string, keys ...string) []string {
		return append([]string{"components", "schemas", name}, keys...)
	}
	parameter := func(name string) []string { return []string{"components", "parameters", name, "description"} }
	rows := []words{
		{[]string{"info", "description"}, fmt.Sprintf("at most %d KiB (%d KiB for a batch of creates)", api.MaxBody>>10, api.MaxBatchBody>>10)},
		{[]string{"info", "description"}, fmt.Sprintf("more than %d levels", api.MaxDepth)},
		{[]string{"info", "description"}, fmt.Sprintf("make %d changes a second, and %d at once", limits.ChangesPerSecond, limits.ChangeBurst)},
		{[]string{"info", "description"}, fmt.Sprintf("one for each %d tokens", token.TokensPerRead)},
		{schema("UpdateInput", "properties", "quota_delta", "description"), fmt.Sprintf("a sum above %d is 400", int64(token.MaxInteger))},
		{[]string{"paths", "/api/token/", "post", "description"}, fmt.Sprintf("have %s tokens and create %d a second", thousands(limits.MaxTokens), limits.CreatesPerSecond)},
		{[]string{"paths", "/api/token/search", "get", "description"}, fmt.Sprintf("at most %s tokens", thousands(token.MaxSearchWindow))},
		{[]string{"paths", "/api/token/reserve", "post", "description"}, fmt.Sprintf("can have %d open holds", quota.MaxOpenHolds)},
		{parameter("PageSize"), fmt.Sprintf("up to %[1]d; 0 is %[2]d, and above %[1]d is %[1]d", api.MaxPageSize, api.DefaultPageSize)},
		{parameter("IdempotencyKey"), fmt.Sprintf("For %d hours", token.SavedResponseSeconds/60/60)},
		{parameter("IfMatch"), fmt.Sprintf("at most %d)", api.MaxTags)},
		{parameter("Page"), "1 by default, and 0 is 1"},
		{parameter("PageSize"), fmt.Sprintf("%d by default", api.DefaultPageSize)},
		{schema("TokenInput", "properties", "status", "description"), fmt.Sprintf("%d enables (the default)", token.Enabled)},
		{schema("TokenInput", "properties", "expired_time", "description"), fmt.Sprintf("%d for never (the default)", token.Never)},
		{schema("ReserveInput", "properties", "ttl_seconds", "description"), fmt.Sprintf("%d by default", int64(gate.DefaultTTL/time.Second))},
		{schema("RotateInput", "properties", "grace_seconds", "description"), map[bool]string{true: "up to a week"}[token.MaxGraceSeconds == 7*24*60*60]},
		{schema("NewToken", "properties", "key", "description"), fmt.Sprintf("sk- and %d letters and digits", credential.KeyLength-3)},
		{schema("NewToken", "properties", "key", "pattern"), fmt.Sprintf("{%d}", credential.KeyLength-3)},
	}
	for _, name := range []string{"TokenInput", "UpdateInput"} {
		property := func(field string) []string { return schema(name, "properties", field, "description") }
		rows = append(rows, []words{
			{property("name"), fmt.Sprintf("1 to %d characters", token.MaxNameLength)},
			{property("models"), fmt.Sprintf("Up to %d names, each once, of 1 to %d characters", token.MaxModels, token.MaxModelNameLength)},
			{property("models"), fmt.Sprintf("%d bytes together", token.MaxModelsBytes)},
			{property("allow_ips"), fmt.Sprintf("Up to %d, each once", token.MaxAllowIPs)},
			{property("group"), fmt.Sprintf("up to %d characters", token.MaxGroupLength)},
		}...)
	}
	for _, name := range []string{"VerifyInput", "ReserveInput"} {
		rows = append(rows, words{schema(name, "properties", "request_id", "description"), fmt.Sprintf("%d to %d random characters", quota.MinRequestIDLength, quota.MaxRequestIDLength)})
	}
	for _, o := range document(t).Operations() {
		at := []string{"paths", o.Path, strings.ToLower(o.Method), "requestBody"}
		limit := api.MaxBody
		if o.ID == "batchcreate" {
			limit = api.MaxBatchBody
		}
		if document(t).At(at...) != nil {
			rows = append(rows, words{append(at, "description"), fmt.Sprintf("At most %d KiB", limit>>10)})
		}
	}
	for _, row := range rows {
		text, _ := document(t).At(row.keys...).(string)
		if row.want == "" || !strings.Contains(strings.Join(strings.Fields(text), " "), row.want) {
			t.Errorf("%s is %q, want in it %q", strings.Join(row.keys, "/"), text, row.want)
		}
	}
}

// thousands writes a number with a comma before its last three digits.
func thousands(n int64) string { return fmt.Sprintf("%d,%03d", n/1000, n%1000) }
