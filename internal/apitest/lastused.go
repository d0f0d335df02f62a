package apitest

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// A token shows when, from which network and with which program it was last used,
// also for checks alone. Refusals are no uses.
func lastUsed(t *testing.T, target *Target) {
	u := target.User(t, token.RoleUser)
	secret := credential.NewKey(1, 1).Reveal()
	const asked = `"ip":"203.0.113.7","user_agent":"OpenAI/Python 1.52.0"`
	for _, row := range []struct {
		name, settings, path, body, agent string
		network, program                  string // "" is none
		unused                            bool
	}{
		{name: "check", path: "verify", body: "{" + asked + "}", network: "203.0.113.0/24", program: "OpenAI/Python"},
		{name: "check from IPv6", path: "verify", body: `{"ip":"2001:db8:1:2::3"}`, network: "2001:db8:1::/48"},
		{name: "check by a hidden client", path: "verify", body: `{"user_agent":""}`},
		{name: "check with null", path: "verify", body: `{"ip":null,"user_agent":null}`, agent: "curl/8.5.0", network: "any", program: "curl"},
		{name: "check without a body", path: "verify", agent: "curl/8.5.0", network: "any", program: "curl"},
		{name: "usage", path: "/api/usage/token", agent: "PostmanRuntime/7.36.0", network: "any", program: "PostmanRuntime"},
		{name: "key as user agent", path: "verify", agent: secret, network: "any"},
		{name: "key as product", path: "verify", body: `{"user_agent":"curl/8 ` + secret + `"}`},
		{name: "spend", path: "verify", body: `{"quota":1,` + asked + "}", network: "203.0.113.0/24", program: "OpenAI/Python"},
		{name: "reserve", path: "reserve", body: `{"quota":1,` + asked + "}", network: "203.0.113.0/24", program: "OpenAI/Python"},
		{name: "refused check", path: "verify", body: `{"model":"b",` + asked + "}", unused: true},
		{name: "refused spend", path: "verify", body: `{"quota":6,` + asked + "}", unused: true},
		{name: "disabled", settings: `,"status":2`, path: "verify", body: "{" + asked + "}", unused: true},
	} {
		t.Run(row.name, func(t *testing.T) {
			before := time.Now().Unix()
			made, b := u.keyCaller(t, `{"name":"app","remain_quota":5,"model_limits_enabled":true,"models":["a"]`+row.settings+"}")
			method, path := http.MethodPost, "/api/token/"+row.path
			if strings.HasPrefix(row.path, "/") {
				method, path = http.MethodGet, row.path
			}
			headers := []string{"Authorization", "Bearer " + b.key, "Content-Type", "application/json"}
			if row.agent != "" {
				headers = append(headers, "User-Agent", row.agent)
			}
			if got := target.Do(t, method, path, row.body, headers...); got.Status != http.StatusOK {
				t.Errorf("got %d %s", got.Status, got.Body)
			}
			got := u.get(t, made.ID)
			listed := wantData[wire.TokenPage](t, u.Do(t, http.MethodGet, "/api/token/?p=1&page_size=1", ""), http.StatusOK)
			wantSame(t, listed.Items[0], got)
			wantLastUse(t, got.LastUsed, row.network, row.program, row.unused, before)
		})
	}
	t.Run("sent_back", func(t *testing.T) {
		made, b := u.keyCaller(t, `{"name":"app"}`)
		b.usage(t)
		if got := u.put(t, fmt.Sprintf(`{"id":%d,"last_used":{"time":1,"network":"10.0.0.0/24"}}`, made.ID)); got.LastUsed == nil || got.LastUsed.Time == 1 {
			t.Errorf("got %+v, want the last use unchanged", got.LastUsed)
		}
	})
}

func wantLastUse(t *testing.T, got *wire.LastUse, network, program string, unused bool, since int64) {
	t.Helper()
	switch {
	case unused && got == nil:
	case unused || got == nil:
		t.Errorf("got %+v, unused: %t", got, unused)
	case got.Time < since || got.Time > time.Now().Unix():
		t.Errorf("got a last use at %d, want it since %d", got.Time, since)
	case network == "any" && !strings.Contains(got.Network, "/"), network != "any" && got.Network != network, got.UserAgent != program:
		t.Errorf("got %+v, want network %q and user agent %q", got, network, program)
	}
}
