package boot_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-api/latchkey/internal/capture"
	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/internal/lambdatest"
	"github.com/latchkey-api/latchkey/shared/boot"
	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/gate"
	"github.com/latchkey-api/latchkey/shared/quota"
)

// authorizerEvent returns an event of the authorizer for a request from an address
// with one header.
func authorizerEvent(t *testing.T, header, value, ip string) []byte {
	t.Helper()
	e := events.APIGatewayV2CustomAuthorizerV2Request{Version: "2.0", Type: "REQUEST", Headers: map[string]string{"host": "api.test", header: value}}
	e.RequestContext.RequestID = "JKJaXmPLvHcESHA="
	e.RequestContext.HTTP.SourceIP = ip
	payload, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	return payload
}

const (
	inside  = "10.9.8.7" // an address that token 2 allows
	outside = "203.0.113.7"
)

// The authorizer admits requests with a valid key from an allowed address, and no
// others.
func TestAuthorizer(t *testing.T) {
	kit := dynamotest.New(t)
	s := prepare(t, kit)
	var log bytes.Buffer
	h := boot.Authorizer(gate.New(dynamo.New(kit.Client, dynamotest.Table)), slog.New(slog.NewJSONHandler(&log, nil)))
	key := func(id int64) string { return s.keys[id].Reveal() }
	for name, tt := range map[string]struct {
		header, value, ip string
		refusal           quota.Refusal // "": admitted
	}{
		"admitted/scheme":                {"authorization", "Bearer " + key(limitedID), inside, ""},
		"admitted/scheme_in_lower_case":  {"authorization", "bearer " + key(limitedID), inside, ""},
		"admitted/key_alone":             {"authorization", key(limitedID), inside, ""},
		"admitted/header_in_upper_case":  {"AUTHORIZATION", "Bearer " + key(limitedID), inside, ""},
		"admitted/ipv6":                  {"authorization", "Bearer " + key(limitedID), "2001:db8::7", ""},
		"admitted/from_anywhere":         {"authorization", "Bearer " + key(holderID), outside, ""},
		"admitted/unlimited":             {"authorization", "Bearer " + key(lastID), outside, ""},
		"refused/other_address":          {"authorization", "Bearer " + key(limitedID), outside, quota.RefusedIP},
		"refused/no_address":             {"authorization", "Bearer " + key(holderID), "", quota.RefusedIP},
		"refused/two_addresses":          {"authorization", "Bearer " + key(holderID), "10.9.8.7, 10.9.8.8", quota.RefusedIP},
		"refused/disabled":               {"authorization", "Bearer " + key(disabledID), inside, quota.RefusedDisabled},
		"refused/expired":                {"authorization", "Bearer " + key(expiredID), inside, quota.RefusedExpired},
		"refused/exhausted":              {"authorization", "Bearer " + key(exhaustedID), inside, quota.RefusedExhausted},
		"refused/deleted":                {"authorization", "Bearer " + key(deletedID), inside, quota.RefusedUnknown},
		"refused/another_key":            {"authorization", "Bearer " + credential.NewKey(1, limitedID).Reveal(), inside, quota.RefusedUnknown},
		"refused/malformed":              {"authorization", "Bearer sk-", inside, quota.RefusedUnknown},
		"refused/access_token":           {"authorization", "Bearer " + s.at.Reveal(), inside, quota.RefusedUnknown},
		"refused/scheme_alone":           {"authorization", "Bearer", inside, quota.RefusedUnknown},
		"refused/another_header":         {"x-api-key", key(limitedID), inside, quota.RefusedUnknown},
		"refused/another_scheme":         {"authorization", "Basic " + key(limitedID), inside, quota.RefusedUnknown},
		"refused/two_keys_in_one_header": {"authorization", "Bearer " + key(limitedID) + "," + key(holderID), inside, quota.RefusedUnknown},
		"refused/text_after_the_key":     {"authorization", "Bearer " + key(limitedID) + " x", inside, quota.RefusedUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			log.Reset()
			answer, err := h.Invoke(t.Context(), authorizerEvent(t, tt.header, tt.value, tt.ip))
			var got struct {
				IsAuthorized *bool
				Context      map[string]any
			}
			if err != nil || json.Unmarshal(answer, &got) != nil || got.IsAuthorized == nil {
				t.Fatalf("got %s, %v, want an answer", answer, err)
			}
			admitted := tt.refusal == ""
			if *got.IsAuthorized != admitted || (got.Context != nil) != admitted {
				t.Errorf("got %s, want isAuthorized %t, and a context only if it is true", answer, admitted)
			}
			checkLine(t, log.String(), admitted, tt.refusal)
		})
	}
}

