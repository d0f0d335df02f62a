package apitest

import (
	"net/http"
	"strings"
	"testing"

	"github.com/latchkey-api/latchkey/shared/token"
)

const (
	badRequestID = "request_id must be 22 to 128 characters of A-Z, a-z, 0-9, _ and -, chosen at random: anyone who has the key and guesses it can end the hold."
	needsHold    = "request_id is required: send the request_id that the hold was reserved with."
)

// The routes that a key authenticates refuse bad input, and requests without a
// key.
func keyRules(t *testing.T, target *Target) {
	u := target.User(t, token.RoleUser)
	_, b := u.keyCaller(t, `{"name":"app","remain_quota":5}`)
	const (
		badQuota = "quota must be between 0 and 9007199254740991."
		badTTL   = "ttl_seconds must be between 1 and 3600."
		badIP    = "ip must be one IP address, such as 203.0.113.7 or 2001:db8::1."
		question = "model, quota, usage, ip, user_agent, request_id"
	)
	for _, row := range []struct{ path, body, code, message string }{
		{"verify", `[]`, "invalid_json", "The body must be one JSON object, not an array."},
		{"verify", `{"nodel":"x"}`, "unknown_field", `The field "nodel" is not known: did you mean model? The fields are ` + question + "."},
		{"verify", `{"quota":-1}`, "invalid_parameter", badQuota},
		{"verify", `{"quota":9007199254740992}`, "invalid_parameter", badQuota},
		{"verify", `{"quota":"5"}`, "invalid_parameter", "quota must be an integer, not a string."},
		{"verify", `{"quota":1.5}`, "invalid_parameter", "quota must be an integer, not a number with a fraction or exponent."},
		{"verify", `{"ip":"10.0.0.0/8"}`, "invalid_parameter", badIP},
		{"verify", `{"ip":"fe80::1%eth0"}`, "invalid_parameter", badIP},
		{"verify", `{"ip":""}`, "invalid_parameter", badIP},
		{"verify", `{"model":""}`, "invalid_parameter", "model must have 1 to 256 characters, not 0."},
		{"reserve", `{"request_id":"r-0123456789abcdefghijk","quota":1,"ip":""}`, "invalid_parameter", badIP},
		{"verify", `{"model":["x"]}`, "invalid_parameter", "model must be a string, not an array."},
		{"verify", `{"model":"` + strings.Repeat("m", 257) + `"}`, "invalid_parameter", "model must have 1 to 256 characters, not 257."},
		{"verify", `{"model":"a\u0000"}`, "invalid_parameter", "model must not contain control or bidirectional-override characters."},
		{"verify", `{"ttl_seconds":5}`, "unknown_field", `The field "ttl_seconds" is not known: the fields are ` + question + "."},
		{"reserve", `{"ttl":5}`, "unknown_field", `The field "ttl" is not known: the fields are ` + question + ", ttl_seconds."},
		{"reserve", ``, "invalid_json", emptyBody},
		{"reserve", `{"request_id":"r-0123456789abcdefghijk"}`, "invalid_parameter", "quota is required: send the units to hold, or model and usage."},
		{"reserve", `{"request_id":"r-0123456789abcdefghijk","quota":-1}`, "invalid_parameter", badQuota},
		{"reserve", `{"request_id":"r-0123456789abcdefghijk","quota":1,"ttl_seconds":0}`, "invalid_parameter", badTTL},
		{"reserve", `{"request_id":"r-0123456789abcdefghijk","quota":1,"ttl_seconds":-1}`, "invalid_parameter", badTTL},
		{"reserve", `{"request_id":"r-0123456789abcdefghijk","quota":1,"ttl_seconds":3601}`, "invalid_parameter", badTTL},
		{"reserve", `{"request_id":"r-0123456789abcdefghijk","quota":1,"ttl_seconds":9223372036854775807}`, "invalid_parameter", badTTL},
		{"settle", `{"quota":1}`, "invalid_parameter", needsHold},
		{"settle", `{"request_id":"r-0123456789abcdefghijk"}`, "invalid_parameter", "quota is required: send the units to charge, where 0 charges nothing, or model and usage."},
		{"settle", `{"request_id":"r-0123456789abcdefghijk","quota":-1}`, "invalid_parameter", badQuota},
		{"settle", `{"request_id":"r-0123456789abcdefghijk","quota":1,"modl":"x"}`, "unknown_field", `The field "modl" is not known: did you mean model? The fields are request_id, quota, model, usage.`},
		{"settle", `{"request_id":"r-0123456789abcdefghijk","quota":1,"model":""}`, "invalid_parameter", "model must have 1 to 256 characters, not 0."},
		{"release", `{"request_id":"r-0123456789abcdefghijk","model":"x","usage":{}}`, "invalid_parameter", "usage and model are not part of a release, which charges nothing: leave them out, or settle the hold."},
		{"release", `{}`, "invalid_parameter", needsHold},
		{"release", `{"request_id":"r-0123456789abcdefghijk","quota":1}`, "invalid_parameter", "quota is not part of a release, which returns the whole hold: leave it out, or settle the hold to charge a part of it."},
	} {
		t.Run("400/"+short(row.path+row.body), func(t *testing.T) {
			wantFailure(t, b.do(t, http.MethodPost, "/api/token/"+row.path, row.body), 400, row.code, row.message)
		})
	}
	usageRules(t, b)
	for name, id := range map[string]string{
		"empty": "", "short": strings.Repeat("r", 21), "long": strings.Repeat("r", 129),
		"space": " 0123456789abcdefghijkl", "dot": "0123456789.abcdefghijkl", "accent": "0123456789abcdefghijklé",
	} {
		for _, route := range []struct{ path, rest string }{{"verify", ``}, {"verify", `,"quota":1`}, {"reserve", `,"quota":1`}, {"settle", `,"quota":1`}, {"release", ``}} {
			t.Run("400/"+name+"_id/"+route.path, func(t *testing.T) {
				got := b.do(t, http.MethodPost, "/api/token/"+route.path, `{"request_id":"`+id+`"`+route.rest+`}`)
				wantFailure(t, got, 400, "invalid_parameter", badRequestID)
			})
		}
	}
	if got := b.verify(t, `{"quota":null,"model":null,"ip":null,"request_id":null}`); !got.Valid || got.RemainQuota != 5 {
		t.Errorf("null is not absent: %+v", got)
	}
	for _, path := range []string{"verify", "reserve", "settle", "release"} {
		for _, header := range []string{"", "Bearer", "Bearer "} {
			got := target.Do(t, http.MethodPost, "/api/token/"+path, `{`, "Authorization", header)
			wantFailure(t, got, 401, "unauthorized", noKey)
		}
		for _, slash := range []string{"", "/"} {
			got := u.Do(t, http.MethodGet, "/api/token/"+path+slash, "")
			wantFailure(t, got, 405, "method_not_allowed", "Method not allowed for this path. Use one of POST.")
			got = u.Do(t, http.MethodDelete, "/api/token/"+path+slash, "")
			wantFailure(t, got, 405, "method_not_allowed", "Method not allowed for this path. Use one of POST.")
			if got := b.do(t, http.MethodPost, "/api/token/"+path+slash, `{"request_id":7}`); got.Status != http.StatusBadRequest {
				t.Errorf("POST %s%s: got %d %s, want 400", path, slash, got.Status, got.Body)
			}
		}
	}
	wantFailure(t, target.Do(t, http.MethodGet, "/api/usage/token/", "", "Authorization", ""), 401, "unauthorized", noKey)
	wantFailure(t, u.Do(t, http.MethodPost, "/api/usage/token/", "{}"), 405, "method_not_allowed", "Method not allowed for this path. Use one of GET, HEAD.")
	wantFailure(t, u.Do(t, http.MethodGet, "/api/usage", ""), 404, "route_not_found", nothingHere)
}
