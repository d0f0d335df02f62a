package gateway

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A tokenLimit is a member of a JSON body that limits the output tokens.
type tokenLimit struct {
	start, end int // of its value in the body
	value      int64
}

// bodyNames returns the members of a JSON body that the middleware understands.
// Each may appear once, in exactly this form: many parsers take the last member
// of a name, some the first, and some ignore upper and lower case.
func bodyNames(s shape) []string {
	switch s {
	case shapeAnthropic:
		return []string{"model", "stream", "max_tokens", "models", "fallbacks", "tools", "service_tier", "speed", "inference_geo"}
	case shapeGemini:
		return []string{"model", "generationConfig", "generation_config", "requests", "cachedContent", "cached_content", "serviceTier", "service_tier"}
	case shapeOpenAI:
	}
	return []string{
		"model", "stream", "stream_options", "n", "best_of", "max_tokens", "max_completion_tokens", "max_output_tokens",
		"background", "service_tier", "models", "fallbacks", "route", "input", "prompt", "tools",
	}
}

// parseJSON reads a JSON body.
func (b *requestBody) parseJSON(e endpoint) error {
	if !utf8.Valid(b.content) || !json.Valid(b.content) {
		return bodyError("The body is not valid JSON. Send one JSON object in UTF-8, or a form as multipart/form-data.")
	}
	first := jsonCursor{text: b.content}
	if first.next() != '{' {
		return bodyError("The body is not a JSON object. Send one JSON object.")
	}
	b.object = first.at
	var seen []string
	err := eachMember(b.content, func(m jsonMember) error {
		name, err := knownName(bodyNames(e.shape), m.name, &seen)
		if err != nil || name == "" {
			return err
		}
		if e.shape == shapeGemini {
			return b.geminiMember(e, m)
		}
		return b.member(e, m)
	})
	if err != nil {
		return err
	}
	if e.model != "" {
		b.model = e.model
	}
	if e.kind == kindModeration && !slices.Contains(seen, "model") {
		b.model = defaultModerationModel
		b.insertMember(b.object, `"model":"`+defaultModerationModel+`"`)
	}
	b.json = true
	return nil
}

// defaultModerationModel is the model that OpenAI uses if a moderation names
// none. The clients' examples name none.
// https://platform.openai.com/docs/api-reference/moderations/create
const defaultModerationModel = "omni-moderation-latest"

// knownName returns the name of a member if the middleware understands it. seen
// are those that the object had before.
func knownName(known []string, name string, seen *[]string) (string, error) {
	i := slices.IndexFunc(known, func(k string) bool { return strings.EqualFold(k, name) })
	switch {
	case i < 0:
		return "", nil
	case slices.Contains(*seen, known[i]) || known[i] != name:
		if known[i] == "model" {
			return "", errModelNotOne
		}
		return "", bodyError(fmt.Sprintf("The body must have the field %s at most once, in exactly this spelling.", known[i]))
	}
	*seen = append(*seen, name)
	return name, nil
}

// member reads a member of a body for OpenAI or Anthropic.
func (b *requestBody) member(e endpoint, m jsonMember) (err error) {
	isNull := string(m.value) == "null"
	switch m.name {
	case "model":
		if m.value[0] != '"' {
			return errModelNotOne
		}
		b.model = unquote(m.value)
	case "stream":
		if b.stream, err = parseBool(m); err != nil {
			return err
		}
	case "stream_options":
		if m.value[0] != '{' && !isNull {
			return bodyError("The field stream_options must be an object.")
		}
		b.streamOptions = &m
		var seen []string
		return eachMember(m.value, func(option jsonMember) error {
			_, err := knownName([]string{"include_usage"}, option.name, &seen)
			return err
		})
	case "n", "best_of":
		b.choices = max(b.choices, parseCount(m.value))
	case "max_tokens", "max_completion_tokens", "max_output_tokens":
		if !slices.Contains(limitNames(e.kind), m.name) {
			return bodyError(fmt.Sprintf("The field %s is not allowed here. Limit the output with %s.", m.name, strings.Join(limitNames(e.kind), " or ")))
		}
		return b.addLimit(m, m.offset)
	case "background":
		if string(m.value) != "false" && !isNull {
			return bodyError("The field background is not allowed: an answer that is fetched later can't be charged. Remove it, or set it to false.")
		}
	case "service_tier", "speed", "inference_geo":
		return checkMode(m)
	case "tools":
		return eachElement(m.value, checkTool)
	case "models", "fallbacks", "route":
		if !isNull {
			return bodyError(fmt.Sprintf("The field %s is not allowed, because it lets the upstream choose another model. Remove it, and name one model in the field model.", m.name))
		}
	case "input", "prompt":
		if e.kind == kindSpeech || e.kind == kindImage {
			b.promptBytes += int64(len(m.value))
		}
		if e.kind == kindCompletion {
			b.prompts = countPrompts(m.value)
		}
	}
	return nil
}

// countPrompts returns how many prompts a completion has: an array of texts or of
// arrays of tokens is several, an array of tokens is one.
func countPrompts(prompt []byte) (n int64) {
	_ = eachElement(prompt, func(value []byte) error { // f returns no error
		if value[0] == '"' || value[0] == '[' {
			n++
		}
		return nil
	})
	return n
}

