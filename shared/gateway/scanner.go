package gateway

import (
	"bytes"
	"encoding/json"
)

// Limits of what a usageScanner keeps.
const (
	maxUsageBytes = 64 << 10
	maxNameBytes  = 64 // as written: "response" takes 50 if each letter is an escape
)

// A usageScanner finds the usage in a JSON object that arrives in pieces: the
// last member `usage` that is an object, of the object itself or of its member
// `response`. It keeps no more than that, however long the object is.
// json.Decoder would keep the longest string, and images arrive as strings.
//
// It does not validate the JSON. In a text that is not JSON it may find
// something or nothing.
type usageScanner struct {
	usage []byte // the last one found

	done     bool   // the object has ended, or the text is not an object
	level    int    // 1 in the object, 2 in its member response
	depth    int    // arrays and objects around the next byte, within that level
	inString bool   // the next byte is in a string
	escaped  bool   // the previous byte was a backslash in a string
	inName   bool   // the next byte is in a member's name, or before it
	name     []byte // of the member whose value is next, as written
	copying  bool   // the next byte is in a usage object
	copied   []byte
}

// reset prepares the scanner for another object. It keeps the usage.
func (s *usageScanner) reset() {
	*s = usageScanner{usage: s.usage, name: s.name[:0], copied: s.copied[:0]}
}

func (s *usageScanner) scan(p []byte) {
	for _, b := range p {
		if s.done {
			return
		}
		if s.copying && len(s.copied) <= maxUsageBytes {
			s.copied = append(s.copied, b)
		}
		if s.inString {
			s.scanString(b)
		} else {
			s.scanStructure(b)
		}
	}
}

// scanString reads a byte of a string, up to its closing quote.
func (s *usageScanner) scanString(b byte) {
	if s.inName && s.depth == 0 && len(s.name) <= maxNameBytes {
		s.name = append(s.name, b)
	}
	switch {
	case s.escaped:
		s.escaped = false
	case b == '\\':
		s.escaped = true
	case b == '"':
		s.inString = false
	}
}

// scanStructure reads a byte outside of strings.
func (s *usageScanner) scanStructure(b byte) {
	switch b {
	case ' ', '\t', '\r', '\n':
		return
	case '{', '[':
		s.open(b)
	case '}', ']':
		s.close()
	case '"':
		s.inString = true
		if s.inName && s.depth == 0 {
			s.name = append(s.name[:0], b)
		}
	case ':':
		s.inName = s.inName && s.depth > 0
	case ',':
		s.inName = s.inName || s.depth == 0
	}
	s.done = s.level == 0 // the text is not an object, or the object has ended
}

func (s *usageScanner) open(b byte) {
	memberObject := s.level > 0 && s.depth == 0 && b == '{' && !s.inName
	switch {
	case s.level == 0 && b == '{':
		s.level, s.inName = 1, true
	case memberObject && s.nameIs("usage"):
		s.depth, s.copying, s.copied = 1, true, append(s.copied[:0], b)
	case memberObject && s.level == 1 && s.nameIs("response"):
		s.level, s.inName = 2, true
	default:
		s.depth++
	}
}

func (s *usageScanner) close() {
	if s.depth == 0 {
		s.level--
		s.inName = false
		return
	}
	s.depth--
	if s.depth > 0 || !s.copying {
		return
	}
	s.copying = false
	if len(s.copied) <= maxUsageBytes && json.Valid(s.copied) {
		s.usage = bytes.Clone(s.copied)
	}
}

// nameIs compares the member's name, with its escapes resolved.
func (s *usageScanner) nameIs(want string) bool {
	var name string
	return len(s.name) <= maxNameBytes && json.Unmarshal(s.name, &name) == nil && name == want
}

// An eventScanner finds the last usage in a stream of server-sent events whose
// data are JSON objects.
// https://html.spec.whatwg.org/multipage/server-sent-events.html
type eventScanner struct {
	data    usageScanner
	matched int  // how many bytes of the line match dataPrefix
	skip    bool // the line is not a data line
	afterCR bool // the previous byte was a carriage return
}

const dataPrefix = "data:"

func (s *eventScanner) scan(p []byte) {
	for i := 0; i < len(p); i++ {
		b := p[i]
		crlf := s.afterCR && b == '\n' // CR LF is one end of line
		s.afterCR = b == '\r'
		switch {
		case crlf:
		case b == '\r' || b == '\n':
			if s.matched == 0 && !s.skip { // an empty line ends the event
				s.data.reset()
			}
			s.matched, s.skip = 0, false
		case s.skip:
		case s.matched == len(dataPrefix):
			rest := p[i:]
			if n := bytes.IndexAny(rest, "\r\n"); n >= 0 {
				rest = rest[:n]
			}
			s.data.scan(rest)
			i += len(rest) - 1
		case b == dataPrefix[s.matched]:
			if s.matched++; s.matched == len(dataPrefix) && s.data.done {
				s.data.reset() // some servers do not write the empty line
			}
		default:
			s.skip = true
		}
	}
}
