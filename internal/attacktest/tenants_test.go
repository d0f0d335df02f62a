package main

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/latchkey-api/latchkey/shared/api"
	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// noObject has the endpoints that take no id of an object, with the reason.
func noObject() map[string]string {
	const own, byKey = "about the caller only", "about the key only"
	return map[string]string{
		"list": own, "search": own, "create": own, "batchcreate": own, "self": own, "budget": own, "groups": own, "models": own, "webhooks": own,
		"createwebhook": own, "familydata": own, "familylog": own, "selfaudit": own, "verify": byKey, "reserve": byKey, "usage": byKey, "keyhistory": byKey,
		"status": "about nothing of a user", "revoke": "possession of the key is the permission",
	}
}

// API1:2023. Whatever a tenant sends with the id of an object of another tenant, the
// answer is the same as for an id that nobody has, and the object does not change. Each
// endpoint has an object or a reason why not.
func TestBrokenObjectLevelAuthorization(t *testing.T) {
	s := newService(t)
	_, victim := s.user(t, token.RoleUser)
	_, attacker := s.user(t, token.RoleUser)
	for range 3 {
		s.prepare(t, http.MethodPost, "/api/token/", victim, `{"name":"theirs","remain_quota":100}`)
		s.prepare(t, http.MethodPost, wire.WebhooksPath, victim, `{"url":"https://example.com/hook"}`)
	}
	key := field(t, s.prepare(t, http.MethodPost, "/api/token/", victim, `{"name":"with a hold","remain_quota":100}`), "key")
	hold := field(t, s.prepare(t, http.MethodPost, wire.ReservePath, key, `{"quota":7}`), "request_id")
	attackerKey := field(t, s.prepare(t, http.MethodPost, "/api/token/", attacker, `{"name":"mine","remain_quota":100}`), "key")
	state := func() string {
		t.Helper()
		return s.prepare(t, http.MethodGet, "/api/token/?page_size=100", victim, "") + s.prepare(t, http.MethodGet, wire.WebhooksPath, victim, "") +
			s.prepare(t, http.MethodGet, wire.UsagePath, key, "")
	}
	before := state()
	s.each(t, func(t *testing.T, url string) {
		for _, e := range api.Endpoints() {
			if noObject()[e.Name] != "" {
				continue
			}
			try := func(id, request string) answer {
				path, body, credential := strings.Replace(e.Path, wire.IDParameter, id, 1), bodyFor(e, id), attacker
				switch e.Name {
				case "settle", "release":
					body, credential = fmt.Sprintf(`{"request_id":%q,"quota":1}`, request), attackerKey
					if e.Name == "release" {
						body = fmt.Sprintf(`{"request_id":%q}`, request)
					}
				case "selfhistory", "selfhistorycsv":
					path += "?ids=" + id
				}
				got := s.attack(t, url, e.Method, path, body, "Authorization", "Bearer "+credential)
				got.body = strings.ReplaceAll(volatile.ReplaceAllString(got.body, ""), `"id":`+id, `"id":ID`)
				return got
			}
			got, want := try("3", hold), try("999", strings.Repeat("x", len(hold)))
			if got.status != want.status || got.body != want.body {
				t.Errorf("%s of another tenant's: got %d %s\nas of nobody's: %d %s", e.Name, got.status, got.body, want.status, want.body)
			}
			if found := got.status < http.StatusMultipleChoices && !strings.Contains(got.body, "not_found"); found && !empty(e.Name) || got.status == http.StatusBadRequest {
				t.Errorf("%s of another tenant's: got %d %s, want it not found", e.Name, got.status, got.body)
			}
		}
	})
	if after := state(); after != before {
		t.Errorf("the other tenant had %s\nand has %s", before, after)
	}
}

// empty reports whether an endpoint says with 200 that it has nothing about an unknown id.
func empty(name string) bool { return name == "audit" || strings.HasPrefix(name, "selfhistory") }

// volatile matches what differs from answer to answer.
var volatile = regexp.MustCompile(`"(request_id|from|to|measured_at|generated_at)":("[^"]*"|\d+)`)

// field returns the text of the first field with a name in an answer.
func field(t *testing.T, body, name string) string {
	t.Helper()
	found := regexp.MustCompile(`"` + name + `":"([^"]*)"`).FindStringSubmatch(body)
	if found == nil {
		t.Fatalf("no %s in the answer", name)
	}
	return found[1]
}
