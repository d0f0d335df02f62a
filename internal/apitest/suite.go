package apitest

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// Run runs the whole suite against a target.
func Run(t *testing.T, target *Target) {
	for _, part := range []struct {
		name string
		run  func(*testing.T, *Target)
	}{
		{"SpecExamples", specExamples},
		{"Envelope", envelope},
		{"Authentication", authentication},
		{"Paths", paths},
		{"Head", head},
		{"Create", create},
		{"Rules", rules},
		{"HostileBodies", hostileBodies},
		{"List", list},
		{"Update", update},
		{"TwoNames", twoNames},
		{"FamilyFields", familyFields},
		{"FamilyClients", familyClients},
		{"KeysWithoutPrefix", keysWithoutPrefix},
		{"Status", status},
		{"Delete", deletion},
		{"Foreign", foreign},
		{"Verify", verification},
		{"Spend", spending},
		{"Holds", holds},
		{"OpenHolds", openHolds},
		{"Usage", usage},
		{"KeyRules", keyRules},
		{"ModelUsage", modelUsage},
		{"BatchCreate", batchCreate},
		{"BatchDelete", batchDelete},
		{"BatchStatus", batchStatus},
		{"Idempotency", idempotency},
		{"Limits", limits},
		{"ChangePace", changePace},
		{"IfMatch", ifMatch},
		{"QuotaDelta", quotaDelta},
		{"Rotate", rotation},
		{"Revoke", revocation},
		{"ShowKey", showKey},
		{"ShowKeys", showKeys},
		{"Search", search},
		{"TokenLimits", tokenLimits},
		{"Extra", extra},
		{"Audit", audit},
		{"Webhooks", webhooks},
		{"Policy", policy},
		{"LastUsed", lastUsed},
		{"SystemStatus", systemStatus},
		{"Account", account},
		{"Histories", histories},
	} {
		t.Run(part.name, func(t *testing.T) { part.run(t, target) })
	}
}

func rand8() string { return rand.Text()[:8] }

// short returns the beginning of a case's input, as a name for the case.
func short(in string) string {
	const most = 40
	if runes := []rune(in); len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return in
}

// wantFailure checks that an answer is exactly this failure.
func wantFailure(t testing.TB, got Response, status int, code, message string) {
	t.Helper()
	if etag, location := got.Header.Get("ETag"), got.Header.Get("Location"); etag+location != "" {
		t.Errorf("a failure has ETag %q and Location %q, want neither", etag, location)
	}
	text, err := json.Marshal(message)
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf(`{"success":false,"message":%s,"code":%q,"request_id":%q}`, text, code, got.Header.Get("X-Request-Id"))
	if got.Status != status || got.Body != want {
		t.Errorf("got %d %s\nwant %d %s", got.Status, got.Body, status, want)
	}
}

// wantData checks that an answer is a success and returns its data.
func wantData[T any](t testing.TB, got Response, status int) T {
	t.Helper()
	var envelope wire.Envelope[T]
	if err := json.Unmarshal([]byte(got.Body), &envelope); err != nil || got.Status != status || !envelope.Success {
		t.Fatalf("got %d %s, want a success with %d", got.Status, got.Body, status)
	}
	return envelope.Data
}

// make creates a token from a JSON body.
func (u *User) make(t testing.TB, body string) wire.Token {
	t.Helper()
	return wantData[wire.Token](t, u.Do(t, http.MethodPost, "/api/token/", body), http.StatusCreated)
}

// put updates a token from a JSON body.
func (u *User) put(t testing.TB, body string) wire.Token {
	t.Helper()
	return wantData[wire.Token](t, u.Do(t, http.MethodPut, "/api/token/", body), http.StatusOK)
}

func tokenPath(id int64) string { return fmt.Sprintf("/api/token/%d", id) }

func mask(key string) string { return key[:7] + "**********" + key[len(key)-4:] }

