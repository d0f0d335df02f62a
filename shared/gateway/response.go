package gateway

import (
	"bytes"
	"context"
	"errors"
	"mime"
	"net/http"
	"strings"

	"github.com/latchkey-api/latchkey/shared/price"
)

// A responseWriter passes the answer of next on to the client. Before it passes
// on the end of the answer, it settles the request's hold. It keeps only what it
// holds back: an event until it is complete, and the end until the settlement.
type responseWriter struct {
	http.ResponseWriter
	ctx    context.Context //nolint:containedctx // of the request, as in http.Request
	m      *middleware
	req    *request
	cancel context.CancelFunc // cancels the request to the upstream

	status     int           // 0 until the header is written
	stream     *answerStream // nil if the answer costs nothing
	decoder    *decoder      // nil if the answer is not compressed
	passedPart bool          // a part of the event was passed on
	dropped    bool          // the last event was not passed on
	event      []byte        // the event so far, without the part that was passed on
	queue      []byte        // complete events that wait for the settlement
	paid       delivery      // that the hold is known to cover
	settled    bool

	cut          bool // the answer was ended before the upstream has ended it
	endedCleanly bool // the client sees a complete answer although it was cut

	prices    *price.Table
	pricesErr error
	err       error // for the log
}

// newResponseWriter returns a writer for the answer to r. cancel cancels the
// request to the upstream.
func (m *middleware) newResponseWriter(w http.ResponseWriter, r *http.Request, req *request, cancel context.CancelFunc) *responseWriter {
	rw := &responseWriter{ResponseWriter: w, ctx: r.Context(), m: m, req: req, cancel: cancel}
	if req.hold != nil {
		rw.prices, rw.pricesErr = m.gate.Prices(rw.ctx)
	}
	return rw
}

const (
	// maxEventBytes is how much of an event, or of an answer that is no stream, is held
	// back until it is complete.
	maxEventBytes = 64 << 10

	// maxQueueBytes is how much is held back until the settlement.
	maxQueueBytes = 1 << 20
)

var errCut = errors.New("the answer was ended: the key has no units left")

