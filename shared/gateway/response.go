package gateway

import (
	"mime"
	"net/http"
)

// A responseWriter passes the response of next on to the client and finds the
// usage in it. It keeps nothing else of the response.
type responseWriter struct {
	http.ResponseWriter
	holdOpen    bool
	status      int // 0 until the header is written
	eventStream bool
	events      eventScanner
	object      usageScanner
}

func (w *responseWriter) WriteHeader(status int) {
	if status >= http.StatusOK { // an informational status is not the final one
		w.setStatus(status)
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write implements io.Writer. It reads p before it writes: usage that no
// longer reaches the client is charged too.
func (w *responseWriter) Write(p []byte) (int, error) {
	w.setStatus(http.StatusOK)
	if w.eventStream {
		w.events.scan(p)
	} else {
		w.object.scan(p)
	}
	return w.ResponseWriter.Write(p)
}

// Flush implements http.Flusher.
func (w *responseWriter) Flush() { _ = w.FlushError() }

// FlushError implements the method that http.ResponseController calls.
func (w *responseWriter) FlushError() error {
	w.setStatus(http.StatusOK)
	return http.NewResponseController(w.ResponseWriter).Flush()
}

// Unwrap gives http.ResponseController access to the other methods.
func (w *responseWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// setStatus prepares the header of the final status. Later calls do nothing.
func (w *responseWriter) setStatus(status int) {
	if w.status != 0 {
		return
	}
	w.status = status
	if w.holdOpen && status < http.StatusMultipleChoices {
		// A client that counts bytes would take the response as complete
		// before it is charged.
		w.Header().Del("Content-Length")
	}
	mediaType, _, _ := mime.ParseMediaType(w.Header().Get("Content-Type")) // "" is not an event stream
	w.eventStream = mediaType == "text/event-stream"
}

// usage returns the last usage in the response.
func (w *responseWriter) usage() (Usage, bool) {
	raw := w.object.usage
	if w.eventStream {
		raw = w.events.data.usage
	}
	return parseUsage(raw)
}
