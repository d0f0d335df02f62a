package gateway

import (
	"encoding/json"
	"strings"

	"github.com/latchkey-api/latchkey/shared/price"
)

// An openAIAnswer reads the answers of OpenAI's APIs.
// https://platform.openai.com/docs/api-reference
type openAIAnswer struct {
	choices int64 // that the request asks for
	state   progress
	counts  counts

	// The same text may arrive in pieces, then with its item, and then with the
	// whole response.
	pieces, items, whole delivery

	finishedChoices map[int64]bool
	head            openAIHead
	kind            string // the member `type` of the text
	choice          struct {
		any, finished bool
		index         int64
	}
	hasChoices bool // the text has the member `choices`
	hasUsage   bool // the text has a usage object
}

// An openAIHead is what the events of one stream have in common.
type openAIHead struct {
	ID, Object, Model string
	Created           json.Number
	sequence          int64
	responses         bool // of the Responses API
}

func (a *openAIAnswer) progress() *progress {
	a.state.delivered = a.pieces.max(a.items).max(a.whole)
	return &a.state
}

func (a *openAIAnswer) usage() price.Usage { return a.counts.openAIUsage() }

func (a *openAIAnswer) value(rawPath []byte, v jsonValue) {
	path := string(rawPath)
	if name, found := member(path, "usage.", "response.usage."); found {
		a.counts.openAICount(name, v)
		return
	}
	if name, found := member(path, "choices[]"); found {
		a.choiceValue(name, v)
		return
	}
	if name, found := member(path, "output[].", "response.output[]."); found {
		a.whole.addOutput(lastName(name), v)
		return
	}
	if name, found := member(path, "item."); found {
		a.items.addOutput(lastName(name), v)
		return
	}
	a.rootValue(path, v)
}

// rootValue reads a value of the text itself.
func (a *openAIAnswer) rootValue(path string, v jsonValue) {
	switch path {
	case "usage":
		a.hasUsage = v.kind == jsonObject
	case "choices":
		a.hasChoices = true
	case "type":
		a.kind = v.string()
	case "delta":
		if strings.HasSuffix(a.kind, ".audio.delta") {
			a.pieces.addPayload(v)
		} else {
			a.pieces.addText(v)
		}
	case "audio", "b64_json", "partial_image_b64":
		a.pieces.addPayload(v)
	case "text":
		a.items.addText(v)
	case "data[].b64_json":
		a.pieces.addPayload(v)
		a.pieces.addImage(v)
	case "data[].url":
		a.pieces.addImage(v)
	case "duration":
		a.counts.openAICount("seconds", v)
	case "error", "response.error":
		a.state.failed = a.state.failed || v.kind == jsonObject || v.kind == jsonString
	default:
		a.headValue(path, v)
	}
}

// headValue reads what the events of one stream have in common.
func (a *openAIAnswer) headValue(path string, v jsonValue) {
	switch path {
	case "id", "response.id":
		a.head.ID = v.string()
	case "model", "response.model":
		a.head.Model = v.string()
	case "object", "response.object":
		a.head.Object = v.string()
	case "created", "response.created_at":
		if v.kind == jsonNumber {
			a.head.Created = json.Number(v.text)
		}
	case "sequence_number":
		a.head.sequence = v.count()
	}
}

// choiceValue reads a value of a choice.
func (a *openAIAnswer) choiceValue(name string, v jsonValue) {
	switch {
	case name == "":
		a.endChoice()
		a.choice.any = true
	case name == ".index":
		a.choice.index = v.count()
	case name == ".finish_reason":
		a.choice.finished = v.kind == jsonString
	case name == ".text" || strings.HasPrefix(name, ".delta.") || strings.HasPrefix(name, ".message."):
		a.pieces.addOutput(lastName(name), v)
	}
}

func (a *openAIAnswer) endChoice() {
	if a.choice.finished && int64(len(a.finishedChoices)) < a.choices {
		if a.finishedChoices == nil {
			a.finishedChoices = map[int64]bool{}
		}
		a.finishedChoices[a.choice.index] = true
	}
	a.choice.any, a.choice.finished, a.choice.index = false, false, 0
}

func (a *openAIAnswer) endText() {
	a.state.extra = a.hasChoices && a.hasUsage && !a.choice.any
	a.endChoice()
	a.state.reported = a.counts.anyTokens()
	a.head.responses = a.head.responses || strings.HasPrefix(a.kind, "response.")
	switch a.kind {
	case "response.completed", "response.incomplete", "response.failed", "response.cancelled":
		a.state.ended = true
	case "image_generation.completed", "image_edit.completed":
		a.pieces.images++
		a.state.finished = true
	case "transcript.text.done", "speech.audio.done":
		a.state.finished = true
	case "error":
		a.state.failed = true
	}
	a.state.failed = a.state.failed || a.kind == "response.failed"
	a.state.ended = a.state.ended || a.state.failed
	a.state.finished = a.state.finished || int64(len(a.finishedChoices)) >= a.choices
	a.kind, a.hasChoices, a.hasUsage = "", false, false
}
