package stack_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// timersRole returns the role that schedules call a function with.
func (p *template) timersRole(t *testing.T) string {
	t.Helper()
	for _, id := range p.of("AWS::IAM::Role") {
		if strings.HasPrefix(id, "TimersRole") {
			return id
		}
	}
	t.Fatal("there is no role for schedules")
	return ""
}

// schedules returns the ARN of all schedules that the function history makes.
func (p *template) schedules() any { return p.scheduling("schedule/latchkey-" + p.stage + "/timers-*") }

// scheduling returns the ARN of something of EventBridge Scheduler.
func (p *template) scheduling(resource string) any {
	return object{"Fn::Join": list{"", list{"arn:", ref("AWS::Partition"), ":scheduler:", ref("AWS::Region"), ":", ref("AWS::AccountId"), ":" + resource}}}
}

// schedulesMayOnlyCallHistory checks that only schedules of the stage's group can use
// their role, and that all it allows is to call the alias of the function history.
func schedulesMayOnlyCallHistory(t *testing.T, p *template) {
	_, properties := p.only(t, "AWS::Scheduler::ScheduleGroup")
	if got, want := properties["Name"], "latchkey-"+p.stage; got != want {
		t.Errorf("got group %v, want %s", got, want)
	}
	role := p.timersRole(t)
	trust := object{"Statement": list{object{
		"Action": "sts:AssumeRole", "Effect": "Allow", "Principal": object{"Service": "scheduler.amazonaws.com"},
		"Condition": object{"StringEquals": object{"aws:SourceArn": p.scheduling("schedule-group/latchkey-" + p.stage), "aws:SourceAccount": ref("AWS::AccountId")}},
	}}, "Version": "2012-10-17"}
	if diff := cmp.Diff(any(trust), p.Resources[role].Properties["AssumeRolePolicyDocument"]); diff != "" {
		t.Errorf("trust (-want +got):\n%s", diff)
	}
	var got []statement
	for _, document := range p.policies(role) {
		got = append(got, statements(document)...)
	}
	if len(got) != 1 || !cmp.Equal(got[0].Actions, list{"lambda:InvokeFunction"}) || !strings.HasPrefix(at(got[0].Resources[0], "Ref").(string), "historyLive") {
		t.Errorf("got %v, want that the alias of history may be called", got)
	}
}
