// Package openapitest checks requests, answers and examples against the API's
// OpenAPI document. It depends on the document and on HTTP, not on the server.
package openapitest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"github.com/latchkey-api/latchkey/shared/api"
)

// A Document is an OpenAPI document with compiled schemas. It is safe for
// concurrent use.
type Document struct {
	root       node
	operations []*Operation
	nowhere    response // to a path that the document does not have
	otherwise  response // to a method that a path does not have
}

// Load returns the document of the API. It is parsed once per process, because
// parsing takes longer than thousands of checks.
func Load() (*Document, error) { return load() }

//nolint:gochecknoglobals // the document, read once
var load = sync.OnceValues(func() (*Document, error) { return Parse(api.OpenAPI()) })

// Parse reads a document in YAML or JSON and compiles its schemas.
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

// A source is shared by all nodes of a document. Schemas are compiled only while
// the document is parsed.
type source struct {
	content  any
	name     string
	compiler *jsonschema.Compiler
	schemas  map[string]*jsonschema.Schema // by pointer
}

// A node is a place in a document. The zero node stands for a missing place.
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

// at returns the node below, by keys, or by indexes of arrays. It follows references.
func (n node) at(keys ...string) node {
	for _, key := range keys {
		var value any
		var ok bool
		switch within := n.value.(type) {
		case map[string]any:
			value, ok = within[key]
		case []any:
			if i, err := strconv.Atoi(key); err == nil && i < len(within) {
				value, ok = within[i], true
			}
		}
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

// object returns the value as an object, or nil.
func (n node) object() map[string]any {
	object, _ := n.value.(map[string]any)
	return object
}

// elements returns the elements of an array. It follows references.
func (n node) elements() []node {
	array, _ := n.value.([]any)
	all := make([]node, len(array))
	for i, value := range array {
		all[i] = node{n.doc, fmt.Sprintf("%s/%d", n.pointer, i), value}.follow()
	}
	return all
}

// schema compiles a node as a schema.
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

// Codes returns the error codes of the response at a place of the document.
func (d *Document) Codes(keys ...string) []string { return codes(d.root.at(keys...)) }

// At returns the value at a place of the document, decoded with json.Number, or
// nil. It follows references.
func (d *Document) At(keys ...string) any { return d.root.at(keys...).value }

// Validate checks a JSON text against the schema at a place of the document.
func (d *Document) Validate(text []byte, keys ...string) error {
	schema, ok := d.root.doc.schemas[d.root.at(keys...).pointer]
	if !ok {
		return fmt.Errorf("no operation has the schema %s", strings.Join(keys, "/"))
	}
	return validate(schema, text)
}
