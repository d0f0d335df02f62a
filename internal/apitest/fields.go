package apitest

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// A new token has its defaults, the next ID and its own key.
func create(t *testing.T, target *Target) {
	u := target.User(t, token.RoleUser)
	before := time.Now().Unix()
	made := u.make(t, `{"name":"only a name"}`)
	if made.CreatedTime < before || made.CreatedTime > time.Now().Unix() || made.AccessedTime != made.CreatedTime {
		t.Errorf("created_time is %d, accessed_time %d, want both now", made.CreatedTime, made.AccessedTime)
	}
	wantSame(t, made, wire.Token{
		ID: 1, UserID: u.ID, Key: made.Key, Name: "only a name", Status: 4, // exhausted: it has no quota
		CreatedTime: made.CreatedTime, AccessedTime: made.AccessedTime, ExpiredTime: -1, Models: []string{},
	})
	for id := int64(2); id < 5; id++ {
		next := u.make(t, `{"name":"next"}`)
		if next.ID != id || next.Key == made.Key {
			t.Errorf("got id %d with mask %s, want id %d and another key", next.ID, mask(next.Key), id)
		}
	}
	echo := u.Do(t, http.MethodGet, tokenPath(1), "").Body
	echo = strings.TrimSuffix(strings.TrimPrefix(echo, `{"success":true,"message":"","data":`), "}")
	if copied := u.make(t, echo); copied.ID != 5 || copied.Name != "only a name" {
		t.Errorf("creating from an echoed token gives %d %q, want a new token of the same name", copied.ID, copied.Name)
	}
	if got := u.make(t, `{"name":"off","status":2,"unlimited_quota":true}`).Status; got != 2 {
		t.Errorf("created with status 2 it has %d", got)
	}
	if got := u.make(t, `{"name":"on","status":1,"unlimited_quota":true,"remain_quota":7}`); got.Status != 1 || got.RemainQuota != 0 {
		t.Errorf("created unlimited it has status %d and quota %d, want 1 and 0", got.Status, got.RemainQuota)
	}
}

// Each field accepts and refuses the same values on create and, if the rule is
// the same there, on update.
func rules(t *testing.T, target *Target) {
	u := target.User(t, token.RoleUser)
	u.make(t, `{"name":"the one that is updated"}`)
	for _, row := range accepted() {
		t.Run("accepts/"+row.name, func(t *testing.T) {
			got := wantData[map[string]any](t, u.Do(t, http.MethodPost, "/api/token/", named(row.in)), http.StatusCreated)
			wantSame(t, got[row.field], row.want)
			got = wantData[map[string]any](t, u.Do(t, http.MethodPut, "/api/token/", `{"id":1,`+row.in+`}`), http.StatusOK)
			wantSame(t, got[row.field], row.want)
		})
	}
	for _, row := range refused() {
		t.Run("400/"+short(row.in), func(t *testing.T) {
			wantFailure(t, u.Do(t, http.MethodPost, "/api/token/", named(row.in)), 400, "invalid_parameter", row.message)
			wantFailure(t, u.Do(t, http.MethodPut, "/api/token/", `{"id":1,`+row.in+"}"), 400, "invalid_parameter", row.message)
		})
	}
	past := fmt.Sprint(time.Now().Unix())
	for in, message := range map[string]string{
		`{}`:                            "name is required: give the token a name of 1 to 50 characters.",
		`{"name":null}`:                 "name is required: give the token a name of 1 to 50 characters.",
		`{"name":"x","expired_time":1}`: "expired_time is in the past: send a later Unix time in seconds, or -1 for a token that never expires.",
		`{"name":"x","expired_time":` + past + `}`: "expired_time is in the past: send a later Unix time in seconds, or -1 for a token that never expires.",
		`{"name":"x","model_limits_enabled":true}`: noModels,
	} {
		wantFailure(t, u.Do(t, http.MethodPost, "/api/token/", in), 400, "invalid_parameter", message)
	}
}

// named returns a body of the given fields, with a name if they have none.
func named(fields string) string {
	if strings.Contains(fields, `"name"`) {
		return "{" + fields + "}"
	}
	return `{"name":"x",` + fields + "}"
}

const noModels = "model_limits_enabled is true but the token has no models: send models with at least one name, or set model_limits_enabled to false."

type acceptedRow struct {
	name, in, field string
	want            any
}

