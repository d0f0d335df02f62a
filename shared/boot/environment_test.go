package boot_test

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/latchkey-api/latchkey/shared/boot"
	"github.com/latchkey-api/latchkey/shared/reqlog"
)

// onLambda returns the variables that Lambda and the stack set.
func onLambda() map[string]string {
	return map[string]string{
		"AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9001",
		"AWS_REGION":             "eu-central-1",
		"AWS_ACCESS_KEY_ID":      "ASIA-ID",
		"AWS_SECRET_ACCESS_KEY":  "the-secret",
		"AWS_SESSION_TOKEN":      "the-session",
		"TABLE_NAME":             "latchkey-prod",
	}
}

// with returns onLambda with changes of the form NAME=value. A change of the form
// NAME unsets the variable.
func with(changes ...string) map[string]string {
	env := onLambda()
	for _, change := range changes {
		name, value, _ := strings.Cut(change, "=")
		env[name] = value
	}
	return env
}

func getenv(env map[string]string) func(string) string {
	return func(name string) string { return env[name] }
}

// The environment has the values of the variables, and defaults for those that may be
// left out.
func TestReadEnvironment(t *testing.T) {
	t.Parallel()
	local := []string{"AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "DYNAMODB_ENDPOINT=http://127.0.0.1:8000"}
	const thirty = 30 * 24 * time.Hour
	type account struct{ id, secret, session string }
	lambda := account{"ASIA-ID", "the-secret", "the-session"}
	for name, tt := range map[string]struct {
		env     map[string]string
		want    boot.Environment
		account account
	}{
		"AWS":                       {onLambda(), boot.Environment{Table: "latchkey-prod", Region: "eu-central-1", Retention: thirty}, lambda},
		"local_engine":              {with(local...), boot.Environment{Table: "latchkey-prod", Region: "us-east-1", Endpoint: "http://127.0.0.1:8000", Retention: thirty}, account{"local", "local", ""}},
		"local_engine_with_account": {with("DYNAMODB_ENDPOINT=https://db.test"), boot.Environment{Table: "latchkey-prod", Region: "eu-central-1", Endpoint: "https://db.test", Retention: thirty}, lambda},
		"retention_7_days":          {with("RETENTION_DAYS=7"), boot.Environment{Table: "latchkey-prod", Region: "eu-central-1", Retention: 7 * 24 * time.Hour}, lambda},
		"retention_0_days":          {with("RETENTION_DAYS=0"), boot.Environment{Table: "latchkey-prod", Region: "eu-central-1"}, lambda},
		"level_in_any_case":         {with("LOG_LEVEL=Warn"), boot.Environment{Table: "latchkey-prod", Region: "eu-central-1", Retention: thirty, LogLevel: slog.LevelWarn}, lambda},
		"foreign_keys":              {with("FOREIGN_KEYS=true"), boot.Environment{Table: "latchkey-prod", Region: "eu-central-1", Retention: thirty, ForeignKeys: true}, lambda},
		"no_use_records":            {with("NO_USE_RECORDS=true"), boot.Environment{Table: "latchkey-prod", Region: "eu-central-1", Retention: thirty, NoUseRecords: true}, lambda},
		"no_foreign_keys":           {with("FOREIGN_KEYS=false"), boot.Environment{Table: "latchkey-prod", Region: "eu-central-1", Retention: thirty}, lambda},
		"metrics":                   {with("METRICS=staging-2", "AWS_LAMBDA_FUNCTION_NAME=list-1A2B", "AWS_LAMBDA_FUNCTION_VERSION=7"), boot.Environment{Table: "latchkey-prod", Region: "eu-central-1", Retention: thirty, Process: &reqlog.Process{Function: "list-1A2B", Version: "7", Stage: "staging-2"}}, lambda},
		"empty_is_unset":            {with("RETENTION_DAYS=", "LOG_LEVEL=", "DYNAMODB_ENDPOINT=", "METRICS="), boot.Environment{Table: "latchkey-prod", Region: "eu-central-1", Retention: thirty}, lambda},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := boot.ReadEnvironment(getenv(tt.env))
			if err != nil {
				t.Fatalf("got error %v, want none", err)
			}
			creds, err := got.Credentials.Retrieve(t.Context())
			if err != nil {
				t.Fatalf("credentials: got error %v, want none", err)
			}
			if got := (account{creds.AccessKeyID, creds.SecretAccessKey, creds.SessionToken}); got != tt.account {
				t.Errorf("credentials: got %v, want %v", got, tt.account)
			}
			if tt.want.Process == nil {
				tt.want.Process = new(reqlog.Process)
			}
			ignore := cmp.FilterPath(func(p cmp.Path) bool { return p.String() == "Credentials" }, cmp.Ignore())
			if diff := cmp.Diff(tt.want, got, ignore, cmpopts.IgnoreUnexported(reqlog.Process{})); diff != "" {
				t.Errorf("environment (-want +got):\n%s", diff)
			}
		})
	}
}

