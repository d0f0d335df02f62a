package gateway

import (
	"bytes"
	"io"
	"mime"
	"net/http"
	"strings"

	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

// The upstream server must see the same model that the key was checked for.
// A body that two parsers could read differently is therefore refused, even if
// most parsers would agree.

// A requestBody is the body of a request for a model.
type requestBody struct {
	content   []byte // as the client sent it
	edits     []edit
	model     string
	stream    bool
	injected  bool  // the middleware has asked for the usage of the stream
	asksUsage bool  // the client has asked for it
	choices   int64 // that the request asks for, for each prompt; 0 is 1
	prompts   int64 // of a completion; 0 is 1
	limits    []tokenLimit

	// Of a JSON body.
	json             bool
	object           int // offset of the object
	streamOptions    *jsonMember
	generationConfig *jsonMember

	promptBytes int64    // of the prompt of an image or of a text to speak
	files       [][]byte // of a form
}

// maxTokens returns the most output tokens that the request allows for one
// choice, or 0 if it sets no limit.
func (b *requestBody) maxTokens() int64 {
	var largest int64
	for _, limit := range b.limits {
		if limit.value < token.MaxInteger {
			largest = max(largest, limit.value)
		}
	}
	return largest
}

// answers returns how many answers the request asks for.
func (b *requestBody) answers() int64 { return multiplySaturated(max(1, b.choices), max(1, b.prompts)) }

// readInto makes the body the one of a request that is passed on.
func (b *requestBody) readInto(r *http.Request) {
	content := b.edited()
	r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil }
	r.Body, _ = r.GetBody() // never fails
	r.ContentLength = int64(len(content))
	r.TransferEncoding = nil
}

// parseBody reads a multipart form, or a JSON object if Content-Type says so or
// is absent.
func parseBody(e endpoint, h http.Header, content []byte) (*requestBody, error) {
	for _, name := range []string{"Content-Type", "Content-Encoding"} {
		if len(h.Values(name)) > 1 {
			return nil, bodyError("The request has more than one " + name + " header. Send one.")
		}
	}
	if encoding := h.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return nil, bodyError("The body is compressed. Send it uncompressed, without Content-Encoding.")
	}
	contentType := h.Get("Content-Type")
	if isCredential("", []string{contentType}) { // it would not be passed on
		return nil, errMediaType
	}
	mediaType, params, err := mime.ParseMediaType(contentType)
	if contentType != "" && (err != nil || strings.Contains(contentType, "*")) { // * continues a parameter
		return nil, errMediaType
	}
	if charset := params["charset"]; charset != "" && !strings.EqualFold(charset, "utf-8") && !strings.EqualFold(charset, "utf8") {
		return nil, bodyError("The body is not in UTF-8. Encode it in UTF-8.")
	}
	body := &requestBody{content: content}
	switch subtype := strings.TrimPrefix(mediaType, "application/"); {
	case mediaType == "multipart/form-data" && e.shape == shapeOpenAI:
		err = body.parseForm(params["boundary"])
	case contentType == "" || subtype == "json" || strings.HasSuffix(subtype, "+json"):
		err = body.parseJSON(e)
	default:
		err = errMediaType // a JSON object can be a form of another kind at the same time
	}
	if err != nil {
		return nil, err
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
