package openapitest_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/latchkey-api/latchkey/internal/openapitest"
	"github.com/latchkey-api/latchkey/shared/wire"
)

func load(t testing.TB) *openapitest.Document {
	t.Helper()
	d, err := openapitest.Load()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// The schema of OpenAPI 3.1 is the OpenAPI Initiative's; it leaves the
// schemas within to JSON Schema's own, to which compiling holds them.
func TestDocumentIsOpenAPI31(t *testing.T) {
	text, err := os.ReadFile("testdata/openapi-3.1.json")
	if err != nil {
		t.Fatal(err)
	}
	content, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("openapi-3.1.json", content); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("openapi-3.1.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(load(t).At()); err != nil {
		t.Errorf("the document is no OpenAPI 3.1: %v", err)
	}
}

// A keyword that is misspelt says nothing, and nobody would notice. Some are left out
// on purpose, because generators of clients fail with them or make worse clients:
// allOf, anyOf and const. A default makes some clients require the field, and others
// send it: page_size=10 beside ps=20.
func TestSchemaKeywords(t *testing.T) {
	known := map[string]bool{}
	for _, name := range strings.Fields(`$ref type enum not oneOf if then else properties required additionalProperties maxProperties dependentRequired
		items minItems maxItems uniqueItems minLength maxLength pattern format minimum maximum description`) {
		known[name] = true
	}
	schemas, _ := load(t).At("components", "schemas").(map[string]any)
	for name, schema := range schemas {
		walk(schema, func(keyword string, holder map[string]any) {
			if !known[keyword] {
				t.Errorf("the schema %s has the unknown keyword %q", name, keyword)
			}
			if _, described := holder["additionalProperties"]; keyword == "properties" && holder["type"] == "object" && !described {
				t.Errorf("an object of the schema %s may have any property", name)
			}
		})
	}
}

// walk calls visit for every keyword of a schema and of those within.
func walk(schema any, visit func(string, map[string]any)) {
	switch schema := schema.(type) {
	case []any:
		for _, element := range schema {
			walk(element, visit)
		}
	case map[string]any:
		for keyword, value := range schema {
			visit(keyword, schema)
			switch keyword {
			case "properties":
				properties, _ := value.(map[string]any)
				for _, property := range properties {
					walk(property, visit)
				}
			case "enum", "dependentRequired":
			default:
				walk(value, visit)
			}
		}
	}
}

// exchange is one that the document has: a token is shown.
func exchange(t testing.TB) openapitest.Exchange {
	t.Helper()
	body, err := json.Marshal(load(t).At("paths", "/api/token/{id}", "get", "responses", "200", "content", "application/json", "examples", "token", "value"))
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/api/token/42", nil)
	r.Header.Set("Authorization", "Bearer at-x")
	return openapitest.Exchange{Request: r, Status: http.StatusOK, Body: body, Header: http.Header{
		"Content-Type": {"application/json; charset=utf-8"}, "Cache-Control": {"no-store"}, "X-Request-Id": {"r"}, "Etag": {`"1"`},
	}}
}

func failure(status int, code wire.Code) func(*openapitest.Exchange) {
	return func(x *openapitest.Exchange) {
		x.Status = status
		x.Header.Del("ETag")
		x.Body, _ = json.Marshal(map[string]any{"success": false, "message": "It is so.", "code": code, "request_id": "r"})
	}
}

func replace(from, to string) func(*openapitest.Exchange) {
	return func(x *openapitest.Exchange) { x.Body = bytes.Replace(x.Body, []byte(from), []byte(to), 1) }
}

func request(method, target, body string) func(*openapitest.Exchange) {
	return func(x *openapitest.Exchange) {
		header := x.Request.Header
		x.Request, x.Sent = httptest.NewRequestWithContext(x.Request.Context(), method, target, nil), []byte(body)
		x.Request.Header = header
	}
}

// An exchange that the document does not describe is reported.
func TestUndocumentedExchange(t *testing.T) {
	d := load(t)
	both := func(all ...func(*openapitest.Exchange)) func(*openapitest.Exchange) {
		return func(x *openapitest.Exchange) {
			for _, change := range all {
				change(x)
			}
		}
	}
	for name, row := range map[string]struct {
		change func(*openapitest.Exchange)
		want   string // "" is nothing
	}{
		"as it is":                    {func(*openapitest.Exchange) {}, ""},
		"a slash at the end":          {request(http.MethodGet, "/api/token/42/", ""), ""},
		"a failure":                   {failure(404, wire.ErrTokenNotFound), ""},
		"a field more":                {replace(`"id":`, `"secret":1,"id":`), "additional properties 'secret' not allowed"},
		"a field of the envelope":     {replace(`"success":`, `"more":1,"success":`), "additional properties 'more' not allowed"},
		"a field less":                {replace(`"group":"",`, ``), "missing property 'group'"},
		"another type":                {replace(`"used_quota":0`, `"used_quota":"0"`), "got string, want integer"},
		"null":                        {replace(`"models":["gpt-4o","gpt-4o-mini"]`, `"models":null`), "got null, want array"},
		"a key in plain text":         {replace("sk-AbCd**********wxyz", "sk-"+strings.Repeat("x", 54)), "does not match pattern"},
		"no JSON":                     {replace("{", ""), "body"},
		"another status":              {func(x *openapitest.Exchange) { x.Status = http.StatusAccepted }, "no status 202"},
		"a status of another route":   {failure(409, wire.ErrTokenExpired), "no status 409"},
		"a code of another status":    {failure(404, wire.ErrTokenExpired), "the examples of this response have token_not_found"},
		"a code of another route":     {failure(404, wire.ErrHoldNotFound), "the examples of this response have token_not_found"},
		"a code that nobody knows":    {failure(404, "gone"), "value must be one of"},
		"a header less":               {func(x *openapitest.Exchange) { x.Header.Del("ETag") }, "no header Etag"},
		"a header more":               {func(x *openapitest.Exchange) { x.Header.Set("Location", "/api/token/42") }, "no header Location"},
		"a header that reads badly":   {func(x *openapitest.Exchange) { x.Header.Set("ETag", "1") }, "header Etag"},
		"another type of body":        {func(x *openapitest.Exchange) { x.Header.Set("Content-Type", "text/html") }, "the type of the answer"},
		"a success for nobody":        {func(x *openapitest.Exchange) { x.Request.Header.Del("Authorization") }, "no Authorization"},
		"a success for a bad id":      {request(http.MethodGet, "/api/token/0", ""), "the request's id"},
		"a path that is nowhere":      {request(http.MethodGet, "/api/tokens", ""), "the status is 200, not 404"},
		"a method that is nowhere":    {request(http.MethodPatch, "/api/token/42", ""), "the status is 200, not 405"},
		"a failure from nowhere":      {both(request(http.MethodGet, "/api/tokens", ""), failure(404, wire.ErrRouteNotFound)), ""},
		"another failure there":       {both(request(http.MethodGet, "/api/tokens", ""), failure(404, wire.ErrTokenNotFound)), "route_not_found"},
		"405 without Allow":           {both(request(http.MethodPatch, "/api/token/42", ""), failure(405, wire.ErrMethodNotAllowed)), "no header Allow"},
		"a parameter, taken":          {both(page, request(http.MethodGet, "/api/token/?p=-1", "")), "the request's p"},
		"a parameter that is ignored": {both(page, request(http.MethodGet, "/api/token?order=asc&p=02", "")), ""},
		"a field, taken":              {request(http.MethodPut, "/api/token/", `{"id":42,"nam":"x"}`), "additional properties 'nam' not allowed"},
		"a field's value, taken":      {request(http.MethodPut, "/api/token/", `{"id":42,"remain_quota":-1}`), "minimum"},
		"fields that can't go on one": {request(http.MethodPut, "/api/token/", `{"id":42,"remain_quota":1,"quota_delta":1}`), "not"},
		"a required field, missed":    {request(http.MethodPut, "/api/token/", `{"name":"x"}`), "missing property 'id'"},
		"a required body, missed":     {request(http.MethodPut, "/api/token/", ``), "no body"},
		"a token sent back":           {request(http.MethodPut, "/api/token/", `{"id":42,"name":"x","user_id":7,"key":null,"is_edit":[]}`), ""},
	} {
		t.Run(name, func(t *testing.T) {
			x := exchange(t)
			row.change(&x)
			switch err := d.Check(x); {
			case row.want == "" && err != nil:
				t.Errorf("got %v, want it taken", err)
			case row.want != "" && (err == nil || !strings.Contains(err.Error(), row.want)):
				t.Errorf("got %v, want it refused for %q", err, row.want)
			}
		})
	}
}

func page(x *openapitest.Exchange) {
	x.Header.Del("ETag")
	x.Body = []byte(`{"success":true,"message":"","data":{"page":1,"page_size":10,"total":0,"items":[]}}`)
}
