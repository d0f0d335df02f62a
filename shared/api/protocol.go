package api

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/history"
	"github.com/latchkey-api/latchkey/shared/reqlog"
	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/webhook"
)

// requestTimeout is how long a request may take in total. It is shorter than
// the time-out of the Lambda function, so that the caller gets an answer.
const requestTimeout = 6 * time.Second

// Services are what routes call.
type Services struct {
	Tokens *token.Service // of the management API
	Keys   Gate           // of verify, reserve, settle, release and usage
	Trail  Trail          // of administrative changes

	History  history.Store // of what tokens were used for
	Webhooks *webhook.Service
}

// New returns a handler that serves routes. Every request, including one that
// fails or panics, gets an answer, a request id and one log line.
func New(services Services, log *slog.Logger, routes ...Route) http.Handler {
	return &server{services, log, routes}
}

type server struct {
	services Services
	log      *slog.Logger
	routes   []Route
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	started := time.Now()
	ctx, cancel := context.WithTimeout(r.Context(), requestTimeout)
	defer cancel()
	ctx, meter := reqlog.WithMeter(ctx)
	out := reply{requestID: requestID(ctx)}
	ctx = token.WithOrigin(ctx, token.Origin{RequestID: out.requestID, Address: remoteAddress(r)})
	route, err := find(s.routes, r)
	if err == nil {
		out.response, err = s.serve(route, r.WithContext(ctx))
	}
	out.fail(err)
	out.write(w, r)
	record(s.log, r, route, out, meter.Cost(), time.Since(started))
}

// serve calls a route and turns its panic into an error.
func (s *server) serve(route Route, r *http.Request) (a response, err error) {
	defer reqlog.Recover(&err)
	return route.serve(s.services, r)
}

// record logs the request.
func record(log *slog.Logger, r *http.Request, route Route, out reply, cost reqlog.Cost, took time.Duration) {
	line := reqlog.Line{
		Route: route.Name, Group: groupOf(route.Endpoint), RequestID: out.requestID, Duration: took, Status: out.status,
		Attrs: []slog.Attr{reqlog.UserID(out.userID), cost.Reads(), cost.Writes(), cost.Trips()},
		Code:  string(out.refusal.Refusal), Scope: out.refusal.Scope, Hedged: cost.Hedged, Unrecorded: cost.Unrecorded,
	}
	if out.tokenID != 0 {
		line.Attrs = append(line.Attrs, reqlog.TokenID(out.tokenID))
	}
	if len(out.tokenIDs) > 0 {
		line.Attrs = append(line.Attrs, slog.Any("token_ids", out.tokenIDs))
	}
	if out.err != nil {
		line.Code = string(out.problem.code)
	}
	if out.status >= http.StatusInternalServerError {
		line.Err = out.err
		if r.Context().Err() == nil { // else the client has closed the connection, which is not our error
			line.Level = slog.LevelError
		}
	}
	line.Write(r.Context(), log)
}

// withAccessToken serves a route of the management API: it reads the access
// token and the input, and passes both to call. Authentication errors take
// precedence over validation errors.
func withAccessToken[In any](
	services Services, r *http.Request,
	read func(*http.Request) (In, error),
	call func(context.Context, *token.Service, credential.AccessToken, In) (response, error),
) (response, error) {
	var in In
	return authenticated(services.Tokens, r, func() (err error) {
		in, err = read(r)
		return err
	}, func(at credential.AccessToken) (response, error) { return call(r.Context(), services.Tokens, at, in) })
}

// withCaller is withAccessToken for what needs no more of the service than the
// caller.
func withCaller[In any](
	services Services, r *http.Request,
	read func(*http.Request) (In, error),
	call func(context.Context, token.Caller, In) (response, error),
) (response, error) {
	return withAccessToken(services, r, read, func(ctx context.Context, service *token.Service, at credential.AccessToken, in In) (response, error) {
		return call(ctx, service.Caller(at), in)
	})
}

// authenticated is withAccessToken without the type of the input, of which there
// are many: each makes the functions larger.
func authenticated(service *token.Service, r *http.Request, read func() error, call func(credential.AccessToken) (response, error)) (response, error) {
	at, err := accessToken(r)
	if err != nil {
		return response{}, err
	}
	if r.ContentLength < 0 || r.ContentLength > maxBody { // strangers can't make us read much
		if err := service.Authorize(r.Context(), at); err != nil {
			return response{}, err
		}
	}
	bad := read()
	if bad == nil {
		bad = refuseEmptyIdempotencyKey(r)
	}
	if errors.Is(bad, errSlowBody) {
		return response{}, bad // no time is left to authenticate
	}
	if bad != nil {
		if err := service.Authorize(r.Context(), at); err != nil {
			return response{}, err
		}
		return response{userID: at.UserID}, bad
	}
	a, err := call(at)
	a.userID = at.UserID
	return a, err
}

func accessToken(r *http.Request) (credential.AccessToken, error) {
	value := credential.Bearer(r.Header.Get("Authorization"))
	switch {
	case value == "":
		return credential.AccessToken{}, errNoAccessToken
	case credential.HasKeyPrefix(value), isKeyWithoutPrefix(value):
		return credential.AccessToken{}, errKeyNotAccessToken
	}
	at, err := credential.ParseAccessToken(value)
	if err != nil {
		return credential.AccessToken{}, token.ErrUnauthorized
	}
	return at, nil
}

func isKeyWithoutPrefix(s string) bool {
	_, err := credential.ParseKey(credential.KeyPrefix + s)
	return err == nil
}

// remoteAddress returns the address of the connection or, behind API Gateway, of the
// client that connected to it; "" if it is not known.
func remoteAddress(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return ""
	}
	return addr.Unmap().WithZone("").String()
}

type requestIDKey struct{}

// A request id has up to maxRequestID of these characters.
const (
	requestIDCharacters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_=-"
	maxRequestID        = 128
)

// WithRequestID returns a context with a request id, such as the one that API
// Gateway gave the request. Answers and log lines contain it. An id that is not
// 1 to 128 letters, digits, hyphens, underscores or equals signs is ignored.
func WithRequestID(ctx context.Context, id string) context.Context {
	if id == "" || len(id) > maxRequestID || strings.Trim(id, requestIDCharacters) != "" {
		return ctx
	}
	return context.WithValue(ctx, requestIDKey{}, id)
}

func requestID(ctx context.Context) string {
	if id, ok := ctx.Value(requestIDKey{}).(string); ok {
		return id
	}
	return rand.Text()
}
