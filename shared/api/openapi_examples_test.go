package api_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-api/latchkey/internal/apitest"
	"github.com/latchkey-api/latchkey/internal/openapitest"
	"github.com/latchkey-api/latchkey/shared/api"
	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/wire"
)

const jsonType = "application/json"

// values returns the examples below a place of the document, by name.
func values(t testing.TB, keys ...string) map[string]any {
	t.Helper()
	all := map[string]any{}
	keys = slices.Concat(keys, []string{"content", mediaOf(t, keys), "examples"})
	examples, _ := document(t).At(keys...).(map[string]any)
	for name := range examples {
		all[name] = document(t).At(slices.Concat(keys, []string{name, "value"})...)
	}
	return all
}

// mediaOf returns the media type of a body at a place of the document.
func mediaOf(t testing.TB, keys []string) string {
	t.Helper()
	content, _ := document(t).At(slices.Concat(keys, []string{"content"})...).(map[string]any)
	for media := range content {
		return media
	}
	return jsonType
}

func marshal(t testing.TB, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func placeOf(o *openapitest.Operation, keys ...string) []string {
	return append([]string{"paths", o.Path, strings.ToLower(o.Method)}, keys...)
}

// Each example of the document fits its schema.
func TestOpenAPIExamples(t *testing.T) {
	d := document(t)
	check := func(t *testing.T, status string, keys ...string) {
		t.Helper()
		examples := values(t, keys...)
		if len(examples) == 0 {
			t.Errorf("%s has no example", strings.Join(keys, "/"))
		}
		for name, value := range examples {
			if err := d.Validate([]byte(marshal(t, value)), append(slices.Clone(keys), "content", mediaOf(t, keys), "schema")...); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if status >= "300" {
				wantSaid(t, name, status, value)
			}
		}
	}
	for _, o := range d.Operations() {
		for status := range object(t, placeOf(o, "responses")...) {
			t.Run(o.ID+"/"+status, func(t *testing.T) { check(t, status, placeOf(o, "responses", status)...) })
		}
	}
	check(t, "404", "components", "responses", "RouteNotFound")
	check(t, "405", "components", "responses", "MethodNotAllowed")
}

// wantSaid checks the message of an example against the problem table.
func wantSaid(t *testing.T, name, status string, example any) {
	t.Helper()
	body, _ := example.(map[string]any)
	if !slices.ContainsFunc(api.Problems(), func(p api.Problem) bool {
		return fmt.Sprint(p.Status) == status && string(p.Code) == body["code"] && (p.Message == "" || p.Message == body["message"])
	}) {
		t.Errorf("%s: nothing says %s %v: %v", name, status, body["code"], body["message"])
	}
}

// Each example of an error has the message that the API sends.
func TestOpenAPIErrorExamples(t *testing.T) {
	target, _ := apitest.Serve(t)
	u := target.User(t, token.RoleUser)
	for _, row := range []struct{ response, example, method, path, body, match string }{
		{"InvalidBody", "invalid_json", http.MethodPost, "/api/token/", `{"name":}`, ""},
		{"InvalidBody", "unknown_field", http.MethodPost, "/api/token/", `{"nam":"production-app"}`, ""},
		{"InvalidBody", "invalid_parameter", http.MethodPost, "/api/token/", `{"name":""}`, ""},
		{"InvalidQuery", "invalid_page", http.MethodGet, "/api/token/?p=-1", ``, ""},
		{"InvalidID", "invalid_id", http.MethodGet, "/api/token/0", ``, ""},
		{"InvalidHistory", "invalid_by", http.MethodGet, "/api/token/1/usage?by=hour&from=" + fmt.Sprint(time.Now().Unix()-32*86_400), ``, ""},
		{"InvalidTimestamp", "invalid_time", http.MethodGet, "/api/data/self?start_timestamp=-1", ``, ""},
		{"InvalidDeletion", "invalid_match", http.MethodDelete, "/api/token/1", ``, "1"},
		{"BodyTooLarge", "body_too_large", http.MethodPost, "/api/token/", strings.Repeat(" ", api.MaxBody+1), ""},
		{"MethodNotAllowed", "method_not_allowed", http.MethodDelete, "/api/token/", ``, ""},
	} {
		want := values(t, "components", "responses", row.response)[row.example]
		got := u.Do(t, row.method, row.path, row.body, "If-Match", row.match)
		if diff := cmp.Diff(want, likeExample(t, got.Body, want)); diff != "" {
			t.Errorf("%s: the example is another (-the example +the answer):\n%s", row.example, diff)
		}
	}
}

// Blanks that the API trims don't count towards a limit.
func TestTrimmedBlanksAreNotCounted(t *testing.T) {
	target, _ := apitest.Serve(t)
	pad := func(n int) string { return " " + strings.Repeat("n", n) + " " }
	body := fmt.Sprintf(`{"name":%q,"group":%q,"models":[%q]}`, pad(token.MaxNameLength), pad(token.MaxGroupLength), pad(token.MaxModelNameLength))
	if got := target.User(t, token.RoleUser).Do(t, http.MethodPost, "/api/token/", body); got.Status != http.StatusCreated {
		t.Errorf("got %d %s, want %d", got.Status, got.Body, http.StatusCreated)
	}
}

// The API answers each example request as the document's example response.
func TestOpenAPIRequestExamples(t *testing.T) {
	target, _ := apitest.Serve(t)
	for _, o := range document(t).Operations() {
		bodies := map[string]any{"": nil}
		if document(t).At(placeOf(o, "requestBody")...) != nil {
			if bodies = values(t, placeOf(o, "requestBody")...); len(bodies) == 0 {
				t.Errorf("%s has no example of a body", o.ID)
			}
		}
		statuses := slices.Sorted(maps.Keys(object(t, placeOf(o, "responses")...)))
		answers := values(t, placeOf(o, "responses", statuses[0])...)
		for name, body := range bodies {
			t.Run(o.ID+"/"+name, func(t *testing.T) {
				t.Parallel() // each makes many tokens
				got := sendExample(t, target, o, body)
				want, ok := answers[name]
				if body == nil && (o.ID == "get" || o.ID == "rotatewebhook" || o.ID == "delete" || o.ID == "usage") {
					for _, want = range answers {
						ok = true
					}
				}
				if fmt.Sprint(got.Status) != statuses[0] {
					t.Fatalf("got %d %s, want %s", got.Status, credential.Redact(got.Body), statuses[0])
				}
				if mediaOf(t, placeOf(o, "responses", statuses[0])) != jsonType {
					return // what is in it is tested in internal/apitest
				}
				if diff := cmp.Diff(want, likeExample(t, got.Body, want)); ok && diff != "" {
					t.Errorf("the example is another (-the example +the answer):\n%s", diff)
				}
			})
		}
	}
}

// sendExample creates the tokens that an operation's example needs, and sends it.
func sendExample(t *testing.T, target *apitest.Target, o *openapitest.Operation, body any) apitest.Response {
	t.Helper()
	u := target.User(t, token.RoleUser)
	fillers := strings.TrimSuffix(strings.Repeat(`{"name":"another"},`, 41), ",")
	u.Do(t, http.MethodPost, "/api/token/batch/create", `{"tokens":[`+fillers+`]}`)
	credential := u.AccessToken
	if o.ID != "create" && o.ID != "batchcreate" {
		limited, _ := values(t, "paths", "/api/token/", "post", "requestBody")["limited"].(map[string]any)
		if raise, _ := body.(map[string]any); o.ID == "extra" && raise["until"] != nil {
			raise = maps.Clone(raise)
			raise["until"] = time.Now().Unix() + 3600
			body = raise
			if raise["window"] != nil {
				limited = maps.Clone(limited)
				limited["windows"] = []any{map[string]any{"period": raise["window"], "quota": 1}}
			}
		}
		made := u.Do(t, http.MethodPost, "/api/token/", marshal(t, limited))
		var answer wire.Envelope[wire.Token]
		if err := json.Unmarshal([]byte(made.Body), &answer); err != nil || answer.Data.ID != 42 {
			t.Fatalf("token 42 is made with %d: %v", made.Status, err)
		}
		if document(t).At(placeOf(o, "security")...) != nil {
			credential = answer.Data.Key
		}
	}
	if o.ID == "budget" {
		if _, err := target.Users.SetBudget(t.Context(), u.Name, &token.Budget{Units: 50_000_000}, func(int64, int64) {}); err != nil {
			t.Fatal(err)
		}
	}
	if o.ID == "settle" || o.ID == "release" {
		hold := values(t, "paths", "/api/token/reserve", "post", "requestBody")["hold"]
		target.Do(t, http.MethodPost, "/api/token/reserve", marshal(t, hold), "Authorization", "Bearer "+credential)
	}
	id := "42"
	if strings.HasPrefix(o.Path, wire.WebhookPath) {
		id = "1"
		address := "https://example.com/webhooks"
		if o.ID == "testwebhook" {
			address = "http://127.0.0.1:1/"
		}
		u.Do(t, http.MethodPost, wire.WebhooksPath, `{"url":"`+address+`","types":["token.created","user.*"]}`)
	}
	headers := []string{"Authorization", "Bearer " + credential}
	query := url.Values{}
	for place, example := range parameterExamples(t, o) {
		switch in, name, _ := strings.Cut(place, " "); in {
		case "query":
			query.Set(name, example)
		case "header":
			headers = append(headers, name, example)
		}
	}
	path := strings.Replace(o.Path, "{id}", id, 1)
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	if body == nil {
		return target.Do(t, o.Method, path, "", headers...)
	}
	return target.Do(t, o.Method, path, marshal(t, body), append(headers, "Content-Type", jsonType)...)
}

// parameterExamples returns the examples of an operation's parameters, by place
// and name.
func parameterExamples(t *testing.T, o *openapitest.Operation) map[string]string {
	all := map[string]string{}
	parameters, _ := document(t).At(placeOf(o, "parameters")...).([]any)
	for _, p := range parameters {
		p, _ := p.(map[string]any)
		if ref, ok := p["$ref"].(string); ok {
			p = object(t, strings.Split(strings.TrimPrefix(ref, "#/"), "/")...)
		}
		if example, ok := p["example"]; ok {
			all[fmt.Sprint(p["in"], " ", p["name"])] = fmt.Sprint(example)
		}
	}
	return all
}

// likeExample returns an answer with the values that differ in each run, such as
// keys and times, taken from an example.
func likeExample(t testing.TB, body string, example any) any {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(body))
	decoder.UseNumber()
	var answer any
	if err := decoder.Decode(&answer); err != nil {
		t.Fatalf("the answer is no JSON: %v", err)
	}
	var align func(got, want any)
	align = func(got, want any) {
		switch got := got.(type) {
		case map[string]any:
			want, _ := want.(map[string]any)
			for name, value := range got {
				switch name {
				case "key", "secret", "previous_secret_until", "42", "user_id", "created_time", "accessed_time", "previous_key", "previous_until", "expires_at", "until":
					if w, ok := want[name]; ok && value != json.Number("0") {
						got[name] = w
					}
				case "request_id":
					if got["success"] == false {
						got[name] = want[name]
					}
				default:
					align(value, want[name])
				}
			}
		case []any:
			if want, ok := want.([]any); ok && len(want) == len(got) {
				for i := range got {
					align(got[i], want[i])
				}
			}
		}
	}
	align(answer, example)
	return answer
}