func accepted() []acceptedRow {
	names64 := make([]string, 64)
	for i := range names64 {
		names64[i] = fmt.Sprintf("%q", fmt.Sprintf("m%02d", i))
	}
	ips32 := make([]string, 32)
	for i := range ips32 {
		ips32[i] = fmt.Sprintf("10.0.0.%d", i)
	}
	return []acceptedRow{
		{"name of 50 characters", `"name":"` + strings.Repeat("ü", 50) + `"`, "name", strings.Repeat("ü", 50)},
		{"name trimmed", `"name":"  a b\t\n"`, "name", "a b"},
		{"name with right-to-left letters", `"name":"מפתח"`, "name", "מפתח"},
		{"name with an escaped pair", `"name":"\ud83d\ude00"`, "name", "😀"},
		{"quota 0", `"remain_quota":0`, "remain_quota", 0},
		{"largest quota", `"remain_quota":9007199254740991`, "remain_quota", int64(9007199254740991)},
		{"quota null", `"remain_quota":null,"group":"g"`, "group", "g"},
		{"latest expiry", `"expired_time":99999999999`, "expired_time", int64(99999999999)},
		{"expiry never", `"expired_time":-1`, "expired_time", -1},
		{"models array", `"models":["b","a"]`, "models", []string{"b", "a"}},
		{"models string", `"models":"b, a,,c,"`, "models", []string{"b", "a", "c"}},
		{"models alias", `"model_limits":"b,a"`, "models", []string{"b", "a"}},
		{"models alias array", `"model_limits":["b","a"]`, "model_limits", "b,a"},
		{"models null, alias counts", `"models":null,"model_limits":"b"`, "model_limits", "b"},
		{"models trimmed and once", `"models":[" a ","b","a"]`, "models", []string{"a", "b"}},
		{"64 models", `"models":[` + strings.Join(names64, ",") + `,"m00"]`, "model_limits", strings.ReplaceAll(strings.Join(names64, ","), `"`, "")},
		{"model of 256 characters", `"models":["` + strings.Repeat("é", 256) + `"]`, "model_limits", strings.Repeat("é", 256)},
		{"models of 4096 bytes", `"models":"` + strings.Join(longNames(), ",") + `"`, "models", longNames()},
		{"patterns of models", `"models":" gpt-5* ,o1,*"`, "models", []string{"gpt-5*", "o1", "*"}},
		{"no models", `"models":[]`, "models", []string{}},
		{"limits with models", `"model_limits_enabled":true,"models":["a"]`, "model_limits_enabled", true},
		{"limits off", `"model_limits_enabled":false,"models":""`, "model_limits_enabled", false},
		{"IPs by lines", `"allow_ips":"10.1.2.3/8\n2001:DB8:0::/32\r\n"`, "allow_ips", "10.0.0.0/8\n2001:db8::/32"},
		{"IPs by commas", `"allow_ips":"1.2.3.4, ::1"`, "allow_ips", "1.2.3.4\n::1"},
		{"IPs as array", `"allow_ips":[" 1.2.3.4","1.2.3.4","::ffff:9.9.9.9"]`, "allow_ips", "1.2.3.4\n9.9.9.9"},
		{"IPv4-mapped range", `"allow_ips":"::ffff:10.1.0.0/104"`, "allow_ips", "10.0.0.0/8"},
		{"IPs as One API names them", `"subnet":"1.2.3.4, 10.1.2.3/8"`, "allow_ips", "1.2.3.4\n10.0.0.0/8"},
		{"IPs under both names", `"allow_ips":"1.2.3.4\n::1","subnet":" ::1,1.2.3.4"`, "subnet", "1.2.3.4,::1"},
		{"32 IPs", `"allow_ips":"` + strings.Join(ips32, ",") + `"`, "allow_ips", strings.Join(ips32, "\n")},
		{"no IPs", `"allow_ips":""`, "allow_ips", ""},
		{"group", `"group":" vip "`, "group", "vip"},
		{"group of 64 characters", `"group":"` + strings.Repeat("é", 64) + `"`, "group", strings.Repeat("é", 64)},
		{"no group", `"group":""`, "group", ""},
		{"server's fields ignored", `"user_id":{},"key":1,"created_time":"x","accessed_time":[],"used_quota":-1,"cross_group_retry":true,"auto_groups":[],"is_edit":true,"DeletedAt":null,"group":"g"`, "used_quota", 0},
		{"status 3 ignored", `"status":3,"unlimited_quota":true`, "status", 1},
		{"status 4 ignored", `"status":4,"unlimited_quota":true`, "status", 1},
		{"unlimited", `"unlimited_quota":true`, "unlimited_quota", true},
		{"limited", `"unlimited_quota":false,"remain_quota":3`, "remain_quota", 3},
	}
}

