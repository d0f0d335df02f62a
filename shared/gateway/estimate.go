package gateway

import (
	"bytes"
	"encoding/base64"
	"math/bits"
	"slices"
	"strconv"

	"github.com/latchkey-api/latchkey/shared/price"
	"github.com/latchkey-api/latchkey/shared/token"
)

// The constants of estimates. An estimate decides how much is held, and what is
// charged for the input if the upstream does not report its usage.
const (
	bytesPerToken       = 4   // of text; OpenAI's rule of thumb for English
	defaultOutputTokens = 500 // of a choice, if the request sets no limit

	imageTokens          = 1_600 // Anthropic's largest image; OpenAI counts up to 1,105 for gpt-4o, Gemini 258 for each tile
	imageOutputTokens    = 4_160 // OpenAI's gpt-image-1 in high quality, 1024 × 1024
	audioTokensPerSecond = 32    // Gemini's; OpenAI counts 10
	fileBytesPerToken    = 20    // of PDF and unknown files

	spokenBytesPerSecond   = 15 // of text
	spokenTokensPerSecond  = 20 // of audio, OpenAI
	writtenTokensPerSecond = 4  // of speech

	pcmBytesPerSecond        = 32_000 // 16,000 samples of 16 bits, as WAV files for speech have
	compressedBytesPerSecond = 4_000  // 32 kbit/s
)

// minMediaBytes is the length from which a string can be an image, audio or a
// file in base64.
const minMediaBytes = 512

// estimate returns what the request may use: its input, and the output that it
// allows.
func (b *requestBody) estimate(e endpoint) (input, output price.Usage) {
	if e.kind == kindImage {
		return b.estimateImages()
	}
	if e.kind == kindSpeech {
		return b.estimateSpeech()
	}
	if e.kind == kindTranscription {
		return b.estimateTranscription()
	}
	input.InputTokens = estimateInput(b.content)
	if e.takesLimit() {
		limit := b.maxTokens()
		if limit == 0 {
			limit = defaultOutputTokens
		}
		output.OutputTokens = multiplySaturated(limit, b.answers())
	}
	return input, output
}

func (b *requestBody) estimateImages() (input, output price.Usage) {
	input.InputTokens = tokensOfBytes(b.promptBytes) + int64(len(b.files))*imageTokens
	output.Images = b.answers()
	output.OutputTokens = multiplySaturated(output.Images, imageOutputTokens)
	return input, output
}

func (b *requestBody) estimateSpeech() (input, output price.Usage) {
	input.InputTokens = tokensOfBytes(b.promptBytes)
	input.AudioSeconds = divideUp(b.promptBytes, spokenBytesPerSecond)
	output.OutputTokens = input.AudioSeconds * spokenTokensPerSecond
	return input, output
}

func (b *requestBody) estimateTranscription() (input, output price.Usage) {
	for _, file := range b.files {
		seconds := audioSeconds(file, int64(len(file)))
		input.AudioSeconds += seconds
		input.InputTokens += seconds * audioTokensPerSecond
		output.OutputTokens += seconds * writtenTokensPerSecond
	}
	return input, output
}

// estimateInput returns the number of input tokens in a JSON body: a quarter of
// its bytes, except that images, audio and files count by their kind and not by
// their length in base64.
func estimateInput(body []byte) int64 {
	text, tokens := int64(len(body)), int64(0)
	var name []byte
	c := jsonCursor{text: body}
	for c.at < len(body) {
		if body[c.at] != '"' {
			c.at++
			continue
		}
		start := c.at
		c.skipString()
		raw := body[start:c.at]
		for c.at < len(body) && (body[c.at] == ' ' || body[c.at] == '\t' || body[c.at] == '\r' || body[c.at] == '\n') {
			c.at++
		}
		if c.at < len(body) && body[c.at] == ':' {
			name = raw
			continue
		}
		if media := mediaTokens(name, raw); media > 0 {
			text, tokens = text-int64(len(raw)), tokens+media
		}
	}
	return token.AddSaturated(tokensOfBytes(text), tokens)
}

