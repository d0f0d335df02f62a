package openapitest

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/latchkey-api/latchkey/shared/wire"
)

// An Operation is one operation of a document.
type Operation struct {
	ID     string
	Method string
	Path   string // as the document has it

	node         node
	parameters   []parameter
	bodyRequired bool
	body         *jsonschema.Schema // nil where none is read
	responses    map[string]response
}

type parameter struct {
	in, name string
	required bool
	kind     string // the type of its schema
	schema   *jsonschema.Schema
}

type response struct {
	node    node
	media   string // type of the body
	schema  *jsonschema.Schema
	headers []parameter
	codes   []string // of an error: those of its examples
}

// public reports whether the operation needs no authentication.
func (o *Operation) public() bool {
	security := o.node.at("security")
	return security.exists() && len(security.elements()) == 0
}

const jsonType = "application/json"

// Operations returns every operation of the document.
func (d *Document) Operations() []*Operation { return d.operations }

// read finds the operations, and compiles their schemas and those of webhooks.
func (d *Document) read() error {
	paths := d.root.at("paths")
	for _, path := range slices.Sorted(maps.Keys(paths.object())) {
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
			at := paths.at(path, strings.ToLower(method))
			if !at.exists() {
				continue
			}
			o := &Operation{ID: at.at("operationId").text(), Method: method, Path: path, node: at, responses: map[string]response{}}
			if err := o.read(paths.at(path, "parameters").elements()); err != nil {
				return fmt.Errorf("%s %s: %w", method, path, err)
			}
			d.operations = append(d.operations, o)
		}
	}
	webhooks := d.root.at("webhooks")
	for name := range webhooks.object() { // for Validate
		if _, err := webhooks.at(name, "post", "requestBody", "content", jsonType, "schema").schema(); err != nil {
			return fmt.Errorf("webhook %s: %w", name, err)
		}
	}
	var err error
	if d.nowhere, err = readResponse(d.root.at("components", "responses", "RouteNotFound")); err != nil {
		return err
	}
	d.otherwise, err = readResponse(d.root.at("components", "responses", "MethodNotAllowed"))
	return err
}

func (o *Operation) read(shared []node) (err error) {
	for _, at := range append(shared, o.node.at("parameters").elements()...) {
		p, err := readParameter(at)
		if err != nil {
			return err
		}
		p.in, p.name = at.at("in").text(), at.at("name").text()
		o.parameters = append(o.parameters, p)
	}
	if body := o.node.at("requestBody"); body.exists() {
		o.bodyRequired = body.at("required").isTrue()
		if o.body, err = body.at("content", jsonType, "schema").schema(); err != nil {
			return err
		}
	}
	for status := range o.node.at("responses").object() {
		if o.responses[status], err = readResponse(o.node.at("responses", status)); err != nil {
			return err
		}
	}
	return nil
}

func readResponse(at node) (response, error) {
	r := response{node: at, media: jsonType}
	if other := slices.DeleteFunc(slices.Collect(maps.Keys(at.at("content").object())), func(media string) bool { return media == jsonType }); len(other) == 1 {
		r.media = other[0]
	}
	var err error
	r.schema, err = at.at("content", r.media, "schema").schema()
	for name := range at.at("headers").object() {
		header, bad := readParameter(at.at("headers", name))
		if bad != nil {
			return r, bad
		}
		header.name = name
		r.headers = append(r.headers, header)
	}
	r.codes = codes(at)
	return r, err
}

// codes returns the error codes of a response. Every error has the same schema,
// so that a generated client has one type for it, and the examples of a response
// have each of its codes.
func codes(at node) (all []string) {
	examples := at.at("content", jsonType, "examples")
	for name := range examples.object() {
		value := examples.at(name, "value")
		if code := value.at("code").text(); value.at("success").value == false && !slices.Contains(all, code) {
			all = append(all, code)
		}
	}
	slices.Sort(all)
	return all
}

func readParameter(at node) (parameter, error) {
	schema, err := at.at("schema").schema()
	return parameter{required: at.at("required").isTrue(), kind: at.at("schema", "type").text(), schema: schema}, err
}

// find returns the operation of a method and a path, or else the response that
// the API must give. A path that the document has literally never matches a path
// with a parameter.
func (d *Document) find(method, path string) (*Operation, response) {
	same := d.having(func(pattern string) bool { return trim(pattern) == trim(path) })
	if same == nil {
		same = d.having(func(pattern string) bool { return fits(pattern, path) })
	}
	for _, o := range same {
		if o.Method == method {
			return o, response{}
		}
	}
	if same == nil && !slices.Contains(pages(), trim(path)) {
		return nil, d.nowhere
	}
	return nil, d.otherwise
}

// pages returns the paths for browsers, which the document does not have.
func pages() []string { return []string{"", "/docs", wire.OpenAPIPath} }

// having returns the operations with a matching path.
func (d *Document) having(path func(string) bool) (all []*Operation) {
	for _, o := range d.operations {
		if path(o.Path) {
			all = append(all, o)
		}
	}
	return all
}

func trim(path string) string { return strings.TrimSuffix(path, "/") }

// fits reports whether a path matches one with parameters.
func fits(pattern, path string) bool {
	want, got := strings.Split(trim(pattern), "/"), strings.Split(trim(path), "/")
	return slices.EqualFunc(want, got, func(want, got string) bool {
		return want == got || strings.HasPrefix(want, "{") && got != ""
	})
}
