package stack_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-api/latchkey/infra/rights"
	"github.com/latchkey-api/latchkey/shared/api"
)

// A statement is a statement of an IAM policy. Single values become lists.
type statement struct {
	Actions, Resources list
	Condition          any
}

func statements(document any) (all []statement) {
	some, _ := at(document, "Statement").(list)
	for _, s := range some {
		all = append(all, statement{listed(at(s, "Action")), listed(at(s, "Resource")), at(s, "Condition")})
	}
	return all
}

func listed(value any) list {
	if many, ok := value.(list); ok {
		return many
	}
	return list{value}
}

// policies returns the policies of a role.
func (p *template) policies(role string) (documents []any) {
	for _, id := range p.of("AWS::IAM::Policy") {
		for _, r := range listed(p.Resources[id].Properties["Roles"]) {
			if cmp.Equal(r, any(ref(role))) {
				documents = append(documents, p.Resources[id].Properties["PolicyDocument"])
			}
		}
	}
	inline, _ := p.Resources[role].Properties["Policies"].(list)
	for _, policy := range inline {
		documents = append(documents, at(policy, "PolicyDocument"))
	}
	return documents
}

// onPartitions is the condition for items of these partitions only.
func onPartitions(partitions ...string) object {
	return object{"ForAllValues:StringLike": object{"dynamodb:LeadingKeys": anyOf(partitions)}}
}

func roleOf(function object) string {
	id, _ := listed(at(function, "Role", "Fn::GetAtt"))[0].(string)
	return id
}

// functionMayDoItsOperationsOnly checks that the role of each function allows the
// operations that the function needs, and nothing else.
func functionMayDoItsOperationsOnly(t *testing.T, p *template) {
	table, _ := p.only(t, "AWS::DynamoDB::Table")
	for _, f := range api.Functions() {
		_, function := p.function(t, f.Name)
		logs, _ := at(function, "LoggingConfig", "LogGroup", "Ref").(string)
		want := [][]statement{{}}
		for _, s := range rights.Of(f, false) {
			want[0] = append(want[0], statement{anyOf(s.Actions), list{attribute(table, "Arn")}, onPartitions(s.Partitions...)})
		}
		want[0] = append(want[0], statement{list{"logs:CreateLogStream", "logs:PutLogEvents"}, list{attribute(logs, "Arn")}, nil})
		if f.Name == api.Purge || f.Name == api.History {
			want[0] = append(
				want[0],
				statement{list{"dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"}, list{attribute(table, "StreamArn")}, nil},
				statement{list{"dynamodb:ListStreams"}, list{"*"}, nil}, // it can only be allowed on *
			)
		}
		if f.Name == api.Purge {
			want[0] = append(want[0], statement{list{"sqs:SendMessage"}, list{attribute(p.queue(t, "purgeUncounted"), "Arn")}, nil})
		}
		want[0] = append(want[0], permissionsOfEvents(t, p, f.Name)...)
		var got [][]statement
		for _, document := range p.policies(roleOf(function)) {
			got = append(got, statements(document))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("policies of %s (-want +got):\n%s", f.Name, diff)
		}
	}
	if got, want := len(p.of("AWS::Lambda::Function")), len(api.Functions()); got != want {
		t.Errorf("got %d functions, want %d", got, want)
	}
}

// permissionsOfEvents returns what a function may do with the bus and the queue of
// webhooks.
func permissionsOfEvents(t *testing.T, p *template, name string) []statement {
	bus, _ := p.only(t, "AWS::Events::EventBus")
	queue := list{attribute(p.queue(t, "deliverQueue"), "Arn")}
	switch name {
	case api.History:
		return []statement{
			{list{"events:PutEvents"}, list{attribute(bus, "Arn")}, nil},
			{list{"sqs:SendMessage"}, queue, nil},
			{list{"scheduler:CreateSchedule", "scheduler:DeleteSchedule"}, list{p.schedules()}, nil},
			{list{"iam:PassRole"}, list{attribute(p.timersRole(t), "Arn")}, nil},
		}
	case api.Deliver:
		return []statement{{list{"sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage", "sqs:SendMessage"}, queue, nil}}
	}
	return nil
}

