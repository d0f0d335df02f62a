package gateway

import (
	"strings"

	"github.com/latchkey-api/latchkey/shared/price"
)

// An anthropicAnswer reads the answers of Anthropic's Messages API.
// https://docs.claude.com/en/docs/build-with-claude/streaming
type anthropicAnswer struct {
	state     progress
	counts    counts
	iteration counts // the sum of the usage object's iterations

	kind    string // the member `type` of the text
	index   int64  // the member `index` of the text
	block   int64  // index of the newest content block
	inBlock bool   // it has not ended
}

func (a *anthropicAnswer) progress() *progress { return &a.state }

func (a *anthropicAnswer) usage() price.Usage { return a.counts.anthropicUsage() }

func (a *anthropicAnswer) value(rawPath []byte, v jsonValue) {
	path := string(rawPath)
	if name, found := member(path, "usage.", "message.usage."); found {
		a.usageValue(name, v)
		return
	}
	if name, found := member(path, "delta.", "content_block.", "content[]."); found {
		a.contentValue(name, v)
		return
	}
	switch path {
	case "type":
		a.kind = v.string()
	case "index":
		a.index = v.count()
	case "error":
		a.state.failed = a.state.failed || v.kind == jsonObject
	}
}

// contentValue reads a value of a content block.
func (a *anthropicAnswer) contentValue(name string, v jsonValue) {
	switch {
	case name == "stop_reason":
		a.state.finished = a.state.finished || v.kind == jsonString
	case name == "text" || name == "thinking" || name == "partial_json" || name == "data",
		strings.HasPrefix(name, "input."):
		a.state.delivered.addText(v)
	}
}

// usageValue reads a value of a usage object.
func (a *anthropicAnswer) usageValue(name string, v jsonValue) {
	iteration, found := strings.CutPrefix(name, "iterations")
	if !found {
		a.counts.anthropicCount(name, v)
		return
	}
	if iteration == "" {
		a.iteration = counts{}
		return
	}
	var one counts
	one.anthropicCount(strings.TrimPrefix(iteration, "[]."), v)
	a.iteration = a.iteration.plus(one)
	a.counts = a.counts.max(a.iteration)
}

func (a *anthropicAnswer) endText() {
	a.state.reported = a.counts.anyTokens()
	switch a.kind {
	case "content_block_start":
		a.block, a.inBlock = a.index, true
	case "content_block_stop":
		a.inBlock = false
	case "message_stop":
		a.state.ended = true
	case "error":
		a.state.failed = true
	}
	a.state.ended = a.state.ended || a.state.failed
	a.kind, a.index = "", 0
}
