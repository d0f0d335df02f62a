package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"unicode"

	"go.yaml.in/yaml/v3"

	"github.com/latchkey-api/latchkey/shared/api"
)

// openAPI returns the OpenAPI document as JSON, with its keys in their order.
func openAPI() ([]byte, error) {
	var document yaml.Node
	if err := yaml.Unmarshal(api.OpenAPI(), &document); err != nil {
		return nil, err
	}
	var text, lines bytes.Buffer
	if err := writeJSON(&text, &document); err != nil {
		return nil, err
	}
	err := json.Indent(&lines, text.Bytes(), "", "") // a line for each value makes diffs readable
	lines.WriteByte('\n')
	return lines.Bytes(), err
}

// writeJSON writes YAML as JSON and keeps the order of the keys.
func writeJSON(w *bytes.Buffer, node *yaml.Node) error {
	switch node.Kind {
	case yaml.DocumentNode:
		return writeJSON(w, node.Content[0])
	case yaml.AliasNode:
		return writeJSON(w, node.Alias)
	case yaml.MappingNode:
		return writeObject(w, node.Content)
	case yaml.SequenceNode:
		return writeAll(w, node.Content, "[]", ",")
	case yaml.ScalarNode:
		var value any
		if err := node.Decode(&value); err != nil {
			return err
		}
		text, err := json.Marshal(value)
		for _, r := range string(text) {
			writeVisibly(w, r)
		}
		return err
	default:
		return fmt.Errorf("line %d: not an object, an array or a value", node.Line)
	}
}

// writeVisibly writes a character of a JSON string, and escapes one that an editor
// would not show, or that would reverse the text around it. Patterns have some.
func writeVisibly(w *bytes.Buffer, r rune) {
	if unicode.IsPrint(r) || r > 0xFFFF {
		w.WriteRune(r)
		return
	}
	fmt.Fprintf(w, `\u%04x`, r)
}

// writeObject writes an object. nodes holds keys and values in turn. A key that YAML
// reads as a number, such as the status 200, becomes a string.
func writeObject(w *bytes.Buffer, nodes []*yaml.Node) error {
	for i := 0; i < len(nodes); i += 2 {
		nodes[i].Tag, nodes[i].Style = "!!str", yaml.DoubleQuotedStyle
	}
	return writeAll(w, nodes, "{}", ":,")
}

// writeAll writes nodes between brackets. Between them it writes the separators in
// turn: ":," for an object, "," for an array.
func writeAll(w *bytes.Buffer, nodes []*yaml.Node, brackets, separators string) error {
	w.WriteByte(brackets[0])
	for i, node := range nodes {
		if i > 0 {
			w.WriteByte(separators[(i-1)%len(separators)])
		}
		if err := writeJSON(w, node); err != nil {
			return err
		}
	}
	w.WriteByte(brackets[1])
	return nil
}
