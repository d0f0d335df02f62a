package modelgateway

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"runtime/debug"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambdaurl"

	"github.com/latchkey-api/latchkey/shared/gateway"
)

type (
	request  = events.LambdaFunctionURLRequest
	response = events.LambdaFunctionURLStreamingResponse

	streamHandler func(context.Context, *request) (*response, error)
)

// settleReserve is how long before the function's deadline a request is cut off,
// so that it is charged what was delivered. It is longer than the middleware
// tries to settle it. After the deadline, Lambda kills the process.
const settleReserve = 20 * time.Second

// handler answers events of a function URL with what next writes, while it writes
// it.
//
// Lambda freezes the process once the answer has ended, so the answer ends after
// next and wait have returned; wait waits for what goes on in the background. It reads an answer to the end even if the client has
// disconnected, and does not tell the function.
// https://docs.aws.amazon.com/lambda/latest/dg/configuration-response-streaming.html
func handler(next http.Handler, wait func(), log *slog.Logger) streamHandler {
	wrapped := lambdaurl.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, _ := r.Context().Value(callKey{}).(*call) // the handler below has put it there
		c.serve(w, r, next, wait, log)
	}))
	return func(ctx context.Context, event *request) (*response, error) {
		c := &call{event: event, done: make(chan struct{})}
		cut, cancel := context.WithCancel(ctx)
		if deadline, ok := ctx.Deadline(); ok {
			cut, cancel = context.WithDeadline(ctx, cutOff(time.Now(), deadline))
		}
		// The empty event can't fail. lambdaurl would parse the path of the real one
		// together with its domain.
		answer, err := wrapped(context.WithValue(cut, callKey{}, c), new(request))
		if err != nil {
			cancel()
			return nil, err
		}
		answer.Body = &body{Reader: answer.Body, call: c, cancel: cancel, lambda: ctx}
		return answer, nil
	}
}

// cutOff returns when a request with this deadline is cut off. A request that has
// less time than twice the reserve gets half of it.
func cutOff(now, deadline time.Time) time.Time {
	return deadline.Add(-min(settleReserve, deadline.Sub(now)/2))
}

// A call is one event and how its handler ended.
type call struct {
	event *request
	done  chan struct{} // closed once the handler has returned
	err   error         // why the answer is not complete; set before done is closed
}

type callKey struct{}

// serve answers the event. A panic, with which handlers break off an answer,
// becomes an error of the body.
func (c *call) serve(w http.ResponseWriter, r *http.Request, next http.Handler, wait func(), log *slog.Logger) {
	out := &writer{ResponseWriter: w}
	defer close(c.done)
	defer wait()
	defer func() {
		p := recover()
		if p == nil {
			return
		}
		c.err = errBrokenOff
		if err, ok := p.(error); !ok || !errors.Is(err, http.ErrAbortHandler) {
			log.Error("panic", "error", fmt.Sprint(p), "stack", string(debug.Stack()))
		}
		if !out.wrote {
			failure(http.StatusInternalServerError, "server_error", "internal", "Internal error. Try again; if it keeps failing, give the operator the time of this request.").Write(out)
		}
	}()
	if err := fill(r, c.event); err != nil {
		failure(http.StatusBadRequest, "invalid_request_error", "invalid_request", "The path or the body of this request can't be read. Check its encoding.").Write(out)
		return
	}
	// httputil.ReverseProxy breaks an answer off only where a server can do that.
	next.ServeHTTP(out, r.WithContext(context.WithValue(r.Context(), http.ServerContextKey, new(http.Server))))
}

func failure(status int, kind, code, message string) gateway.ErrorResponse {
	return gateway.ErrorResponse{Status: status, Type: kind, Code: code, Message: message}
}

// errBrokenOff is what Lambda reports of an answer that is not complete.
var errBrokenOff = errors.New("the answer was broken off: the log line of the request has the cause")

// fill copies an event into a request, which then is as net/http would have read
// it. Function URLs leave path and query encoded.
func fill(r *http.Request, event *request) error {
	about := event.RequestContext.HTTP
	target := event.RawPath
	if target != "*" && !strings.HasPrefix(target, "/") || strings.ContainsAny(target, "?#") {
		return errors.New("the path of the event is no path")
	}
	if event.RawQueryString != "" {
		target += "?" + event.RawQueryString
	}
	u, err := url.ParseRequestURI(target)
	if err != nil {
		return err
	}
	content := []byte(event.Body)
	if event.IsBase64Encoded {
		if content, err = base64.StdEncoding.DecodeString(event.Body); err != nil {
			return err
		}
	}
	r.Method, r.URL, r.RequestURI = about.Method, u, target
	r.RemoteAddr = about.SourceIP
	r.Host = event.RequestContext.DomainName
	r.Header = http.Header{}
	for name, value := range event.Headers {
		r.Header.Set(name, value)
	}
	r.Header.Del("Host") // net/http has it in r.Host only
	if len(event.Cookies) > 0 {
		r.Header.Set("Cookie", strings.Join(event.Cookies, "; "))
	}
	r.Body, r.ContentLength = http.NoBody, int64(len(content))
	if len(content) > 0 {
		r.Body = io.NopCloser(bytes.NewReader(content))
	}
	return nil
}
