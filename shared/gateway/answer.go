package gateway

import (
	"strings"

	"github.com/latchkey-api/latchkey/shared/price"
)

// An answerReader reads the answers of one API: plain ones, and each event of
// streamed ones. It is fed with the values of each JSON text.
type answerReader interface {
	// value receives a value of the text, as jsonReader.visit does.
	value(path []byte, v jsonValue)

	// endText is called when a text has ended: an event, an element of
	// Gemini's array, or the whole answer.
	endText()

	// progress returns what has been read so far.
	progress() *progress

	// usage returns the usage that the texts have reported so far.
	usage() price.Usage

	// cutOff returns the events that end a stream before the model has ended
	// it, as if the model's limit of output tokens was reached.
	cutOff(c cutOff) []byte
}

// A cutOff describes a stream that is ended early.
type cutOff struct {
	usage     price.Usage // that is charged
	inArray   bool        // the stream is a JSON array, as Gemini's can be
	asksUsage bool        // the client of OpenAI's API has asked for the usage
}

// newAnswerReader returns a reader for the answers of an API.
func newAnswerReader(s shape, choices int64) answerReader {
	switch s {
	case shapeAnthropic:
		return new(anthropicAnswer)
	case shapeGemini:
		return &geminiAnswer{choices: max(1, choices)}
	case shapeOpenAI:
	}
	return &openAIAnswer{choices: max(1, choices)}
}

// progress is what has been read of an answer, apart from the upstream's own
// count.
type progress struct {
	delivered delivery
	other     delivery // that is not in the form of the API
	reported  bool     // a usage in tokens was read
	finished  bool     // nothing but usage follows
	ended     bool     // nothing follows
	failed    bool     // the answer reports an error
	extra     bool     // the last text is the chunk that include_usage adds
	// nullUsage is where the last text has the member "usage":null, as
	// offsets in the data; both are 0 if it has none.
	nullUsage [2]int
}

// total returns everything that was delivered.
func (p *progress) total() delivery {
	return delivery{
		p.delivered.textBytes + p.other.textBytes, p.delivered.textDeltas + p.other.textDeltas,
		p.delivered.payloadBytes + p.other.payloadBytes, p.delivered.images,
	}
}

// A delivery counts what an answer has delivered to the client.
type delivery struct {
	textBytes    int64 // of text, reasoning, refusals and arguments of tools
	textDeltas   int64 // pieces of it
	payloadBytes int64 // of images and audio, mostly in base64
	images       int64 // images made
}

// Estimates of tokens that the upstream has not counted.
const (
	// textBytesPerToken is OpenAI's rule of thumb for English text.
	// https://help.openai.com/en/articles/4936856
	textBytesPerToken = 4

	// payloadBytesPerToken is one second of speech in Opus at 32 kbit/s, in
	// base64, as 21 tokens (OpenAI counts 20 for a second that it speaks), and
	// a picture of 1 MB as 5,200 (OpenAI counts 4,160 for one of high quality).
	payloadBytesPerToken = 256

	// maxTextBytesPerToken is more than any text has on average: a longer text
	// shows that the upstream has not counted it.
	maxTextBytesPerToken = 64
)

// tokens estimates the output tokens. A piece of text is at least one token,
// as models write them one by one.
func (d delivery) tokens() int64 {
	text := max(d.textDeltas, (d.textBytes+textBytesPerToken-1)/textBytesPerToken)
	return text + (d.payloadBytes+payloadBytesPerToken-1)/payloadBytesPerToken
}

// any reports whether anything was delivered.
func (d delivery) any() bool { return d.textBytes+d.payloadBytes+d.images > 0 }

// addText counts a string of text.
func (d *delivery) addText(v jsonValue) {
	if v.kind != jsonString && v.kind != jsonPart {
		return
	}
	d.textBytes += v.size
	if v.kind == jsonString && len(v.text) > 0 {
		d.textDeltas++
	}
}

// addOutput counts a string of an output that may have members of any name.
// Those that say what the output is are not counted.
func (d *delivery) addOutput(name string, v jsonValue) {
	switch name {
	case "role", "id", "type", "name", "object", "status", "call_id", "index", "format", "title", "signature":
	case "data", "result", "b64_json":
		d.addPayload(v)
	case "url":
		if strings.HasPrefix(string(v.text), "data:") { // an image; others are citations
			d.addPayload(v)
		}
	default:
		d.addText(v)
	}
}

// addImage counts an image.
func (d *delivery) addImage(v jsonValue) {
	if v.kind == jsonString {
		d.images++
	}
}

// max returns the larger of each number.
func (d delivery) max(other delivery) delivery {
	return delivery{
		max(d.textBytes, other.textBytes), max(d.textDeltas, other.textDeltas),
		max(d.payloadBytes, other.payloadBytes), max(d.images, other.images),
	}
}

// addPayload counts a string with an image or audio.
func (d *delivery) addPayload(v jsonValue) {
	if v.kind == jsonString || v.kind == jsonPart {
		d.payloadBytes += v.size
	}
}

// usageOf returns what an answer has used. input is the estimate of the
// request's input. complete reports whether the answer has reached its end.
//
// A complete answer has used what it reports. For other answers, each kind is
// the larger of what was reported and what was delivered; the reports that come
// with the beginning of a stream are only the beginning.
func usageOf(r answerReader, input price.Usage, complete bool) (u price.Usage, reported bool) {
	p := r.progress()
	delivered := p.total()
	u = r.usage()
	u.Images = delivered.images
	if inputOf(u) == 0 && (!p.reported || !complete) {
		if u.AudioSeconds > 0 {
			input.AudioSeconds = 0 // reported
		}
		input.OutputTokens, input.ReasoningTokens, input.Images = 0, 0, 0 // asked for, and perhaps not delivered
		u = u.Max(input)
	}
	credible := (delivered.textBytes+maxTextBytesPerToken-1)/maxTextBytesPerToken <= u.OutputTokens
	if !p.reported || !complete || !credible {
		u.OutputTokens = max(u.OutputTokens, delivered.tokens())
	}
	return u, p.reported && complete && credible
}

// inputOf returns all input tokens of a usage.
func inputOf(u price.Usage) int64 {
	return u.InputTokens + u.CacheReadTokens + u.CacheWriteTokens + u.CacheWrite1hTokens
}
