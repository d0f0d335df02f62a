package modelstest

import (
	"cmp"
	"strings"

	"github.com/latchkey-api/latchkey/shared/price"
)

// generate is POST /v1beta/models/{model}:{method}.
func generate(x *exchange) {
	model, method := methodOf(x.r.PathValue("modelAndMethod"))
	x.upstream.note(x.record, func(r *Record) { r.Model, r.Stream = model, method == "streamGenerateContent" })
	x.in.Model = model
	switch method {
	case "generateContent", "streamGenerateContent":
		x.generateContent(method == "streamGenerateContent")
	case "countTokens":
		x.json(obj{"totalTokens": x.order.input, "promptTokensDetails": []obj{{"modality": "TEXT", "tokenCount": x.order.input}}}, price.Usage{}, 0, "")
	case "embedContent":
		x.order.noUsage = true // this method reports none
		x.json(obj{"embedding": obj{"values": []float64{0.5, -0.25, 1}}}, price.Usage{InputTokens: x.order.input}, 0, "")
	case "batchEmbedContents":
		x.order.noUsage = true
		var all []obj
		for i := range x.in.Requests {
			all = append(all, obj{"values": []float64{0.5, -0.25, float64(i)}})
		}
		x.json(obj{"embeddings": all}, price.Usage{InputTokens: int64(len(all)) * x.order.input}, 0, "")
	default:
		notFound(x)
	}
}

// geminiUsage returns usage in Gemini's form. Thoughts are not part of the
// candidates' tokens.
func geminiUsage(u price.Usage, output int64) obj {
	input := u.InputTokens + u.CacheReadTokens
	usage := obj{
		"promptTokenCount": input, "candidatesTokenCount": output, "totalTokenCount": input + output + u.ReasoningTokens,
		"promptTokensDetails": []obj{{"modality": "TEXT", "tokenCount": input}},
	}
	if u.CacheReadTokens > 0 {
		usage["cachedContentTokenCount"] = u.CacheReadTokens
	}
	if u.ReasoningTokens > 0 {
		usage["thoughtsTokenCount"] = u.ReasoningTokens
	}
	return usage
}

// geminiToolResult reports whether the request has the result of a tool.
func (x *exchange) geminiToolResult() bool {
	for _, c := range x.in.Contents {
		parts, _ := c["parts"].([]any) // an array in every valid request
		for _, p := range parts {
			if o, ok := p.(obj); ok && o["functionResponse"] != nil {
				return true
			}
		}
	}
	return false
}

func (x *exchange) generateContent(streamed bool) {
	n := cmp.Or(x.in.GenerationConfig.CandidateCount, 1)
	tokens, cut := x.tokens(x.in.GenerationConfig.MaxOutputTokens)
	usage := x.usage(n, tokens)
	g := &generation{exchange: x, n: n, tokens: tokens, usage: usage, reason: "STOP"}
	if cut {
		g.reason = "MAX_TOKENS"
	}
	g.tool = len(x.in.Tools) > 0 && !x.order.noTools && !x.geminiToolResult()
	if streamed {
		g.streamed()
		return
	}
	part := obj{"text": words(tokens)}
	if g.tool {
		part = obj{"functionCall": obj{"name": toolName, "args": obj{"city": "Paris"}}}
	}
	x.json(g.chunk([]obj{part}, g.reason, n*tokens), usage, n*tokens, words(tokens))
}

// A generation is an answer of generateContent or streamGenerateContent.
type generation struct {
	*exchange
	n, tokens int64
	usage     price.Usage
	reason    string
	tool      bool
	out       *stream
	array     bool // a JSON array instead of events
}

// chunk returns an answer or a piece of one. reason is "" before the end, and
// output the number of tokens so far.
func (g *generation) chunk(parts []obj, reason string, output int64) obj {
	var candidates []obj
	for i := range g.n {
		c := obj{"content": obj{"role": "model", "parts": parts}, "index": i}
		if reason != "" {
			c["finishReason"] = reason
		}
		candidates = append(candidates, c)
	}
	body := obj{"candidates": candidates, "modelVersion": g.in.Model, "responseId": "resp_fake", "usageMetadata": geminiUsage(g.usage, output)}
	if g.order.noUsage {
		delete(body, "usageMetadata")
	}
	return body
}

// streamed sends events after ?alt=sse, and a JSON array without it. Every piece
// reports the usage so far.
func (g *generation) streamed() {
	g.array = g.r.URL.Query().Get("alt") != "sse"
	contentType := "text/event-stream"
	if g.array {
		contentType = "application/json"
	}
	g.out = g.stream(contentType)
	for k := range g.tokens {
		if g.out.fails() {
			g.piece(k == 0, g.vendor.problem(500), 0, "")
			g.close()
			return
		}
		last := k == g.tokens-1
		reason := ""
		if last {
			reason = g.reason
			g.reported(g.usage)
		}
		part := obj{"text": word(k)}
		if g.tool && last {
			part = obj{"functionCall": obj{"name": toolName, "args": obj{"city": "Paris"}}}
		}
		g.piece(k == 0, g.chunk([]obj{part}, reason, g.n*(k+1)), g.n, word(k))
	}
	g.close()
}

func (g *generation) piece(first bool, body obj, tokens int64, text string) {
	switch {
	case !g.array:
		g.out.raw("data: "+string(encode(body))+"\r\n\r\n", tokens, text)
	case first:
		g.out.raw("["+string(encode(body)), tokens, text)
	default:
		g.out.raw("\n,\r\n"+string(encode(body)), tokens, text)
	}
}

func (g *generation) close() {
	if g.array {
		g.out.raw("\n]\n", 0, "")
	}
	g.out.end()
}

// geminiModels is GET /v1beta/models.
func geminiModels(x *exchange) {
	x.json(obj{"models": []obj{{"name": "models/gemini-2.5-flash", "displayName": "Gemini 2.5 Flash", "supportedGenerationMethods": []string{"generateContent"}}}}, price.Usage{}, 0, "")
}

// methodOf splits "gemini-2.5-flash:generateContent".
func methodOf(modelAndMethod string) (model, method string) {
	model, method, _ = strings.Cut(modelAndMethod, ":")
	return model, method
}
