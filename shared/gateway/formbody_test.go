package gateway_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"mime/multipart"
	"os"
	"slices"
	"testing"

	"github.com/latchkey-api/latchkey/shared/gateway"
)

// readForms reads a JSON file of testdata/forms.
func readForms[T any](t testing.TB, name string) map[string]T {
	t.Helper()
	text, err := fs.ReadFile(os.DirFS("testdata/forms"), name)
	var all map[string]T
	if err == nil {
		err = json.Unmarshal(text, &all)
	}
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// latin1 returns the bytes whose values are the characters of s.
func latin1(s string) []byte {
	var out []byte
	for _, r := range s {
		out = append(out, byte(r)) //nolint:gosec // the corpus has no other characters
	}
	return out
}

// Whatever form is accepted, every parser that accepts it too finds the same
// model in it: those of Python's and Node's web frameworks, whose readings
// testdata/forms has.
func TestFormsAreReadAsOthersReadThem(t *testing.T) {
	corpus := readForms[string](t, "corpus.json")
	readings := []map[string]map[string]json.RawMessage{
		readForms[map[string]json.RawMessage](t, "python.json"), readForms[map[string]json.RawMessage](t, "node.json"),
	}
	accepted := 0
	for name, form := range corpus {
		model, err := gateway.ModelOf(withContentType(formType), latin1(form))
		if err != nil {
			continue
		}
		accepted++
		for _, byParser := range readings {
			for parser, raw := range byParser[name] {
				if string(raw) == `"error"` {
					continue
				}
				var found []string
				if err := json.Unmarshal(raw, &found); err != nil {
					t.Fatal(err)
				}
				if !slices.Equal(found, []string{model}) {
					t.Errorf("%s: got model %q, %s finds %q", name, model, parser, found)
				}
			}
		}
	}
	if accepted < 12 {
		t.Errorf("got %d forms accepted, want those that common clients send", accepted)
	}
}

// The forms that common clients send are accepted.
func TestCommonFormsAreAccepted(t *testing.T) {
	corpus := readForms[string](t, "corpus.json")
	for _, name := range []string{
		"plain", "with_file", "file_name_utf8", "file_name_extended", "file_name_both", "content_type", "content_length",
		"header_case", "no_space", "brackets", "no_final_newline", "empty_file", "empty_value",
	} {
		if model, err := gateway.ModelOf(withContentType(formType), latin1(corpus[name])); model != "gpt-4o" || err != nil {
			t.Errorf("%s: got %q, %v, want gpt-4o", name, model, err)
		}
	}
}

// FuzzForm checks that a form is either refused, or that Go's parser finds the
// same model in it, once.
func FuzzForm(f *testing.F) {
	for _, form := range readForms[string](f, "corpus.json") {
		f.Add(latin1(form))
	}
	f.Fuzz(func(t *testing.T, form []byte) {
		model, err := gateway.ModelOf(withContentType(formType), form)
		if err != nil {
			return
		}
		var found []string
		for reader := multipart.NewReader(bytes.NewReader(form), "b"); ; {
			part, err := reader.NextPart()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("found %q in a form that is malformed: %v", model, err)
			}
			if value, _ := io.ReadAll(part); part.FormName() == "model" {
				found = append(found, string(value))
			}
		}
		if !slices.Equal(found, []string{model}) {
			t.Errorf("got %q, Go's parser finds %q", model, found)
		}
	})
}
