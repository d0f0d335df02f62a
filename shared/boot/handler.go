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
	"strings"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/awslabs/aws-lambda-go-api-proxy/core"

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
	return &handler{next, log}
}

type handler struct {
	next http.Handler
	log  *slog.Logger
}

// An httpEvent is what a function reads of an event. encoding/json prepares every
// type of a value at its first use, so the type of package events, which has
// everything that an event may have, makes the first answer come later.
type httpEvent struct {
	RawPath               string            `json:"rawPath"`
	RawQueryString        string            `json:"rawQueryString"`
	QueryStringParameters map[string]string `json:"queryStringParameters"`
	Cookies               []string          `json:"cookies"`
	Headers               map[string]string `json:"headers"`
	RequestContext        struct {
		RequestID  string `json:"requestId"`
		DomainName string `json:"domainName"`
		HTTP       struct {
			Method   string `json:"method"`
			Path     string `json:"path"`
			SourceIP string `json:"sourceIp"`
		} `json:"http"`
	} `json:"requestContext"`
	Body            string `json:"body"`
	IsBase64Encoded bool   `json:"isBase64Encoded"`
}

// Invoke implements lambda.Handler.
func (h *handler) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	var event httpEvent
	err := json.Unmarshal(payload, &event)
	ctx = withRequestID(ctx, event.RequestContext.RequestID)
	var answer events.APIGatewayV2HTTPResponse
	if err == nil {
		answer, err = answerOf(func(w http.ResponseWriter) { h.next.ServeHTTP(w, requestOf(ctx, &event)) })
	} else {
		err = fmt.Errorf("the payload is not an event of an API Gateway HTTP API in payload format 2.0: %w", err)
	}
	if err != nil {
		answer, err = answerOf(func(w http.ResponseWriter) { api.Fail(w, new(http.Request).WithContext(ctx), h.log, err) })
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

// errNoAnswer means that the handler returned without writing anything.
var errNoAnswer = errors.New("the handler wrote no answer")

// answerOf returns what serve writes. If serve panics, answerOf returns an error
// and drops what was already written.
func answerOf(serve func(http.ResponseWriter)) (answer events.APIGatewayV2HTTPResponse, err error) {
	defer reqlog.Recover(&err)
	w := core.NewProxyResponseWriterV2()
	serve(w)
	if answer, err = w.GetProxyResponse(); err != nil {
		return answer, errNoAnswer
	}
	return answer, nil
}

// requestOf returns the request of an event. It parses nothing, so it can't fail:
// the routes refuse an invalid method, path or query. The adapter of package core
// would join the decoded path, the domain and the query into a URL and parse that
// again, and split headers at commas.
func requestOf(ctx context.Context, event *httpEvent) *http.Request {
	r := new(http.Request).WithContext(ctx)
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
	return r
}

// rawQuery returns the query as the client sent it. An event written by hand
// may have the parsed parameters only.
func rawQuery(event *httpEvent) string {
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
func body(event *httpEvent) (io.ReadCloser, int64) {
	plain := strings.NewReader(event.Body)
	if event.IsBase64Encoded {
		return io.NopCloser(base64.NewDecoder(base64.StdEncoding, plain)), -1
	}
	return io.NopCloser(plain), plain.Size()
}