// checkLine fails the test unless the log is one line with the result and without
// the key.
func checkLine(t *testing.T, log string, admitted bool, refusal quota.Refusal) {
	t.Helper()
	var line struct {
		Msg, Level, Route, Code, Scope string
		Authorized                     bool
		RequestID                      string `json:"request_id"`
	}
	if err := json.Unmarshal([]byte(log), &line); err != nil {
		t.Fatalf("got log %q, want one line of JSON", log)
	}
	if line.Msg != "request" || line.Level != "INFO" || line.Route != "authorize" ||
		line.Authorized != admitted || line.Code != string(refusal) || line.RequestID != "JKJaXmPLvHcESHA=" {
		t.Errorf("got line %s, want authorized %t and code %q", log, admitted, refusal)
	}
	if want := map[quota.Refusal]string{quota.RefusedExhausted: quota.ScopeToken}[refusal]; line.Scope != want {
		t.Errorf("got line %s, want scope %q", log, want)
	}
	if found := capture.FindCredential(log); found != "" {
		t.Errorf("the log has a credential, %.7s…", found)
	}
}

// The context of an admitted request describes the token and its user.
func TestAuthorizerContext(t *testing.T) {
	kit := dynamotest.New(t)
	s := prepare(t, kit)
	h := boot.Authorizer(gate.New(dynamo.New(kit.Client, dynamotest.Table)), quiet())
	for id, want := range map[int64]map[string]any{
		limitedID: {
			"token_id": 2.0, "user_id": 1.0, "name": "production-app", "group": "vip", "remain_quota": 2000.0,
			"unlimited_quota": false, "model_limits_enabled": true, "models": "gpt-4o,gpt-4o-mini",
		},
		holderID: {
			"token_id": 1.0, "user_id": 1.0, "name": "token-01", "group": "", "remain_quota": 1000.0 - heldUnits,
			"unlimited_quota": false, "model_limits_enabled": false, "models": "",
		},
	} {
		answer, err := h.Invoke(t.Context(), authorizerEvent(t, "authorization", s.keys[id].Reveal(), inside))
		var got struct{ Context map[string]any }
		if err != nil || json.Unmarshal(answer, &got) != nil {
			t.Fatalf("got %s, %v, want an answer", answer, err)
		}
		if diff := cmp.Diff(want, got.Context); diff != "" {
			t.Errorf("context of token %d (-want +got):\n%s", id, diff)
		}
	}
}

// authorizerFails checks that a key that can't be checked is an invocation error, for
// which API Gateway answers 500, and that the process goes on to the next event.
func authorizerFails(t *testing.T, binary string) {
	kit := dynamotest.New(t)
	s := prepare(t, kit)
	valid := authorizerEvent(t, "authorization", "Bearer "+s.keys[limitedID].Reveal(), inside)
	for name, tt := range map[string]struct {
		environment []string
		payloads    [][]byte
	}{
		"no_database":   {[]string{"TABLE_NAME=none", "DYNAMODB_ENDPOINT=http://127.0.0.1:9"}, [][]byte{valid, valid}},
		"no_table":      {append(environment(kit), "TABLE_NAME=none"), [][]byte{valid, valid}},
		"other_payload": {environment(kit), [][]byte{[]byte("["), []byte(`"hello"`), []byte(`{"headers":{"authorization":["a"]}}`), []byte("")}},
	} {
		t.Run(name, func(t *testing.T) {
			f := lambdatest.Start(t, binary, tt.environment...)
			for _, payload := range tt.payloads {
				answer, err := f.Invoke(t.Context(), payload)
				var failed *lambdatest.InvocationError
				if !errors.As(err, &failed) || !strings.Contains(failed.Report, "the key could not be checked") {
					t.Errorf("got %s, %v, want an invocation error", answer, err)
				}
			}
			f.Stop()
			failures := 0
			for _, line := range logLines(t, f) {
				if line.Msg == "request" && line.Level == "ERROR" { // aws-lambda-go logs another line
					failures++
				}
			}
			if failures != len(tt.payloads) {
				t.Errorf("got %d error lines for %d events:\n%s", failures, len(tt.payloads), f.Stdout())
			}
		})
	}
}

// A panic is an invocation error.
func TestAuthorizerPanics(t *testing.T) {
	h := boot.Authorizer(nil, quiet()) // a nil Gate panics
	if answer, err := h.Invoke(t.Context(), authorizerEvent(t, "authorization", "sk-x", inside)); err == nil {
		t.Errorf("got %s, want an error", answer)
	}
}
