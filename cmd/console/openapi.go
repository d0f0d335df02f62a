package main

import (
	"bytes"
	"encoding/json"
	"fmt"

	"go.yaml.in/yaml/v3"

	"github.com/latchkey-api/latchkey/shared/api"
)

// openAPI is the API's document as JSON, in the order in which it is written.
func openAPI() ([]byte, error) {
	var document yaml.Node
	if err := yaml.Unmarshal(api.OpenAPI(), &document); err != nil {
		return nil, err
	}
	var text, indented bytes.Buffer
	if err := writeJSON(&text, &document); err != nil {
		return nil, err
	}
	err := json.Indent(&indented, text.Bytes(), "", " ") // for whoever reads a diff of it
	indented.WriteByte('\n')
	return indented.Bytes(), err
}

// writeJSON writes YAML as JSON and keeps the order of its keys.
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
		w.Write(text)
		return err
	default:
		return fmt.Errorf("line %d: neither object, array nor value", node.Line)
	}
}

// writeObject writes keys and values in turn. What YAML takes for a number,
// such as the status 200, is a string as a key.
func writeObject(w *bytes.Buffer, nodes []*yaml.Node) error {
	for i := 0; i < len(nodes); i += 2 {
		nodes[i].Tag, nodes[i].Style = "!!str", yaml.DoubleQuotedStyle
	}
	return writeAll(w, nodes, "{}", ":,")
}

// writeAll writes nodes between brackets, with the separators in turn.
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
