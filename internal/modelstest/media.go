package modelstest

import (
	"cmp"
	"encoding/base64"
	"encoding/binary"
	"math"
	"net/http"
	"strings"

	"github.com/latchkey-api/latchkey/shared/price"
)

// embeddings is POST /v1/embeddings. Each input counts 20 tokens.
func embeddings(x *exchange) {
	n := int64(1)
	if inputs, ok := x.in.Input.([]any); ok {
		if _, text := inputs[0].(string); text {
			n = int64(len(inputs))
		}
	}
	var data []obj
	for i := range n {
		vector := []float32{0.5, -0.25, float32(i)}
		item := obj{"object": "embedding", "index": i, "embedding": vector}
		if x.in.EncodingFormat == "base64" {
			var raw []byte
			for _, f := range vector {
				raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(f))
			}
			item["embedding"] = base64.StdEncoding.EncodeToString(raw)
		}
		data = append(data, item)
	}
	u := price.Usage{InputTokens: n * x.order.input}
	x.json(obj{
		"object": "list", "data": data, "model": x.in.Model, "usage": obj{"prompt_tokens": u.InputTokens, "total_tokens": u.InputTokens},
	}, u, 0, "")
}

// pixel is a PNG file of one pixel, in base64.
const pixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="

// images is POST /v1/images/generations and /edits. gpt-image models report
// tokens; dall-e models report nothing and cost one image each.
func images(x *exchange) {
	n := cmp.Or(x.in.N, 1)
	var data []obj
	for range n {
		data = append(data, obj{"b64_json": pixel})
	}
	body := obj{"created": created, "data": data}
	u := price.Usage{Images: n}
	if strings.HasPrefix(x.in.Model, "dall-e") {
		x.order.noUsage = true
	} else {
		u.InputTokens, u.OutputTokens = x.order.input, n*272
		body["usage"] = obj{
			"input_tokens": u.InputTokens, "input_tokens_details": obj{"text_tokens": u.InputTokens, "image_tokens": 0},
			"output_tokens": u.OutputTokens, "total_tokens": u.InputTokens + u.OutputTokens,
		}
	}
	x.json(body, u, 0, "")
}

// speech is POST /v1/audio/speech: bytes without a usage.
func speech(x *exchange) {
	x.order.noUsage = true
	x.reported(x.usage(1, x.order.tokens))
	x.sent(x.order.tokens, "")
	x.write(http.StatusOK, "audio/mpeg", append([]byte("ID3\x04\x00\x00"), make([]byte, 4096)...))
}

// transcription is POST /v1/audio/transcriptions. It reports tokens, or after
// do:seconds-N a duration.
func transcription(x *exchange) {
	text := words(x.order.tokens)
	u := x.usage(1, x.order.tokens)
	if strings.Trim(string(x.in.ResponseFormat), `"`) == "text" {
		x.order.noUsage = true
		x.reported(u)
		x.write(http.StatusOK, "text/plain; charset=utf-8", []byte(text+"\n"))
		return
	}
	usage := obj{
		"type": "tokens", "input_tokens": u.InputTokens, "input_token_details": obj{"text_tokens": 0, "audio_tokens": u.InputTokens},
		"output_tokens": u.OutputTokens, "total_tokens": u.InputTokens + u.OutputTokens,
	}
	if x.order.seconds > 0 {
		u = price.Usage{AudioSeconds: x.order.seconds}
		usage = obj{"type": "duration", "seconds": x.order.seconds}
	}
	if x.in.Stream {
		s := x.stream("text/event-stream")
		for k := range x.order.tokens {
			s.send("", obj{"type": "transcript.text.delta", "delta": word(k)}, 1, word(k))
		}
		s.reported(u)
		s.send("", obj{"type": "transcript.text.done", "text": text, "usage": usage}, 0, "")
		s.raw("data: [DONE]\n\n", 0, "")
		s.end()
		return
	}
	x.json(obj{"text": text, "usage": usage}, u, x.order.tokens, text)
}

// translation is POST /v1/audio/translations, which reports no usage.
func translation(x *exchange) {
	x.order.noUsage = true
	x.json(obj{"text": words(x.order.tokens)}, x.usage(1, x.order.tokens), x.order.tokens, words(x.order.tokens))
}

// moderations is POST /v1/moderations, which is free.
func moderations(x *exchange) {
	scores := obj{"violence": 0.001, "hate": 0.002}
	x.json(obj{"id": "modr-fake", "model": x.in.Model, "results": []obj{{
		"flagged": false, "categories": obj{"violence": false, "hate": false}, "category_scores": scores,
		"category_applied_input_types": obj{"violence": []string{"text"}, "hate": []string{"text"}},
	}}}, price.Usage{}, 0, "")
}

func modelObject(id string) obj {
	return obj{"id": id, "object": "model", "created": created, "owned_by": "system"}
}

// models is GET /v1/models.
func models(x *exchange) {
	x.json(obj{"object": "list", "data": []obj{modelObject("gpt-4o"), modelObject("text-embedding-3-small")}}, price.Usage{}, 0, "")
}

// model is GET /v1/models/{model}.
func model(x *exchange) { x.json(modelObject(x.r.PathValue("model")), price.Usage{}, 0, "") }
