package boot

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/awslabs/aws-lambda-go-api-proxy/core"
	"github.com/awslabs/aws-lambda-go-api-proxy/httpadapter"

	"github.com/latchkey-api/latchkey/shared/api"
	"github.com/latchkey-api/latchkey/shared/reqlog"
)

// Handler lets next answer the events of an API Gateway HTTP API, payload
// format 2.0. Whatever the payload is and whatever next does, the invocation
// succeeds with an answer in the API's envelope: an invocation error would
// reach the caller as the gateway's own 500, without any of it.
func Handler(next http.Handler, log *slog.Logger) lambda.Handler {
	// The adapter would take every request's host from it, a bad one as an
	// error. There is no other way to tell it not to.
	_ = os.Unsetenv(core.CustomHostVariable)
	return &handler{next, log}
}

type handler struct {
	next http.Handler
	log  *slog.Logger
}

// Invoke implements lambda.Handler.
func (h *handler) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	var event events.APIGatewayV2HTTPRequest
	err := json.Unmarshal(payload, &event)
	ctx = withRequestID(ctx, event.RequestContext.RequestID)
	var answer events.APIGatewayV2HTTPResponse
	if err == nil {
		answer, err = proxy(ctx, func(w http.ResponseWriter, r *http.Request) {
			fill(r, &event)
			h.next.ServeHTTP(w, r)
		})
	} else {
		err = fmt.Errorf("payload is no event of an API Gateway HTTP API, format 2.0: %w", err)
	}
	if err != nil {
		answer, err = proxy(ctx, func(w http.ResponseWriter, r *http.Request) { api.Fail(w, r, h.log, err) })
	}
	if err != nil {
		return nil, err
	}
	return json.Marshal(answer)
}

// withRequestID gives a request the gateway's id, or else Lambda's.
func withRequestID(ctx context.Context, gateway string) context.Context {
	if lc, ok := lambdacontext.FromContext(ctx); ok {
		ctx = api.WithRequestID(ctx, lc.AwsRequestID)
	}
	return api.WithRequestID(ctx, gateway)
}

// errNoAnswer: the handler returned and had written nothing. The adapter
// would make 504 and an invocation error of it.
var errNoAnswer = errors.New("the handler wrote no answer")

// proxy has the adapter call serve and collect what it writes. A panic of
// serve is an error; half an answer written before it is dropped.
func proxy(ctx context.Context, serve http.HandlerFunc) (answer events.APIGatewayV2HTTPResponse, err error) {
	defer reqlog.Recover(&err)
	silent := false
	adapter := httpadapter.NewV2(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		watched := &watchedWriter{ResponseWriter: w}
		serve(watched, r)
		if silent = !watched.wrote; silent {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	answer, err = adapter.ProxyWithContext(ctx, blank())
	if err == nil && silent {
		err = errNoAnswer
	}
	return answer, err
}

// blank is the event that the adapter sees, one that it can't fail on. It
// would join a real one's decoded path, domain and query into a URL and
// parse that again, and split headers at commas; fill does it right.
func blank() events.APIGatewayV2HTTPRequest {
	var event events.APIGatewayV2HTTPRequest
	event.RawPath = "/"
	event.RequestContext.DomainName = "localhost"
	event.RequestContext.HTTP.Method = http.MethodGet
	return event
}

// fill makes the adapter's blank request the one of an event. Nothing is
// parsed, so that nothing can fail: a method, path or query that makes no
// sense is the routes' to refuse.
func fill(r *http.Request, event *events.APIGatewayV2HTTPRequest) {
	about := event.RequestContext.HTTP
	path := event.RawPath // decoded by the gateway
	if path == "" {
		path = about.Path
	}
	if !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	r.Method = about.Method
	r.URL = &url.URL{Path: path, RawQuery: rawQuery(event)}
	r.RequestURI = r.URL.RequestURI()
	r.RemoteAddr = about.SourceIP
	r.Host = event.RequestContext.DomainName
	r.Header = http.Header{}
	for name, value := range event.Headers {
		r.Header.Set(name, value)
	}
	if len(event.Cookies) > 0 {
		r.Header.Set("Cookie", strings.Join(event.Cookies, "; "))
	}
	r.Body, r.ContentLength = body(event)
}

// rawQuery is an event's query as the caller sent it. Events written by hand
// may have only the parameters.
func rawQuery(event *events.APIGatewayV2HTTPRequest) string {
	if event.RawQueryString != "" {
		return event.RawQueryString
	}
	query := url.Values{}
	for name, value := range event.QueryStringParameters {
		query.Set(name, value)
	}
	return query.Encode()
}

// body is an event's body, decoded as it is read, and its length, -1 if that
// is unknown. Base64 that is wrong is an error to whoever reads it.
func body(event *events.APIGatewayV2HTTPRequest) (io.ReadCloser, int64) {
	plain := strings.NewReader(event.Body)
	if event.IsBase64Encoded {
		return io.NopCloser(base64.NewDecoder(base64.StdEncoding, plain)), -1
	}
	return io.NopCloser(plain), plain.Size()
}

// A watchedWriter knows whether anything was written.
type watchedWriter struct {
	http.ResponseWriter
	wrote bool
}

func (w *watchedWriter) WriteHeader(status int) {
	w.wrote = true
	w.ResponseWriter.WriteHeader(status)
}

func (w *watchedWriter) Write(p []byte) (int, error) {
	w.wrote = true
	return w.ResponseWriter.Write(p)
}