// geminiMember reads a member of a body for Gemini. The model is in the path; a
// model in the body must be the same.
func (b *requestBody) geminiMember(e endpoint, m jsonMember) error {
	switch m.name {
	case "model":
		if name := strings.TrimPrefix(unquote(m.value), "models/"); name != e.model {
			return bodyError("The field model differs from the model in the URL. Remove it.")
		}
	case "requests":
		return eachElement(m.value, func(request []byte) error {
			var seen []string
			return eachMember(request, func(inner jsonMember) error {
				name, err := knownName([]string{"model"}, inner.name, &seen)
				if err != nil || name == "" {
					return err
				}
				return b.geminiMember(e, inner)
			})
		})
	case "serviceTier", "service_tier":
		return checkMode(m)
	case "cachedContent", "cached_content":
		return bodyError(fmt.Sprintf("The field %s is not allowed, because cached contents belong to the operator. Remove it.", m.name))
	case "generationConfig", "generation_config":
		if b.generationConfig != nil {
			return bodyError("The body must have the field generationConfig at most once.")
		}
		b.generationConfig = &m
		return b.geminiConfig(m)
	}
	return nil
}

func (b *requestBody) geminiConfig(config jsonMember) error {
	known := []string{"maxOutputTokens", "max_output_tokens", "candidateCount", "candidate_count"}
	var seen []string
	return eachMember(config.value, func(m jsonMember) error {
		name, err := knownName(known, m.name, &seen)
		switch name {
		case "maxOutputTokens", "max_output_tokens":
			return b.addLimit(m, config.offset+m.offset)
		case "candidateCount", "candidate_count":
			b.choices = max(b.choices, parseCount(m.value))
		}
		return err
	})
}

func parseBool(m jsonMember) (bool, error) {
	switch string(m.value) {
	case "true":
		return true, nil
	case "false", "null":
		return false, nil
	default:
		return false, bodyError(fmt.Sprintf("The field %s must be true or false.", m.name))
	}
}

// injectUsage asks the upstream for the usage at the end of a stream, if the
// client did not ask for it and allowed is true. The middleware removes the
// additional chunk from the answer.
func (b *requestBody) injectUsage(k kind, allowed bool) {
	if !b.json || !b.stream || k != kindChat && k != kindCompletion {
		return
	}
	const name, ask = "include_usage", `"include_usage":true`
	var options jsonMember
	var answered *jsonMember
	if b.streamOptions != nil {
		options = *b.streamOptions
		_ = eachMember(options.value, func(m jsonMember) error { // f returns no error
			if m.name == name {
				answered = &m
			}
			return nil
		})
	}
	b.asksUsage = answered != nil && string(answered.value) == "true"
	if b.asksUsage || !allowed {
		return
	}
	b.injected = true
	switch {
	case answered != nil:
		start := options.offset + answered.offset
		b.replace(start, start+len(answered.value), "true")
	case b.streamOptions == nil:
		b.insertMember(b.object, `"stream_options":{`+ask+`}`)
	case options.value[0] == '{':
		b.insertMember(options.offset, ask)
	default: // null
		b.replace(options.offset, options.offset+len(options.value), `{`+ask+`}`)
	}
}

// setMaxTokens limits the output tokens of each choice to n.
func (b *requestBody) setMaxTokens(e endpoint, n int64) {
	number := strconv.FormatInt(n, 10)
	for _, limit := range b.limits {
		if limit.value > n {
			b.replace(limit.start, limit.end, number)
		}
	}
	if len(b.limits) > 0 {
		return
	}
	switch {
	case e.shape == shapeGemini && b.generationConfig != nil && b.generationConfig.value[0] == '{':
		b.insertMember(b.generationConfig.offset, `"maxOutputTokens":`+number)
	case e.shape == shapeGemini:
		b.insertMember(b.object, `"generationConfig":{"maxOutputTokens":`+number+`}`)
	case e.kind == kindResponse:
		b.insertMember(b.object, `"max_output_tokens":`+number)
	case e.kind == kindChat:
		b.insertMember(b.object, `"max_completion_tokens":`+number)
	default:
		b.insertMember(b.object, `"max_tokens":`+number)
	}
}

// An edit replaces a part of the body that the client sent.
type edit struct {
	start, end int
	text       string
}

func (b *requestBody) replace(start, end int, text string) {
	b.edits = append(b.edits, edit{start, end, text})
}

// insertMember adds a member to the object that begins at an offset.
func (b *requestBody) insertMember(object int, member string) {
	inside := jsonCursor{text: b.content, at: object + 1}
	if inside.next() != '}' {
		member += ","
	}
	b.replace(object+1, object+1, member)
}

// edited returns the body with its edits.
func (b *requestBody) edited() []byte {
	if len(b.edits) == 0 {
		return b.content
	}
	slices.SortStableFunc(b.edits, func(a, b edit) int { return a.start - b.start })
	var out bytes.Buffer
	at := 0
	for _, e := range b.edits {
		out.Write(b.content[at:e.start])
		out.WriteString(e.text)
		at = e.end
	}
	out.Write(b.content[at:])
	return out.Bytes()
}
