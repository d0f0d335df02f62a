package gateway_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-api/latchkey/shared/gateway"
	"github.com/latchkey-api/latchkey/shared/token"
)

// The log line of a refused request says why, and which limit of the key refused.
func TestRefusalIsLogged(t *testing.T) {
	s := newServer(t, respond(http.StatusOK, jsonType, completion), gateway.Options{})
	for name, tt := range map[string]struct {
		units       int64
		limit       func(*token.Settings)
		code, scope any
	}{
		"admitted":  {1000, func(*token.Settings) {}, nil, nil},
		"address":   {1000, func(u *token.Settings) { u.AllowIPs = []string{"203.0.113.0/24"} }, "ip_not_allowed", nil},
		"exhausted": {0, func(*token.Settings) {}, "quota_exhausted", "token"},
		"model":     {1000, func(u *token.Settings) { u.ModelQuotas = []token.ModelQuota{{Model: "gpt-4o*", Quota: 1}} }, "quota_exhausted", "model:gpt-4o*"},
		"rate":      {1000, func(u *token.Settings) { u.UnitsPerMinute = new(int64(1)) }, "rate_limited", "rate:units"},
	} {
		key, _ := s.newKey(t, tt.units, tt.limit)
		before := len(s.log.String())
		s.chat(t, key, `{"model":"gpt-4o","max_tokens":50}`)
		<-s.finished
		var line map[string]any
		if err := json.Unmarshal([]byte(strings.TrimSpace(s.log.String()[before:])), &line); err != nil {
			t.Fatalf("%s: the log is not one JSON line: %v", name, err)
		}
		if diff := cmp.Diff([]any{"model request", tt.code, tt.scope}, []any{line["msg"], line["code"], line["scope"]}); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
