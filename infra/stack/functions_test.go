package stack_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-api/latchkey/shared/api"
)

// functionSettings checks the settings of every function.
func functionSettings(t *testing.T, p *template) {
	table, _ := p.only(t, "AWS::DynamoDB::Table")
	retention := map[string]string{"dev": "1", "staging": "30", "prod": "30"}
	for _, f := range api.Functions() {
		_, function := p.function(t, f.Name)
		timeout := 8.0
		if f.Name == api.Purge {
			timeout = 60
		}
		want := object{
			"Runtime": "provided.al2023", "Handler": "bootstrap", "Architectures": list{"arm64"},
			"MemorySize": 512.0, "Timeout": timeout, "TracingConfig": object{"Mode": "Active"},
			"Environment": object{"Variables": object{
				"TABLE_NAME": ref(table), "RETENTION_DAYS": retention[p.stage], "LOG_LEVEL": "info", "FOREIGN_KEYS": "false",
			}},
			"ReservedConcurrentExecutions": nil,
		}
		got := object{}
		for name := range want {
			got[name] = function[name]
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("function %s (-want +got):\n%s", f.Name, diff)
		}
	}
}

// functionHasItsOwnLog checks that every function logs JSON to a separate group.
func functionHasItsOwnLog(t *testing.T, p *template) {
	taken := map[any]string{}
	for _, f := range api.Functions() {
		_, function := p.function(t, f.Name)
		config, _ := function["LoggingConfig"].(object)
		group := at(config, "LogGroup", "Ref")
		if config["LogFormat"] != "JSON" || group == nil {
			t.Errorf("function %s: got logging %v, want JSON and a log group", f.Name, config)
		}
		if other, is := taken[group]; is {
			t.Errorf("functions %s and %s have the same log group", f.Name, other)
		}
		taken[group] = f.Name
	}
}
