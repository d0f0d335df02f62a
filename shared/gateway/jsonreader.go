package gateway

import (
	"bytes"
	"strconv"
)

// Limits of what a jsonReader keeps of a text.
const (
	maxJSONDepth = 200
	maxPathBytes = 256
	maxTextBytes = 256 // of a string or a number
)

// A jsonReader reads JSON texts that arrive in pieces, and reports each value
// with its path. It keeps only the path and the beginning of a value, however
// long the text is: images arrive as one string.
//
// An array around the texts is skipped: its elements are texts. Gemini streams
// such an array.
//
// The reader accepts some texts that are not JSON. It gives up on a text whose
// structure is wrong.
type jsonReader struct {
	// visit receives each value: a scalar when it has ended, a part of a long
	// string when a piece ends, an object or an array when it begins. A path
	// is like "choices[].delta.content".
	visit func(path []byte, v jsonValue)

	inArray bool // in an array around the texts

	path     []byte
	stack    []jsonFrame
	state    jsonState
	anyItem  bool   // the innermost object or array has an item
	isName   bool   // the string is the name of a member
	text     []byte // the beginning of a string without quotes, of a name, or of a literal
	size     int64  // bytes of the string, with its escapes resolved
	digits   int    // still to read of an escape
	code     int64  // of the escape's digits so far
	position int    // bytes read since reset
	nameAt   int    // position of the newest name
}

type jsonFrame struct {
	object     bool
	pathLength int
}

type jsonState byte

const (
	wantValue jsonState = iota
	wantName
	wantColon
	wantComma
	inString
	inEscape
	inLiteral // a number, true, false or null
	gaveUp
)

// reset prepares the reader for another text.
func (r *jsonReader) reset() {
	*r = jsonReader{visit: r.visit, path: r.path[:0], stack: r.stack[:0], text: r.text[:0]}
}

// read reads p up to the end of a text, or up to where it gives up. It returns
// how many bytes it has read, and whether a text has ended.
func (r *jsonReader) read(p []byte) (n int, ended bool) {
	for n < len(p) && !ended && r.state != gaveUp {
		if r.state == inLiteral && !isLiteral(p[n]) {
			ended = r.endLiteral() // the byte is not part of it
			continue
		}
		if r.state == inString && len(r.text) == maxTextBytes {
			skipped := plainBytes(p[n:])
			r.size, r.position, n = r.size+int64(skipped), r.position+skipped, n+skipped
			if n == len(p) {
				break
			}
		}
		ended = r.byte(p[n])
		r.position++
		n++
	}
	if r.state == inString && !r.isName && r.size > 0 {
		r.report(jsonPart)
	}
	return n, ended
}

// finish ends the last text. It returns whether a text has ended: a number,
// true, false or null has no end of its own.
func (r *jsonReader) finish() bool { return r.state == inLiteral && r.endLiteral() }

// plainBytes returns how many bytes at the beginning of p are part of a string
// and not of an escape.
func plainBytes(p []byte) int {
	if n := bytes.IndexByte(p, '"'); n >= 0 {
		p = p[:n]
	}
	if n := bytes.IndexByte(p, '\\'); n >= 0 {
		p = p[:n]
	}
	return len(p)
}

func isLiteral(b byte) bool {
	return b >= '0' && b <= '9' || b >= 'a' && b <= 'z' || b == '-' || b == '+' || b == '.' || b == 'E'
}

func (r *jsonReader) byte(b byte) (ended bool) {
	switch r.state {
	case inString, inEscape:
		return r.stringByte(b)
	case inLiteral:
		r.keep(b)
		return false
	case wantValue, wantName, wantColon, wantComma, gaveUp:
	}
	switch {
	case b == ' ' || b == '\t' || b == '\r' || b == '\n':
	case b == '}' || b == ']':
		return r.close(b)
	case r.state == wantComma && b == ',' && (len(r.stack) > 0 || r.inArray):
		r.state = wantValue
		if len(r.stack) > 0 && r.top().object {
			r.state = wantName
		}
	case r.state == wantColon && b == ':':
		r.state = wantValue
	case b == '"' && (r.state == wantName || r.state == wantValue):
		r.begin()
		r.isName, r.state = r.state == wantName, inString
		if r.isName {
			r.nameAt = r.position
		}
	case r.state == wantValue && (b == '{' || b == '['):
		r.open(b)
	case r.state == wantValue && isLiteral(b):
		r.begin()
		r.keep(b)
		r.state = inLiteral
	default:
		r.state = gaveUp
	}
	return false
}

