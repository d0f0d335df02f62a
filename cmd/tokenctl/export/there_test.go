package export_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/latchkey-api/latchkey/cmd/tokenctl/export"
)

// thereOf returns what the other system answers about the only key of a file.
func thereOf(t *testing.T, content string) export.There {
	t.Helper()
	f, err := export.Read([]byte(content), export.Options{Now: now, UnitsPerDollar: 100, KeepKeys: true, Compare: true})
	if err != nil || len(f.Rows) != 1 {
		t.Fatalf("%s: got %d rows, %v", content, len(f.Rows), err)
	}
	return f.Rows[0].There
}

// answers returns an answer as a text: the refusal, what is left, the expiry and
// the windows.
func answers(a export.There) string {
	left := fmt.Sprint(a.Remaining)
	if a.Unlimited {
		left = "unlimited"
	}
	text := fmt.Sprintf("%s left %s", a.Refusal, left)
	if a.Renews {
		text = "now " + text
	}
	if a.Expires != -1 {
		text += fmt.Sprintf(" until %d", a.Expires-now)
	}
	for _, w := range a.Windows {
		text += fmt.Sprintf(" %s %d of %d", w.Period, w.Used, w.Quota)
	}
	return strings.TrimSpace(text)
}

const (
	newAPIRow  = `"key":"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQR0011","name":"n"`
	liteLLMRow = `"token":"bebf3f78dc81c0624d4e2316ca0a7cd13b442208d286474324742383420ce8de","key_name":"sk-...AB12"`
	unkeyRow   = `"keyId":"k","plaintext":"prod_3ZUnkeyExample0123456789AB"`
)

// TestThere checks that the answers of another system follow its own rules.
func TestThere(t *testing.T) {
	t.Parallel()
	for _, row := range [][2]string{
		{newAPIRow + `,"remain_quota":5`, "left 5"},
		{newAPIRow + `,"remain_quota":0`, "quota_exhausted left 0"},
		{newAPIRow + `,"remain_quota":-3,"unlimited_quota":true`, "left unlimited"},
		{newAPIRow + `,"remain_quota":5,"status":2`, "disabled left 5"},
		{newAPIRow + `,"remain_quota":5,"status":7`, "disabled left 5"},
		{newAPIRow + `,"remain_quota":5,"status":3`, "expired left 5"},
		{newAPIRow + `,"remain_quota":5,"status":4`, "quota_exhausted left 5"},
		{newAPIRow + `,"remain_quota":5,"deleted_at":"2025-01-01 00:00:00"`, "deleted left 5"},
		{newAPIRow + fmt.Sprintf(`,"remain_quota":5,"expired_time":%d`, now-1), "expired left 5 until -1"},
		{newAPIRow + fmt.Sprintf(`,"remain_quota":5,"expired_time":%d`, now), "left 5 until 0"},
		{newAPIRow + `,"remain_quota":5,"expired_time":-1`, "left 5"},
		{liteLLMRow + `,"max_budget":null`, "left unlimited"},
		{liteLLMRow + `,"max_budget":1.5,"spend":0.5,"blocked":true`, "disabled left 100"},
		{liteLLMRow + `,"max_budget":1.5,"spend":1.5`, "quota_exhausted left 0"},
		{liteLLMRow + `,"max_budget":1.5,"spend":2`, "quota_exhausted left 0"},
		{liteLLMRow + `,"max_budget":1.5,"spend":1,"litellm_budget_table":{"max_budget":1.1}`, "left 10"},
		{liteLLMRow + `,"expires":"2020-01-31T12:00:00Z"`, fmt.Sprintf("expired left unlimited until %d", 1580472000-now)},
		{liteLLMRow + `,"max_budget":1,"spend":0.4,"budget_duration":"30d"`, "left unlimited 30d 40 of 100"},
		{liteLLMRow + `,"max_budget":1,"spend":1,"budget_duration":"30d","budget_reset_at":"2100-01-01T00:00:00Z"`, "now quota_exhausted left unlimited 30d 100 of 100"},
		{liteLLMRow + `,"max_budget":1,"spend":2,"budget_duration":"30d","litellm_budget_table":{"max_budget":2}`, "quota_exhausted left 0 30d 200 of 100"},
		{liteLLMRow + `,"max_budget":1,"spend":2,"budget_duration":"30d","blocked":true`, "disabled left unlimited 30d 200 of 100"},
		{liteLLMRow + `,"max_budget":1,"spend":1,"budget_duration":"30d","budget_reset_at":"2020-01-01T00:00:00Z"`, "left unlimited 30d 0 of 100"},
		{liteLLMRow + `,"max_budget":1,"spend":0,"budget_duration":"24h","litellm_budget_table":{"max_budget":0.5,"budget_duration":"daily"}`, "left unlimited 1d 0 of 50"},
		{unkeyRow + `,"enabled":true`, "left unlimited"},
		{`"Name":"k","key":"apikey1234abcdefghij0123456789","Enabled":"FALSE","UsageplanIds":""`, "disabled left unlimited"},
		{unkeyRow + `,"enabled":false,"remaining":3`, "disabled left 3"},
		{unkeyRow + `,"credits":{"remaining":0}`, "quota_exhausted left 0"},
		{unkeyRow + fmt.Sprintf(`,"remaining":3,"expires":%d999`, now-1), "expired left 3 until -1"},
		{unkeyRow + `,"remaining":3,"deletedAt":1700000000000`, "deleted left 3"},
	} {
		content, want := row[0], row[1]
		a := thereOf(t, "[{"+content+"}]")
		if got := answers(a); got != want || a.Problem != "" || a.Key.Mask == "" {
			t.Errorf("%s: got %q (problem %q), want %q", content, got, a.Problem, want)
		}
	}
}

