package gateway

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math/bits"
	"mime"
	"mime/multipart"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

// What upstream takes for the model must be what the key was asked about. A
// body that two readers could understand in two ways is therefore refused,
// whatever most of them would make of it.

// asked is what a body asks for.
type asked struct {
	body     []byte
	model    string
	declared int64 // as MaxTokens in EstimateInput
}

func (a asked) reader() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(a.body)), nil }

// needsModel is false for requests that only look at something. Without a
// body they can't ask a model for anything.
func needsModel(r *http.Request) bool {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodDelete:
		return r.ContentLength != 0 // -1 is a body of unknown length
	default:
		return true
	}
}

// readBody reads all of it, up to a number of bytes.
func readBody(w http.ResponseWriter, r *http.Request, most int64) ([]byte, error) {
	if r.ContentLength > most {
		return nil, &bodyTooLargeError{most}
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, most))
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return nil, &bodyTooLargeError{most}
	}
	if err != nil {
		return nil, invalidBody("could not be read to its end: send it again")
	}
	return body, nil
}

// ask finds the model in a body: a form, or a JSON object if the header says
// that or nothing.
func ask(h http.Header, body []byte) (asked, error) {
	for _, name := range []string{"Content-Type", "Content-Encoding"} {
		if len(h.Values(name)) > 1 {
			return asked{}, invalidBody("has two headers " + name + ": send one")
		}
	}
	if encoding := h.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return asked{}, invalidBody("is compressed: send it as it is, without Content-Encoding")
	}
	header := h.Get("Content-Type")
	mediaType, params, err := mime.ParseMediaType(header)
	if header != "" && (err != nil || strings.Contains(header, "*")) { // * continues a parameter
		return asked{}, errMediaType
	}
	if charset := params["charset"]; charset != "" && !strings.EqualFold(charset, "utf-8") && !strings.EqualFold(charset, "utf8") {
		return asked{}, invalidBody("is not in UTF-8: encode it so")
	}
	a := asked{body: body}
	switch kind := strings.TrimPrefix(mediaType, "application/"); {
	case mediaType == "multipart/form-data":
		a.model, err = modelOfForm(body, params["boundary"])
	case header == "" || kind == "json" || strings.HasSuffix(kind, "+json"):
		a.model, a.declared, err = modelOfObject(body)
	default:
		err = errMediaType // a JSON object can be another kind of form at the same time
	}
	if err != nil {
		return asked{}, err
	}
	return a, checkModel(a.model)
}

// checkModel holds a name to the gate's rule; "" the gate would not look at.
func checkModel(model string) error {
	if model == "" {
		return errNoModel
	}
	if _, err := (quota.Question{Model: model}).Normalize(); err != nil {
		return bodyError("The body's " + err.Error() + ".")
	}
	return nil
}

// modelOfObject walks over the members of a JSON object. Many readers take
// the last of two members of one name, some the first, and some don't care
// for upper and lower case.
func modelOfObject(body []byte) (model string, declared int64, err error) {
	d := json.NewDecoder(bytes.NewReader(body))
	if !utf8.Valid(body) || !json.Valid(body) {
		return "", 0, invalidBody("is not valid JSON: send one JSON object in UTF-8, or a form as multipart/form-data")
	}
	if open, _ := d.Token(); open != json.Delim('{') { // valid JSON has a first token
		return "", 0, invalidBody("is not a JSON object: send one")
	}
	found, choices := false, int64(1)
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return "", 0, err
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return "", 0, err
		}
		switch name {
		case "max_tokens", "max_completion_tokens", "max_output_tokens":
			declared = max(declared, count(value))
		case "n":
			choices = max(1, count(value))
		}
		if text, _ := name.(string); !strings.EqualFold(text, "model") {
			continue
		}
		if found || name != "model" || value[0] != '"' {
			return "", 0, errModelNotOne
		}
		found = true
		if err := json.Unmarshal(value, &model); err != nil {
			return "", 0, err
		}
	}
	return model, product(declared, choices), nil
}

// product saturates at MaxInteger.
func product(a, b int64) int64 {
	high, low := bits.Mul64(uint64(a), uint64(b)) //nolint:gosec // both are counts
	if high > 0 || low > token.MaxInteger {
		return token.MaxInteger
	}
	return int64(low)
}

// modelOfForm finds the field of a multipart form. Readers differ in which
// ends of line, preambles and escapes they take, so it holds the form to the
// one way of writing it that all take.
func modelOfForm(body []byte, boundary string) (string, error) {
	ambiguous := invalidBody("is not a form that can be read in one way only: send multipart/form-data as RFC 7578 has it")
	delimiter := []byte("--" + boundary)
	if boundary == "" || !bytes.HasPrefix(body, append(bytes.Clone(delimiter), "\r\n"...)) {
		return "", ambiguous
	}
	model, found, parts := "", false, 0
	for reader := multipart.NewReader(bytes.NewReader(body), boundary); ; parts++ {
		part, err := reader.NextRawPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return "", ambiguous
		}
		name := part.FormName()
		if name == "" || len(part.Header.Values("Content-Disposition")) > 1 || extended(part.Header.Get("Content-Disposition")) {
			return "", ambiguous
		}
		if !strings.EqualFold(name, "model") {
			continue
		}
		if found || name != "model" || part.FileName() != "" || part.Header.Get("Content-Transfer-Encoding") != "" {
			return "", errModelNotOne
		}
		value, err := io.ReadAll(part)
		if err != nil {
			return "", ambiguous
		}
		model, found = string(value), true
	}
	if bytes.Count(body, delimiter) != parts+1 { // somebody may see a part that we don't
		return "", ambiguous
	}
	return model, nil
}

// extended reports whether a part's name is written as RFC 5987 has it, which
// RFC 7578 forbids. File names are, all the same.
func extended(disposition string) bool {
	return strings.Contains(strings.ReplaceAll(strings.ToLower(disposition), "filename*", ""), "name*")
}
