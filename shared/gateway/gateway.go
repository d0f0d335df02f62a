// Package gateway is middleware for servers that forward requests to the APIs of
// OpenAI, Anthropic or Gemini, or to one that is compatible with them. For each
// request it checks the caller's key, reserves quota, and charges what the answer
// has cost. docs/gateway.md describes it.
package gateway

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"runtime"
	"time"

	"github.com/latchkey-api/latchkey/shared/gate"
)

// Middleware returns a handler that checks each request with g, forwards it to
// next, and charges its cost.
//
// Only the methods and paths that docs/gateway.md lists are served, and those of
// o.Allow. Before next runs, the handler reserves what the request may cost. It
// settles the hold before the caller has the end of the answer. If an answer does
// not say what was used, the estimated input and what was delivered are charged.
// An answer with a status other than 2xx is free.
//
// A body must name one model; if two parsers could read two models in it, it is
// refused. next receives the body with o.Clamp's limit and with a request for the
// usage of a stream, and only headers and query parameters that can't carry a
// credential; GrantOf returns the key's owner. A refused request gets an error in
// the form of the API that it calls. If the store can't be reached, every request
// is refused.
func Middleware(g *gate.Gate, next http.Handler, o Options) *Handler {
	if o.MaxBodyBytes == 0 {
		o.MaxBodyBytes = defaultMaxBodyBytes
	}
	if o.MaxMemoryBytes == 0 {
		o.MaxMemoryBytes = defaultMaxMemoryBytes
	}
	if o.ClientIP == nil {
		o.ClientIP = remoteIP
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	return &Handler{middleware{
		gate: g, next: next, Options: o, reserveTimeout: defaultReserveTimeout,
		memory:  newMemory(o.MaxMemoryBytes, min(o.MaxMemoryBytes, keyMemoryFactor*o.MaxBodyBytes)),
		parsing: make(chan struct{}, runtime.GOMAXPROCS(0)),
	}}
}

// A Handler is the handler that Middleware returns.
type Handler struct{ middleware }

// Wait waits until the holds of reservations that got no answer are released, at
// most a minute. Call it after the last request, before the process ends.
func (h *Handler) Wait() { h.background.Wait() }

// Options configure Middleware. The zero value is valid.
type Options struct {
	// Allow lists further methods and paths. Objects behind them, such as
	// files, belong to the operator and are shared by all keys.
	Allow []Allowed

	// AllowOrigins lists the origins whose pages may call the API from a
	// browser, such as https://app.example.com; "*" is every origin.
	AllowOrigins []string

	// Clamp lowers a request's limit of output tokens to what the key's
	// balance pays for, and sets a limit of 4,096 if the request has none. The
	// answer's header Latchkey-Max-Tokens has the limit.
	Clamp bool

	// NoInjectUsage does not ask the upstream for the usage of streams whose
	// client has not asked for it. Their charge is then estimated.
	NoInjectUsage bool

	// MaxBodyBytes is the largest request body; the default is 10 MiB. A body
	// is kept in memory until its request ends.
	MaxBodyBytes int64

	// MaxMemoryBytes is how many bytes of request bodies may be in memory at
	// the same time; the default is 256 MiB. One key can have four times
	// MaxBodyBytes of it. Requests beyond that are refused.
	MaxMemoryBytes int64

	// TTL is how long a hold lasts if it is neither settled nor released, in
	// whole seconds from 5 seconds to gate.MaxTTL; the default is gate.DefaultTTL.
	// A request that takes longer renews it, as long as its key is accepted.
	TTL time.Duration

	// ClientIP returns the address of a request's sender. The default is the
	// address of the connection. Behind your own proxy, use ForwardedFor. If
	// the address is not valid, keys with a list of allowed addresses are
	// refused.
	ClientIP func(*http.Request) netip.Addr

	// Observe is called once for each request, after its settlement, such as to
	// count it in a metric. It must be safe for concurrent use and return at once.
	Observe func(Record)

	// Log receives one line for each request; the default is slog.Default().
	Log *slog.Logger
}

// A Grant describes a request that the middleware accepted.
type Grant struct {
	UserID, TokenID int64
	Group           string // the token's group, which its owner chooses
	Model           string // "" for a request without a model
	HeldUnits       int64  // reserved when the request was accepted
	RequestID       string // of the log line
}

type grantKey struct{}

// GrantOf returns the grant of a request from its context. It returns false if
// the request did not pass through Middleware.
func GrantOf(ctx context.Context) (Grant, bool) {
	g, ok := ctx.Value(grantKey{}).(Grant)
	return g, ok
}