// WriteHeader implements http.ResponseWriter. The hold of a request that has
// failed is released before its client sees the status.
func (w *responseWriter) WriteHeader(status int) {
	if status >= http.StatusOK { // an informational status is not the final one
		w.setStatus(status)
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write implements io.Writer.
func (w *responseWriter) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	if w.cut {
		return 0, errCut
	}
	sink := w.body
	if w.decoder != nil {
		sink = w.decoder.write
	}
	if err := sink(p); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Flush implements http.Flusher.
func (w *responseWriter) Flush() { _ = w.FlushError() }

// FlushError implements the method that http.ResponseController calls.
func (w *responseWriter) FlushError() error {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	return http.NewResponseController(w.ResponseWriter).Flush()
}

// Unwrap gives http.ResponseController access to the other methods.
func (w *responseWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// setStatus prepares the answer for its final status. Later calls do nothing.
func (w *responseWriter) setStatus(status int) {
	if w.status != 0 {
		return
	}
	w.status = status
	w.decode()
	switch {
	case w.req.hold == nil:
	case status >= http.StatusMultipleChoices:
		w.settle(failed)
	case w.req.endpoint.kind == kindOther:
		w.settle(complete) // its price does not depend on the answer
	default:
		mediaType, _, _ := mime.ParseMediaType(w.Header().Get("Content-Type")) // "" is neither
		binary := isBinary(mediaType)
		w.stream = newAnswerStream(w.req.reader, binary)
		if w.injected() || w.req.endpoint.shape == shapeGemini || mediaType != "application/json" && !binary {
			w.Header().Del("Content-Length") // a stream can become shorter
		}
	}
}

// decode prepares for a compressed body. The client receives it decoded: it did
// not ask the upstream for it, and events may have to be removed.
func (w *responseWriter) decode() {
	codings := contentCodings(w.Header())
	if len(codings) == 0 || !isDecodable(codings) || w.status == http.StatusNoContent || w.status == http.StatusNotModified {
		return
	}
	w.Header().Del("Content-Encoding")
	w.Header().Del("Content-Length")
	w.decoder = newDecoder(codings, w.body)
}

// isBinary reports whether a body of this type is audio or a picture.
func isBinary(mediaType string) bool {
	kind, _, _ := strings.Cut(mediaType, "/")
	return kind == "audio" || kind == "image" || kind == "video" || mediaType == "application/octet-stream"
}

// body passes a piece of the decoded body on.
func (w *responseWriter) body(p []byte) error {
	if w.stream == nil {
		return w.pass(p)
	}
	for len(p) > 0 {
		n, at := w.stream.read(p)
		w.event = append(w.event, p[:n]...)
		p = p[n:]
		var err error
		switch {
		case at == endOfEvent:
			err = w.endEvent()
		case at == tailOfEvent:
			err = w.passTail()
		case at == endOfText: // the rest waits for the settlement
			w.queue, w.event = append(w.queue, w.event...), w.event[:0]
		case len(w.event) > maxEventBytes, len(p) == 0 && w.isPassedAtOnce():
			err = w.passPart()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// passPart passes on what has arrived of an event or a text, except its last
// byte.
func (w *responseWriter) passPart() error {
	switch {
	case len(w.queue) == 0:
	case len(w.queue)+len(w.event) <= maxQueueBytes:
		return nil // the text has ended, and what follows waits with it
	default:
		w.settle(complete)
		if err := w.passQueue(); err != nil {
			return err
		}
	}
	if len(w.event) < 2 {
		return nil
	}
	if !w.covered() {
		return w.breakOff()
	}
	last := w.event[len(w.event)-1]
	w.passedPart = true
	err := w.pass(w.event[:len(w.event)-1])
	w.event = append(w.event[:0], last)
	return err
}

// isPassedAtOnce reports whether what has arrived of an answer that is no stream does not
// wait for its end: audio, and white space, with which some upstreams keep a connection
// open until they have an answer.
func (w *responseWriter) isPassedAtOnce() bool {
	switch w.stream.mode {
	case modeBinary:
		return true
	case modeJSON, modeUnknown:
		return !w.stream.json.inArray && len(bytes.TrimLeft(w.event, " \t\r\n")) == 0
	case modeEvents:
	}
	return false
}

// endEvent passes on an event that is complete, or holds it back.
func (w *responseWriter) endEvent() error {
	state := w.stream.reader.progress()
	extra := state.extra
	event := w.finishEvent(state)
	if !w.covered() {
		return w.endEarly()
	}
	w.queue = append(w.queue, event...)
	switch {
	case state.ended, state.finished && extra, len(w.queue) > maxQueueBytes:
		w.settle(complete)
	case state.finished:
		return nil // usage may follow
	}
	return w.passQueue()
}

// injected reports whether the answer's usage is what the middleware has asked
// for, and not the client.
func (w *responseWriter) injected() bool { return w.req.body != nil && w.req.body.injected }

// finishEvent returns the part of the event that the client gets, and prepares
// for the next one.
func (w *responseWriter) finishEvent(state *progress) []byte {
	event := w.event
	if w.stream.mode == modeEvents {
		if w.injected() && !w.passedPart {
			event = withoutInjected(event, state, &w.stream.events)
		}
		w.stream.events.reset()
	}
	w.dropped = len(event) == 0
	w.event, w.passedPart = w.event[:0], false
	state.extra, state.nullUsage = false, [2]int{}
	return event
}

// passTail passes on the line feed at the end of the previous event.
func (w *responseWriter) passTail() error {
	tail := w.event
	w.event = w.event[:0]
	switch {
	case w.dropped:
		return nil
	case len(w.queue) > 0:
		w.queue = append(w.queue, tail...)
		return nil
	default:
		return w.pass(tail)
	}
}

func (w *responseWriter) passQueue() error {
	err := w.pass(w.queue)
	w.queue = w.queue[:0]
	return err
}

func (w *responseWriter) pass(p []byte) error {
	if len(p) == 0 {
		return nil
	}
	_, err := w.ResponseWriter.Write(p)
	return err
}
