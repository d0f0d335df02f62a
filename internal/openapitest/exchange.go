package openapitest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/big"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// An Exchange is a request and the answer to it, both read to their ends.
type Exchange struct {
	Request *http.Request
	Sent    []byte
	Status  int
	Header  http.Header
	Body    []byte
}

// Check reports where an exchange differs from the document: an undocumented
// status, body or header. The request of a successful answer must be documented
// too, because the document must describe whatever the API accepts. A refused
// request may be anything. HEAD is what GET is, without a body.
func (d *Document) Check(x Exchange) error {
	method := x.Request.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	o, want := d.find(method, x.Request.URL.Path)
	if o == nil {
		status := http.StatusNotFound
		if want.node.pointer == d.otherwise.node.pointer {
			status = http.StatusMethodNotAllowed
		}
		if x.Status != status {
			return fmt.Errorf("the document has no %s %s, and the status is %d, not %d", x.Request.Method, x.Request.URL.Path, x.Status, status)
		}
		return x.answers(want)
	}
	err := func() error {
		want, ok := o.responses[strconv.Itoa(x.Status)]
		if !ok {
			return fmt.Errorf("the document has no status %d", x.Status)
		}
		if err := x.answers(want); err != nil {
			return err
		}
		if x.Status < http.StatusMultipleChoices {
			return x.asks(o)
		}
		return nil
	}()
	if err != nil {
		return fmt.Errorf("%s (%s %s) answers %d: %w", o.ID, o.Method, x.Request.URL, x.Status, err)
	}
	return nil
}

// telling lists the headers that an answer may have only if they are documented.
func telling() []string {
	return []string{"Etag", "Location", "Allow", "Www-Authenticate", "Retry-After", "Link", "Content-Disposition"}
}

// answers checks the answer against its documented response.
func (x Exchange) answers(want response) error {
	if mediaType, _, _ := mime.ParseMediaType(x.Header.Get("Content-Type")); mediaType != want.media {
		return fmt.Errorf("the type of the answer is %q", x.Header.Get("Content-Type"))
	}
	undocumented := telling()
	for _, h := range want.headers {
		undocumented = slices.DeleteFunc(undocumented, func(name string) bool { return name == h.name })
		values := x.Header.Values(h.name)
		if len(values) == 0 && h.required {
			return fmt.Errorf("the answer has no header %s", h.name)
		}
		for _, value := range values {
			if err := h.check(value); err != nil {
				return fmt.Errorf("the answer's header %s: %w", h.name, err)
			}
		}
	}
	for _, name := range undocumented {
		if x.Header.Get(name) != "" {
			return fmt.Errorf("the document has no header %s of this answer", name)
		}
	}
	if x.Request.Method == http.MethodHead {
		return nil
	}
	if err := want.check(x.Body); err != nil {
		return fmt.Errorf("the answer's body: %w", err)
	}
	if x.Status < http.StatusBadRequest {
		return nil
	}
	var failure struct{ Code string }
	if err := json.Unmarshal(x.Body, &failure); err != nil {
		return err
	}
	if !slices.Contains(want.codes, failure.Code) {
		return fmt.Errorf("the answer's code is %s, and the examples of this response have %s", failure.Code, strings.Join(want.codes, ", "))
	}
	return nil
}

// asks checks the request against its operation. Undocumented query parameters
// are ignored, as the API ignores them.
func (x Exchange) asks(o *Operation) error {
	if x.Request.Header.Get("Authorization") == "" && !o.public() {
		return fmt.Errorf("the request has no Authorization, and got a success")
	}
	query := x.Request.URL.Query()
	for _, p := range o.parameters {
		var values []string
		switch p.in {
		case "query":
			values = query[p.name]
		case "header":
			values = x.Request.Header.Values(p.name)
		case "path":
			values = []string{segment(o.Path, x.Request.URL.Path, p.name)}
		}
		if len(values) == 0 {
			if p.required {
				return fmt.Errorf("the request has no %s, and got a success", p.name)
			}
			continue
		}
		if err := p.check(values[0]); err != nil {
			return fmt.Errorf("the request's %s: %w", p.name, err)
		}
	}
	switch sent := bytes.TrimSpace(x.Sent); {
	case o.body == nil:
		return nil
	case len(sent) == 0 && o.bodyRequired:
		return fmt.Errorf("the request has no body, and got a success")
	case len(sent) == 0:
		return nil
	default:
		if err := validate(o.body, sent); err != nil {
			return fmt.Errorf("the request's body: %w", err)
		}
		return nil
	}
}

// segment returns the part of a path in the place of a parameter.
func segment(pattern, path, name string) string {
	i := slices.Index(strings.Split(pattern, "/"), "{"+name+"}")
	return strings.Split(path, "/")[i]
}

// check checks the text of a parameter or header against its schema.
func (p parameter) check(text string) error {
	var value any = text
	switch p.kind {
	case "integer":
		if n, ok := new(big.Int).SetString(text, 10); ok {
			value = n
		}
	case "boolean":
		if b, err := strconv.ParseBool(text); err == nil {
			value = b
		}
	}
	if n, ok := value.(*big.Int); ok {
		return validate(p.schema, []byte(n.String()))
	}
	return p.schema.Validate(value)
}

// check checks the body of an answer: JSON, or a text.
func (r response) check(body []byte) error {
	if r.media != jsonType {
		return r.schema.Validate(string(body))
	}
	return validate(r.schema, body)
}

// validate checks a JSON text against a schema.
func validate(schema *jsonschema.Schema, text []byte) error {
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return err
	}
	return schema.Validate(value)
}
