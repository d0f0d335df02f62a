package modelstest

import "github.com/latchkey-api/latchkey/shared/price"

// responses is POST /v1/responses.
func responses(x *exchange) {
	tokens, cut := x.tokens(x.in.MaxOutput)
	usage := x.usage(1, tokens)
	s := responseStream{exchange: x, usage: usage, tokens: tokens, cut: cut}
	if tool := len(x.in.Tools) > 0 && !x.order.noTools && !hasToolResult(x.in.Input); tool {
		s.item = obj{"id": "fc_fake", "type": "function_call", "status": "completed", "call_id": "call_fake", "name": toolName, "arguments": toolArgs}
	} else {
		s.item = obj{"id": "msg_fake", "type": "message", "status": "completed", "role": "assistant", "content": []obj{textPart(words(tokens))}}
	}
	switch {
	case !x.in.Stream && x.order.errorIn200:
		failed := s.response("failed")
		x.order.errorIn200 = false // this object is the error
		x.json(failed, price.Usage{}, 0, "")
	case !x.in.Stream:
		x.json(s.response(s.status()), usage, tokens, words(tokens))
	default:
		s.send()
	}
}

func textPart(text string) obj {
	return obj{"type": "output_text", "text": text, "annotations": []any{}, "logprobs": []any{}}
}

// hasToolResult reports whether a request's input has the result of a tool.
func hasToolResult(input any) bool {
	items, _ := input.([]any) // or a string
	for _, item := range items {
		if o, ok := item.(obj); ok && o["type"] == "function_call_output" {
			return true
		}
	}
	return false
}

// A responseStream is a response, plain or streamed.
type responseStream struct {
	*exchange
	out    *stream
	number int64
	usage  price.Usage
	tokens int64
	cut    bool
	item   obj
}

func (s *responseStream) status() string {
	if s.cut {
		return "incomplete"
	}
	return "completed"
}

// response returns the object of a response with a status.
func (s *responseStream) response(status string) obj {
	r := obj{
		"id": "resp_fake", "object": "response", "created_at": created, "status": status, "model": s.in.Model, "error": nil,
		"incomplete_details": nil, "instructions": nil, "max_output_tokens": nil, "metadata": obj{}, "output": []obj{},
		"parallel_tool_calls": true, "previous_response_id": nil, "reasoning": obj{"effort": nil, "summary": nil}, "store": true,
		"temperature": 1.0, "text": obj{"format": obj{"type": "text"}}, "tool_choice": "auto", "tools": []any{}, "top_p": 1.0,
		"truncation": "disabled", "usage": nil, "user": nil,
	}
	switch status {
	case "failed":
		r["error"] = obj{"code": "server_error", "message": "upstream: server_error"}
	case "incomplete":
		r["incomplete_details"] = obj{"reason": "max_output_tokens"}
	}
	if status == "completed" || status == "incomplete" {
		r["output"] = []obj{s.item}
		input := s.usage.InputTokens + s.usage.CacheReadTokens
		r["usage"] = obj{
			"input_tokens": input, "input_tokens_details": obj{"cached_tokens": s.usage.CacheReadTokens},
			"output_tokens": s.usage.OutputTokens, "output_tokens_details": obj{"reasoning_tokens": s.usage.ReasoningTokens},
			"total_tokens": input + s.usage.OutputTokens,
		}
		if s.order.noUsage {
			r["usage"] = nil
		}
	}
	return r
}

// event sends one event, which has its name also in its data.
func (s *responseStream) event(name string, data obj, tokens int64, text string) {
	data["type"], data["sequence_number"] = name, s.number
	s.number++
	s.out.send(name, data, tokens, text)
}

// send streams the response.
func (s *responseStream) send() {
	s.out = s.stream("text/event-stream")
	s.event("response.created", obj{"response": s.response("in_progress")}, 0, "")
	s.event("response.in_progress", obj{"response": s.response("in_progress")}, 0, "")
	if s.order.errorIn200 {
		s.event("response.failed", obj{"response": s.response("failed")}, 0, "")
		s.out.end()
		return
	}
	opened := obj{}
	for k, v := range s.item {
		opened[k] = v
	}
	opened["status"] = "in_progress"
	sent := s.text
	if s.item["type"] == "function_call" {
		opened["arguments"] = ""
		sent = s.call
	} else {
		opened["content"] = []obj{}
	}
	s.event("response.output_item.added", obj{"output_index": 0, "item": opened}, 0, "")
	if !sent() {
		s.event("response.failed", obj{"response": s.response("failed")}, 0, "")
		s.out.end()
		return
	}
	s.event("response.output_item.done", obj{"output_index": 0, "item": s.item}, 0, "")
	s.reported(s.usage)
	s.event("response."+s.status(), obj{"response": s.response(s.status())}, 0, "")
	s.out.end()
}

// at returns the fields that say where a piece belongs.
func (s *responseStream) at(more obj) obj {
	more["item_id"], more["output_index"] = s.item["id"], 0
	return more
}

// text sends a message. It returns false if the order is to fail.
func (s *responseStream) text() bool {
	s.event("response.content_part.added", s.at(obj{"content_index": 0, "part": textPart("")}), 0, "")
	for k := range s.tokens {
		if s.out.fails() {
			return false
		}
		s.event("response.output_text.delta", s.at(obj{"content_index": 0, "delta": word(k), "logprobs": []any{}}), 1, word(k))
	}
	s.event("response.output_text.done", s.at(obj{"content_index": 0, "text": words(s.tokens), "logprobs": []any{}}), 0, "")
	s.event("response.content_part.done", s.at(obj{"content_index": 0, "part": textPart(words(s.tokens))}), 0, "")
	return true
}

// call sends a tool call.
func (s *responseStream) call() bool {
	for k := range s.tokens {
		piece := toolPiece(k, s.tokens)
		s.event("response.function_call_arguments.delta", s.at(obj{"delta": piece}), 1, piece)
	}
	s.event("response.function_call_arguments.done", s.at(obj{"arguments": toolArgs, "name": toolName}), 0, "")
	return true
}