// The error names each wrong variable and what to do, and shows no credential.
func TestWrongEnvironment(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		env  map[string]string
		want []string // a part of each line
	}{
		"outside_of_lambda":   {with("AWS_LAMBDA_RUNTIME_API"), []string{"AWS_LAMBDA_RUNTIME_API is not set: this program runs in AWS Lambda"}},
		"no_table":            {with("TABLE_NAME"), []string{"TABLE_NAME is not set: set it to the name"}},
		"no_region":           {with("AWS_REGION"), []string{"AWS_REGION is not set: Lambda sets it"}},
		"no_key_id":           {with("AWS_ACCESS_KEY_ID"), []string{"AWS_ACCESS_KEY_ID is not set"}},
		"no_secret":           {with("AWS_SECRET_ACCESS_KEY"), []string{"AWS_SECRET_ACCESS_KEY is not set"}},
		"half_credentials":    {with("AWS_SECRET_ACCESS_KEY", "DYNAMODB_ENDPOINT=http://127.0.0.1:8000"), []string{"AWS_SECRET_ACCESS_KEY is not set"}},
		"endpoint_no_scheme":  {with("DYNAMODB_ENDPOINT=127.0.0.1:8000"), []string{"DYNAMODB_ENDPOINT is not a URL: set it to a URL such as"}},
		"endpoint_odd_scheme": {with("DYNAMODB_ENDPOINT=file:///tmp"), []string{"DYNAMODB_ENDPOINT is not a URL"}},
		"endpoint_no_host":    {with("DYNAMODB_ENDPOINT=http://"), []string{"DYNAMODB_ENDPOINT is not a URL"}},
		"use_records_odd":     {with("NO_USE_RECORDS=off"), []string{"NO_USE_RECORDS is neither true nor false: set it to true to record no uses of keys"}},
		"foreign_keys_odd":    {with("FOREIGN_KEYS=yes"), []string{"FOREIGN_KEYS is neither true nor false: set it to true"}},
		"retention_text":      {with("RETENTION_DAYS=30d"), []string{"RETENTION_DAYS is not a number of days: set it to an integer from 0 to 36500, or remove it for the default, 30"}},
		"retention_negative":  {with("RETENTION_DAYS=-1"), []string{"RETENTION_DAYS"}},
		"retention_too_long":  {with("RETENTION_DAYS=36501"), []string{"RETENTION_DAYS"}},
		"metrics":             {with("METRICS=Prod stage"), []string{"METRICS is not the name of a stage: set it to up to 64"}},
		"log_level":           {with("LOG_LEVEL=loud"), []string{"LOG_LEVEL is not a log level: set it to debug, info, warn or error"}},
		"all_at_once": {map[string]string{"LOG_LEVEL": "loud"}, []string{
			"AWS_LAMBDA_RUNTIME_API", "TABLE_NAME", "AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "LOG_LEVEL",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := boot.ReadEnvironment(getenv(tt.env))
			if err == nil {
				t.Fatalf("got no error, want one with %q", tt.want)
			}
			got := strings.Split(err.Error(), "\n")
			if len(got) != len(tt.want) {
				t.Fatalf("got %d lines, want %d:\n%v", len(got), len(tt.want), err)
			}
			for i, want := range tt.want {
				if !strings.Contains(got[i], want) {
					t.Errorf("got %q, want a line with %q", got[i], want)
				}
			}
			for _, secret := range []string{"ASIA-ID", "the-secret", "the-session"} {
				if strings.Contains(err.Error(), secret) {
					t.Errorf("the error shows the credential %q: %v", secret, err)
				}
			}
		})
	}
}
