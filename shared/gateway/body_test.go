package gateway_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/latchkey-api/latchkey/shared/gateway"
)

func withContentType(value string) http.Header {
	h := http.Header{}
	if value != "" {
		h.Set("Content-Type", value)
	}
	return h
}

// form returns a multipart form with the boundary b. Each part begins after
// "Content-Disposition: form-data; ".
func form(parts ...string) string {
	var text strings.Builder
	for _, part := range parts {
		text.WriteString("--b\r\nContent-Disposition: form-data; " + part + "\r\n")
	}
	return text.String() + "--b--\r\n"
}

const formType = "multipart/form-data; boundary=b"

// The model is found in JSON and in forms, in every valid spelling.
func TestModelIsFound(t *testing.T) {
	for name, c := range map[string]struct{ contentType, body string }{
		"json":            {jsonType, hello},
		"json/escaped":    {jsonType, `{"mod\u0065l":"gpt-4\u006f"}`},
		"json/last":       {jsonType, `{"messages":[{"model":"other","content":{"model":1}}],"model":"gpt-4o"}`},
		"json/no_type":    {"", hello},
		"json/charset":    {"application/json; charset=UTF-8", hello},
		"json/kind":       {"application/vnd.x+json", hello},
		"form":            {formType, form("name=\"file\"; filename=\"a.mp3\"\r\nContent-Type: audio/mpeg\r\n\r\n\xff\r\n\x00", "name=\"model\"\r\n\r\ngpt-4o")},
		"form/file_names": {formType, form("name=\"file\"; filename*=utf-8''%C3%A9.mp3\r\n\r\nx", "name=\"model\"\r\n\r\ngpt-4o")},
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := gateway.ModelOf(withContentType(c.contentType), []byte(c.body)); got != "gpt-4o" || err != nil {
				t.Errorf("got %q, %v, want gpt-4o", got, err)
			}
		})
	}
}

// A body that two parsers could read differently is refused, and so is one that
// names no model.
func TestAmbiguousBodyIsRefused(t *testing.T) {
	const model = "name=\"model\"\r\n\r\ngpt-4o"
	for name, c := range map[string]struct{ contentType, body string }{
		"json/empty":              {jsonType, ""},
		"json/no_model":           {jsonType, `{"messages":[{"model":"gpt-4o"}]}`},
		"json/empty_model":        {jsonType, `{"model":""}`},
		"json/null":               {jsonType, `{"model":null}`},
		"json/number":             {jsonType, `{"model":4}`},
		"json/array":              {jsonType, `{"model":["gpt-4o"]}`},
		"json/twice":              {jsonType, `{"model":"gpt-4o","model":"o1"}`},
		"json/twice_the_same":     {jsonType, `{"model":"gpt-4o","model":"gpt-4o"}`},
		"json/twice_escaped":      {jsonType, `{"model":"gpt-4o","mod\u0065l":"o1"}`},
		"json/twice_null":         {jsonType, `{"model":"gpt-4o","model":null}`},
		"json/other_case":         {jsonType, `{"Model":"gpt-4o"}`},
		"json/twice_other_case":   {jsonType, `{"model":"gpt-4o","MODEL":"o1"}`},
		"json/blank":              {jsonType, `{"model":" "}`},
		"json/too_long":           {jsonType, `{"model":"` + strings.Repeat("m", 257) + `"}`},
		"json/control":            {jsonType, `{"model":"gpt\n4o"}`},
		"json/not_an_object":      {jsonType, `[{"model":"gpt-4o"}]`},
		"json/two_values":         {jsonType, hello + hello},
		"json/truncated":          {jsonType, hello[:len(hello)-1]},
		"json/trailing_comma":     {jsonType, `{"model":"gpt-4o",}`},
		"json/comment":            {jsonType, `{"model":"gpt-4o"/*,"model":"o1"*/}`},
		"json/not_utf8":           {jsonType, "{\"model\":\"gpt-4o\",\"x\":\"\xff\"}"},
		"json/byte_order_mark":    {jsonType, "\xEF\xBB\xBF" + hello},
		"json/too_deep":           {jsonType, `{"model":"gpt-4o","x":` + strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000) + `}`},
		"type/utf7":               {"application/json; charset=utf-7", hello},
		"type/urlencoded":         {"application/x-www-form-urlencoded", `{"model":"gpt-4o","x":"&model=o1&"}`},
		"type/text":               {"text/plain", hello},
		"type/nonsense":           {"application/json; charset", hello},
		"type/mixed":              {"multipart/mixed; boundary=b", form(model)},
		"form/is_json":            {formType, hello},
		"form/no_boundary":        {"multipart/form-data", form(model)},
		"form/two_boundaries":     {"multipart/form-data; boundary=b; boundary=c", form(model)},
		"form/continued_boundary": {"multipart/form-data; boundary=c; boundary*0=b", form(model)},
		"form/no_model":           {formType, form("name=\"file\"\r\n\r\nx")},
		"form/empty_model":        {formType, form("name=\"model\"\r\n\r\n")},
		"form/twice":              {formType, form(model, "name=\"model\"\r\n\r\no1")},
		"form/other_case":         {formType, form(model, "name=\"Model\"\r\n\r\no1")},
		"form/a_file":             {formType, form("name=\"model\"; filename=\"x\"\r\n\r\ngpt-4o")},
		"form/extended_name":      {formType, form(model, "name=\"x\"; name*=utf-8''model\r\n\r\no1")},
		"form/extended_alone":     {formType, form("name*=utf-8''model\r\n\r\ngpt-4o")},
		"form/no_name":            {formType, form(model, "filename=\"x\"\r\n\r\nx")},
		"form/two_dispositions":   {formType, form(model, "name=\"x\"\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\no1")},
		"form/encoded":            {formType, form("name=\"model\"\r\nContent-Transfer-Encoding: base64\r\n\r\ngpt-4o")},
		"form/preamble":           {formType, "\r\n" + form(model)},
		"form/truncated":          {formType, strings.TrimSuffix(form(model), "--b--\r\n")},
		"form/bare_newlines":      {formType, strings.ReplaceAll(form(model), "\r\n", "\n")},
		"form/hidden_part":        {formType, form(model, "name=\"x\"\r\n\r\nx\n--b\nContent-Disposition: form-data; name=\"model\"\n\no1\n")},
		"form/epilogue":           {formType, form(model) + form("name=\"model\"\r\n\r\no1")},
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := gateway.ModelOf(withContentType(c.contentType), []byte(c.body)); err == nil {
				t.Errorf("got %q, want it refused", got)
			}
		})
	}
	for name, h := range map[string]http.Header{
		"header/two_types":  {"Content-Type": {jsonType, formType}},
		"header/compressed": {"Content-Type": {jsonType}, "Content-Encoding": {"deflate"}},
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := gateway.ModelOf(h, []byte(hello)); err == nil {
				t.Errorf("got %q, want it refused", got)
			}
		})
	}
}

