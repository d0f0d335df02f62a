package gateway

import (
	"strings"

	"github.com/latchkey-api/latchkey/shared/price"
)

// A geminiAnswer reads the answers of Gemini's API. A stream has no last event:
// it ends after the events in which the candidates finish.
// https://ai.google.dev/api/generate-content
type geminiAnswer struct {
	choices int64 // candidates that the request asks for
	state   progress
	counts  counts

	candidate struct {
		finished bool
		index    int64
	}
	candidates map[int64]bool // that have finished
	head       geminiHead
}

// A geminiHead is what the events of one stream have in common.
type geminiHead struct{ model, responseID string }

func (a *geminiAnswer) progress() *progress { return &a.state }

func (a *geminiAnswer) usage() price.Usage { return a.counts.geminiUsage() }

func (a *geminiAnswer) value(rawPath []byte, v jsonValue) {
	path := string(rawPath)
	if name, found := member(path, "usageMetadata."); found {
		a.counts.geminiCount(name, v)
		return
	}
	if name, found := member(path, "candidates[].content.parts[]."); found {
		a.partValue(name, v)
		return
	}
	switch path {
	case "candidates[]":
		a.endCandidate()
	case "candidates[].index":
		a.candidate.index = v.count()
	case "candidates[].finishReason":
		a.candidate.finished = v.kind == jsonString
	case "promptFeedback.blockReason":
		a.state.finished = a.state.finished || v.kind == jsonString
	case "error":
		a.state.failed = a.state.failed || v.kind == jsonObject
	case "modelVersion":
		a.head.model = v.string()
	case "responseId":
		a.head.responseID = v.string()
	}
}

// partValue reads a value of a part of the content.
func (a *geminiAnswer) partValue(name string, v jsonValue) {
	switch {
	case name == "inlineData.data":
		a.state.delivered.addPayload(v)
	case name == "inlineData.mimeType":
		if strings.HasPrefix(v.string(), "image/") {
			a.state.delivered.images++
		}
	case name == "text" || name == "executableCode.code" || name == "codeExecutionResult.output",
		strings.HasPrefix(name, "functionCall.") && name != "functionCall.id":
		a.state.delivered.addText(v)
	}
}

func (a *geminiAnswer) endCandidate() {
	if a.candidate.finished && int64(len(a.candidates)) < a.choices {
		if a.candidates == nil {
			a.candidates = map[int64]bool{}
		}
		a.candidates[a.candidate.index] = true
	}
	a.candidate.finished, a.candidate.index = false, 0
}

func (a *geminiAnswer) endText() {
	a.endCandidate()
	a.state.reported = a.counts.anyTokens()
	a.state.finished = a.state.finished || int64(len(a.candidates)) >= a.choices
	a.state.ended = a.state.ended || a.state.failed
}
