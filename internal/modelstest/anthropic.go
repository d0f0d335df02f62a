package modelstest

import "github.com/latchkey-api/latchkey/shared/price"

// anthropicUsage returns usage in Anthropic's form, with this many tokens of
// output so far.
func anthropicUsage(u price.Usage, output int64) obj {
	return obj{
		"input_tokens": u.InputTokens, "cache_read_input_tokens": u.CacheReadTokens,
		"cache_creation_input_tokens": u.CacheWriteTokens + u.CacheWrite1hTokens,
		"cache_creation": obj{
			"ephemeral_5m_input_tokens": u.CacheWriteTokens, "ephemeral_1h_input_tokens": u.CacheWrite1hTokens,
		},
		"output_tokens": output, "service_tier": "standard",
	}
}

// messages is POST /v1/messages.
func messages(x *exchange) {
	tokens, cut := x.tokens(x.in.MaxTokens)
	usage := x.usage(1, tokens)
	usage.ReasoningTokens = 0 // Anthropic does not tell thinking from other output
	reason := "end_turn"
	if cut {
		reason = "max_tokens"
	}
	var blocks []obj
	if x.order.reasoning > 0 {
		blocks = append(blocks, obj{"type": "thinking", "thinking": words(x.order.reasoning), "signature": "c2lnbmF0dXJl"})
	}
	if len(x.in.Tools) > 0 && !x.order.noTools && !x.anthropicToolResult() {
		reason = "tool_use"
		blocks = append(blocks, obj{"type": "tool_use", "id": "toolu_fake", "name": toolName, "input": obj{"city": "Paris"}})
	} else {
		blocks = append(blocks, obj{"type": "text", "text": words(tokens)})
	}
	message := obj{
		"id": "msg_fake", "type": "message", "role": "assistant", "model": x.in.Model, "content": blocks,
		"stop_reason": reason, "stop_sequence": nil, "usage": anthropicUsage(usage, usage.OutputTokens),
	}
	if !x.in.Stream {
		x.json(message, usage, tokens+x.order.reasoning, words(tokens))
		return
	}
	s := &messageStream{x.stream("text/event-stream"), tokens}
	s.send(message, blocks, reason, usage)
}

// anthropicToolResult reports whether the request has the result of a tool.
func (x *exchange) anthropicToolResult() bool {
	for _, m := range x.in.Messages {
		parts, _ := m["content"].([]any) // or a string
		for _, p := range parts {
			if o, ok := p.(obj); ok && o["type"] == "tool_result" {
				return true
			}
		}
	}
	return false
}

type messageStream struct {
	*stream
	tokens int64
}

func (s *messageStream) event(name string, data obj, tokens int64, text string) {
	data["type"] = name
	s.stream.send(name, data, tokens, text)
}

// failure reports an error in the stream.
func (s *messageStream) failure() {
	s.event("error", obj{"error": obj{"type": "overloaded_error", "message": "Overloaded"}}, 0, "")
	s.end()
}

// send streams a message. The usage in message_delta is cumulative.
func (s *messageStream) send(message obj, blocks []obj, reason string, usage price.Usage) {
	if s.order.errorIn200 {
		s.failure()
		return
	}
	message["content"], message["stop_reason"] = []any{}, nil
	message["usage"] = anthropicUsage(usage, 1)
	if s.order.noUsage {
		delete(message, "usage")
	}
	s.event("message_start", obj{"message": message}, 0, "")
	s.event("ping", obj{}, 0, "")
	for i, block := range blocks {
		if !s.block(i, block) {
			s.failure()
			return
		}
	}
	s.reported(usage)
	delta := obj{"delta": obj{"stop_reason": reason, "stop_sequence": nil}, "usage": obj{"output_tokens": usage.OutputTokens}}
	if s.order.noUsage {
		delete(delta, "usage")
	}
	s.event("message_delta", delta, 0, "")
	s.event("message_stop", obj{}, 0, "")
	s.end()
}

// block streams one content block. It returns false if the order is to fail.
func (s *messageStream) block(i int, block obj) bool {
	opened := obj{"type": block["type"]}
	kind, _ := block["type"].(string)
	count, deltaType, field := s.tokens, "text_delta", "text"
	piece := word
	switch kind {
	case "text":
		opened["text"] = ""
	case "thinking":
		opened["thinking"], opened["signature"] = "", ""
		count, deltaType, field = s.order.reasoning, "thinking_delta", "thinking"
	case "tool_use":
		opened["id"], opened["name"], opened["input"] = block["id"], block["name"], obj{}
		deltaType, field = "input_json_delta", "partial_json"
		piece = func(k int64) string { return toolPiece(k, count) }
	}
	s.event("content_block_start", obj{"index": i, "content_block": opened}, 0, "")
	for k := range count {
		if s.fails() {
			return false
		}
		s.event("content_block_delta", obj{"index": i, "delta": obj{"type": deltaType, field: piece(k)}}, 1, piece(k))
	}
	if kind == "thinking" {
		s.event("content_block_delta", obj{"index": i, "delta": obj{"type": "signature_delta", "signature": block["signature"]}}, 0, "")
	}
	s.event("content_block_stop", obj{"index": i}, 0, "")
	return true
}

// countMessage is POST /v1/messages/count_tokens, which is free.
func countMessage(x *exchange) { x.json(obj{"input_tokens": x.order.input}, price.Usage{}, 0, "") }