// longNames returns names of models that have 4096 bytes together.
func longNames() []string {
	names := make([]string, 16)
	for i := range names {
		names[i] = fmt.Sprintf("%0256d", i)
	}
	return names
}

const (
	badModels = "models must be names of 1 to 256 characters without control characters, beginning with a visible one."
	badStar   = `models may have "*" only once, at the end of a name, as in gpt-5*: it stands for any characters there, and alone for any model.`
	badIPs    = "allow_ips must be IP addresses or CIDR ranges such as 10.0.0.0/8 or 2001:db8::1, separated by newlines or commas."
	badQuota  = "remain_quota must be between 0 and 9007199254740991."
)

type refusedRow struct{ in, message string }

func refused() []refusedRow {
	names65 := make([]string, 65)
	for i := range names65 {
		names65[i] = fmt.Sprintf("m%02d", i)
	}
	ips33 := make([]string, 33)
	for i := range ips33 {
		ips33[i] = fmt.Sprintf("10.0.0.%d", i)
	}
	return []refusedRow{
		{`"name":""`, "name must have 1 to 50 characters, not 0."},
		{`"name":" \t "`, "name must have 1 to 50 characters, not 0."},
		{`"name":"` + strings.Repeat("é", 51) + `"`, "name must have 1 to 50 characters, not 51."},
		{`"name":"a\u0000b"`, badName},
		{`"name":"a\nb"`, badName},
		{`"name":"a\u202eb"`, badName},
		{`"name":"a\u2066b"`, badName},
		{`"name":"a\u2028b"`, badName},
		{`"name":"a\u007fb"`, badName},
		{`"name":"\u200b"`, "name must begin with a visible character, not U+200B."},
		{`"name":"\ufeffa"`, "name must begin with a visible character, not U+FEFF."},
		{`"models":["\u200bgpt-4o"]`, badModels},
		{`"remain_quota":-1`, badQuota},
		{`"remain_quota":9007199254740992`, badQuota},
		{`"remain_quota":99999999999999999999999999`, badQuota},
		{`"remain_quota":-99999999999999999999999999`, badQuota},
		{`"remain_quota":-1,"unlimited_quota":true`, badQuota},
		{`"expired_time":0`, "expired_time must not be 0: send -1 for a token that never expires, or a Unix time in seconds."},
		{`"expired_time":-2`, "expired_time must not be negative, except -1 for a token that never expires."},
		{`"expired_time":100000000000`, "expired_time must be at most 99999999999: it is in seconds, not milliseconds."},
		{`"expired_time":1700000000000`, "expired_time must be at most 99999999999: it is in seconds, not milliseconds."},
		{`"models":[""]`, badModels},
		{`"models":["a\u0001"]`, badModels},
		{`"models":["` + strings.Repeat("m", 257) + `"]`, badModels},
		{`"models":"` + strings.Join(longNames(), ",") + `,m"`, "models must have at most 4096 bytes in all names together, not 4097: send fewer names, or a pattern such as gpt-5* for several."},
		{`"models":["gpt-*-mini"]`, badStar},
		{`"model_limits":"a,*-mini"`, badStar},
		{`"models":["gpt-5**"]`, badStar},
		{`"models":["a,b"]`, "models must be names without commas: send each name as a separate element."},
		{`"models":"` + strings.Join(names65, ",") + `"`, "models must have at most 64 names, not 65."},
		{`"model_limits_enabled":true,"models":[]`, noModels},
		{`"model_limits_enabled":true,"model_limits":""`, noModels},
		{`"allow_ips":"10.0.0.0/33"`, badIPs},
		{`"allow_ips":"10.0.0"`, badIPs},
		{`"allow_ips":"fe80::1%eth0"`, badIPs},
		{`"allow_ips":["1.2.3.4,5.6.7.8"]`, badIPs},
		{`"allow_ips":[""]`, badIPs},
		{`"allow_ips":"example.com"`, badIPs},
		{`"allow_ips":"` + strings.Join(ips33, ",") + `"`, "allow_ips must have at most 32 entries, not 33."},
		{`"group":"` + strings.Repeat("g", 65) + `"`, "group must have 0 to 64 characters, not 65."},
		{`"group":"a\u0000"`, "group must not contain control or bidirectional-override characters."},
		{`"group":"\u2800"`, "group must begin with a visible character, not U+2800."},
		{`"status":0`, badStatus},
		{`"status":5`, badStatus},
		{`"status":-1`, badStatus},
	}
}

const (
	badName   = "name must not contain control or bidirectional-override characters."
	badStatus = "status must be 1 to enable or 2 to disable the token."
)
