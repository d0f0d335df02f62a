package gateway_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/latchkey-api/latchkey/shared/gateway"
)

func typed(contentType string) http.Header {
	h := http.Header{}
	if contentType != "" {
		h.Set("Content-Type", contentType)
	}
	return h
}

// form writes a multipart form with the boundary b, from parts without the
// beginning of their headers.
func form(parts ...string) string {
	var text strings.Builder
	for _, part := range parts {
		text.WriteString("--b\r\nContent-Disposition: form-data; " + part + "\r\n")
	}
	return text.String() + "--b--\r\n"
}

const asForm = "multipart/form-data; boundary=b"

func TestTheModelIsFound(t *testing.T) {
	for name, c := range map[string]struct{ contentType, body string }{
		"json":            {asJSON, hello},
		"json/escaped":    {asJSON, `{"mod\u0065l":"gpt-4\u006f"}`},
		"json/last":       {asJSON, `{"messages":[{"model":"other","content":{"model":1}}],"model":"gpt-4o"}`},
		"json/no_type":    {"", hello},
		"json/charset":    {"application/json; charset=UTF-8", hello},
		"json/kind":       {"application/vnd.x+json", hello},
		"form":            {asForm, form("name=\"file\"; filename=\"a.mp3\"\r\nContent-Type: audio/mpeg\r\n\r\n\xff\r\n\x00", "name=\"model\"\r\n\r\ngpt-4o")},
		"form/file_names": {asForm, form("name=\"file\"; filename*=utf-8''%C3%A9.mp3\r\n\r\nx", "name=model\r\n\r\ngpt-4o")},
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := gateway.ModelOf(typed(c.contentType), []byte(c.body)); got != "gpt-4o" || err != nil {
				t.Errorf("got %q, %v, want gpt-4o", got, err)
			}
		})
	}
}

func TestABodyThatCanBeReadInTwoWaysIsRefused(t *testing.T) {
	const model = "name=\"model\"\r\n\r\ngpt-4o"
	for name, c := range map[string]struct{ contentType, body string }{
		"json/empty":              {asJSON, ""},
		"json/no_model":           {asJSON, `{"messages":[{"model":"gpt-4o"}]}`},
		"json/empty_model":        {asJSON, `{"model":""}`},
		"json/null":               {asJSON, `{"model":null}`},
		"json/number":             {asJSON, `{"model":4}`},
		"json/array":              {asJSON, `{"model":["gpt-4o"]}`},
		"json/twice":              {asJSON, `{"model":"gpt-4o","model":"o1"}`},
		"json/twice_the_same":     {asJSON, `{"model":"gpt-4o","model":"gpt-4o"}`},
		"json/twice_escaped":      {asJSON, `{"model":"gpt-4o","mod\u0065l":"o1"}`},
		"json/twice_null":         {asJSON, `{"model":"gpt-4o","model":null}`},
		"json/other_case":         {asJSON, `{"Model":"gpt-4o"}`},
		"json/other_case_too":     {asJSON, `{"model":"gpt-4o","MODEL":"o1"}`},
		"json/blank":              {asJSON, `{"model":" "}`},
		"json/too_long":           {asJSON, `{"model":"` + strings.Repeat("m", 257) + `"}`},
		"json/control":            {asJSON, `{"model":"gpt\n4o"}`},
		"json/not_an_object":      {asJSON, `[{"model":"gpt-4o"}]`},
		"json/goes_on":            {asJSON, hello + hello},
		"json/cut_off":            {asJSON, hello[:len(hello)-1]},
		"json/comma":              {asJSON, `{"model":"gpt-4o",}`},
		"json/comment":            {asJSON, `{"model":"gpt-4o"/*,"model":"o1"*/}`},
		"json/not_utf8":           {asJSON, "{\"model\":\"gpt-4o\",\"x\":\"\xff\"}"},
		"json/byte_order_mark":    {asJSON, "\xEF\xBB\xBF" + hello},
		"json/too_deep":           {asJSON, `{"model":"gpt-4o","x":` + strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000) + `}`},
		"type/utf7":               {"application/json; charset=utf-7", hello},
		"type/urlencoded":         {"application/x-www-form-urlencoded", `{"model":"gpt-4o","x":"&model=o1&"}`},
		"type/text":               {"text/plain", hello},
		"type/nonsense":           {"application/json; charset", hello},
		"type/mixed":              {"multipart/mixed; boundary=b", form(model)},
		"form/is_json":            {asForm, hello},
		"form/no_boundary":        {"multipart/form-data", form(model)},
		"form/two_boundaries":     {"multipart/form-data; boundary=b; boundary=c", form(model)},
		"form/continued_boundary": {"multipart/form-data; boundary=c; boundary*0=b", form(model)},
		"form/no_model":           {asForm, form("name=\"file\"\r\n\r\nx")},
		"form/empty_model":        {asForm, form("name=\"model\"\r\n\r\n")},
		"form/twice":              {asForm, form(model, "name=\"model\"\r\n\r\no1")},
		"form/other_case":         {asForm, form(model, "name=\"Model\"\r\n\r\no1")},
		"form/a_file":             {asForm, form("name=\"model\"; filename=\"x\"\r\n\r\ngpt-4o")},
		"form/extended_name":      {asForm, form(model, "name=\"x\"; name*=utf-8''model\r\n\r\no1")},
		"form/extended_alone":     {asForm, form("name*=utf-8''model\r\n\r\ngpt-4o")},
		"form/no_name":            {asForm, form(model, "filename=\"x\"\r\n\r\nx")},
		"form/two_dispositions":   {asForm, form(model, "name=\"x\"\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\no1")},
		"form/encoded":            {asForm, form("name=\"model\"\r\nContent-Transfer-Encoding: base64\r\n\r\ngpt-4o")},
		"form/preamble":           {asForm, "\r\n" + form(model)},
		"form/cut_off":            {asForm, strings.TrimSuffix(form(model), "--b--\r\n")},
		"form/bare_newlines":      {asForm, strings.ReplaceAll(form(model), "\r\n", "\n")},
		"form/hidden_part":        {asForm, form(model, "name=\"x\"\r\n\r\nx\n--b\nContent-Disposition: form-data; name=\"model\"\n\no1\n")},
		"form/epilogue":           {asForm, form(model) + form("name=\"model\"\r\n\r\no1")},
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := gateway.ModelOf(typed(c.contentType), []byte(c.body)); err == nil {
				t.Errorf("got %q, want it refused", got)
			}
		})
	}
	for name, h := range map[string]http.Header{
		"header/two_types":  {"Content-Type": {asJSON, asForm}},
		"header/compressed": {"Content-Type": {asJSON}, "Content-Encoding": {"deflate"}},
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := gateway.ModelOf(h, []byte(hello)); err == nil {
				t.Errorf("got %q, want it refused", got)
			}
		})
	}
}

