package gatewaytest

import (
	"fmt"
	"slices"
	"strings"
)

// tableActions returns the actions on the table that the role of a function
// allows, and the partitions that it allows them on, sorted. It returns an error
// for a statement that it can't judge: one with another condition, a denial, or
// an action with a wildcard or on another resource.
func (t template) tableActions(properties map[string]any) (actions []string, err error) {
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
			allowed, err := t.allowedOnTable(statement)
			if err != nil {
				return nil, fmt.Errorf("policy %s: %w", id, err)
			}
			actions = append(actions, allowed...)
		}
	}
	slices.Sort(actions)
	return slices.Compact(actions), nil
}

// streamActions are for Lambda's poller, which reads the stream in the name of
// the function.
const streamActions = "dynamodb:DescribeStream dynamodb:GetRecords dynamodb:GetShardIterator dynamodb:ListStreams"

func (t template) allowedOnTable(statement map[string]any) (actions []string, err error) {
	for _, value := range listed(statement["Action"]) {
		action, ok := value.(string)
		if !ok {
			action = "*" // NotAction, which allows all others
		}
		if action != "*" && !strings.HasPrefix(action, "dynamodb:") || slices.Contains(strings.Fields(streamActions), action) {
			continue
		}
		if strings.Contains(action, "*") || len(statement) != 4 || statement["Effect"] != "Allow" {
			return nil, fmt.Errorf("statement %v is not a plain permission of single actions", statement)
		}
		for _, resource := range listed(statement["Resource"]) {
			if table, err := t.follow(resource, "AWS::DynamoDB::Table"); err != nil || fmt.Sprint(resource) != fmt.Sprint(arnOf(table)) {
				return nil, fmt.Errorf("action %s is allowed on %v, want the table", action, resource)
			}
		}
		actions = append(actions, action)
	}
	if len(actions) == 0 {
		return nil, nil
	}
	partitions, err := partitionsOf(statement["Condition"])
	return append(actions, partitions...), err
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
