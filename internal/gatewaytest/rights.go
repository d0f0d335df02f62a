package gatewaytest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
)

// onTable returns the statements of the role of a function on the table, in the
// order of its policies. It returns an error for a statement that it can't judge:
// one with another condition, a denial, or an action with a wildcard or on another
// resource.
func (t template) onTable(properties map[string]any) (allowed []dynamotest.Statement, err error) {
	roles := references(properties["Role"])
	for _, id := range t.ofType("AWS::IAM::Policy") {
		policy := t.Resources[id].Properties
		if !slices.ContainsFunc(references(policy["Roles"]), func(role string) bool { return slices.Contains(roles, role) }) {
			continue
		}
		document, _ := policy["PolicyDocument"].(map[string]any)
		all, _ := document["Statement"].([]any)
		for _, s := range all {
			statement, _ := s.(map[string]any)
			found, err := t.statement(statement)
			if err != nil {
				return nil, fmt.Errorf("policy %s: %w", id, err)
			}
			if len(found.Actions) > 0 {
				allowed = append(allowed, found)
			}
		}
	}
	return allowed, nil
}

// streamActions are for Lambda's poller, which reads the stream in the name of
// the function.
const streamActions = "dynamodb:DescribeStream dynamodb:GetRecords dynamodb:GetShardIterator dynamodb:ListStreams"

// statement returns what a statement allows on the table, which may be nothing.
func (t template) statement(statement map[string]any) (s dynamotest.Statement, err error) {
	for _, value := range listed(statement["Action"]) {
		action, ok := value.(string)
		if !ok {
			action = "*" // NotAction, which allows all others
		}
		if action != "*" && !strings.HasPrefix(action, "dynamodb:") || slices.Contains(strings.Fields(streamActions), action) {
			continue
		}
		if strings.Contains(action, "*") || len(statement) != 4 || statement["Effect"] != "Allow" {
			return s, fmt.Errorf("statement %v is not a plain permission of single actions", statement)
		}
		for _, resource := range listed(statement["Resource"]) {
			if table, err := t.follow(resource, "AWS::DynamoDB::Table"); err != nil || fmt.Sprint(resource) != fmt.Sprint(arnOf(table)) {
				return s, fmt.Errorf("action %s is allowed on %v, want the table", action, resource)
			}
		}
		s.Actions = append(s.Actions, action)
	}
	if len(s.Actions) > 0 {
		s.Partitions, err = partitionsOf(statement["Condition"])
	}
	return s, err
}

// partitionsOf returns the partitions that a condition of a statement names.
func partitionsOf(condition any) (partitions []string, err error) {
	kinds, _ := condition.(map[string]any)
	keys, _ := kinds["ForAllValues:StringLike"].(map[string]any)
	for _, value := range listed(keys["dynamodb:LeadingKeys"]) {
		partition, ok := value.(string)
		if !ok || partition == "" || strings.HasPrefix(partition, "*") || len(kinds) != 1 || len(keys) != 1 {
			return nil, fmt.Errorf("condition %v does not name partitions", condition)
		}
		partitions = append(partitions, partition)
	}
	return partitions, nil
}

func arnOf(id string) any { return map[string]any{"Fn::GetAtt": []any{id, "Arn"}} }

// listed returns a list of values; a policy may have a single one in its place.
func listed(value any) []any {
	if many, ok := value.([]any); ok {
		return many
	}
	return []any{value}
}
