package lambdatest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

// The protocol of a streamed answer. The runtime posts JSON with the status and the
// headers, eight zero bytes, and then the body, as one chunked request. If the
// function fails after that, trailers of the request say so.
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html#runtimes-custom-response-streaming
// https://docs.aws.amazon.com/lambda/latest/dg/response-streaming-tutorial.html
const (
	streamedType     = "application/vnd.awslambda.http-integration-response"
	errorTypeTrailer = "Lambda-Runtime-Function-Error-Type"
	errorBodyTrailer = "Lambda-Runtime-Function-Error-Body"
	maxPrelude       = 64 << 10
)

// errNotStreamed means that the function answered, but not with a stream.
var errNotStreamed = errors.New("the answer is not streamed")

// errBroken is the end of a body whose Stream was broken.
var errBroken = errors.New("the test broke the stream")

// A Stream is the answer of a function whose URL has the invoke mode
// RESPONSE_STREAM, while it arrives.
type Stream struct {
	Status  int               `json:"statusCode"`
	Headers map[string]string `json:"headers"`
	Cookies []string          `json:"cookies"`

	// Body returns an *InvocationError where the function reports an error, and
	// another one where its process exits. After Close, which is what a client
	// does that disconnects, Lambda goes on reading and the function learns
	// nothing.
	Body io.ReadCloser `json:"-"`

	// Break makes the Runtime API fail: it closes the connection on which the
	// function sends the answer. It may be called more than once.
	Break func() `json:"-"`

	ended chan struct{}
}

// Wait waits until the function has sent all of its answer. A test that has closed
// the body needs it.
func (s *Stream) Wait(ctx context.Context) error {
	select {
	case <-s.ended:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for the end of the answer: %w", ctx.Err())
	}
}

// Stream sends an event and returns the answer as soon as its headers have arrived.
// Errors are those of Invoke. The function gets the deadline of the context, at
// most two minutes from now. Like Lambda, Stream kills the process if the answer
// has not ended by then.
func (f *Function) Stream(ctx context.Context, event []byte) (*Stream, error) {
	deadline := time.Now().Add(functionTimeout)
	if earlier, ok := ctx.Deadline(); ok && earlier.Before(deadline) {
		deadline = earlier
	}
	select {
	case f.busy <- struct{}{}:
	case <-ctx.Done():
		return nil, fmt.Errorf("wait until the function is free: %w", ctx.Err())
	}
	sent := f.runtime.send(event, deadline, true)
	kill := time.AfterFunc(time.Until(deadline), func() { _ = f.cmd.Process.Kill() })
	free := func() {
		kill.Stop()
		<-f.busy
	}
	got, err := f.await(ctx, sent)
	if err == nil {
		err = got.err
	}
	if err != nil {
		f.runtime.forget(sent)
		free()
		return nil, err
	}
	f.mu.Lock()
	f.streams = append(f.streams, got.stream)
	f.mu.Unlock()
	go func() {
		<-got.stream.ended
		free()
	}()
	return got.stream, nil
}

// stream reads an answer from its request and delivers it to the invocation. It
// returns when the request has ended.
func (sent *invocation) stream(w http.ResponseWriter, r *http.Request) {
	if got := r.Header.Get("Content-Type"); got != streamedType {
		sent.result <- result{err: fmt.Errorf("%w: got Content-Type %q", errNotStreamed, got)}
		return
	}
	in := bufio.NewReader(r.Body)
	s, err := readPrelude(in)
	if err != nil {
		sent.result <- result{err: err}
		return
	}
	body, out := io.Pipe()
	broken := make(chan struct{})
	s.Body, s.ended = body, make(chan struct{})
	s.Break = sync.OnceFunc(func() {
		close(broken)
		_ = body.CloseWithError(errBroken)                                 // a piece that nobody reads must not delay this
		_ = http.NewResponseController(w).SetReadDeadline(time.Unix(1, 0)) // the server's own connections take deadlines
	})
	defer close(s.ended)
	sent.result <- result{stream: s}
	_, err = io.Copy(&abandonable{out}, in)
	select {
	case <-broken:
		_ = out.CloseWithError(errBroken)
		panic(http.ErrAbortHandler) // closes the connection
	default:
	}
	if failure := r.Trailer.Get(errorTypeTrailer); err == nil && failure != "" {
		report, _ := base64.StdEncoding.DecodeString(r.Trailer.Get(errorBodyTrailer)) // the type says enough
		err = &InvocationError{failure + ": " + string(report)}
	}
	_ = out.CloseWithError(err)
}

// readPrelude reads what comes before the body.
func readPrelude(in *bufio.Reader) (*Stream, error) {
	end := make([]byte, 8)
	var text []byte
	for !bytes.HasSuffix(text, end) {
		b, err := in.ReadByte()
		if err != nil || len(text) > maxPrelude {
			return nil, fmt.Errorf("the answer begins with %.80q (%w), want JSON and 8 zero bytes", text, err)
		}
		text = append(text, b)
	}
	s := new(Stream)
	if err := json.Unmarshal(bytes.TrimSuffix(text, end), s); err != nil {
		return nil, fmt.Errorf("the answer begins with %.80q, want JSON: %w", text, err)
	}
	return s, nil
}

// An abandonable writes to a pipe, and nowhere once the reader has left.
type abandonable struct{ *io.PipeWriter }

func (a *abandonable) Write(p []byte) (int, error) {
	_, _ = a.PipeWriter.Write(p) // fails only if the body is closed
	return len(p), nil
}
