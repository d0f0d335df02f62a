package stack_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-api/latchkey/infra/queries"
)

// queriesReadAllLogs checks that every query is saved once for the stage, and reads
// the log groups of all functions, and no other.
func queriesReadAllLogs(t *testing.T, p *template) {
	groups := list{}
	for _, id := range p.of("AWS::Lambda::Function") {
		groups = append(groups, at(p.Resources[id].Properties, "LoggingConfig", "LogGroup"))
	}
	if most := 50; len(groups) == 0 || len(groups) > most {
		t.Errorf("got %d log groups, want at most %d", len(groups), most)
	}
	got := map[string]string{}
	for _, id := range p.of("AWS::Logs::QueryDefinition") {
		saved := p.Resources[id].Properties
		name, _ := saved["Name"].(string)
		got[name], _ = saved["QueryString"].(string)
		read := listed(saved["LogGroupNames"])
		for _, group := range groups {
			if len(read) != len(groups) || !slices.ContainsFunc(read, func(r any) bool { return cmp.Equal(r, group) }) {
				t.Errorf("%s reads %v, want %v", name, read, groups)
			}
		}
	}
	want := map[string]string{}
	for _, q := range queries.All() {
		want["Latchkey/"+p.stage+"/"+q.Name] = q.Text()
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("saved queries (-want +got):\n%s", diff)
	}
}
