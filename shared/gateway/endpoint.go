package gateway

import (
	"net/http"
	"slices"
	"strings"
)

// A shape is the form of an API: where a model stands, how usage is reported,
// what ends an answer and how errors look. Each vendor has one.
type shape int

// The shapes.
const (
	shapeOpenAI shape = iota
	shapeAnthropic
	shapeGemini
)

func (s shape) String() string {
	switch s {
	case shapeAnthropic:
		return "anthropic"
	case shapeGemini:
		return "gemini"
	case shapeOpenAI:
	}
	return "openai"
}

// A kind is what an endpoint does.
type kind int

// The kinds.
const (
	kindOther      kind = iota // opened by Options.Allow
	kindChat                   // chat/completions
	kindCompletion             // completions
	kindResponse               // responses
	kindEmbedding
	kindImage
	kindSpeech
	kindTranscription // and translation
	kindModeration
	kindMessage     // Anthropic's messages
	kindGenerate    // Gemini's generateContent and streamGenerateContent
	kindCountTokens // Anthropic's and Gemini's
	kindList        // models that the upstream has
)

// An endpoint is what one method and path of an API does.
type endpoint struct {
	shape shape
	kind  kind
	model string // "" unless the path names it
	units int64  // the price of a request to a path that Options.Allow opened
}

// free reports whether requests cost nothing. Their key is checked.
func (e endpoint) free() bool { return e.kind == kindList || e.kind == kindCountTokens }

// hasBody reports whether requests must have a body that names a model, or that
// is for the model in the path.
func (e endpoint) hasBody() bool { return e.kind != kindList && e.kind != kindOther }

// takesLimit reports whether requests can limit the number of output tokens.
func (e endpoint) takesLimit() bool {
	return slices.Contains([]kind{kindChat, kindCompletion, kindResponse, kindMessage, kindGenerate}, e.kind)
}

// endpoints returns the endpoints whose path has no variable part.
func endpoints() map[string]endpoint {
	return map[string]endpoint{
		"POST /v1/chat/completions":      {kind: kindChat},
		"POST /v1/completions":           {kind: kindCompletion},
		"POST /v1/responses":             {kind: kindResponse},
		"POST /v1/embeddings":            {kind: kindEmbedding},
		"POST /v1/images/generations":    {kind: kindImage},
		"POST /v1/images/edits":          {kind: kindImage},
		"POST /v1/images/variations":     {kind: kindImage},
		"POST /v1/audio/speech":          {kind: kindSpeech},
		"POST /v1/audio/transcriptions":  {kind: kindTranscription},
		"POST /v1/audio/translations":    {kind: kindTranscription},
		"POST /v1/moderations":           {kind: kindModeration},
		"GET /v1/models":                 {kind: kindList},
		"POST /v1/messages":              {shape: shapeAnthropic, kind: kindMessage},
		"POST /v1/messages/count_tokens": {shape: shapeAnthropic, kind: kindCountTokens},
		"GET /v1beta/models":             {shape: shapeGemini, kind: kindList},
	}
}

// geminiMethods returns what can follow a model and a colon in Gemini's paths.
func geminiMethods() map[string]kind {
	return map[string]kind{
		"generateContent": kindGenerate, "streamGenerateContent": kindGenerate, "countTokens": kindCountTokens,
		"embedContent": kindEmbedding, "batchEmbedContents": kindEmbedding,
	}
}

// findEndpoint returns the endpoint of a method and a path that cleanPath has
// accepted.
func findEndpoint(method, path string) (endpoint, bool) {
	if e, ok := endpoints()[method+" "+path]; ok {
		return e, true
	}
	rest, isGemini := strings.CutPrefix(path, "/v1beta/models/")
	if !isGemini {
		rest, _ = strings.CutPrefix(path, "/v1/models/")
		if rest == path {
			return endpoint{}, false
		}
	}
	model, action, hasAction := cutLast(rest, ':')
	switch k, known := geminiMethods()[action]; {
	case strings.Contains(rest, "/") || rest == "":
		return endpoint{}, false
	case hasAction && known && strings.Trim(model, ".") != "" && method == http.MethodPost:
		return endpoint{shape: shapeGemini, kind: k, model: model}, true
	case hasAction && known || method != http.MethodGet:
		return endpoint{}, false
	case isGemini:
		return endpoint{shape: shapeGemini, kind: kindList}, true
	default: // a model of OpenAI can have a colon in its name
		return endpoint{kind: kindList}, true
	}
}

func cutLast(s string, separator byte) (before, after string, found bool) {
	i := strings.LastIndexByte(s, separator)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+1:], true
}

// shapeOf returns the form in which to answer a path that is no endpoint.
func shapeOf(path string) shape {
	switch {
	case strings.HasPrefix(path, "/v1/messages"):
		return shapeAnthropic
	case strings.HasPrefix(path, "/v1beta/"):
		return shapeGemini
	default:
		return shapeOpenAI
	}
}
