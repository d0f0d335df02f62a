package gateway

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/latchkey-api/latchkey/shared/price"
)

// cutOff ends the choices that have not finished, as OpenAI's APIs do at the
// limit of output tokens.
func (a *openAIAnswer) cutOff(c cutOff) []byte {
	switch {
	case a.head.responses:
		return a.cutOffResponse(c.usage)
	case a.head.Object == "":
		return []byte("data: [DONE]\n\n") // audio and images have no reason to name
	}
	type choice struct {
		Index        int64     `json:"index"`
		Delta        *struct{} `json:"delta,omitempty"`
		Text         *string   `json:"text,omitempty"`
		Logprobs     any       `json:"logprobs"`
		FinishReason string    `json:"finish_reason"`
	}
	type usage struct {
		PromptTokens     int64 `json:"prompt_tokens"`
		CompletionTokens int64 `json:"completion_tokens"`
		TotalTokens      int64 `json:"total_tokens"`
	}
	type chunk struct {
		ID      string      `json:"id"`
		Object  string      `json:"object"`
		Created json.Number `json:"created,omitempty"`
		Model   string      `json:"model"`
		Choices []choice    `json:"choices"`
		Usage   *usage      `json:"usage,omitempty"`
	}
	var out bytes.Buffer
	for index := range min(a.choices, maxCutOffChoices) {
		if a.finishedChoices[index] {
			continue
		}
		end := choice{Index: index, Delta: new(struct{}), FinishReason: "length"}
		if a.head.Object == "text_completion" {
			end.Delta, end.Text = nil, new(string)
		}
		writeEvent(&out, "", chunk{a.head.ID, a.head.Object, a.head.Created, a.head.Model, []choice{end}, nil})
	}
	if c.asksUsage {
		input := inputOf(c.usage)
		total := &usage{input, c.usage.OutputTokens, input + c.usage.OutputTokens}
		writeEvent(&out, "", chunk{a.head.ID, a.head.Object, a.head.Created, a.head.Model, []choice{}, total})
	}
	out.WriteString("data: [DONE]\n\n")
	return out.Bytes()
}

// maxCutOffChoices is the most choices that OpenAI makes for one request.
const maxCutOffChoices = 128

func (a *openAIAnswer) cutOffResponse(u price.Usage) []byte {
	type usage struct {
		InputTokens  int64 `json:"input_tokens"`
		OutputTokens int64 `json:"output_tokens"`
		TotalTokens  int64 `json:"total_tokens"`
	}
	type response struct {
		ID         string      `json:"id"`
		Object     string      `json:"object"`
		CreatedAt  json.Number `json:"created_at,omitempty"`
		Status     string      `json:"status"`
		Error      any         `json:"error"`
		Incomplete struct {
			Reason string `json:"reason"`
		} `json:"incomplete_details"`
		Model             string `json:"model"`
		Output            []any  `json:"output"`
		ParallelToolCalls bool   `json:"parallel_tool_calls"`
		ToolChoice        string `json:"tool_choice"`
		Tools             []any  `json:"tools"`
		Usage             usage  `json:"usage"`
	}
	r := response{
		ID: a.head.ID, Object: "response", CreatedAt: a.head.Created, Status: "incomplete", Model: a.head.Model,
		Output: []any{}, ToolChoice: "auto", Tools: []any{},
		Usage: usage{inputOf(u), u.OutputTokens, inputOf(u) + u.OutputTokens},
	}
	r.Incomplete.Reason = "max_output_tokens"
	var out bytes.Buffer
	writeEvent(&out, "response.incomplete", struct {
		Type     string   `json:"type"`
		Sequence int64    `json:"sequence_number"`
		Response response `json:"response"`
	}{"response.incomplete", a.head.sequence + 1, r})
	return out.Bytes()
}

// cutOff ends the content block and the message with stop_reason max_tokens.
func (a *anthropicAnswer) cutOff(c cutOff) []byte {
	var out bytes.Buffer
	if a.inBlock {
		writeEvent(&out, "content_block_stop", struct {
			Type  string `json:"type"`
			Index int64  `json:"index"`
		}{"content_block_stop", a.block})
	}
	type delta struct {
		StopReason   string  `json:"stop_reason"`
		StopSequence *string `json:"stop_sequence"`
	}
	type usage struct {
		OutputTokens int64 `json:"output_tokens"`
	}
	writeEvent(&out, "message_delta", struct {
		Type  string `json:"type"`
		Delta delta  `json:"delta"`
		Usage usage  `json:"usage"`
	}{"message_delta", delta{StopReason: "max_tokens"}, usage{c.usage.OutputTokens}})
	writeEvent(&out, "message_stop", struct {
		Type string `json:"type"`
	}{"message_stop"})
	return out.Bytes()
}

// cutOff ends the candidates that have not finished with finishReason
// MAX_TOKENS.
func (a *geminiAnswer) cutOff(c cutOff) []byte {
	u := c.usage
	type candidate struct {
		Content struct {
			Parts []struct {
				Text string `json:"text"`
			} `json:"parts"`
			Role string `json:"role"`
		} `json:"content"`
		FinishReason string `json:"finishReason"`
		Index        int64  `json:"index"`
	}
	type usage struct {
		Prompt     int64 `json:"promptTokenCount"`
		Candidates int64 `json:"candidatesTokenCount"`
		Total      int64 `json:"totalTokenCount"`
	}
	var candidates []candidate
	for index := range min(a.choices, maxCutOffChoices) {
		if a.candidates[index] {
			continue
		}
		end := candidate{FinishReason: "MAX_TOKENS", Index: index}
		end.Content.Role, end.Content.Parts = "model", append(end.Content.Parts, struct {
			Text string `json:"text"`
		}{})
		candidates = append(candidates, end)
	}
	body, err := json.Marshal(struct {
		Candidates   []candidate `json:"candidates"`
		Usage        usage       `json:"usageMetadata"`
		ModelVersion string      `json:"modelVersion,omitempty"`
		ResponseID   string      `json:"responseId,omitempty"`
	}{candidates, usage{inputOf(u), u.OutputTokens, inputOf(u) + u.OutputTokens}, a.head.model, a.head.responseID})
	if err != nil {
		return nil // strings and numbers can always be encoded
	}
	if c.inArray {
		return append(append([]byte(",\r\n"), body...), ']')
	}
	return append(append([]byte("data: "), body...), "\r\n\r\n"...)
}

// writeEvent writes a server-sent event, with a name if it is not empty.
func writeEvent(out *bytes.Buffer, name string, data any) {
	body, err := json.Marshal(data)
	if err != nil {
		return // strings and numbers can always be encoded
	}
	if name != "" {
		fmt.Fprintf(out, "event: %s\n", name)
	}
	fmt.Fprintf(out, "data: %s\n\n", body)
}
