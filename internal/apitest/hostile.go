package apitest

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/latchkey-api/latchkey/shared/token"
)

// Each hostile body gets one exact answer, and none creates a token.
func hostileBodies(t *testing.T, target *Target) {
	u := target.User(t, token.RoleUser)
	for _, row := range hostileRows() {
		t.Run(fmt.Sprintf("%d/%s", row.status, row.name), func(t *testing.T) {
			wantFailure(t, u.Do(t, http.MethodPost, "/api/token/", row.body, "Content-Type", row.contentType), row.status, row.code, row.message)
		})
	}
	got := u.Do(t, http.MethodGet, "/api/token/", "")
	if want := `{"success":true,"message":"","data":{"page":1,"page_size":10,"total":0,"items":[]}}`; got.Body != want {
		t.Errorf("after all refusals the list is %s\nwant %s", got.Body, want)
	}
	for _, contentType := range []string{"", "application/json", "application/json; charset=utf-8", "APPLICATION/JSON", "application/vnd.api+json"} {
		if got := u.Do(t, http.MethodPost, "/api/token/", `{"name":"x"}`, "Content-Type", contentType); got.Status != http.StatusCreated {
			t.Errorf("Content-Type %q: got %d %s, want 201", contentType, got.Status, got.Body)
		}
	}
}

type hostileRow struct {
	name, body  string
	contentType string
	status      int
	code        string
	message     string
}

const (
	fieldNames = "id, name, status, expired_time, remain_quota, unlimited_quota, model_limits_enabled, models, model_limits, allow_ips, subnet, group, windows, model_quotas, requests_per_minute, units_per_minute, max_concurrent"
	mediaType  = "The body is not declared as JSON. Send Content-Type: application/json."
	tooDeep    = "The body is nested more than 8 levels deep: send a flat object."
	surrogate  = "The body has half of a surrogate pair as a \\u escape: send both halves or the character itself."
	goesOn     = "The body goes on after its JSON value: send one JSON object and nothing else."
	notUTF8    = "The body is not valid UTF-8: send it as UTF-8."
	emptyBody  = "The body is empty: send one JSON object."
)

