//go:build deploy

package deploytest_test

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/latchkey-api/latchkey/infra/rights"
	"github.com/latchkey-api/latchkey/shared/api"
	"github.com/latchkey-api/latchkey/shared/boot"
)

// checkRoles checks that the role of each function allows the operations of its
// routes, its own log, and nothing else.
func checkRoles(t *testing.T, deployed account, made stack, wanted template) {
	tableARN := fmt.Sprintf("arn:aws:dynamodb:%s:%s:table/%s", region, owner, made.Resources[tableOf(t, wanted)])
	for _, f := range api.Functions() {
		function, _ := functionOf(deployed, made, wanted, f.Name)
		got, ok := deployed.Roles[function.Role[strings.LastIndex(function.Role, "/")+1:]]
		if !ok {
			t.Errorf("%s: no role %q", f.Name, function.Role)
			continue
		}
		logARN := regexp.MustCompile(fmt.Sprintf(`^arn:aws:logs:%s:%s:log-group:(\S+?)(:\*)?$`, region, owner))
		var statements []statement
		for _, policy := range got.Inline {
			for _, s := range policy.Statement {
				if log := logARN.FindStringSubmatch(strings.Join(s.Resource, " ")); log != nil && slices.Contains(deployed.LogGroups, log[1]) && isOf(made, log[1], f.Name) {
					s.Resource = oneOrMore{"its own log"}
				}
				statements = append(statements, s)
			}
		}
		want := []statement{
			allow("its own log", "logs:CreateLogStream", "logs:PutLogEvents"),
		}
		for _, s := range rights.Of(f, false) {
			onTable := allow(tableARN, s.Actions...)
			onTable.Condition = onPartitions(s.Partitions)
			want = append(want, onTable)
		}
		if f.Name == api.Purge || f.Name == api.History {
			want = append(
				want,
				allow("*", "dynamodb:ListStreams"), // it can only be allowed on *
				allow(deployed.Tables[made.Resources[tableOf(t, wanted)]].LatestStreamARN, "dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"),
			)
		}
		if f.Name == api.Purge {
			want = append(want, allow(queueARN(t, deployed, made, wanted, "purgeUncounted"), "sqs:SendMessage"))
		}
		queue := queueARN(t, deployed, made, wanted, "deliverQueue")
		switch f.Name {
		case api.History:
			bus := "arn:aws:events:" + region + ":" + owner + ":event-bus/" + function.Environment.Variables[boot.EnvEventBus]
			schedules := "arn:aws:scheduler:" + region + ":" + owner + ":schedule/" + function.Environment.Variables[boot.EnvScheduleGroup] + "/timers-*"
			want = append(
				want,
				allow(bus, "events:PutEvents"), allow(queue, "sqs:SendMessage"),
				allow(schedules, "scheduler:CreateSchedule", "scheduler:DeleteSchedule"), allow(function.Environment.Variables[boot.EnvScheduleRole], "iam:PassRole"),
			)
		case api.Deliver:
			want = append(want, allow(queue, "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage", "sqs:SendMessage"))
		}
		if len(got.Managed) > 0 || !sameStatements(statements, want) {
			t.Errorf("%s: got managed policies %v and the statements\n%+v\nwant none and\n%+v", f.Name, got.Managed, statements, want)
		}
		trust := document{[]statement{{Effect: "Allow", Action: oneOrMore{"sts:AssumeRole"}, Principal: map[string]oneOrMore{"Service": {"lambda.amazonaws.com"}}}}}
		if !reflect.DeepEqual(got.Trust, trust) {
			t.Errorf("%s: got trust %+v, want %+v", f.Name, got.Trust, trust)
		}
	}
}

func allow(resource string, actions ...string) statement {
	return statement{Effect: "Allow", Action: slices.Sorted(slices.Values(actions)), Resource: oneOrMore{resource}}
}

// onPartitions is the condition for items of these partitions only.
func onPartitions(partitions []string) any {
	var all []any
	for _, partition := range partitions {
		all = append(all, partition)
	}
	return map[string]any{"ForAllValues:StringLike": map[string]any{"dynamodb:LeadingKeys": all}}
}

func sameStatements(got, want []statement) bool {
	byText := func(a, b statement) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) }
	return slices.EqualFunc(slices.SortedFunc(slices.Values(got), byText), slices.SortedFunc(slices.Values(want), byText),
		func(a, b statement) bool { return reflect.DeepEqual(a, b) })
}
