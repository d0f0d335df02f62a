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
		variables := object{
			"TABLE_NAME": ref(table), "RETENTION_DAYS": retention[p.stage], "LOG_LEVEL": "info", "FOREIGN_KEYS": "false", "NO_USE_RECORDS": "false",
			"BASE_PATH": "", "METRICS": map[string]string{"staging": "staging", "prod": "prod"}[p.stage],
		}
		switch f.Name {
		case api.Purge:
			timeout = 60
		case api.History:
			timeout = 60
			variables["EVENT_BUS"], variables["WEBHOOK_QUEUE_URL"] = "latchkey-"+p.stage, ref(p.queue(t, "deliverQueue"))
			variables["SCHEDULE_GROUP"], variables["SCHEDULE_ROLE_ARN"] = "latchkey-"+p.stage, attribute(p.timersRole(t), "Arn")
		case api.Deliver:
			timeout = 60
			variables["WEBHOOK_QUEUE_URL"] = ref(p.queue(t, "deliverQueue"))
		}
		want := object{
			"Runtime": "provided.al2023", "Handler": "bootstrap", "Architectures": list{"arm64"},
			"MemorySize": 512.0, "Timeout": timeout, "TracingConfig": nil, // traces are paid for, and the log lines say more
			"Environment":                  object{"Variables": variables},
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
