package ci_test

import (
	_ "embed"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

//go:embed template.yaml
var template []byte

// parse reads template.yaml for account 111122223333. References have the name of
// what they refer to as their value.
func parse(t *testing.T) map[string]any {
	t.Helper()
	var document yaml.Node
	if err := yaml.Unmarshal(template, &document); err != nil {
		t.Fatal(err)
	}
	parsed, _ := value(document.Content[0]).(map[string]any)
	return parsed
}

func value(n *yaml.Node) any {
	switch n.Kind { //nolint:exhaustive // the rest are scalars
	case yaml.MappingNode:
		members := map[string]any{}
		for i := 0; i < len(n.Content); i += 2 {
			members[n.Content[i].Value] = value(n.Content[i+1])
		}
		return members
	case yaml.SequenceNode:
		var all []any
		for _, item := range n.Content {
			all = append(all, value(item))
		}
		return all
	}
	if n.Tag == "!Sub" {
		return strings.NewReplacer("${AWS::Partition}", "aws", "${AWS::AccountId}", "111122223333", "${Qualifier}", "hnb659fds").Replace(n.Value)
	}
	return n.Value
}

// at returns the value at a path of keys, or nil if there is none.
func at(value any, keys ...string) any {
	for _, key := range keys {
		members, _ := value.(map[string]any)
		value = members[key]
	}
	return value
}

// texts returns a text or a list of texts as a list.
func texts(value any) (all []string) {
	list, ok := value.([]any)
	if !ok {
		list = []any{value}
	}
	for _, item := range list {
		text, _ := item.(string)
		all = append(all, text)
	}
	return all
}
