package gateway

import "bytes"

// withoutInjected returns an event as the upstream would have sent it without
// stream_options.include_usage: OpenAI adds a chunk with the usage, and the
// member "usage":null to the others.
// https://platform.openai.com/docs/api-reference/chat/create#chat_create-stream_options
func withoutInjected(event []byte, state *progress, r *eventReader) []byte {
	if state.extra {
		return nil
	}
	from, to := r.dataAt+state.nullUsage[0], r.dataAt+state.nullUsage[1]
	if state.nullUsage == [2]int{} || r.dataLines != 1 || to > len(event) {
		return event
	}
	before, after := bytes.TrimRight(event[:from], " \t"), bytes.TrimLeft(event[to:], " \t")
	switch {
	case bytes.HasSuffix(before, []byte(",")):
		before = before[:len(before)-1]
	case bytes.HasPrefix(after, []byte(",")):
		after = bytes.TrimLeft(after[1:], " \t")
	}
	return append(bytes.Clone(before), after...)
}
