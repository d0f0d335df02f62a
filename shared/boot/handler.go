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

// Handler answers the events of an API Gateway HTTP API, payload format 2.0,
// with what next writes. The invocation succeeds with an answer in the API's
// envelope even if the payload is not such an event, or if next panics or
// writes nothing. For an invocation error, API Gateway would answer 500 with a
// body of its own.
// https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
func Handler(next http.Handler, log *slog.Logger) lambda.Handler {
	// If this variable is set, the adapter takes the host of every request from
	// it, and fails if it is malformed. It has no option to ignore it.
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
		err = fmt.Errorf("the payload is not an event of an API Gateway HTTP API in payload format 2.0: %w", err)
	}
	if err != nil {
		answer, err = proxy(ctx, func(w http.ResponseWriter, r *http.Request) { api.Fail(w, r, h.log, err) })
	}
	if err != nil {
		return nil, err
	}
	return json.Marshal(answer)
}

// withRequestID sets the request id to API Gateway's, or to Lambda's if API
// Gateway's is missing or malformed.
func withRequestID(ctx context.Context, gateway string) context.Context {
	if lc, ok := lambdacontext.FromContext(ctx); ok {
		ctx = api.WithRequestID(ctx, lc.AwsRequestID)
	}
	return api.WithRequestID(ctx, gateway)
}

// errNoAnswer means that the handler returned without writing anything. The
// adapter would return 504 and an invocation error.
var errNoAnswer = errors.New("the handler wrote no answer")

// proxy calls serve through the adapter and returns what it writes. If serve
// panics, proxy returns an error and drops what was already written.
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

// blank returns an event on which the adapter can't fail. The adapter would join
// the decoded path, the domain and the query of the real event into a URL and
// parse that again, and split headers at commas. fill copies the real event
// into the request instead.
func blank() events.APIGatewayV2HTTPRequest {
	var event events.APIGatewayV2HTTPRequest
	event.RawPath = "/"
	event.RequestContext.DomainName = "localhost"
	event.RequestContext.HTTP.Method = http.MethodGet
	return event
}

// fill copies an event into a request. It parses nothing, so it can't fail: the
// routes refuse an invalid method, path or query.
func fill(r *http.Request, event *events.APIGatewayV2HTTPRequest) {
	about := event.RequestContext.HTTP
	path := event.RawPath // decoded by API Gateway
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

// rawQuery returns the query as the client sent it. An event written by hand
// may have the parsed parameters only.
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

// body returns the body of an event and its length in bytes, -1 if unknown.
// Base64 is decoded while the body is read, and an error in it is an error of
// that read.
func body(event *events.APIGatewayV2HTTPRequest) (io.ReadCloser, int64) {
	plain := strings.NewReader(event.Body)
	if event.IsBase64Encoded {
		return io.NopCloser(base64.NewDecoder(base64.StdEncoding, plain)), -1
	}
	return io.NopCloser(plain), plain.Size()
}

// A watchedWriter records whether anything was written.
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
