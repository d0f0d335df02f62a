package stages_test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-api/latchkey/infra/stages"
)

const (
	certificate = `arn:aws:acm:eu-central-1:111122223333:certificate/12345678-1234-1234-1234-123456789012`
	stream      = `arn:aws:dynamodb:eu-central-1:111122223333:table/restored/stream/2026-01-01T00:00:00.000`
)

// TestParse checks that every field reaches its stage, and that a stage that is
// not in the file has the zero value.
func TestParse(t *testing.T) {
	got, err := stages.Parse([]byte(`{"prod": {
		"account": "111122223333", "region": "eu-central-1",
		"alarmEmails": ["ops@example.com", "pager+latchkey@eu.example.com"],
		"domain": "tokens.example.com", "certificate": "` + certificate + `", "basePath": "internal/keys", "executeApi": false,
		"table": "restored", "tableStream": "` + stream + `",
		"canary": false, "foreignKeys": true, "noUseRecords": true,
		"upstream": {"url": "https://api.anthropic.com/v1", "keyParameter": "/other/key", "auth": "x-api-key",
			"allow": ["GET /v1/files"], "allowOrigin": ["https://app.example.com"], "clamp": true, "noInjectUsage": true},
		"budgetDollars": 50, "backupPlan": true
	}}`))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]stages.Settings{"dev": {}, "staging": {}, "prod": {
		Account: "111122223333", Region: "eu-central-1",
		AlarmEmails: []string{"ops@example.com", "pager+latchkey@eu.example.com"},
		Domain:      "tokens.example.com", Certificate: certificate, BasePath: "internal/keys", ExecuteAPI: new(bool),
		Table: "restored", TableStream: stream,
		Canary: new(bool), ForeignKeys: true, NoUseRecords: true,
		Upstream: &stages.Upstream{
			URL: "https://api.anthropic.com/v1", KeyParameter: "/other/key", Auth: "x-api-key",
			Allow: []string{"GET /v1/files"}, AllowOrigin: []string{"https://app.example.com"}, Clamp: true, NoInjectUsage: true,
		},
		BudgetDollars: 50, BackupPlan: true,
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("settings (-want +got):\n%s", diff)
	}
}

// TestParseRefusesText checks that text that is not the file's form is refused
// with what to do.
func TestParseRefusesText(t *testing.T) {
	for name, tt := range map[string]struct{ text, want string }{
		"empty":              {"", "not JSON"},
		"list":               {"[]", "must begin with {"},
		"trailing_comma":     {"{\n\"dev\": {},\n}", "not JSON in line 3"},
		"not_closed":         {`{"dev": {}`, "not JSON in line 1"},
		"more_text":          {`{} {}`, "more text follows"},
		"unknown_stage":      {`{"production": {}}`, `unknown stage "production": use one of dev, staging, prod`},
		"stage_in_capitals":  {`{"Prod": {}}`, `unknown stage "Prod": did you mean "prod"?`},
		"stage_twice":        {`{"dev": {}, "dev": {}}`, `stage "dev" stands twice`},
		"stage_is_text":      {`{"dev": "eu-central-1"}`, "dev: not a JSON object"},
		"unknown_field":      {`{"dev": {"alarmMails": []}}`, `dev: unknown field "alarmMails": did you mean "alarmEmails"?`},
		"field_in_lower":     {`{"dev": {"basepath": "a"}}`, `dev: unknown field "basepath": did you mean "basePath"?`},
		"field_of_old":       {`{"dev": {"reservedConcurrency": 1}}`, `dev: unknown field "reservedConcurrency": use one of account, region,`},
		"field_twice":        {`{"dev": {"region": "eu-west-1", "region": "eu-west-2"}}`, `dev: field "region" stands twice`},
		"unknown_in_nested":  {`{"dev": {"upstream": {"link": "https://a.example"}}}`, `dev: upstream: unknown field "link": use one of url,`},
		"email_as_text":      {`{"dev": {"alarmEmails": "a@example.com"}}`, `dev: alarmEmails is a string: it must be a list of texts, such as ["a", "b"]`},
		"flag_as_text":       {`{"dev": {"canary": "true"}}`, "dev: canary is a string: it must be true or false"},
		"fraction":           {`{"dev": {"budgetDollars": 1.5}}`, "dev: budgetDollars is a number 1.5: it must be a whole number"},
		"account_as_number":  {`{"dev": {"account": 111122223333}}`, "dev: account is a number: it must be a text"},
		"upstream_as_text":   {`{"dev": {"upstream": "https://api.openai.com"}}`, "dev: upstream: not a JSON object"},
		"url_of_wrong_type":  {`{"dev": {"upstream": {"url": 1}}}`, "dev: upstream.url is a number: it must be a text"},
		"problem_of_another": {`{"dev": {}, "prod": {"region": "europe"}}`, `prod: region "europe"`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := stages.Parse([]byte(tt.text))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got error %v, want one with %q", err, tt.want)
			}
		})
	}
}

// TestParseNamesEveryProblem checks that one error has every problem with its
// stage, so that the file is corrected at once.
func TestParseNamesEveryProblem(t *testing.T) {
	_, err := stages.Parse([]byte(`{"dev": {"account": "1", "region": "x"}, "prod": {"alarmEmails": ["a"]}}`))
	if err == nil {
		t.Fatal("got no error, want three problems")
	}
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != 3 || !strings.HasPrefix(lines[0], "dev: account") || !strings.HasPrefix(lines[1], "dev: region") || !strings.HasPrefix(lines[2], "prod: alarmEmails") {
		t.Errorf("got\n%v\nwant a line for each of account, region and alarmEmails", err)
	}
}

// TestCommittedFile checks that the file of the project can be read, that it has
// every stage, and that it decides nothing for the operator.
func TestCommittedFile(t *testing.T) {
	got, err := stages.Read("../stages.json")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]stages.Settings{"dev": {}, "staging": {}, "prod": {}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("settings (-want +got):\n%s", diff)
	}
	text, err := os.ReadFile("../stages.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if !strings.Contains(string(text), `"`+name+`"`) {
			t.Errorf("infra/stages.json has no stage %s, want it to show where its settings go", name)
		}
	}
}

// TestReadWithoutFile checks that the error says what to do.
func TestReadWithoutFile(t *testing.T) {
	_, err := stages.Read(filepath.Join(t.TempDir(), "none.json"))
	if err == nil || !strings.Contains(err.Error(), "write {} to it") {
		t.Errorf("got error %v, want one that says to write {}", err)
	}
}
