package gateway

import "bytes"

// An answerStream reads the body of an answer, in pieces, and says where it may
// be interrupted. It finds out by itself whether the body is JSON or a stream of
// server-sent events, whatever its Content-Type says.
type answerStream struct {
	reader      answerReader
	json        jsonReader
	events      eventReader
	mode        bodyMode
	unreadBytes int64 // of the event's data, which are not JSON
	marks       int   // bytes of the byte order mark that have arrived
}

type bodyMode byte

const (
	modeUnknown bodyMode = iota
	modeJSON             // one text, or an array of texts
	modeEvents           // or text that is neither
	modeBinary           // audio
)

const byteOrderMark = "\xef\xbb\xbf"

func newAnswerStream(r answerReader, binary bool) *answerStream {
	s := &answerStream{reader: r}
	s.json.visit = s.value
	s.events.data, s.events.text = s.readEvent, s.countText
	if binary {
		s.mode = modeBinary
	}
	return s
}

// A boundary is where a piece of the body has ended.
type boundary byte

const (
	within      boundary = iota // in an event or a text
	endOfEvent                  // an event has ended, or an element of Gemini's array
	endOfText                   // the only text of the body has ended
	tailOfEvent                 // the rest of the previous event's end
)

// value passes a value to the reader.
func (s *answerStream) value(path []byte, v jsonValue) {
	if v.kind == jsonNull && string(path) == "usage" {
		s.reader.progress().nullUsage = [2]int{s.json.nameAt, s.json.position}
	}
	s.reader.value(path, v)
}

// read reads p up to the next boundary. It returns how many bytes it has read.
func (s *answerStream) read(p []byte) (n int, at boundary) {
	if s.mode == modeUnknown {
		if n = s.detect(p); n > 0 {
			return n, within
		}
	}
	switch s.mode {
	case modeJSON:
		return s.readJSON(p)
	case modeEvents:
		if s.events.isTail(p) {
			s.events.afterCR = false
			return 1, tailOfEvent
		}
		n, ended := s.events.read(p)
		if !ended {
			return n, within
		}
		s.endEvent()
		return n, endOfEvent
	case modeBinary, modeUnknown:
	}
	s.reader.progress().other.payloadBytes += int64(len(p))
	return len(p), within
}

// detect finds the mode. It returns how many bytes at the beginning of p belong
// to neither mode.
func (s *answerStream) detect(p []byte) (n int) {
	for n < len(p) {
		switch b := p[n]; {
		case s.marks < len(byteOrderMark) && b == byteOrderMark[s.marks]:
			s.marks++
		case b == '{' || b == '[':
			s.mode = modeJSON
			return n
		case b == ' ' || b == '\t' || b == '\r' || b == '\n':
		default:
			s.mode = modeEvents
			return n
		}
		n++
	}
	return n
}

func (s *answerStream) readJSON(p []byte) (n int, at boundary) {
	n, ended := s.json.read(p)
	if s.json.state == gaveUp {
		s.giveUp()
	}
	if !ended {
		return n, within
	}
	s.reader.endText()
	if s.json.inArray {
		return n, endOfEvent
	}
	return n, endOfText
}

// giveUp treats the rest of a body that is not JSON as a stream: some servers
// write a line before it.
func (s *answerStream) giveUp() {
	s.json.reset()
	s.mode = modeEvents
	s.events.field = fieldNone // in a line
}

// readEvent reads data of an event.
func (s *answerStream) readEvent(p []byte) {
	for len(p) > 0 {
		n, ended := s.json.read(p)
		if s.json.state == gaveUp {
			s.unreadBytes += int64(len(p) - n)
			return
		}
		if ended {
			s.reader.endText() // the event can have another one, if its end is not marked by an empty line
		}
		p = p[n:]
	}
}

// endEvent ends an event.
func (s *answerStream) endEvent() {
	progress := s.reader.progress()
	if s.json.finish() {
		s.reader.endText()
	}
	if s.events.isDone() {
		progress.ended = true
	} else {
		s.reader.progress().other.textBytes += s.unreadBytes
	}
	s.unreadBytes = 0
	if string(bytes.TrimSpace(s.events.kind)) == "error" {
		progress.failed, progress.ended = true, true
	}
	s.json.reset()
}

// finish reads the end of the body.
func (s *answerStream) finish() {
	switch s.mode {
	case modeJSON:
		if s.json.finish() {
			s.reader.endText()
		}
	case modeEvents:
		s.events.endLine()
		s.endEvent()
	case modeBinary, modeUnknown:
	}
}

// countText counts text that is in no form of the API.
func (s *answerStream) countText(p []byte) { s.reader.progress().other.textBytes += int64(len(p)) }
