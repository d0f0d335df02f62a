package gateway

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Time limits towards the upstream. No limit interrupts an answer that keeps
// arriving.
const (
	dialTimeout   = 5 * time.Second  // for the connection to the upstream
	headerTimeout = 10 * time.Minute // for the upstream to begin its answer
)

// An UpstreamAuth is the header in which the upstream expects the operator's key.
type UpstreamAuth string

// The headers for the operator's key.
const (
	AuthBearer  UpstreamAuth = "bearer"         // Authorization: Bearer, as OpenAI
	AuthXAPIKey UpstreamAuth = "x-api-key"      // as Anthropic
	AuthAPIKey  UpstreamAuth = "api-key"        // as Azure
	AuthGoogle  UpstreamAuth = "x-goog-api-key" // as Gemini
)

// UpstreamAuths returns every UpstreamAuth.
func UpstreamAuths() []UpstreamAuth {
	return []UpstreamAuth{AuthBearer, AuthXAPIKey, AuthAPIKey, AuthGoogle}
}

// set sets the operator's key.
func (a UpstreamAuth) set(h http.Header, key string) {
	switch {
	case key == "":
	case a == AuthBearer || a == "":
		h.Set("Authorization", "Bearer "+key)
	default:
		h.Set(string(a), key)
	}
}

// UpstreamURL parses the URL of an upstream. It may end with /v1 or /v1beta, as
// the base URL of some clients does; requests name the version themselves. All
// requests stay below the URL's path.
func UpstreamURL(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
		return nil, errors.New("it is not a URL with http or https and a host") // without the URL, which may hold a password
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return nil, errors.New("it must not have a user, query or fragment")
	}
	path := strings.TrimSuffix(u.EscapedPath(), "/")
	for _, version := range []string{"/v1beta", "/v1"} {
		path = strings.TrimSuffix(path, version)
	}
	if path != "" {
		if clean, err := cleanPath(&url.URL{Path: path}); err != nil || clean != path {
			return nil, errors.New("its path may have only letters, digits and -._~: between single slashes")
		}
	}
	return &url.URL{Scheme: u.Scheme, Host: u.Host, Path: path}, nil
}

// An Upstream says where requests go.
type Upstream struct {
	URL  *url.URL // from UpstreamURL
	Key  string   // the operator's key; "" sends none
	Auth UpstreamAuth
	Log  *slog.Logger
}

// Forward returns a handler for Middleware that sends requests to an upstream.
// Errors of the upstream that concern the operator and not the caller, such as a
// wrong key of the operator, become 502 or 503, so that clients do not take them
// for their own.
func Forward(up Upstream) http.Handler {
	return &httputil.ReverseProxy{
		Transport: &http.Transport{
			Proxy:                 http.ProxyFromEnvironment,
			DialContext:           (&net.Dialer{Timeout: dialTimeout}).DialContext,
			TLSHandshakeTimeout:   dialTimeout,
			ResponseHeaderTimeout: headerTimeout,
			ForceAttemptHTTP2:     true,
			DisableCompression:    true, // decompression would delay the pieces of a stream
			MaxIdleConnsPerHost:   128,
			IdleConnTimeout:       time.Minute,
		},
		FlushInterval: -1, // send every piece at once
		ErrorLog:      slog.NewLogLogger(up.Log.Handler(), slog.LevelWarn),
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host = up.URL.Scheme, up.URL.Host
			r.Out.URL.Path, r.Out.URL.RawPath = up.URL.Path+r.In.URL.Path, ""
			r.Out.Host = ""
			up.Auth.set(r.Out.Header, up.Key)
		},
		ModifyResponse: func(resp *http.Response) error {
			if e, replaced := operatorError(resp); replaced {
				up.Log.WarnContext(resp.Request.Context(), "upstream refused the operator", "status", resp.StatusCode, "request_id", requestID(resp.Request.Context()))
				replace(resp, e)
			}
			return nil
		},
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			if r.Context().Err() == nil { // otherwise the client has closed the connection
				up.Log.WarnContext(r.Context(), "upstream failed", "error", reason(err), "request_id", requestID(r.Context()))
			}
			unreachable := ErrorResponse{
				Status: http.StatusBadGateway, Type: serverError, Code: "upstream_unreachable",
				Message: "The API behind this gateway can't be reached. Nothing was charged. Try again later.",
				shape:   shapeFrom(r.Context()),
			}
			unreachable.Write(w)
		},
	}
}

// operatorError returns the response that takes the place of an upstream's
// refusal that is about the operator's key or limits.
func operatorError(resp *http.Response) (ErrorResponse, bool) {
	e := ErrorResponse{Type: serverError, shape: shapeFrom(resp.Request.Context())}
	switch resp.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden:
		e.Status, e.Code = http.StatusBadGateway, "upstream_auth_failed"
		e.Message = "The API behind this gateway refused the operator's key, not yours. Nothing was charged. Tell the operator the request ID."
	case http.StatusPaymentRequired:
		e.Status, e.Code = http.StatusBadGateway, "upstream_payment_required"
		e.Message = "The API behind this gateway asks the operator, not you, to pay. Nothing was charged. Tell the operator the request ID."
	case http.StatusTooManyRequests:
		e.Status, e.Code = http.StatusServiceUnavailable, "upstream_rate_limited"
		e.Message = "The API behind this gateway limits the operator's requests, not yours. Nothing was charged. Wait for the number of seconds in Retry-After, then try again."
		e.RetryAfterSeconds = 1
		if seconds, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && seconds > 0 {
			e.RetryAfterSeconds = seconds
		}
	default:
		return ErrorResponse{}, false
	}
	return e, true
}

// replace replaces the answer of the upstream.
func replace(resp *http.Response, e ErrorResponse) {
	_ = resp.Body.Close() // it is not read
	body := e.body()
	resp.StatusCode, resp.Status = e.Status, fmt.Sprintf("%d %s", e.Status, http.StatusText(e.Status))
	resp.Header = http.Header{}
	e.setHeader(resp.Header)
	resp.Header.Set("Content-Length", strconv.Itoa(len(body)))
	resp.ContentLength, resp.TransferEncoding, resp.Trailer = int64(len(body)), nil, nil
	resp.Body = io.NopCloser(bytes.NewReader(body))
}

// requestID returns the id that the caller has of a request, too.
func requestID(ctx context.Context) string {
	grant, _ := GrantOf(ctx) // the zero Grant has none
	return grant.RequestID
}

// reason returns an error of a connection without its URL.
func reason(err error) string {
	var urlError *url.Error
	if errors.As(err, &urlError) {
		err = urlError.Err
	}
	return err.Error()
}

type shapeKey struct{}

// shapeFrom returns the shape of the API that the caller speaks.
func shapeFrom(ctx context.Context) shape {
	s, _ := ctx.Value(shapeKey{}).(shape) // the zero value is OpenAI's
	return s
}
