package modelstest

import (
	"cmp"

	"github.com/latchkey-api/latchkey/shared/price"
)

// created is the time of every answer, a Unix second.
const created = 1_767_225_600

// wantsTool reports whether the answer calls a tool: the request has tools and
// no result of one.
func (x *exchange) wantsTool() bool {
	if len(x.in.Tools) == 0 || x.order.noTools {
		return false
	}
	for _, m := range x.in.Messages {
		if m["role"] == "tool" {
			return false
		}
	}
	return true
}

const (
	toolName = "get_weather"
	toolArgs = `{"city":"Paris"}`
)

// chatUsage returns usage in the form of chat completions and completions.
func chatUsage(u price.Usage) obj {
	input := u.InputTokens + u.CacheReadTokens
	return obj{
		"prompt_tokens": input, "completion_tokens": u.OutputTokens, "total_tokens": input + u.OutputTokens,
		"prompt_tokens_details": obj{"cached_tokens": u.CacheReadTokens, "audio_tokens": 0},
		"completion_tokens_details": obj{
			"reasoning_tokens": u.ReasoningTokens, "audio_tokens": 0,
			"accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0,
		},
	}
}

// chat is POST /v1/chat/completions.
func chat(x *exchange) {
	n := cmp.Or(x.in.N, 1)
	tokens, cut := x.tokens(cmp.Or(x.in.MaxCompletion, x.in.MaxTokens))
	usage := x.usage(n, tokens)
	reason := "stop"
	if cut {
		reason = "length"
	}
	tool := x.wantsTool()
	if tool {
		reason = "tool_calls"
	}
	if x.in.Stream {
		x.streamChat(n, tokens, tool, reason, usage)
		return
	}
	var choices []obj
	for i := range n {
		message := obj{"role": "assistant", "content": words(tokens), "refusal": nil, "annotations": []any{}}
		if tool {
			message["content"] = nil
			message["tool_calls"] = []obj{{"id": "call_fake", "type": "function", "function": obj{"name": toolName, "arguments": toolArgs}}}
		}
		choices = append(choices, obj{"index": i, "message": message, "logprobs": nil, "finish_reason": reason})
	}
	x.json(obj{
		"id": "chatcmpl-fake", "object": "chat.completion", "created": created, "model": x.in.Model, "choices": choices,
		"usage": chatUsage(usage), "service_tier": "default", "system_fingerprint": "fp_fake",
	}, usage, n*tokens, words(tokens))
}

// A chatStream is a streamed chat completion or completion.
type chatStream struct {
	*stream
	head obj // the fields of every chunk
}

// chunk sends a chunk with one choice, or without choices if choice is nil.
func (s chatStream) chunk(choice obj, usage any, tokens int64, text string) {
	body := obj{"choices": []obj{}}
	for k, v := range s.head {
		body[k] = v
	}
	if choice != nil {
		body["choices"] = []obj{choice}
	}
	if s.in.StreamOptions.IncludeUsage && !s.order.noUsage {
		body["usage"] = usage // null in each chunk but the last
	}
	s.send("", body, tokens, text)
}

// delta sends a piece of a choice's message.
func (s chatStream) delta(i int64, delta obj, reason any, tokens int64, text string) {
	s.chunk(obj{"index": i, "delta": delta, "logprobs": nil, "finish_reason": reason}, nil, tokens, text)
}

// finish sends the usage, if it was asked for, and the end.
func (s chatStream) finish(usage price.Usage) {
	s.reported(usage)
	if s.in.StreamOptions.IncludeUsage && !s.order.noUsage {
		s.chunk(nil, chatUsage(usage), 0, "")
	}
	s.done()
}

func (s chatStream) done() {
	s.raw("data: [DONE]\n\n", 0, "")
	s.end()
}

func (x *exchange) streamChat(n, tokens int64, tool bool, reason string, usage price.Usage) {
	s := chatStream{x.stream("text/event-stream"), obj{
		"id": "chatcmpl-fake", "object": "chat.completion.chunk", "created": created, "model": x.in.Model,
		"service_tier": "default", "system_fingerprint": "fp_fake",
	}}
	if s.order.errorIn200 {
		s.failChat()
		return
	}
	for i := range n {
		s.delta(i, obj{"role": "assistant", "content": "", "refusal": nil}, nil, 0, "")
	}
	for k := range tokens {
		for i := range n {
			if s.fails() {
				s.failChat()
				return
			}
			if tool {
				s.toolDelta(i, k, tokens)
				continue
			}
			s.delta(i, obj{"content": word(k)}, nil, 1, word(k))
		}
	}
	for i := range n {
		s.delta(i, obj{}, reason, 0, "")
	}
	s.finish(usage)
}

// toolDelta sends piece k of a tool call.
func (s chatStream) toolDelta(i, k, pieces int64) {
	call := obj{"index": 0, "function": obj{"arguments": toolPiece(k, pieces)}}
	if k == 0 {
		call["id"], call["type"] = "call_fake", "function"
		call["function"] = obj{"name": toolName, "arguments": toolPiece(k, pieces)}
	}
	s.delta(i, obj{"tool_calls": []obj{call}}, nil, 1, toolPiece(k, pieces))
}

// failChat reports an error in the stream, which then ends without [DONE].
func (s chatStream) failChat() {
	s.raw("data: "+string(encode(s.vendor.problem(500)))+"\n\n", 0, "")
	s.end()
}

// toolPiece returns piece k of n of a tool call's arguments.
func toolPiece(k, n int64) string {
	const size = int64(len(toolArgs))
	return toolArgs[size*k/n : size*(k+1)/n]
}

// completions is POST /v1/completions.
func completions(x *exchange) {
	n := cmp.Or(x.in.N, 1)
	if prompts, ok := x.in.Prompt.([]any); ok {
		if _, text := prompts[0].(string); text {
			n *= int64(len(prompts))
		}
	}
	tokens, _ := x.tokens(cmp.Or(x.in.MaxTokens, 16))
	usage := x.usage(n, tokens)
	head := obj{"id": "cmpl-fake", "object": "text_completion", "created": created, "model": x.in.Model, "system_fingerprint": "fp_fake"}
	if x.in.Stream {
		s := chatStream{x.stream("text/event-stream"), head}
		for k := range tokens {
			for i := range n {
				s.chunk(obj{"index": i, "text": word(k), "logprobs": nil, "finish_reason": nil}, nil, 1, word(k))
			}
		}
		for i := range n {
			s.chunk(obj{"index": i, "text": "", "logprobs": nil, "finish_reason": "stop"}, nil, 0, "")
		}
		s.finish(usage)
		return
	}
	var choices []obj
	for i := range n {
		choices = append(choices, obj{"index": i, "text": words(tokens), "logprobs": nil, "finish_reason": "stop"})
	}
	head["choices"], head["usage"] = choices, chatUsage(usage)
	x.json(head, usage, n*tokens, words(tokens))
}
