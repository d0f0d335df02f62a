package gatewaytest

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-lambda-go/events"
)

const apiID = "a1b2c3d4e5"

// Event returns the event that API Gateway sends to a function for a request,
// in payload format 2.0.
// https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
func Event(r *http.Request, routeKey string, variables map[string]string) ([]byte, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, fmt.Errorf("read body: %w", err)
	}
	caller, port, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return nil, fmt.Errorf("parse the caller's address: %w", err)
	}
	now := time.Now().UTC()
	event := events.APIGatewayV2HTTPRequest{
		Version:        "2.0",
		RouteKey:       routeKey,
		RawPath:        r.URL.Path, // decoded
		RawQueryString: r.URL.RawQuery,
		Cookies:        cookies(r),
		Headers:        headers(r),
		PathParameters: variables,
		RequestContext: events.APIGatewayV2HTTPRequestContext{
			RouteKey: routeKey, Stage: defaultKey, AccountID: "123456789012", APIID: apiID,
			RequestID:  rand.Text()[:15] + "=",
			DomainName: r.Host, DomainPrefix: apiID,
			Time: now.Format("02/Jan/2006:15:04:05 -0700"), TimeEpoch: now.UnixMilli(),
			HTTP: events.APIGatewayV2HTTPRequestContextHTTPDescription{
				Method: r.Method, Path: r.URL.Path, Protocol: r.Proto, SourceIP: caller, UserAgent: r.UserAgent(),
			},
		},
	}
	event.Headers["x-forwarded-for"], event.Headers["x-forwarded-port"], event.Headers["x-forwarded-proto"] = caller, port, "https"
	for name, values := range r.URL.Query() {
		if event.QueryStringParameters == nil {
			event.QueryStringParameters = map[string]string{}
		}
		event.QueryStringParameters[name] = strings.Join(values, ",")
	}
	if event.Body = string(body); len(body) > 0 && isBinary(r.Header.Get("Content-Type"), body) {
		event.Body, event.IsBase64Encoded = base64.StdEncoding.EncodeToString(body), true
	}
	return json.Marshal(event)
}

// headers returns the headers of a request, each once, with its name in lower
// case. Cookies are in another field of the event.
func headers(r *http.Request) map[string]string {
	all := map[string]string{"host": r.Host}
	for name, values := range r.Header {
		if name != "Cookie" {
			all[strings.ToLower(name)] = strings.Join(values, ",")
		}
	}
	return all
}

func cookies(r *http.Request) (all []string) {
	for _, line := range r.Header.Values("Cookie") {
		all = append(all, strings.Split(line, "; ")...)
	}
	return all
}

// isBinary reports whether the event contains the body in Base64. API Gateway
// decides by the content type. Bytes that are not valid UTF-8 need Base64 too,
// because the event is JSON.
func isBinary(contentType string, body []byte) bool {
	kind, _, err := mime.ParseMediaType(contentType)
	isText := err == nil && (strings.HasPrefix(kind, "text/") ||
		kind == "application/json" || kind == "application/xml" || kind == "application/javascript")
	return !isText || !utf8.Valid(body)
}

// errNoStatus means that API Gateway would treat the whole response as the body
// of a 200. A function of this project always sets a status.
var errNoStatus = errors.New("the function's response has no statusCode")

// Answer sends a function's response, in format 2.0, to the caller. Fields that
// the format does not have, such as multiValueHeaders, are ignored.
func Answer(w http.ResponseWriter, answer []byte) error {
	var a struct {
		StatusCode      int
		Headers         map[string]string
		Body            string
		IsBase64Encoded bool
		Cookies         []string
	}
	if err := json.Unmarshal(answer, &a); err != nil {
		return fmt.Errorf("parse the function's response: %w", err)
	}
	if a.StatusCode == 0 {
		return errNoStatus
	}
	body := []byte(a.Body)
	if a.IsBase64Encoded {
		var err error
		if body, err = base64.StdEncoding.DecodeString(a.Body); err != nil {
			return fmt.Errorf("parse the function's response: %w", err)
		}
	}
	for name, value := range a.Headers {
		w.Header().Set(name, value)
	}
	for _, cookie := range a.Cookies {
		w.Header().Add("Set-Cookie", cookie)
	}
	w.WriteHeader(a.StatusCode)
	_, _ = w.Write(body) // the caller may have gone
	return nil
}
