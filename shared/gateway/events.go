package gateway

import "bytes"

// An eventReader reads a stream of server-sent events that arrives in pieces.
// It accepts each line end of the specification, comments, and data in several
// lines.
// https://html.spec.whatwg.org/multipage/server-sent-events.html
type eventReader struct {
	data func(p []byte) // receives the data of the event, in pieces; "\n" is between lines
	text func(p []byte) // receives lines that belong to no field of an event

	field   eventField
	name    []byte // of the field, as far as it has arrived
	afterCR bool   // the previous byte was a carriage return
	space   bool   // the next byte may be the space after the colon

	kind      []byte // the event's name
	head      []byte // the beginning of the event's data
	size      int    // bytes of the event so far
	dataAt    int    // where the data of the first line begin in the event
	dataLines int
}

type eventField byte

const (
	fieldName eventField = iota // its name has not ended
	fieldData
	fieldKind
	fieldOther
	fieldNone // the line has no field
)

const (
	maxNameBytes = len("event")
	maxKindBytes = 64
	maxHeadBytes = 16
)

// reset prepares the reader for another event.
func (r *eventReader) reset() {
	*r = eventReader{data: r.data, text: r.text, name: r.name[:0], kind: r.kind[:0], head: r.head[:0], afterCR: r.afterCR}
}

// isDone reports whether the event is the one that ends OpenAI's streams.
func (r *eventReader) isDone() bool { return string(bytes.TrimSpace(r.head)) == "[DONE]" }

// isTail reports whether p begins with the line feed that belongs to the
// carriage return at the end of the previous event.
func (r *eventReader) isTail(p []byte) bool { return r.afterCR && r.size == 0 && p[0] == '\n' }

// read reads p up to the end of an event. It returns how many bytes it has
// read, and whether the event has ended.
func (r *eventReader) read(p []byte) (n int, ended bool) {
	for n < len(p) {
		b := p[n]
		secondByte := r.afterCR && b == '\n' // CR LF is one end of line
		r.afterCR = b == '\r'
		if b != '\r' && b != '\n' {
			rest := p[n:]
			if end := bytes.IndexAny(rest, "\r\n"); end >= 0 {
				rest = rest[:end]
			}
			r.line(rest)
			n += len(rest)
			continue
		}
		n++
		r.size++
		if !secondByte && r.endLine() {
			if r.afterCR && n < len(p) && p[n] == '\n' {
				r.afterCR, n = false, n+1
			}
			return n, true
		}
	}
	return n, false
}

// endLine ends a line. It reports whether the line was empty, which ends the
// event.
func (r *eventReader) endLine() (empty bool) {
	empty = r.field == fieldName && len(r.name) == 0
	if r.field == fieldName && !empty {
		r.endName(false)
	}
	r.field, r.name = fieldName, r.name[:0]
	return empty
}

// line reads a part of a line.
func (r *eventReader) line(p []byte) {
	for len(p) > 0 && r.field == fieldName {
		b := p[0]
		if b != ':' && len(r.name) == maxNameBytes { // no field has such a long name
			r.notField()
			break
		}
		if b == ':' {
			r.endName(true)
		} else {
			r.name = append(r.name, b)
		}
		p = p[1:]
		r.size++
	}
	if len(p) == 0 {
		return
	}
	if r.space && p[0] == ' ' {
		p = p[1:]
		r.size++
	}
	r.space = false
	if r.field == fieldData && r.dataLines == 1 && r.dataAt == 0 {
		r.dataAt = r.size
	}
	r.size += len(p)
	switch r.field {
	case fieldData:
		r.head = append(r.head, p[:min(len(p), maxHeadBytes-len(r.head))]...)
		r.data(p)
	case fieldKind:
		r.kind = append(r.kind, p[:min(len(p), maxKindBytes-len(r.kind))]...)
	case fieldNone:
		r.text(p)
	case fieldName, fieldOther:
	}
}

// endName ends the name of a field.
func (r *eventReader) endName(colon bool) {
	r.space = colon
	switch string(r.name) {
	case "data":
		r.field = fieldData
		if r.dataLines++; r.dataLines > 1 {
			r.data([]byte("\n"))
		}
	case "event":
		r.field, r.kind = fieldKind, r.kind[:0]
	case "id", "retry":
		r.field = fieldOther
	case "":
		r.field = fieldOther // a comment
	default:
		r.notField()
	}
}

func (r *eventReader) notField() {
	r.field, r.space = fieldNone, false
	r.text(r.name)
}