// TestThereModels checks which models a key may use there.
func TestThereModels(t *testing.T) {
	t.Parallel()
	for content, want := range map[string]string{
		newAPIRow + `,"model_limits_enabled":true,"model_limits":"a,b"`:                             "a b",
		newAPIRow + `,"model_limits_enabled":false,"model_limits":"a,b"`:                            "a b ab x",
		newAPIRow + `,"model_limits_enabled":true,"model_limits":""`:                                "",
		newAPIRow + `,"model_limits_enabled":true,"model_limits":"a, b"`:                            "a", // it compares " b"
		newAPIRow + `,"model_limits_enabled":true,"model_limits":"a*"`:                              "",  // and "a*"
		newAPIRow + `,"subnet":"","models":"a,b"`:                                                   "a b",
		newAPIRow + `,"subnet":"","models":""`:                                                      "a b ab x",
		liteLLMRow + `,"models":["a*"]`:                                                             "a ab",
		liteLLMRow + `,"models":["a","all-proxy-models"]`:                                           "a b ab x",
		liteLLMRow + `,"models":["b","*"]`:                                                          "a b ab x",
		liteLLMRow + `,"models":[]`:                                                                 "a b ab x",
		unkeyRow:                                                                                    "a b ab x",
		newAPIRow + `,"setting":{"limits":{"limit_model_setting":{"enabled":true,"models":["b"]}}}`: "b",
	} {
		a := thereOf(t, "[{"+content+"}]")
		var allowed []string
		for _, m := range []string{"a", "b", "ab", "x"} {
			if a.AllowsModel(m) {
				allowed = append(allowed, m)
			}
		}
		if got := strings.Join(allowed, " "); got != want {
			t.Errorf("%s: got %q, want %q", content, got, want)
		}
	}
}

// TestThereAddresses checks from which addresses a key may be used there.
func TestThereAddresses(t *testing.T) {
	t.Parallel()
	for content, want := range map[string]string{
		newAPIRow + `,"allow_ips":""`:                  "10.0.0.1 10.9.0.1 ::1",
		newAPIRow + `,"allow_ips":"10.0.0.1\n::1"`:     "10.0.0.1 ::1",
		newAPIRow + `,"allow_ips":"10.0.0.0/16,"`:      "10.0.0.1",
		newAPIRow + `,"allow_ips":"10.0.0.1,10.9.0.1"`: "", // it drops the comma
		newAPIRow + `,"subnet":"10.0.0.0/16, ::1/128"`: "10.0.0.1 ::1",
		newAPIRow + `,"subnet":"10.0.0.1"`:             "",         // no network
		newAPIRow + `,"subnet":"::ffff:10.0.0.0/112"`:  "10.0.0.1", // as Go's package net
		newAPIRow + `,"allow_ips":"::ffff:10.0.0.1"`:   "10.0.0.1",
		newAPIRow + `,"allow_ips":"::/0"`:              "::1",
		liteLLMRow:                                     "10.0.0.1 10.9.0.1 ::1",
		newAPIRow + `,"setting":{"limits":{"limits_ip_setting":{"enabled":true,"whitelist":["::1"]}}}`: "::1",
	} {
		a := thereOf(t, "[{"+content+"}]")
		var allowed []string
		for _, addr := range []string{"10.0.0.1", "10.9.0.1", "::1"} {
			if a.AllowsAddress(netip.MustParseAddr(addr)) {
				allowed = append(allowed, addr)
			}
		}
		if got := strings.Join(allowed, " "); got != want {
			t.Errorf("%s: got %q, want %q", content, got, want)
		}
	}
}

// TestThereUnknown checks that an answer that can't be known is a problem.
func TestThereUnknown(t *testing.T) {
	t.Parallel()
	for content, want := range map[string]string{
		newAPIRow + `,"remain_quota":1.5`:                            "remain_quota must be a whole number",
		`"key":"abcd**********wxyz","name":"n","remain_quota":1`:     "its key is missing or masked",
		liteLLMRow + `,"max_budget":"much"`:                          "max_budget must be an amount in dollars",
		liteLLMRow + `,"max_budget":1,"budget_duration":"sometimes"`: "budget_duration must be a length",
	} {
		if a := thereOf(t, "[{"+content+"}]"); !strings.HasPrefix(a.Problem, want) {
			t.Errorf("%s: got %q, want %q", content, a.Problem, want)
		}
	}
}

// TestIssued checks that a file is of the system that its keys are said to be from,
// and that New API and One API are one.
func TestIssued(t *testing.T) {
	t.Parallel()
	const gateway = `"Name":"k","key":"apikey1234abcdefghij0123456789","Enabled":"TRUE","UsageplanIds":""`
	origins := []string{"new-api", "one-api", "litellm", "api-gateway", "unkey", ""}
	for content, want := range map[string]string{
		newAPIRow + `,"remain_quota":5,"allow_ips":""`: "new-api one-api",
		newAPIRow + `,"remain_quota":5,"subnet":""`:    "new-api one-api",
		liteLLMRow: "litellm",
		unkeyRow:   "unkey",
		gateway:    "api-gateway",
	} {
		f, err := export.Read([]byte("[{"+content+"}]"), export.Options{Now: now, UnitsPerDollar: 100, KeepKeys: true, Compare: true})
		if err != nil || !f.Issued(f.Rows[0].There.Key.From) {
			t.Errorf("%s: its own key is of another system, %v", content, err)
		}
		var issued []string
		for _, from := range origins {
			if f.Issued(from) {
				issued = append(issued, from)
			}
		}
		if got := strings.Join(issued, " "); got != want {
			t.Errorf("%s: got %q, want %q", content, got, want)
		}
	}
}
