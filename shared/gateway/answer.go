package gateway

import (
	"mime"
	"net/http"
)

// An answer passes on what next writes, and reads the usage in it meanwhile.
// It keeps nothing of it but that.
type answer struct {
	http.ResponseWriter
	charged bool // when it has ended
	status  int  // 0 before the header
	stream  bool
	events  events
	message finder
}

func (a *answer) WriteHeader(status int) {
	if status >= http.StatusOK { // others are not the last word
		a.begin(status)
	}
	a.ResponseWriter.WriteHeader(status)
}

// Write implements io.Writer. What the client can't be given any more was
// used all the same.
func (a *answer) Write(p []byte) (int, error) {
	a.begin(http.StatusOK)
	if a.stream {
		a.events.read(p)
	} else {
		a.message.read(p)
	}
	return a.ResponseWriter.Write(p)
}

// Flush implements http.Flusher.
func (a *answer) Flush() { _ = a.FlushError() }

// FlushError is what http.ResponseController flushes with.
func (a *answer) FlushError() error {
	a.begin(http.StatusOK)
	return http.NewResponseController(a.ResponseWriter).Flush()
}

// Unwrap is how http.ResponseController finds the rest.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

func (a *answer) begin(status int) {
	if a.status != 0 {
		return
	}
	a.status = status
	if a.charged && status < http.StatusMultipleChoices {
		a.Header().Del("Content-Length") // who counts bytes would have the whole answer before it is charged
	}
	mediaType, _, _ := mime.ParseMediaType(a.Header().Get("Content-Type")) // "" is no stream
	a.stream = mediaType == "text/event-stream"
}

// usage is the last one that went by.
func (a *answer) usage() (Usage, bool) {
	raw := a.message.usage
	if a.stream {
		raw = a.events.message.usage
	}
	return parseUsage(raw)
}
