// Package gateway is middleware for servers that pass requests on to a model
// API: it checks the key, reserves quota before, and charges what the answer's
// usage says.
package gateway

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/gate"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/reqlog"
	"github.com/latchkey-api/latchkey/shared/token"
)

// Options change how Middleware works. The zero value works.
type Options struct {
	// MaxBody is the largest body of a request in bytes, default 10 MiB. A
	// body is kept in memory while its request is under way.
	MaxBodyBytes int64

	// TTL is how long a hold lasts whose request does not end, in whole
	// seconds up to the constant MaxTTL; the default is DefaultTTL. What a
	// request costs that takes longer is charged without a hold.
	TTL time.Duration

	// ClientIP finds who sent a request; the default is its RemoteAddr. Behind
	// a proxy of yours that is ForwardedFor. An address that is not valid is
	// on no token's list.
	ClientIP func(*http.Request) netip.Addr

	// Estimate says how many units to hold. The default counts tokens: a
	// quarter of the body's bytes, and the completion that the request allows,
	// or 500.
	Estimate func(EstimateInput) int64

	// Price says how many units an answer of a model costs; the default is
	// the tokens that its usage counts. Below 0 it can't tell: then it is as
	// if the answer had no usage.
	Price func(model string, usage Usage) int64

	// Log gets one line for each request; the default is slog.Default().
	Log *slog.Logger
}

// An EstimateInput is what a request lets guess of its cost.
type EstimateInput struct {
	Model     string
	BodyBytes int64 // bytes
	MaxTokens int64 // the most tokens that it lets the model write, in all choices; 0 if it names no limit
}

// A Grant says for whom the middleware let a request through.
type Grant struct {
	UserID, TokenID int64
	Group           string // of the token
	Model           string // "" for a request that needs none
	RequestID       string // names the hold, and the request in the log
}

type grantKey struct{}

// GrantOf is the grant of a request that came through Middleware, from the
// request's context.
func GrantOf(ctx context.Context) (Grant, bool) {
	g, ok := ctx.Value(grantKey{}).(Grant)
	return g, ok
}

const (
	defaultMaxBody    = 10 << 20
	unknownBody       = 64 << 10 // bytes that are read before the key is judged
	defaultCompletion = 500      // tokens
	reserveWithin     = 5 * time.Second
)

// Middleware lets requests of OpenAI's API through to next if their key
// allows it, and charges what they cost. It reserves an estimate before, and
// settles by the `usage` of the answer, plain or streamed; an answer that has
// none costs what was held. It releases if the answer's status is no 2xx, or
// if next panics or the client goes before usage was seen. Without a body, a
// GET, HEAD, OPTIONS or DELETE needs no model and is only verified; to any
// other request its body must name one.
//
// next gets the body as it came. It does not get the key, which is a secret
// of this gateway: GrantOf says whose it was. Nor does it get what would make
// its answer unreadable to the middleware, Accept-Encoding and Upgrade. A
// refusal is told in the form of OpenAI's errors. If the store can't be
// asked, nothing is let through.
func Middleware(g *gate.Gate, next http.Handler, o Options) http.Handler {
	if o.MaxBodyBytes == 0 {
		o.MaxBodyBytes = defaultMaxBody
	}
	if o.ClientIP == nil {
		o.ClientIP = remoteIP
	}
	if o.Estimate == nil {
		o.Estimate = estimate
	}
	if o.Price == nil {
		o.Price = price
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	return &middleware{g, next, o}
}

func estimate(e EstimateInput) int64 {
	const bytesPerToken = 4
	completion := e.MaxTokens
	if completion == 0 {
		completion = defaultCompletion
	}
	return (e.BodyBytes+bytesPerToken-1)/bytesPerToken + completion
}

func price(_ string, usage Usage) int64 {
	switch {
	case usage.Total > 0:
		return usage.Total
	case usage.Input+usage.Output > 0:
		return usage.Input + usage.Output
	default:
		return -1
	}
}

type middleware struct {
	gate *gate.Gate
	next http.Handler
	Options
}

// A call is one request on its way through.
type call struct {
	Grant
	started time.Time
	key     string
	asked   asked
	open    bool  // there is a hold
	held    int64 // units
	until   int64 // the second at which the hold lapses
	charged int64 // units
}

func (m *middleware) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := &call{started: time.Now(), Grant: Grant{RequestID: rand.Text()}}
	if err := m.admit(w, r, c); err != nil {
		p := explain(err)
		p.Write(w)
		m.record(r.Context(), c, p.Status, err)
		return
	}
	a, returned := &answer{ResponseWriter: w, charged: c.open}, false
	defer func() { m.finish(r.Context(), c, a, returned) }() // also while next panics; the panic goes on
	m.next.ServeHTTP(a, c.inner(r))
	returned = true
}