// mediaTokens returns the tokens of a string that is an image, audio or a file,
// or a link to one. It returns 0 for other strings. Both arguments have their
// quotes.
func mediaTokens(name, raw []byte) int64 {
	names := []string{`"url"`, `"image_url"`, `"data"`, `"file_data"`, `"fileUri"`, `"file_uri"`, `"image"`, `"b64_json"`}
	if !slices.Contains(names, string(name)) {
		return 0
	}
	value := bytes.Trim(raw, `"`)
	if bytes.HasPrefix(value, []byte("http:")) || bytes.HasPrefix(value, []byte("https:")) ||
		bytes.HasPrefix(value, []byte(`https:\/\/`)) || bytes.HasPrefix(value, []byte("gs:")) {
		return imageTokens
	}
	if bytes.HasPrefix(value, []byte("data:")) {
		_, value, _ = bytes.Cut(value, []byte(";base64,"))
	}
	if len(value) < minMediaBytes || !isBase64(value) {
		return 0
	}
	const headBytes = 32 // in base64
	head, err := base64.StdEncoding.DecodeString(string(value[:headBytes]))
	if err != nil {
		head = nil // URL encoding
	}
	return mediaTokensOf(head, int64(len(value))/4*3)
}

// mediaTokensOf returns the tokens of an image, of audio or of a file that
// begins with head.
func mediaTokensOf(head []byte, size int64) int64 {
	switch kind := mediaKindOf(head); kind {
	case mediaImage:
		return imageTokens
	case mediaWave, mediaAudio:
		return multiplySaturated(audioSeconds(head, size), audioTokensPerSecond)
	case mediaFile:
	}
	return max(imageTokens, divideUp(size, fileBytesPerToken))
}

// audioSeconds estimates the length of audio from its first bytes and its size.
func audioSeconds(head []byte, size int64) int64 {
	if mediaKindOf(head) == mediaWave {
		return divideUp(size, pcmBytesPerSecond)
	}
	return divideUp(size, compressedBytesPerSecond)
}

type mediaKind int

const (
	mediaFile mediaKind = iota
	mediaImage
	mediaWave
	mediaAudio
)

// mediaKindOf returns the kind of a file, by its first bytes.
func mediaKindOf(head []byte) mediaKind {
	begins := func(texts ...string) bool {
		return slices.ContainsFunc(texts, func(s string) bool { return bytes.HasPrefix(head, []byte(s)) })
	}
	isRIFF := begins("RIFF") && len(head) >= 12
	switch {
	case begins("\x89PNG", "\xff\xd8\xff", "GIF8", "BM"), isRIFF && string(head[8:12]) == "WEBP":
		return mediaImage
	case isRIFF && string(head[8:12]) == "WAVE":
		return mediaWave
	case begins("ID3", "\xff\xfb", "\xff\xf3", "\xff\xf2", "OggS", "fLaC", "\xff\xf1", "\xff\xf9", "\x1aE\xdf\xa3"),
		len(head) >= 8 && string(head[4:8]) == "ftyp":
		return mediaAudio
	default:
		return mediaFile
	}
}

// isBase64 reports whether text is base64, in the standard or the URL alphabet,
// in which JSON may escape the slash.
func isBase64(text []byte) bool {
	for _, b := range text {
		switch {
		case b >= 'a' && b <= 'z', b >= 'A' && b <= 'Z', b >= '0' && b <= '9':
		case b == '+', b == '/', b == '-', b == '_', b == '=', b == '\\':
		default:
			return false
		}
	}
	return true
}

func tokensOfBytes(n int64) int64 { return divideUp(n, bytesPerToken) }

func divideUp(a, b int64) int64 { return (a + b - 1) / b }

// multiplySaturated returns a*b, or token.MaxInteger if the product is larger.
func multiplySaturated(a, b int64) int64 {
	high, low := bits.Mul64(uint64(a), uint64(b)) //nolint:gosec // counts are not negative
	if high > 0 || low > token.MaxInteger {
		return token.MaxInteger
	}
	return int64(low)
}

// parseUnits parses a number of units.
func parseUnits(s string) (int64, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err == nil {
		err = token.CheckQuota("units", n)
	}
	return n, err
}