// The error response to an invalid body says what is wrong.
func TestInvalidBodyMessages(t *testing.T) {
	s := newServer(t, notCalled(t), gateway.Options{})
	key, _ := s.newKey(t, 1000)
	for body, message := range map[string]string{
		`{"model":"a","model":"b"}`: "The body must have the field model once, in lower case, with a string as its value.",
		`{"model":"a\u0001"}`:       "Invalid body: model must not contain control or bidirectional-override characters.",
		`[]`:                        "The body is not a JSON object. Send one JSON object.",
	} {
		s.wantRefused(t, s.chatRequest(t, key, body), http.StatusBadRequest, errorBody(invalidRequest, "invalid_body", message))
		s.wantUsed(t, key, 1000, 0)
	}
	plain := s.chatRequest(t, key, hello)
	plain.Header.Set("Content-Type", "text/plain")
	s.wantRefused(t, plain, http.StatusBadRequest, errorBody(invalidRequest, "invalid_body",
		"The Content-Type is not supported. Send application/json or multipart/form-data."))
}

// A request with a form is charged like one with JSON.
func TestFormIsCharged(t *testing.T) {
	s := newServer(t, respond(http.StatusOK, jsonType, completion), gateway.Options{})
	key, _ := s.newKey(t, 1000)
	r := s.chatRequest(t, key, form("name=\"model\"\r\n\r\nwhisper-1"))
	r.Header.Set("Content-Type", formType)
	if got := send(t, r); got.status != http.StatusOK {
		t.Errorf("got %d %s, want 200", got.status, got.body)
	}
	s.wantUsed(t, key, 1000, 21)
}

// FuzzModel checks that a body is either refused, or that all parsers find the
// same model in it: those that take the last member of a name, those that take
// the first, and those that ignore case.
func FuzzModel(f *testing.F) {
	for _, seed := range []string{
		hello, `{"mod\u0065l":"a"}`, `{"model":"a","model":"b"}`, `{"Model":"a","model":"b"}`, `{"model":"a\ud800"}`,
		`{"a":{"model":"b"},"model":"c"}`, `{"model":"a","n":1e400,"max_tokens":-1}`, `{"model":null}`, "{\"model\":\"a\"}\x00",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := gateway.ModelOf(withContentType(jsonType), body)
		if err != nil {
			return
		}
		var all map[string]any
		if err := json.Unmarshal(body, &all); err != nil {
			// JSON allows numbers that do not fit into a float64.
			var raw map[string]json.RawMessage
			if err := json.Unmarshal(body, &raw); err != nil {
				t.Fatalf("found %q in a text that is not a JSON object: %v", got, err)
			}
			return
		}
		if all["model"] != got {
			t.Errorf("found %q, but encoding/json finds %q", got, all["model"])
		}
		var folded struct{ Model string }
		if err := json.Unmarshal(body, &folded); err != nil || folded.Model != got {
			t.Errorf("found %q, but a parser that ignores case finds %q (%v)", got, folded.Model, err)
		}
		if got == "" {
			t.Error("found an empty name, for which the gate skips its check")
		}
	})
}