func (r *jsonReader) top() *jsonFrame { return &r.stack[len(r.stack)-1] }

// begin begins an item.
func (r *jsonReader) begin() {
	r.text, r.size, r.anyItem = r.text[:0], 0, true
}

func (r *jsonReader) keep(b byte) {
	if len(r.text) < maxTextBytes {
		r.text = append(r.text, b)
	}
}

func (r *jsonReader) stringByte(b byte) (ended bool) {
	switch {
	case r.digits > 0:
		r.keep(b)
		digit, err := strconv.ParseUint(string(b), 16, 8)
		if err != nil {
			digit = 0
		}
		r.code = r.code<<4 | int64(digit)
		if r.digits--; r.digits == 0 {
			r.size += utf8Bytes(r.code)
			r.state = inString
		}
	case r.state == inEscape:
		r.keep(b)
		if b == 'u' {
			r.digits, r.code = 4, 0
			return false
		}
		r.size++
		r.state = inString
	case b == '\\':
		r.keep(b)
		r.state = inEscape
	case b == '"':
		return r.endString()
	default:
		r.keep(b)
		r.size++
	}
	return false
}

// utf8Bytes returns how many bytes of UTF-8 a UTF-16 code unit takes.
func utf8Bytes(code int64) int64 {
	switch {
	case code < 0x80:
		return 1
	case code < 0x800, code >= 0xd800 && code < 0xe000: // half of a surrogate pair
		return 2
	default:
		return 3
	}
}

func (r *jsonReader) endString() (ended bool) {
	if r.isName {
		r.path = r.path[:r.top().pathLength]
		if len(r.path) > 0 {
			r.path = append(r.path, '.')
		}
		if name := unescape(r.text); len(r.text) < maxTextBytes && len(r.path)+len(name) <= maxPathBytes {
			r.path = append(r.path, name...)
		} else {
			r.path = append(r.path, '?')
		}
		r.state = wantColon
		return false
	}
	r.report(jsonString)
	return r.endValue()
}

func (r *jsonReader) endLiteral() (ended bool) {
	switch text := string(r.text); {
	case text == "null":
		r.report(jsonNull)
	case text == "true" || text == "false":
		r.report(jsonLiteral)
	case text[0] == '-' || text[0] >= '0' && text[0] <= '9':
		r.report(jsonNumber)
	default:
		r.state = gaveUp
		return false
	}
	return r.endValue()
}

func (r *jsonReader) report(kind jsonKind) {
	r.visit(r.path, jsonValue{kind, r.size, r.text})
	r.size = 0
}

func (r *jsonReader) endValue() (ended bool) {
	r.state = wantComma
	if len(r.stack) > 0 {
		return false
	}
	if !r.inArray {
		r.state = wantValue
	}
	r.path, r.anyItem = r.path[:0], true
	return true
}

func (r *jsonReader) open(b byte) {
	r.begin()
	if len(r.stack) == 0 && !r.inArray && b == '[' {
		r.inArray, r.anyItem = true, false
		return
	}
	if len(r.stack) >= maxJSONDepth {
		r.state = gaveUp
		return
	}
	kind := jsonArray
	if b == '{' {
		kind = jsonObject
	}
	r.report(kind)
	if kind == jsonArray && len(r.path)+2 <= maxPathBytes+2 {
		r.path = append(r.path, "[]"...)
	}
	r.stack = append(r.stack, jsonFrame{b == '{', len(r.path)})
	r.anyItem, r.state = false, wantValue
	if b == '{' {
		r.state = wantName
	}
}

func (r *jsonReader) close(b byte) (ended bool) {
	emptyBefore := !r.anyItem && (r.state == wantName || r.state == wantValue)
	if r.state != wantComma && !emptyBefore {
		r.state = gaveUp
		return false
	}
	if len(r.stack) == 0 {
		if b == ']' && r.inArray {
			r.inArray, r.state = false, wantValue
		} else {
			r.state = gaveUp
		}
		return false
	}
	if r.top().object != (b == '}') {
		r.state = gaveUp
		return false
	}
	r.stack = r.stack[:len(r.stack)-1]
	if len(r.stack) > 0 {
		r.path = r.path[:r.top().pathLength]
	}
	r.anyItem = true
	return r.endValue()
}
