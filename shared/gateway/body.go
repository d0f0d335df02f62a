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

// The upstream server must see the same model that the key was checked for.
// A body that two parsers could read differently is therefore refused, even if
// most parsers would agree.

// A requestBody is the body of a request for a model.
type requestBody struct {
	content   []byte
	model     string
	maxTokens int64 // as EstimateInput.MaxTokens
	injected  bool  // include_usage was added to the request
}

func (b requestBody) reader() (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(b.content)), nil
}

// needsModel reports whether the request must name a model. A GET, HEAD,
// OPTIONS or DELETE request without a body can't ask a model for anything.
func needsModel(r *http.Request) bool {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodDelete:
		return r.ContentLength != 0 // -1 is a body of unknown length
	default:
		return true
	}
}

// readBody reads the whole body, up to maxBytes.
func readBody(w http.ResponseWriter, r *http.Request, maxBytes int64) ([]byte, error) {
	if r.ContentLength > maxBytes {
		return nil, &bodyTooLargeError{maxBytes}
	}
	content, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBytes))
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return nil, &bodyTooLargeError{maxBytes}
	}
	if err != nil {
		return nil, bodyError("The body could not be read completely. Send it again.")
	}
	return content, nil
}

// parseBody finds the model in a multipart form, or in a JSON object if
// Content-Type says so or is absent.
func parseBody(h http.Header, content []byte) (requestBody, error) {
	for _, name := range []string{"Content-Type", "Content-Encoding"} {
		if len(h.Values(name)) > 1 {
			return requestBody{}, bodyError("The request has more than one " + name + " header. Send one.")
		}
	}
	if encoding := h.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return requestBody{}, bodyError("The body is compressed. Send it uncompressed, without Content-Encoding.")
	}
	contentType := h.Get("Content-Type")
	mediaType, params, err := mime.ParseMediaType(contentType)
	if contentType != "" && (err != nil || strings.Contains(contentType, "*")) { // * continues a parameter
		return requestBody{}, errMediaType
	}
	if charset := params["charset"]; charset != "" && !strings.EqualFold(charset, "utf-8") && !strings.EqualFold(charset, "utf8") {
		return requestBody{}, bodyError("The body is not in UTF-8. Encode it in UTF-8.")
	}
	body := requestBody{content: content}
	switch subtype := strings.TrimPrefix(mediaType, "application/"); {
	case mediaType == "multipart/form-data":
		body.model, err = formModel(content, params["boundary"])
	case contentType == "" || subtype == "json" || strings.HasSuffix(subtype, "+json"):
		body.model, body.maxTokens, err = jsonModel(content)
	default:
		err = errMediaType // a JSON object can be a form of another kind at the same time
	}
	if err != nil {
		return requestBody{}, err
	}
	return body, checkModel(body.model)
}

// checkModel applies the gate's rule to a model's name. It also refuses "",
// for which the gate would skip its check.
func checkModel(model string) error {
	if model == "" {
		return errNoModel
	}
	if _, err := (quota.Question{Model: model}).Normalize(); err != nil {
		return bodyError("Invalid body: " + err.Error() + ".")
	}
	return nil
}

// jsonModel finds the model and the token limit in a JSON object. It refuses
// a second member of the same name: many parsers take the last one, some the
// first, and some ignore upper and lower case.
func jsonModel(content []byte) (model string, maxTokens int64, err error) {
	d := json.NewDecoder(bytes.NewReader(content))
	if !utf8.Valid(content) || !json.Valid(content) {
		return "", 0, bodyError("The body is not valid JSON. Send one JSON object in UTF-8, or a form as multipart/form-data.")
	}
	if open, _ := d.Token(); open != json.Delim('{') { // valid JSON has a first token
		return "", 0, bodyError("The body is not a JSON object. Send one JSON object.")
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
			maxTokens = max(maxTokens, parseCount(value))
		case "n":
			choices = max(1, parseCount(value))
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
	return model, multiplySaturated(maxTokens, choices), nil
}

// multiplySaturated returns a*b, or token.MaxInteger if the product is larger.
func multiplySaturated(a, b int64) int64 {
	high, low := bits.Mul64(uint64(a), uint64(b)) //nolint:gosec // counts are not negative
	if high > 0 || low > token.MaxInteger {
		return token.MaxInteger
	}
	return int64(low)
}

// formModel finds the model in a multipart form. Parsers differ in the line
// ends, preambles and escapes that they accept, so formModel accepts only what
// every parser reads in the same way.
func formModel(content []byte, boundary string) (string, error) {
	const ambiguous = bodyError("The form is malformed or ambiguous. Send multipart/form-data as defined in RFC 7578.")
	delimiter := []byte("--" + boundary)
	if boundary == "" || !bytes.HasPrefix(content, append(bytes.Clone(delimiter), "\r\n"...)) {
		return "", ambiguous
	}
	model, found, parts := "", false, 0
	for reader := multipart.NewReader(bytes.NewReader(content), boundary); ; parts++ {
		part, err := reader.NextRawPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return "", ambiguous
		}
		name := part.FormName()
		if name == "" || len(part.Header.Values("Content-Disposition")) > 1 || hasExtendedName(part.Header.Get("Content-Disposition")) {
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
	if bytes.Count(content, delimiter) != parts+1 { // another parser may see a part that this one does not
		return "", ambiguous
	}
	return model, nil
}

// hasExtendedName reports whether a part's name is encoded as in RFC 5987,
// which RFC 7578 forbids. Clients do encode file names in that way.
func hasExtendedName(disposition string) bool {
	return strings.Contains(strings.ReplaceAll(strings.ToLower(disposition), "filename*", ""), "name*")
}
