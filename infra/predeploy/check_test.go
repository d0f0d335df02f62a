package main_test

import (
	"io"
	"strings"
	"testing"

	predeploy "github.com/latchkey-api/latchkey/infra/predeploy"
	"github.com/latchkey-api/latchkey/infra/stages"
)

const account, region = "111122223333", "eu-central-1"

// TestPlace checks that a stage is deployed to its own account and region only,
// unless that is allowed, and that dev alone may leave them out.
func TestPlace(t *testing.T) {
	for name, tt := range map[string]struct {
		stage    string
		settings stages.Settings
		allowed  stages.Allowed
		want     string // empty if it is not refused
	}{
		"same":                 {"prod", stages.Settings{Account: account, Region: region}, stages.Allowed{}, ""},
		"dev_without":          {"dev", stages.Settings{}, stages.Allowed{}, ""},
		"staging_without":      {"staging", stages.Settings{}, stages.Allowed{}, `add "account": "111122223333", "region": "eu-central-1" to it`},
		"prod_without_region":  {"prod", stages.Settings{Account: account}, stages.Allowed{}, `add "account": "111122223333", "region": "eu-central-1" to it`},
		"other_account":        {"prod", stages.Settings{Account: "999999999999", Region: region}, stages.Allowed{}, "belongs to account 999999999999, but the credentials are of 111122223333"},
		"other_account_of_dev": {"dev", stages.Settings{Account: "999999999999"}, stages.Allowed{}, "add ALLOW=account"},
		"other_region":         {"prod", stages.Settings{Account: account, Region: "us-east-1"}, stages.Allowed{}, "belongs to region us-east-1, but AWS_REGION is eu-central-1"},
		"table_allowed":        {"prod", stages.Settings{Account: "999999999999", Region: region}, stages.Allowed{Table: true}, "belongs to account"},
		"allowed":              {"prod", stages.Settings{Account: "999999999999", Region: "us-east-1"}, stages.Allowed{Account: true}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			expect(t, predeploy.CheckPlace(tt.stage, tt.settings, account, region, tt.allowed), tt.want)
		})
	}
}

// TestTable checks that a deployment that would lead the functions to another table
// is refused in either direction, unless that is allowed.
func TestTable(t *testing.T) {
	restored := stages.Settings{Table: "restored"}
	for name, tt := range map[string]struct {
		settings  stages.Settings
		used, own string
		allowed   stages.Allowed
		want      string
	}{
		"first_deployment":          {stages.Settings{}, "", "", stages.Allowed{}, ""},
		"first_with_existing_table": {restored, "", "", stages.Allowed{}, ""},
		"own":                       {stages.Settings{}, "own", "own", stages.Allowed{}, ""},
		"restored":                  {restored, "restored", "own", stages.Allowed{}, ""},
		"own_to_restored":           {restored, "own", "own", stages.Allowed{}, "stage prod uses table own, and would use restored"},
		"restored_to_own":           {stages.Settings{}, "restored", "own", stages.Allowed{}, "stage prod uses table restored, and would use own"},
		"restored_to_another":       {restored, "older", "own", stages.Allowed{}, "uses table older, and would use restored"},
		"account_allowed":           {restored, "own", "own", stages.Allowed{Account: true}, "add ALLOW=table"},
		"allowed":                   {restored, "own", "own", stages.Allowed{Table: true}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			expect(t, predeploy.CheckTable("prod", tt.settings, tt.used, tt.own, tt.allowed), tt.want)
		})
	}
}

// TestRunRefusesArguments checks what is refused before AWS is called.
func TestRunRefusesArguments(t *testing.T) {
	for name, tt := range map[string]struct {
		args []string
		want string
	}{
		"no_stage":      {[]string{"-stages", "../stages.json"}, `unknown stage "": use one of dev, staging, prod`},
		"unknown_stage": {[]string{"-stages", "../stages.json", "-stage", "live"}, `unknown stage "live"`},
		"unknown_allow": {[]string{"-stages", "../stages.json", "-stage", "dev", "-allow", "everything"}, `ALLOW is "everything"`},
		"profile":       {[]string{"-stages", "../stages.json", "-stage", "dev", "-cdk-flags", "--profile=other"}, "set AWS_PROFILE instead"},
		"no_file":       {[]string{"-stages", "none.json", "-stage", "dev"}, "write {} to it"},
	} {
		t.Run(name, func(t *testing.T) {
			expect(t, predeploy.Run(t.Context(), tt.args, func(string) string { return "" }, io.Discard), tt.want)
		})
	}
}

// TestRunWithoutAWS checks that the message names what keeps the command from AWS.
func TestRunWithoutAWS(t *testing.T) {
	t.Setenv("AWS_CONFIG_FILE", "none")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", "none")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	for name, tt := range map[string]struct {
		env  map[string]string
		want string
	}{
		"unknown_profile": {map[string]string{"AWS_PROFILE": "none"}, "check AWS_PROFILE"},
		"no_credentials":  {nil, "no usable AWS credentials"},
		"no_connection": {
			map[string]string{"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_MAX_ATTEMPTS": "1"},
			"AWS can't be reached in region eu-central-1",
		},
	} {
		t.Run(name, func(t *testing.T) {
			for name, value := range tt.env {
				t.Setenv(name, value)
			}
			getenv := func(name string) string { return map[string]string{"AWS_REGION": region}[name] }
			expect(t, predeploy.Run(t.Context(), []string{"-stages", "../stages.json", "-stage", "dev"}, getenv, io.Discard), tt.want)
		})
	}
}

// expect checks that an error has a message, or that there is none.
func expect(t *testing.T, err error, message string) {
	t.Helper()
	if refused := message != ""; refused != (err != nil) || refused && !strings.Contains(err.Error(), message) {
		t.Errorf("got error %v, want one with %q", err, message)
	}
}
