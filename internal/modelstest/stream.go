package modelstest

import (
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"time"
)

// maxHang bounds how long a stream waits for its client to disconnect.
const maxHang = 20 * time.Second

// A stream is an answer in pieces, each sent at once.
type stream struct {
	*exchange
	out    io.Writer
	zipped *gzip.Writer
	events int64
}

// stream begins a streamed answer.
func (x *exchange) stream(contentType string) *stream {
	s := &stream{exchange: x, out: x.w}
	x.upstream.note(x.record, func(r *Record) { r.Status = http.StatusOK })
	x.w.Header().Set("Content-Type", contentType)
	x.w.Header().Set("X-Request-Id", "req_fake")
	if x.order.gzip {
		x.w.Header().Set("Content-Encoding", "gzip")
		s.zipped = gzip.NewWriter(x.w)
		s.out = s.zipped
	}
	x.w.WriteHeader(http.StatusOK)
	return s
}

// send sends one event with this many tokens of text. It obeys do:cut, do:hang
// and do:slow. event is "" for an event without a name.
func (s *stream) send(event string, data any, tokens int64, text string) {
	piece := fmt.Sprintf("data: %s\n\n", encode(data))
	if event != "" {
		piece = "event: " + event + "\n" + piece
	}
	s.raw(piece, tokens, text)
}

// raw sends one piece of the answer.
func (s *stream) raw(piece string, tokens int64, text string) {
	switch s.events {
	case s.order.cut:
		panic(http.ErrAbortHandler)
	case s.order.hang:
		select {
		case <-s.r.Context().Done():
		case <-time.After(maxHang):
		}
		panic(http.ErrAbortHandler)
	}
	if s.order.pause > 0 {
		time.Sleep(s.order.pause)
	}
	s.events++
	// The record comes first: a proxy may settle before this function returns.
	s.sent(tokens, text)
	if _, err := io.WriteString(s.out, piece); err != nil {
		panic(http.ErrAbortHandler)
	}
	if s.zipped != nil {
		_ = s.zipped.Flush() // the next write reports the error
	}
	if err := http.NewResponseController(s.w).Flush(); err != nil {
		panic(http.ErrAbortHandler)
	}
}

// fails reports whether the stream should report an error now: after as many
// events as do:fail says, or at once after do:error-in-200.
func (s *stream) fails() bool {
	return s.order.errorIn200 || s.order.fail >= 0 && s.events >= s.order.fail
}

// end completes the answer.
func (s *stream) end() {
	if s.zipped != nil {
		_ = s.zipped.Close() // the client may be gone
	}
	s.ended()
}