// noRoleIsSharedOrManaged checks that each function has its own role and that no
// role has a policy managed by AWS.
func noRoleIsSharedOrManaged(t *testing.T, p *template) {
	if got := p.of("AWS::IAM::ManagedPolicy"); len(got) > 0 {
		t.Errorf("got managed policies %v, want none", got)
	}
	for _, role := range p.of("AWS::IAM::Role") {
		if got := p.Resources[role].Properties["ManagedPolicyArns"]; got != nil {
			t.Errorf("role %s: got managed policies %v, want none", role, got)
		}
	}
	users := map[string]string{}
	for _, id := range p.of("AWS::Lambda::Function") {
		role := roleOf(p.Resources[id].Properties)
		if users[role] != "" {
			t.Errorf("got role %s for %s and %s, want one each", role, users[role], id)
		}
		users[role] = id
	}
	for _, id := range p.of("AWS::IAM::Policy") {
		if got := listed(p.Resources[id].Properties["Roles"]); len(got) != 1 {
			t.Errorf("policy %s: got roles %v, want one", id, got)
		}
	}
}

// onlyKnownWildcards checks that no role allows an action on all resources, except
// the actions that can't be limited. It checks the roles of all services.
func onlyKnownWildcards(t *testing.T, p *template) {
	checked := 0
	for _, role := range p.of("AWS::IAM::Role") {
		for _, document := range p.policies(role) {
			for _, s := range statements(document) {
				checked++
				checkWildcards(t, role, s)
			}
		}
	}
	if least := 2*len(api.Functions()) - 1; checked < least {
		t.Errorf("got %d statements, want %d or more", checked, least)
	}
}

func checkWildcards(t *testing.T, role string, s statement) {
	t.Helper()
	var known []list // the only actions that may have this resource
	for _, resource := range s.Resources {
		switch parts := resource.(type) {
		case string:
			known = []list{{"dynamodb:ListStreams"}}
		case object:
			if texts, ok := parts["Fn::Join"]; ok && strings.Contains(flat(texts), "*") {
				known = []list{{"cloudwatch:DescribeAlarms"}, {"scheduler:CreateSchedule", "scheduler:DeleteSchedule"}}
			}
		}
	}
	for _, action := range s.Actions {
		if text, ok := action.(string); !ok || strings.Contains(text, "*") {
			t.Errorf("role %s: got action %v, want one without a wildcard", role, action)
		}
	}
	if known != nil && !slices.ContainsFunc(known, func(actions list) bool { return cmp.Equal(s.Actions, actions) }) {
		t.Errorf("role %s: got %v on %v, want it on one resource", role, s.Actions, s.Resources)
	}
}

// flat returns all text in a value.
func flat(value any) (text string) {
	switch v := value.(type) {
	case string:
		return v
	case list:
		for _, element := range v {
			text += flat(element)
		}
	}
	return text
}

// alias returns the alias live of a function, which every caller calls.
func (p *template) alias(t *testing.T, name string) string {
	t.Helper()
	function, _ := p.function(t, name)
	for _, id := range p.of("AWS::Lambda::Alias") {
		if alias := p.Resources[id].Properties; cmp.Equal(alias["FunctionName"], any(ref(function))) && alias["Name"] == "live" {
			return id
		}
	}
	t.Fatalf("got no alias live of function %s, want one", name)
	return ""
}

// onlyGatewaysInvoke checks that this API alone may invoke the functions of its
// routes, and any HTTP API of the account the authorizer, which has no route.
func onlyGatewaysInvoke(t *testing.T, p *template) {
	gateway, _ := p.only(t, "AWS::ApiGatewayV2::Api")
	authorizer := p.alias(t, api.Authorizer)
	name := ref(authorizer)
	ofAuthorizer := object{
		"Action": "lambda:InvokeFunction", "Principal": "apigateway.amazonaws.com", "FunctionName": name,
		"SourceArn": object{"Fn::Join": list{"", list{
			"arn:", ref("AWS::Partition"), ":execute-api:", ref("AWS::Region"), ":", ref("AWS::AccountId"), ":*/authorizers/*",
		}}},
	}
	exceptions := 0
	for _, id := range p.of("AWS::Lambda::Permission") {
		got := p.Resources[id].Properties
		if cmp.Equal(got, ofAuthorizer) {
			exceptions++
			continue
		}
		if got["Action"] != "lambda:InvokeFunction" || got["Principal"] != "apigateway.amazonaws.com" {
			t.Errorf("permission %s: got %v for %v, want lambda:InvokeFunction for API Gateway", id, got["Action"], got["Principal"])
		}
		parts, _ := at(got["SourceArn"], "Fn::Join").(list)
		if len(parts) != 2 || !slices.ContainsFunc(listed(parts[1]), func(part any) bool { return cmp.Equal(part, any(ref(gateway))) }) {
			t.Errorf("permission %s: got source %v, want this API", id, got["SourceArn"])
		}
		if cmp.Equal(got["FunctionName"], any(name)) {
			t.Errorf("permission %s: this API may invoke the authorizer, which has no route", id)
		}
	}
	if exceptions != 1 {
		t.Errorf("got %d permissions for authorizers of the account, want one, for %s", exceptions, authorizer)
	}
}