// admit asks the gate, and reserves if the request is one for a model.
func (m *middleware) admit(w http.ResponseWriter, r *http.Request, c *call) error {
	c.key = credential.Bearer(r.Header.Get("Authorization"))
	if c.key == "" {
		return errNoKey
	}
	if _, err := credential.ParseKey(c.key); err != nil {
		return quota.ErrKeyUnknown // before a body is read for it
	}
	q := quota.Question{IP: m.ClientIP(r)}
	if !q.IP.IsValid() {
		q.IP = netip.IPv6Unspecified() // the zero Addr would not be asked about
	}
	if !needsModel(r) {
		return m.verify(r.Context(), c, q)
	}
	if r.ContentLength < 0 || r.ContentLength > unknownBody {
		if err := m.verify(r.Context(), c, q); err != nil { // who has no key has us keep no more
			return err
		}
	}
	body, err := readBody(w, r, m.MaxBodyBytes)
	if err != nil {
		return err
	}
	if c.asked, err = ask(r.Header, body); err != nil {
		return err
	}
	c.Model, q.Model, q.RequestID = c.asked.model, c.asked.model, c.RequestID
	return m.reserve(r.Context(), c, q)
}

func (m *middleware) verify(ctx context.Context, c *call, q quota.Question) error {
	v, err := m.gate.Verify(ctx, c.key, q)
	c.grant(v.Token)
	if err == nil && !v.Valid() {
		err = &refusal{quota.RefusedError{Refusal: v.Refusal}, v.Remain, 0}
	}
	return err
}

// reserve holds the estimate, or all that is left if that is enough for the
// completion: what a request costs beyond its hold is charged anyway, as far
// as the balance goes. A client that goes meanwhile does not cut it short,
// for then nobody would know of the hold.
func (m *middleware) reserve(ctx context.Context, c *call, q quota.Question) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), reserveWithin)
	defer cancel()
	want := m.Estimate(EstimateInput{c.Model, int64(len(c.asked.body)), c.asked.declared})
	want = max(0, min(want, token.MaxInteger))
	q.Quota = want
	held, err := m.gate.Reserve(ctx, c.key, q, m.TTL)
	if err == nil && held.Refusal == quota.RefusedExhausted && held.Remain < want && held.Remain >= max(1, c.asked.declared) {
		q.Quota = held.Remain
		held, err = m.gate.Reserve(ctx, c.key, q, m.TTL)
	}
	c.grant(held.Token)
	if err == nil && !held.Valid() {
		err = &refusal{quota.RefusedError{Refusal: held.Refusal}, held.Remain, want}
	}
	c.open, c.held, c.until = err == nil, held.Held, held.ExpiresAt
	if errors.Is(err, token.ErrUncertain) {
		_, _ = m.gate.Release(ctx, c.key, c.RequestID) // a hold that may be there and that nobody knows of; else it lapses
	}
	return err
}

func (c *call) grant(t token.Token) {
	c.UserID, c.TokenID, c.Group = t.UserID, t.ID, t.Group
}

// inner is the request that next gets.
func (c *call) inner(r *http.Request) *http.Request {
	in := r.Clone(context.WithValue(r.Context(), grantKey{}, c.Grant))
	for _, name := range []string{"Authorization", "Accept-Encoding", "Upgrade"} {
		in.Header.Del(name)
	}
	if c.asked.body != nil {
		in.GetBody = c.asked.reader
		in.Body, _ = in.GetBody() // never fails
	}
	return in
}

// record logs the request.
func (m *middleware) record(ctx context.Context, c *call, status int, err error) {
	line := reqlog.Line{
		Message: "model request", RequestID: c.RequestID, Duration: time.Since(c.started),
		Attrs: []slog.Attr{
			slog.Int("status", status), reqlog.UserID(c.UserID), reqlog.TokenID(c.TokenID),
			slog.String("model", credential.Redact(c.Model)), slog.Int64("held", c.held), slog.Int64("charged", c.charged),
		},
		Err: err,
	}
	if err != nil && (c.open || status >= http.StatusInternalServerError) { // a hold without its end, or our own failure
		line.Level = slog.LevelWarn
	}
	line.Write(ctx, m.Log)
}