func TestARefusedBodyIsToldAsOpenAIDoes(t *testing.T) {
	f := newFront(t, never(t), gateway.Options{})
	key, _ := f.key(t, 1000)
	for body, message := range map[string]string{
		`{"model":"a","model":"b"}`: "The body does not name one model: send model once, in lower case, as a string.",
		`{"model":"a\u0001"}`:       "The body's model must not contain control or bidirectional-override characters.",
		`[]`:                        "The body is not a JSON object: send one.",
	} {
		f.wantRefused(t, f.request(t, key, body), http.StatusBadRequest, problem(invalidRequest, "invalid_body", message))
		f.wantUsed(t, key, 1000, 0)
	}
	plain := f.request(t, key, hello)
	plain.Header.Set("Content-Type", "text/plain")
	f.wantRefused(t, plain, http.StatusBadRequest, problem(invalidRequest, "invalid_body",
		"The body is neither JSON nor a form: send Content-Type: application/json or multipart/form-data."))
}

func TestAFormIsChargedToo(t *testing.T) {
	f := newFront(t, says(http.StatusOK, asJSON, completion), gateway.Options{})
	key, _ := f.key(t, 1000)
	r := f.request(t, key, form("name=\"model\"\r\n\r\nwhisper-1"))
	r.Header.Set("Content-Type", asForm)
	if got := send(t, r); got.status != http.StatusOK {
		t.Errorf("got %d %s, want 200", got.status, got.body)
	}
	f.wantUsed(t, key, 1000, 21)
}

// FuzzModel: what is found is what every reader finds that takes the last
// member of a name, or the first, or does not care for its case; or the body
// is refused.
func FuzzModel(f *testing.F) {
	for _, seed := range []string{
		hello, `{"mod\u0065l":"a"}`, `{"model":"a","model":"b"}`, `{"Model":"a","model":"b"}`, `{"model":"a\ud800"}`,
		`{"a":{"model":"b"},"model":"c"}`, `{"model":"a","n":1e400,"max_tokens":-1}`, `{"model":null}`, "{\"model\":\"a\"}\x00",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := gateway.ModelOf(typed(asJSON), body)
		if err != nil {
			return
		}
		var all map[string]any
		if err := json.Unmarshal(body, &all); err != nil {
			// A number that no float64 holds is JSON all the same.
			var raw map[string]json.RawMessage
			if err := json.Unmarshal(body, &raw); err != nil {
				t.Fatalf("found %q in what is no JSON object: %v", got, err)
			}
			return
		}
		if all["model"] != got {
			t.Errorf("found %q, encoding/json %q", got, all["model"])
		}
		var folded struct{ Model string }
		if err := json.Unmarshal(body, &folded); err != nil || folded.Model != got {
			t.Errorf("found %q, a reader that does not care for case %q (%v)", got, folded.Model, err)
		}
		if got == "" {
			t.Error("found no name, which the gate would not look at")
		}
	})
}
