package template_test

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// A document is a CloudFormation or SAM template, in YAML or JSON, as maps,
// lists and scalars. Functions have their long form: !Ref a is {Ref: a}.
type document map[string]any

func parse(text []byte) (document, error) {
	var root yaml.Node
	if err := yaml.Unmarshal(text, &root); err != nil {
		return nil, fmt.Errorf("parse template: %w", err)
	}
	if len(root.Content) != 1 || root.Content[0].Kind != yaml.MappingNode {
		return nil, fmt.Errorf("the template has no fields")
	}
	fields, err := value(root.Content[0])
	if err != nil {
		return nil, fmt.Errorf("parse template: %w", err)
	}
	return document(fields.(map[string]any)), nil //nolint:forcetypeassert // value returns a map for a mapping node
}

// value returns a node as a map, a list or a scalar.
func value(n *yaml.Node) (any, error) {
	name, isFunction := strings.CutPrefix(n.Tag, "!")
	if isFunction = isFunction && !strings.HasPrefix(name, "!"); isFunction { // !!str and so on are YAML's own
		plain := *n
		plain.Tag = ""
		argument, err := value(&plain)
		if text, ok := argument.(string); ok && name == "GetAtt" {
			resource, attribute, _ := strings.Cut(text, ".")
			argument = []any{resource, attribute}
		}
		if name != "Ref" && name != "Condition" {
			name = "Fn::" + name
		}
		return map[string]any{name: argument}, err
	}
	switch n.Kind {
	case yaml.MappingNode:
		fields := map[string]any{}
		for i := 0; i < len(n.Content); i += 2 {
			field, err := value(n.Content[i+1])
			if err != nil {
				return nil, err
			}
			fields[n.Content[i].Value] = field
		}
		return fields, nil
	case yaml.SequenceNode:
		var items []any
		for _, c := range n.Content {
			item, err := value(c)
			if err != nil {
				return nil, err
			}
			items = append(items, item)
		}
		return items, nil
	case yaml.ScalarNode:
		return n.Value, nil
	case yaml.DocumentNode, yaml.AliasNode:
		fallthrough
	default:
		return nil, fmt.Errorf("line %d: expected a mapping, a list or a scalar", n.Line)
	}
}

// at returns the value at a path of field names, or nil if there is none.
func at(v any, path ...string) any {
	for _, name := range path {
		if d, ok := v.(document); ok {
			v = map[string]any(d)
		}
		fields, _ := v.(map[string]any)
		v = fields[name]
	}
	return v
}

// text returns a scalar as text. It prints other values in full, so that they
// show in a difference.
func text(v any) string { return fmt.Sprint(v) }

// list returns a list, or a single value as a list.
func list(v any) []any {
	switch v := v.(type) {
	case nil:
		return nil
	case []any:
		return v
	default:
		return []any{v}
	}
}

// refers returns the resource or parameter that a value refers to.
func refers(v any) string {
	if name, ok := at(v, "Ref").(string); ok {
		return name
	}
	if target, ok := at(v, "Fn::GetAtt").([]any); ok && len(target) > 0 {
		return text(target[0])
	}
	return ""
}

// resources returns the resources of a type.
func (d document) resources(kind string) map[string]any {
	found := map[string]any{}
	all, _ := d["Resources"].(map[string]any)
	for id, r := range all {
		if at(r, "Type") == kind {
			found[id] = r
		}
	}
	return found
}