// specExamples sends the five curl calls of the specification, changed only in
// base URL, token and ID, with and without the trailing slash.
func specExamples(t *testing.T, target *Target) {
	for _, collection := range []string{"/api/token/", "/api/token"} {
		t.Run(collection, func(t *testing.T) {
			u := target.User(t, token.RoleUser)
			made := wantData[wire.Token](t, u.Do(t, http.MethodPost, collection, `{
    "name": "production-app",
    "remain_quota": 500000,
    "expired_time": -1,
    "unlimited_quota": false,
    "model_limits_enabled": true,
    "models": ["gpt-4o", "gpt-4o-mini"]
  }`), http.StatusCreated)
			if !strings.HasPrefix(made.Key, "sk-") || len(made.Key) != credential.KeyLength {
				t.Errorf("created key has the mask %s, want an sk- key of %d characters", mask(made.Key), credential.KeyLength)
			}
			masked := made
			masked.Key = mask(made.Key)

			page := wantData[wire.TokenPage](t, u.Do(t, http.MethodGet, collection+"?p=1&page_size=20", ""), http.StatusOK)
			wantSame(t, page, wire.TokenPage{Page: 1, PageSize: 20, Total: 1, Items: []wire.Token{masked}})

			got := wantData[wire.Token](t, u.Do(t, http.MethodGet, tokenPath(made.ID), ""), http.StatusOK)
			wantSame(t, got, masked)

			updated := wantData[wire.Token](t, u.Do(t, http.MethodPut, collection, fmt.Sprintf(`{
    "id": %d,
    "name": "production-app-v2",
    "unlimited_quota": true
  }`, made.ID)), http.StatusOK)
			masked.Name, masked.UnlimitedQuota = "production-app-v2", true
			wantSame(t, updated, masked)

			if got := u.Do(t, http.MethodDelete, tokenPath(made.ID), ""); got.Status != http.StatusOK || got.Body != `{"success":true,"message":"","data":null}` {
				t.Errorf("delete: got %d %s", got.Status, got.Body)
			}
			wantFailure(t, u.Do(t, http.MethodGet, tokenPath(made.ID), ""), 404, "token_not_found", noSuchToken)
		})
	}
}

// wantSame compares two values by their JSON.
func wantSame(t testing.TB, got, want any) {
	t.Helper()
	g, errGot := json.Marshal(got)
	w, errWant := json.Marshal(want)
	if errGot != nil || errWant != nil || string(g) != string(w) {
		t.Errorf("got %s\nwant %s", g, w)
	}
}

const noSuchToken = "Token not found. Check the ID, or list your tokens."

func envelope(t *testing.T, target *Target) {
	u := target.User(t, token.RoleUser)
	made := u.make(t, `{"name":"a"}`)
	for _, got := range []Response{
		u.Do(t, http.MethodGet, "/api/token/", ""),
		u.Do(t, http.MethodGet, tokenPath(made.ID), ""),
		u.Do(t, http.MethodGet, "/api/token/999", ""),
		u.Do(t, http.MethodPost, "/api/token/", "{"),
		u.Do(t, http.MethodGet, "/nowhere", ""),
		u.Do(t, http.MethodPatch, "/api/token/", ""),
		target.Do(t, http.MethodGet, "/api/token/", ""),
	} {
		for name, want := range map[string]string{
			"Content-Type": "application/json; charset=utf-8", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff",
		} {
			if got.Header.Get(name) != want {
				t.Errorf("%d: header %s is %q, want %q", got.Status, name, got.Header.Get(name), want)
			}
		}
		if got.Header.Get("X-Request-Id") == "" {
			t.Errorf("%d: no X-Request-Id", got.Status)
		}
	}
	if a, b := u.Do(t, http.MethodGet, "/nowhere", ""), u.Do(t, http.MethodGet, "/nowhere", ""); a.Header.Get("X-Request-Id") == b.Header.Get("X-Request-Id") {
		t.Error("two requests have the same X-Request-Id")
	}
	created := u.Do(t, http.MethodPost, "/api/token/", `{"name":"b"}`)
	if got, want := created.Header.Get("Location"), "/api/token/2"; got != want {
		t.Errorf("created: Location is %q, want %q", got, want)
	}
	u.put(t, `{"id":2,"name":"c"}`)
	if got, want := u.Do(t, http.MethodGet, "/api/token/2", "").Header.Get("ETag"), `"2"`; got != want {
		t.Errorf("ETag after one update is %s, want %s", got, want)
	}
	wantKeys := `"id" "user_id" "key" "name" "status" "created_time" "accessed_time" "expired_time" "remain_quota" "used_quota" "unlimited_quota" "model_limits_enabled" "models" "model_limits" "allow_ips" "subnet" "group"`
	if got := keysInOrder(t, u.Do(t, http.MethodGet, "/api/token/2", "").Body); got != wantKeys {
		t.Errorf("a token's fields are %s\nwant %s", got, wantKeys)
	}
}

// keysInOrder returns the keys of an answer's data in their order.
func keysInOrder(t testing.TB, body string) string {
	t.Helper()
	var envelope wire.Envelope[json.RawMessage]
	if err := json.Unmarshal([]byte(body), &envelope); err != nil {
		t.Fatal(err)
	}
	decoder := json.NewDecoder(strings.NewReader(string(envelope.Data)))
	var keys []string
	if _, err := decoder.Token(); err != nil {
		t.Fatal(err)
	}
	for decoder.More() {
		key, err := decoder.Token()
		if err != nil {
			t.Fatal(err)
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			t.Fatal(err)
		}
		keys = append(keys, fmt.Sprintf("%q", key))
	}
	return strings.Join(keys, " ")
}
