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

// asked is an authorizer's event: a header with a value, from an address.
func asked(t *testing.T, header, value, ip string) []byte {
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
	inside  = "10.9.8.7" // of what token 2 allows
	outside = "203.0.113.7"
)

func TestAuthorizerLetsValidKeysIn(t *testing.T) {
	kit := dynamotest.New(t)
	s := prepare(t, kit)
	var log bytes.Buffer
	h := boot.Authorizer(gate.New(dynamo.New(kit.Client, dynamotest.Table)), slog.New(slog.NewJSONHandler(&log, nil)))
	key := func(id int64) string { return s.keys[id].Reveal() }
	for name, tt := range map[string]struct {
		header, value, ip string
		refusal           quota.Refusal // "" lets in
	}{
		"in/scheme":                   {"authorization", "Bearer " + key(limitedID), inside, ""},
		"in/scheme_in_lower_case":     {"authorization", "bearer " + key(limitedID), inside, ""},
		"in/key_alone":                {"authorization", key(limitedID), inside, ""},
		"in/header_name_in_any_case":  {"AUTHORIZATION", "Bearer " + key(limitedID), inside, ""},
		"in/IPv6":                     {"authorization", "Bearer " + key(limitedID), "2001:db8::7", ""},
		"in/from_anywhere":            {"authorization", "Bearer " + key(holderID), outside, ""},
		"in/unlimited":                {"authorization", "Bearer " + key(lastID), outside, ""},
		"out/other_address":           {"authorization", "Bearer " + key(limitedID), outside, quota.RefusedIP},
		"out/no_address":              {"authorization", "Bearer " + key(holderID), "", quota.RefusedIP},
		"out/what_is_no_address":      {"authorization", "Bearer " + key(holderID), "10.9.8.7, 10.9.8.8", quota.RefusedIP},
		"out/disabled":                {"authorization", "Bearer " + key(disabledID), inside, quota.RefusedDisabled},
		"out/expired":                 {"authorization", "Bearer " + key(expiredID), inside, quota.RefusedExpired},
		"out/exhausted":               {"authorization", "Bearer " + key(exhaustedID), inside, quota.RefusedExhausted},
		"out/deleted":                 {"authorization", "Bearer " + key(deletedID), inside, quota.RefusedUnknown},
		"out/another_key_of_a_token":  {"authorization", "Bearer " + credential.NewKey(1, limitedID).Reveal(), inside, quota.RefusedUnknown},
		"out/malformed":               {"authorization", "Bearer sk-", inside, quota.RefusedUnknown},
		"out/access_token":            {"authorization", "Bearer " + s.at.Reveal(), inside, quota.RefusedUnknown},
		"out/scheme_alone":            {"authorization", "Bearer", inside, quota.RefusedUnknown},
		"out/header_of_another_name":  {"x-api-key", key(limitedID), inside, quota.RefusedUnknown},
		"out/another_scheme":          {"authorization", "Basic " + key(limitedID), inside, quota.RefusedUnknown},
		"out/two_keys_in_one_header":  {"authorization", "Bearer " + key(limitedID) + "," + key(holderID), inside, quota.RefusedUnknown},
		"out/key_with_text_behind_it": {"authorization", "Bearer " + key(limitedID) + " x", inside, quota.RefusedUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			log.Reset()
			answer, err := h.Invoke(t.Context(), asked(t, tt.header, tt.value, tt.ip))
			var got struct {
				IsAuthorized *bool
				Context      map[string]any
			}
			if err != nil || json.Unmarshal(answer, &got) != nil || got.IsAuthorized == nil {
				t.Fatalf("got %s, %v, want an answer", answer, err)
			}
			in := tt.refusal == ""
			if *got.IsAuthorized != in || (got.Context != nil) != in {
				t.Errorf("got %s, want isAuthorized %t, and a context only then", answer, in)
			}
			expectLine(t, log.String(), in, tt.refusal)
		})
	}
}

// expectLine holds what was logged to one line that says how it went, and of
// the key nothing.
func expectLine(t *testing.T, log string, in bool, refusal quota.Refusal) {
	t.Helper()
	var line struct {
		Msg, Level, Route, Code string
		Authorized              bool
		RequestID               string `json:"request_id"`
	}
	if err := json.Unmarshal([]byte(log), &line); err != nil {
		t.Fatalf("got log %q, want one line of JSON", log)
	}
	if line.Msg != "request" || line.Level != "INFO" || line.Route != "authorize" ||
		line.Authorized != in || line.Code != string(refusal) || line.RequestID != "JKJaXmPLvHcESHA=" {
		t.Errorf("got line %s, want authorized %t and code %q", log, in, refusal)
	}
	if found := capture.Credential(log); found != "" {
		t.Errorf("a credential is in the log, %.7s…", found)
	}
}

func TestAuthorizerTellsTheTokenAndItsUser(t *testing.T) {
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
		answer, err := h.Invoke(t.Context(), asked(t, "authorization", s.keys[id].Reveal(), inside))
		var got struct{ Context map[string]any }
		if err != nil || json.Unmarshal(answer, &got) != nil {
			t.Fatalf("got %s, %v, want an answer", answer, err)
		}
		if diff := cmp.Diff(want, got.Context); diff != "" {
			t.Errorf("context of token %d (-want +got):\n%s", id, diff)
		}
	}
}

// failsWhereItCannotJudge: API Gateway answers 500 to an invocation error, and
// lets nobody in. The process lives on.
func failsWhereItCannotJudge(t *testing.T, binary string) {
	kit := dynamotest.New(t)
	s := prepare(t, kit)
	valid := asked(t, "authorization", "Bearer "+s.keys[limitedID].Reveal(), inside)
	for name, tt := range map[string]struct {
		environment []string
		payloads    [][]byte
	}{
		"no_database": {[]string{"TABLE_NAME=none", "DYNAMODB_ENDPOINT=http://127.0.0.1:9"}, [][]byte{valid, valid}},
		"no_table":    {append(environment(kit), "TABLE_NAME=none"), [][]byte{valid, valid}},
		"no_event":    {environment(kit), [][]byte{[]byte("["), []byte(`"hello"`), []byte(`{"headers":{"authorization":["a"]}}`), []byte("")}},
	} {
		t.Run(name, func(t *testing.T) {
			f := lambdatest.Start(t, binary, tt.environment...)
			for _, payload := range tt.payloads {
				answer, err := f.Invoke(t.Context(), payload)
				var failed *lambdatest.InvocationError
				if !errors.As(err, &failed) || !strings.Contains(failed.Report, "the key could not be judged") {
					t.Errorf("got %s, %v, want an invocation error", answer, err)
				}
			}
			f.Stop()
			failures := 0
			for _, line := range logLines(t, f) {
				if line.Msg == "request" && line.Level == "ERROR" { // Lambda's own line is the other
					failures++
				}
			}
			if failures != len(tt.payloads) {
				t.Errorf("got %d error lines for %d events:\n%s", failures, len(tt.payloads), f.Stdout())
			}
		})
	}
}

func TestAuthorizerTurnsAPanicIntoAnError(t *testing.T) {
	h := boot.Authorizer(nil, quiet()) // to ask it panics
	if answer, err := h.Invoke(t.Context(), asked(t, "authorization", "sk-x", inside)); err == nil {
		t.Errorf("got %s, want an error", answer)
	}
}
