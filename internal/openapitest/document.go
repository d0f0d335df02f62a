// Package openapitest holds requests, answers and examples to the API's
// OpenAPI document. It knows the document and HTTP, and nothing of how the
// API does what the document says.
package openapitest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"github.com/latchkey-api/latchkey/shared/api"
)

// A Document is an OpenAPI document, ready to hold something to it. It is
// safe for concurrent use.
type Document struct {
	root       node
	operations []*Operation
	nowhere    response // to a path that the document does not have
	otherwise  response // to a method that a path does not have
}

// Load is the document of the API, made ready once in a process: that takes
// longer than to hold thousands of answers to it.
func Load() (*Document, error) { return load() }

//nolint:gochecknoglobals // the document, read once
var load = sync.OnceValues(func() (*Document, error) { return Parse(api.OpenAPI()) })

// Parse makes a document ready from YAML or JSON.
func Parse(text []byte) (*Document, error) {
	var content any
	if err := yaml.Unmarshal(text, &content); err != nil {
		return nil, err
	}
	asJSON, err := json.Marshal(content)
	if err != nil {
		return nil, err
	}
	if content, err = jsonschema.UnmarshalJSON(bytes.NewReader(asJSON)); err != nil {
		return nil, err
	}
	const name = "file:///openapi.json"
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft2020)
	if err := compiler.AddResource(name, content); err != nil {
		return nil, err
	}
	d := &Document{}
	d.root = node{doc: &source{content, name, compiler, map[string]*jsonschema.Schema{}}, value: content}
	return d, d.read()
}

// A source is what all nodes of a document share. Schemas are compiled while
// the document is read, and not after.
type source struct {
	content  any
	name     string
	compiler *jsonschema.Compiler
	schemas  map[string]*jsonschema.Schema // by pointer
}

// A node is a place in a document. The zero node is one that is not there.
type node struct {
	doc     *source
	pointer string // RFC 6901
	value   any
}

//nolint:gochecknoglobals // constants in all but name
var (
	escapePointer   = strings.NewReplacer("~", "~0", "/", "~1")
	unescapePointer = strings.NewReplacer("~1", "/", "~0", "~")
)

// at goes down by keys; references on the way, and at the end, are followed.
func (n node) at(keys ...string) node {
	for _, key := range keys {
		object, _ := n.value.(map[string]any)
		value, ok := object[key]
		if !ok {
			return node{}
		}
		n = node{n.doc, n.pointer + "/" + escapePointer.Replace(key), value}.follow()
	}
	return n
}

func (n node) follow() node {
	object, _ := n.value.(map[string]any)
	ref, ok := object["$ref"].(string)
	if !ok {
		return n
	}
	target := node{doc: n.doc, value: n.doc.content}
	for _, key := range strings.Split(strings.TrimPrefix(ref, "#/"), "/") {
		target = target.at(unescapePointer.Replace(key))
	}
	return target
}

func (n node) exists() bool { return n.doc != nil }

func (n node) text() string {
	s, _ := n.value.(string)
	return s
}

func (n node) isTrue() bool { return n.value == true }

// object is the value of an object, nil if it is none.
func (n node) object() map[string]any {
	object, _ := n.value.(map[string]any)
	return object
}

// elements are the elements of an array; references are followed.
func (n node) elements() []node {
	array, _ := n.value.([]any)
	all := make([]node, len(array))
	for i, value := range array {
		all[i] = node{n.doc, fmt.Sprintf("%s/%d", n.pointer, i), value}.follow()
	}
	return all
}

// schema compiles the schema that a node is.
func (n node) schema() (*jsonschema.Schema, error) {
	if !n.exists() {
		return nil, fmt.Errorf("a schema is missing")
	}
	if s, ok := n.doc.schemas[n.pointer]; ok {
		return s, nil
	}
	s, err := n.doc.compiler.Compile(n.doc.name + "#" + (&url.URL{Fragment: n.pointer}).EscapedFragment())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", n.pointer, err)
	}
	n.doc.schemas[n.pointer] = s
	return s, nil
}

// At is what stands at a place of the document, as JSON decodes it with
// json.Number; nil if nothing does. References are followed.
func (d *Document) At(keys ...string) any { return d.root.at(keys...).value }

// Validate holds a JSON text to the schema at a place of the document.
func (d *Document) Validate(text []byte, keys ...string) error {
	schema, ok := d.root.doc.schemas[d.root.at(keys...).pointer]
	if !ok {
		return fmt.Errorf("no operation has the schema %s", strings.Join(keys, "/"))
	}
	return validate(schema, text)
}
