package gateway

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"

	"github.com/latchkey-api/latchkey/shared/token"
)

// A Usage is the `usage` of a model's answer, in tokens; what it does
// not name is 0.
type Usage struct {
	Input  int64           // prompt_tokens or input_tokens
	Output int64           // completion_tokens or output_tokens
	Total  int64           // total_tokens
	Raw    json.RawMessage // the whole object, for a Price that needs more of it
}

func parseUsage(raw []byte) (Usage, bool) {
	var fields map[string]json.RawMessage
	if json.Unmarshal(raw, &fields) != nil {
		return Usage{}, false
	}
	return Usage{
		Input:  max(count(fields["prompt_tokens"]), count(fields["input_tokens"])),
		Output: max(count(fields["completion_tokens"]), count(fields["output_tokens"])),
		Total:  count(fields["total_tokens"]),
		Raw:    raw,
	}, true
}

// count reads a number that counts something: whole, up to MaxInteger, and 0
// if it is not one.
func count(raw json.RawMessage) int64 {
	f, err := strconv.ParseFloat(string(raw), 64)
	if err != nil && !math.IsInf(f, 1) || f <= 0 {
		return 0
	}
	return int64(math.Ceil(min(f, token.MaxInteger)))
}

// Bounds of what a finder keeps.
const (
	maxUsage = 64 << 10 // bytes
	maxName  = 64       // bytes as written: "response" in escapes has 50
)

// A finder finds the usage in a JSON object that passes by piece by piece:
// the last member `usage` of the object itself, or of its member `response`,
// that is an object. However long the object is, it keeps no more than that;
// json.Decoder would keep the longest string, and images come as strings.
//
// It is no judge of JSON: of a text that is none it finds something or
// nothing.
type finder struct {
	usage []byte // the last that was found

	over    bool   // the object has ended, or it is none
	level   int    // 1 in the object, 2 in its response
	deep    int    // arrays and objects around the next byte, within that one
	text    bool   // in a string
	escape  bool   // behind its backslash
	naming  bool   // in a name, or before it
	name    []byte // of the member whose value comes next, as it is written
	keeping bool   // in a usage
	kept    []byte
}

// next makes it ready for another object.
func (f *finder) next() { *f = finder{usage: f.usage, name: f.name[:0], kept: f.kept[:0]} }

func (f *finder) read(p []byte) {
	for _, b := range p {
		if f.over {
			return
		}
		if f.keeping && len(f.kept) <= maxUsage {
			f.kept = append(f.kept, b)
		}
		if f.text {
			f.inText(b)
		} else {
			f.between(b)
		}
	}
}

func (f *finder) inText(b byte) {
	if f.naming && f.deep == 0 && len(f.name) <= maxName {
		f.name = append(f.name, b)
	}
	switch {
	case f.escape:
		f.escape = false
	case b == '\\':
		f.escape = true
	case b == '"':
		f.text = false
	}
}

// between takes what stands between strings.
func (f *finder) between(b byte) {
	switch b {
	case ' ', '\t', '\r', '\n':
		return
	case '{', '[':
		f.open(b)
	case '}', ']':
		f.close()
	case '"':
		f.text = true
		if f.naming && f.deep == 0 {
			f.name = append(f.name[:0], b)
		}
	case ':':
		f.naming = f.naming && f.deep > 0
	case ',':
		f.naming = f.naming || f.deep == 0
	}
	f.over = f.level == 0 // it began with something else, or has ended
}

func (f *finder) open(b byte) {
	member := f.level > 0 && f.deep == 0 && b == '{' && !f.naming
	switch {
	case f.level == 0 && b == '{':
		f.level, f.naming = 1, true
	case member && f.named("usage"):
		f.deep, f.keeping, f.kept = 1, true, append(f.kept[:0], b)
	case member && f.level == 1 && f.named("response"):
		f.level, f.naming = 2, true
	default:
		f.deep++
	}
}

func (f *finder) close() {
	if f.deep == 0 {
		f.level--
		f.naming = false
		return
	}
	f.deep--
	if f.deep > 0 || !f.keeping {
		return
	}
	f.keeping = false
	if len(f.kept) <= maxUsage && json.Valid(f.kept) {
		f.usage = bytes.Clone(f.kept)
	}
}

// named reports whether the member's name is this one, however written.
func (f *finder) named(want string) bool {
	var name string
	return len(f.name) <= maxName && json.Unmarshal(f.name, &name) == nil && name == want
}

// events finds the usage in a stream of server-sent events, each of which has
// an object as its data: the last one counts.
// https://html.spec.whatwg.org/multipage/server-sent-events.html
type events struct {
	message finder
	begun   int  // how many bytes of the line are as a data line begins
	other   bool // the line is another one
	cr      bool // the last byte was a carriage return
}

const dataPrefix = "data:"

func (e *events) read(p []byte) {
	for i := 0; i < len(p); i++ {
		b := p[i]
		second := e.cr && b == '\n' // of CR LF, which is one end of line
		e.cr = b == '\r'
		switch {
		case second:
		case b == '\r' || b == '\n':
			if e.begun == 0 && !e.other { // an empty line ends the event
				e.message.next()
			}
			e.begun, e.other = 0, false
		case e.other:
		case e.begun == len(dataPrefix):
			rest := p[i:]
			if n := bytes.IndexAny(rest, "\r\n"); n >= 0 {
				rest = rest[:n]
			}
			e.message.read(rest)
			i += len(rest) - 1
		case b == dataPrefix[e.begun]:
			if e.begun++; e.begun == len(dataPrefix) && e.message.over {
				e.message.next() // not every server ends its events
			}
		default:
			e.other = true
		}
	}
}
