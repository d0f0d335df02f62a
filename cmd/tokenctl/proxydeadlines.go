package main

import (
	"errors"
	"io"
	"net/http"
	"time"
)

// Time limits towards the client. No limit interrupts a response that keeps
// arriving.
const (
	bodyTimeout  = time.Minute // for the client to send the whole request body
	stallTimeout = time.Minute // for the client to accept one piece of the response
)

// withDeadlines gives a client stallTimeout for each piece of the response,
// instead of a limit for the whole response, and bodyTimeout for the request body.
func withDeadlines(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		connection := http.NewResponseController(w)  // deadlines work on every connection of this server
		_ = connection.SetWriteDeadline(time.Time{}) // remove the deadline of the previous response
		if r.ContentLength != 0 {
			_ = connection.SetReadDeadline(time.Now().Add(bodyTimeout))
			// The server looks for its own body in its request, to close a
			// connection whose client waits for "100 Continue" at once.
			r = r.WithContext(r.Context())
			r.Body = &timedBody{r.Body, connection}
		}
		next.ServeHTTP(&timedWriter{w, connection}, r)
	})
}

// A timedBody removes the read deadline at the end of the body. The server still
// reads from the connection then, to notice when the client closes it.
type timedBody struct {
	io.ReadCloser
	connection *http.ResponseController
}

func (b *timedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if errors.Is(err, io.EOF) {
		_ = b.connection.SetReadDeadline(time.Time{})
	}
	return n, err
}

// A timedWriter sets a new deadline for every piece of the response.
type timedWriter struct {
	http.ResponseWriter
	connection *http.ResponseController
}

func (w *timedWriter) Write(p []byte) (int, error) {
	_ = w.connection.SetWriteDeadline(time.Now().Add(stallTimeout))
	return w.ResponseWriter.Write(p)
}

// Unwrap returns the writer with the methods that http.ResponseController needs.
func (w *timedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
