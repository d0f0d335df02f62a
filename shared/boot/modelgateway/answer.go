package modelgateway

import (
	"context"
	"errors"
	"io"
	"net/http"
)

// A writer passes an answer on to lambdaurl.
type writer struct {
	http.ResponseWriter
	wrote bool
}

// WriteHeader drops informational statuses, which Lambda does not pass on, and the
// headers about the connection, which is Lambda's.
func (w *writer) WriteHeader(status int) {
	if status < http.StatusOK {
		return
	}
	w.wrote = true
	for _, name := range []string{"Connection", "Content-Length", "Keep-Alive", "Transfer-Encoding"} {
		w.Header().Del(name)
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *writer) Write(p []byte) (int, error) {
	if !w.wrote {
		w.WriteHeader(http.StatusOK)
	}
	return w.ResponseWriter.Write(p)
}

// FlushError implements what http.ResponseController calls. Nothing is buffered.
func (w *writer) FlushError() error {
	if !w.wrote {
		w.WriteHeader(http.StatusOK)
	}
	return nil
}

// A body is the body of an answer as Lambda's runtime reads it.
type body struct {
	io.Reader
	call   *call
	cancel func()          // of the request's context
	lambda context.Context // ends when Lambda kills the process
}

// Read returns the error of an answer that is not complete in place of io.EOF.
// The runtime then reports it, and Lambda breaks the connection off.
func (b *body) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if errors.Is(err, io.EOF) {
		<-b.call.done // closed by now
		if b.call.err != nil {
			err = b.call.err
		}
	}
	return n, err
}

// Close ends the request and waits until it is settled. The runtime calls it
// after the last Read, and also if it can't pass the answer on: then it ends the
// process next.
func (b *body) Close() error {
	defer b.cancel()
	b.cancel()
	if pipe, ok := b.Reader.(io.Closer); ok {
		_ = pipe.Close() // the handler's next Write fails
	}
	select {
	case <-b.call.done:
	case <-b.lambda.Done():
	}
	return nil
}