func hostileRows() []hostileRow {
	invalidJSON := func(name, body, message string) hostileRow {
		return hostileRow{name, body, "application/json", 400, "invalid_json", message}
	}
	syntax := func(name, body string, offset int) hostileRow {
		return invalidJSON(name, body, fmt.Sprintf("The body is not valid JSON at byte %d: send one JSON object.", offset))
	}
	wrongType := func(field, value, kind string) hostileRow {
		rule := map[string]string{
			"name": "a string", "group": "a string", "models": "an array of strings or one string", "model_limits": "an array of strings or one string",
			"allow_ips": "an array of strings or one string", "unlimited_quota": "true or false", "model_limits_enabled": "true or false",
		}[field]
		if rule == "" {
			rule = "an integer"
		}
		body := fmt.Sprintf(`{"name":"x",%q:%s}`, field, value)
		if field == "name" {
			body = fmt.Sprintf(`{"name":%s}`, value)
		}
		return hostileRow{field + " is " + value, body, "application/json", 400, "invalid_parameter", field + " must be " + rule + ", not " + kind + "."}
	}
	unknown := func(field, shown string) hostileRow {
		return hostileRow{"unknown " + shown, `{"name":"x",` + field + `:1}`, "application/json", 400, "unknown_field", "The field " + shown + " is not known: the fields are " + fieldNames + "."}
	}
	near := func(field, meant string) hostileRow {
		return hostileRow{"unknown " + field, `{"name":"x",` + field + `:1}`, "application/json", 400, "unknown_field", "The field " + field + " is not known: did you mean " + meant + "? The fields are " + fieldNames + "."}
	}
	twice := func(name, body, key string) hostileRow {
		return invalidJSON(name, body, `The body has the key "`+key+`" twice: send each key once.`)
	}
	media := func(contentType string) hostileRow {
		return hostileRow{"type " + contentType, `{"name":"x"}`, contentType, 415, "unsupported_media_type", mediaType}
	}
	large := func(name, body string) hostileRow {
		return hostileRow{name, body, "application/json", 413, "body_too_large", "The body is larger than 16 KiB. Send a smaller one."}
	}
	const limit = 16 << 10
	return []hostileRow{
		invalidJSON("empty", "", emptyBody),
		invalidJSON("blank", " \t\r\n", emptyBody),
		invalidJSON("BOM", "\xEF\xBB\xBF{\"name\":\"x\"}", "The body begins with a byte order mark: send plain UTF-8 without it."),
		invalidJSON("UTF-16", "{\x00\"\x00n\x00}\x00\xFF\xFE", notUTF8),
		invalidJSON("Latin-1", "{\"name\":\"\xE9\"}", notUTF8),
		invalidJSON("overlong", "{\"name\":\"\xC0\xAF\"}", notUTF8),
		invalidJSON("UTF-8 surrogate", "{\"name\":\"\xED\xA0\x80\"}", notUTF8),
		syntax("NUL", "\x00", 1),
		syntax("NUL in a string", "{\"name\":\"a\x00b\"}", 11),
		syntax("raw newline in a string", "{\"name\":\"a\nb\"}", 11),
		syntax("open object", `{`, 1),
		syntax("truncated key", `{"na`, 4),
		syntax("truncated value", `{"name":"x`, 10),
		syntax("no closing brace", `{"name":"x"`, 11),
		syntax("trailing comma", `{"name":"x",}`, 13),
		syntax("no colon", `{"name" "x"}`, 9),
		syntax("single quotes", `{'name':'x'}`, 2),
		syntax("bare key", `{name:"x"}`, 2),
		syntax("comment", `{"name":"x"/**/}`, 12),
		syntax("NaN", `{"remain_quota":NaN}`, 17),
		syntax("Infinity", `{"remain_quota":-Infinity}`, 18),
		syntax("hexadecimal", `{"remain_quota":0x10}`, 18),
		syntax("leading zero", `{"remain_quota":01}`, 18),
		syntax("plus sign", `{"remain_quota":+1}`, 17),
		syntax("bad escape", `{"name":"\x41"}`, 11),
		syntax("short escape", `{"name":"\u00"}`, 14),
		syntax("form", `name=x&remain_quota=1`, 2),
		syntax("XML", `<token/>`, 1),
		invalidJSON("null", "null", "The body must be one JSON object, not null."),
		invalidJSON("array", `[{"name":"x"}]`, "The body must be one JSON object, not an array."),
		invalidJSON("string", `"name"`, "The body must be one JSON object, not a string."),
		invalidJSON("number", `42`, "The body must be one JSON object, not an integer."),
		invalidJSON("boolean", `true`, "The body must be one JSON object, not a boolean."),
		invalidJSON("two objects", `{"name":"x"}{"name":"y"}`, goesOn),
		invalidJSON("trailing word", `{"name":"x"} and more`, goesOn),
		invalidJSON("trailing NUL", "{\"name\":\"x\"}\x00", goesOn),
		twice("duplicate key", `{"name":"x","name":"y"}`, "name"),
		twice("duplicate by escape", `{"name":"x","n\u0061me":"y"}`, "name"),
		twice("duplicate of an ignored key", `{"name":"x","key":1,"key":2}`, "key"),
		twice("duplicate deep inside", `{"name":"x","auto_groups":[{"a":1,"a":2}]}`, "a"),
		invalidJSON("9 levels", `{"name":"x","auto_groups":`+strings.Repeat("[", 8)+strings.Repeat("]", 8)+`}`, tooDeep),
		invalidJSON("9 levels of objects", strings.Repeat(`{"a":`, 9)+"1"+strings.Repeat("}", 9), tooDeep),
		invalidJSON("4,000 levels", `{"models":`+strings.Repeat("[", 4000)+strings.Repeat("]", 4000)+`}`, tooDeep),
		syntax("8,000 levels left open", strings.Repeat("[", 8000), 8000),
		invalidJSON("high surrogate alone", `{"name":"\ud83d"}`, surrogate),
		invalidJSON("low surrogate alone", `{"name":"\ude00"}`, surrogate),
		invalidJSON("surrogates swapped", `{"name":"\ude00\ud83d"}`, surrogate),
		invalidJSON("surrogate in a key", `{"\ud83dx":1}`, surrogate),
		near(`"naem"`, "name"),
		near(`"Name"`, "name"),
		near(`"name "`, "name"),
		near(`"remaining_quota"`, "remain_quota"),
		near(`"modelLimits"`, "model_limits"),
		unknown(`""`, `""`),
		unknown(`"__proto__"`, `"__proto__"`),
		unknown(`"quota_delta"`, `"quota_delta"`),
		unknown(`"a\u202eb"`, `"a\u202eb"`),
		unknown(`"`+strings.Repeat("k", 60)+`"`, `"`+strings.Repeat("k", 40)+`"…`),
		unknown(`"sk-0123456789abcdefghijklmn"`, `"sk-**********"`),
		wrongType("name", `1`, "an integer"),
		wrongType("name", `["x"]`, "an array"),
		wrongType("name", `{"x":1}`, "an object"),
		wrongType("name", `true`, "a boolean"),
		wrongType("remain_quota", `"5"`, "a string"),
		wrongType("remain_quota", `1.5`, "a number with a fraction or exponent"),
		wrongType("remain_quota", `1e3`, "a number with a fraction or exponent"),
		wrongType("remain_quota", `1E400`, "a number with a fraction or exponent"),
		wrongType("remain_quota", `true`, "a boolean"),
		wrongType("remain_quota", `[1]`, "an array"),
		wrongType("expired_time", `"never"`, "a string"),
		wrongType("expired_time", `-1.0`, "a number with a fraction or exponent"),
		wrongType("unlimited_quota", `"true"`, "a string"),
		wrongType("unlimited_quota", `1`, "an integer"),
		wrongType("model_limits_enabled", `0`, "an integer"),
		wrongType("models", `{"gpt-4o":true}`, "an object"),
		wrongType("models", `[1]`, "an array with an integer in it"),
		wrongType("models", `["a",null]`, "an array with null in it"),
		wrongType("models", `[["a"]]`, "an array with an array in it"),
		wrongType("models", `7`, "an integer"),
		wrongType("model_limits", `false`, "a boolean"),
		wrongType("allow_ips", `[true]`, "an array with a boolean in it"),
		wrongType("group", `{}`, "an object"),
		wrongType("status", `"1"`, "a string"),
		media("text/plain"),
		media("application/x-www-form-urlencoded"),
		media("multipart/form-data; boundary=x"),
		media("application/jsonp"),
		media("text/json"),
		media("application/"),
		large("16 KiB + 1 of blanks", `{"name":"x"}`+strings.Repeat(" ", limit+1-len(`{"name":"x"}`))),
		large("16 KiB + 1 of name", `{"name":"`+strings.Repeat("n", limit+1-len(`{"name":""}`))+`"}`),
		large("1 MiB of brackets", strings.Repeat("[", 1<<20)),
		{"16 KiB exactly", `{"name":"` + strings.Repeat("n", limit-len(`{"name":""}`)) + `"}`, "application/json", 400, "invalid_parameter", "name must have 1 to 50 characters, not 16373."},
	}
}
