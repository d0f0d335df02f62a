package stack_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-api/latchkey/infra/stack"
	"github.com/latchkey-api/latchkey/infra/stages"
	"github.com/latchkey-api/latchkey/shared/api"
)

// canaryRollsBack checks that each function has an alias, and that in staging and
// prod CodeDeploy shifts it gradually and rolls back when an alarm fires.
func canaryRollsBack(t *testing.T, p *template) {
	reader := p.alias(t, "history")
	for _, f := range api.Functions() {
		alias := p.alias(t, f.Name)
		if after := p.Resources[alias].DependsOn; f.Name != "history" && !slices.Contains(after, reader) {
			t.Errorf("%s: its alias waits for %v, want for that of history, which reads what it writes", f.Name, after)
		}
	}
	if p.stage == "dev" {
		if groups := p.of("AWS::CodeDeploy::DeploymentGroup"); len(groups) > 0 || strings.Contains(string(p.text), "CodeDeploy") {
			t.Errorf("got %v, want no CodeDeploy in dev", groups)
		}
		return
	}
	groups := p.deploymentGroups(t)
	for _, id := range groups {
		group := p.Resources[id].Properties
		if alarms := listed(at(group["AlarmConfiguration"], "Alarms")); at(group["AlarmConfiguration"], "Enabled") != true || len(alarms) != 2 {
			t.Errorf("%s: got alarms %v, want one on the function's own failures and that of the API", id, alarms)
		}
		if events := listed(at(group["AutoRollbackConfiguration"], "Events")); !slices.Contains(events, any("DEPLOYMENT_STOP_ON_ALARM")) {
			t.Errorf("%s: got rollback on %v, want it on an alarm", id, events)
		}
		if got := group["DeploymentConfigName"]; got != "CodeDeployDefault.LambdaCanary10Percent5Minutes" {
			t.Errorf("%s: got %v, want a tenth for five minutes", id, got)
		}
	}
}

// deploymentGroups returns the logical IDs of the deployment groups, one for each
// function, and checks that every alias is shifted by one of them.
func (p *template) deploymentGroups(t *testing.T) []string {
	t.Helper()
	groups := p.of("AWS::CodeDeploy::DeploymentGroup")
	var shifting []string
	for _, id := range p.of("AWS::Lambda::Alias") {
		group, _ := at(p.Resources[id].UpdatePolicy, "CodeDeployLambdaAliasUpdate", "DeploymentGroupName", "Ref").(string)
		shifting = append(shifting, group)
	}
	slices.Sort(shifting)
	if diff := cmp.Diff(groups, shifting); diff != "" || len(groups) != len(api.Functions()) {
		t.Errorf("got %d deployment groups, want one for each of %d functions, which shifts its alias (-groups +of aliases):\n%s", len(groups), len(api.Functions()), diff)
	}
	return groups
}

// TestWithoutCanary checks that the setting canary changes only how CodeDeploy
// shifts the aliases: all at once, whether or not an alarm is on. So a fix can be
// deployed while one is, and no caller notices.
func TestWithoutCanary(t *testing.T) {
	stage, canary := stack.Stages()[1], false
	with := synthesize(t, stage)
	without := synthesizeWith(t, stage, stack.Options{Settings: stages.Settings{Canary: &canary}})
	for _, id := range without.deploymentGroups(t) {
		group := without.Resources[id].Properties
		if got := at(group["AlarmConfiguration"], "Enabled"); group["DeploymentConfigName"] != "CodeDeployDefault.LambdaAllAtOnce" || got != false {
			t.Errorf("%s: got %v with alarms: %v, want all at once, without alarms", id, group["DeploymentConfigName"], got)
		}
		if got := fmt.Sprint(at(group["AutoRollbackConfiguration"], "Events")); got != "[DEPLOYMENT_FAILURE DEPLOYMENT_STOP_ON_REQUEST]" {
			t.Errorf("%s: got rollback on %s, want it on failures and requests", id, got)
		}
		for _, changed := range []string{"AlarmConfiguration", "AutoRollbackConfiguration", "DeploymentConfigName"} {
			group[changed] = with.Resources[id].Properties[changed]
		}
	}
	if diff := cmp.Diff(with.Resources, without.Resources); diff != "" {
		t.Errorf("other differences (-with +without the canary):\n%s", diff)
	}
}
