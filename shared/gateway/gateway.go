// Package gateway is middleware for servers that forward requests to an
// OpenAI-compatible API. For each request it checks the caller's key, reserves
// quota, and charges the usage that the response reports.
package gateway

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"github.com/latchkey-api/latchkey/shared/gate"
)

// Middleware returns a handler that checks each request with g, forwards it to
// next, and charges its cost.
//
// Before next runs, the handler reserves the estimated number of units. Before
// the end of the response reaches the client, the handler settles the hold with
// what the response reports as its usage, at the prices of the gate. A response
// that reports none, or breaks off, costs its estimated input and what it has
// delivered. An error is free.
//
// The body must name one model. GET, HEAD, OPTIONS and DELETE requests without
// a body are the exception: they are checked, but hold and cost nothing.
//
// next receives the body unchanged. It does not receive the key; GrantOf
// returns its owner. Nor does it receive the headers Accept-Encoding and
// Upgrade, because the middleware could not read the response. A refused
// request gets an error response in OpenAI's format. If the store can't be
// reached, every request is refused.
func Middleware(g *gate.Gate, next http.Handler, o Options) http.Handler {
	if o.MaxBodyBytes == 0 {
		o.MaxBodyBytes = defaultMaxBodyBytes
	}
	if o.ClientIP == nil {
		o.ClientIP = remoteIP
	}
	if o.Estimate == nil {
		o.Estimate = defaultEstimate
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	return &middleware{g, next, o}
}

// Options configure Middleware. The zero value is valid.
type Options struct {
	// MaxBodyBytes is the largest request body; the default is 10 MiB. A body
	// is kept in memory until its request ends.
	MaxBodyBytes int64

	// TTL is how long a hold lasts if it is neither settled nor released, in
	// whole seconds up to gate.MaxTTL; the default is gate.DefaultTTL. A
	// request that takes longer is charged without a hold, as far as the
	// balance allows.
	TTL time.Duration

	// ClientIP returns the address of a request's sender. The default is the
	// address of the connection. Behind your own proxy, use ForwardedFor. If
	// the address is not valid, keys with a list of allowed addresses are
	// refused.
	ClientIP func(*http.Request) netip.Addr

	// Estimate returns how many units to hold for a request. The default
	// counts tokens: a quarter of the body's bytes, plus MaxTokens, or 500 if
	// the request sets no limit.
	Estimate func(EstimateInput) int64

	// Observe is called once for each request, after its settlement, such as to
	// count it in a metric. It must be safe for concurrent use and return at once.
	Observe func(Record)

	// Log receives one line for each request; the default is slog.Default().
	Log *slog.Logger
}

// An EstimateInput describes a request to Options.Estimate.
type EstimateInput struct {
	Model     string
	BodyBytes int64
	MaxTokens int64 // the most tokens that the request lets the model write, in all choices; 0 if it sets no limit
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

const (
	defaultMaxBodyBytes     = 10 << 20
	defaultCompletionTokens = 500
)

func defaultEstimate(in EstimateInput) int64 {
	const bytesPerToken = 4
	completion := in.MaxTokens
	if completion == 0 {
		completion = defaultCompletionTokens
	}
	return (in.BodyBytes+bytesPerToken-1)/bytesPerToken + completion
}
