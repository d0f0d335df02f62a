package gateway

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/gate"
	"github.com/latchkey-api/latchkey/shared/price"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/reqlog"
)

// A request is the state of one request that passes through the middleware.
type request struct {
	Grant
	started       time.Time
	endpoint      endpoint
	key           string
	query         string       // that is passed on
	body          *requestBody // nil if no body is read
	bodyMemory    int64        // bytes taken from the memory for bodies
	group         string       // whose prices the token pays
	input         price.Usage  // estimated
	clampedTokens int64        // the limit that Options.Clamp has set, or 0
	hold          *gate.Hold   // nil if nothing is held
	prepaid       int64        // units charged for holds before that have expired
	rates         rateHeaders
	reader        answerReader // of the answer

	usage          price.Usage // charged
	reported       bool        // usage is what the upstream has reported
	nanoDollars    int64       // what usage costs by the price table
	priceRevision  int64
	chargedUnits   int64
	shortfallUnits int64 // due, but not charged, because the balance did not have them
	settleFailed   bool

	meter *reqlog.Meter
}

type middleware struct {
	gate           *gate.Gate
	next           http.Handler
	memory         *memory
	groups         groupCache
	parsing        chan struct{} // limits how many large bodies are parsed at the same time
	background     sync.WaitGroup
	reserveTimeout time.Duration
	Options
}

func (m *middleware) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	req := &request{started: time.Now(), Grant: Grant{RequestID: rand.Text()}}
	if m.answerOwn(w, r) {
		return
	}
	ctx, meter := reqlog.WithMeter(r.Context())
	r, req.meter = r.WithContext(ctx), meter
	w = &filteredWriter{ResponseWriter: w, m: m, r: r, req: req}
	defer func() { m.memory.give(req.key, req.bodyMemory) }()
	if err := m.admit(w, r, req); err != nil {
		response := errorResponse(err, req.key)
		response.shape = req.endpoint.shape
		response.Write(w)
		m.log(r.Context(), req, response.Status, err)
		return
	}
	req.reader = newAnswerReader(req.endpoint.shape, req.choices())
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	rw, returned := m.newResponseWriter(w, r, req, cancel), false
	defer func() { // also if next panics; the panic continues
		damaged := m.finish(rw, returned)
		if rw.endedCleanly {
			_ = recover() // next could not pass on the rest
		}
		if damaged != nil {
			panic(http.ErrAbortHandler)
		}
	}()
	m.next.ServeHTTP(rw, req.forwarded(w, r.WithContext(ctx), m.MaxBodyBytes))
	returned = true
}

// choices returns how many answers the request asks for.
func (req *request) choices() int64 {
	if req.body == nil {
		return 1
	}
	return req.body.answers()
}

// use returns what the request tells the token's history.
func (req *request) use() price.Use {
	return price.Use{Model: req.Model, Usage: req.usage, NanoDollars: req.nanoDollars}
}

// asksUsage reports whether the client has asked for the usage of its stream.
func (req *request) asksUsage() bool { return req.body != nil && req.body.asksUsage }

// maxUncheckedBodyBytes is the largest body that is read before the key is
// checked.
const maxUncheckedBodyBytes = 64 << 10

// admit decides whether the request may be passed on. If it may cost something,
// admit reads the body and reserves quota.
func (m *middleware) admit(w http.ResponseWriter, r *http.Request, req *request) (err error) {
	var queryKeys []string
	var pathErr error
	req.endpoint, req.query, queryKeys, pathErr = m.route(r)
	if req.key, err = callerKey(r.Header, queryKeys); err != nil {
		return err
	}
	if !m.gate.CouldBeKey(req.key) {
		return quota.ErrKeyUnknown // don't read a body for a malformed key
	}
	if pathErr != nil {
		return pathErr
	}
	q := quota.Question{IP: m.ClientIP(r)}
	q.From = quota.Origin{IP: q.IP, UserAgent: r.UserAgent()}
	if !q.IP.IsValid() {
		q.IP = netip.IPv6Unspecified() // the gate would skip its check of the zero Addr
	}
	switch {
	case req.endpoint.hasBody():
		return m.admitBody(w, r, req, q)
	case req.endpoint.units > 0:
		return m.reserveUnits(r.Context(), req, q)
	default:
		return m.verify(r.Context(), req, q)
	}
}

func (m *middleware) admitBody(w http.ResponseWriter, r *http.Request, req *request, q quota.Question) error {
	if r.ContentLength < 0 || r.ContentLength > maxUncheckedBodyBytes {
		if err := m.verify(r.Context(), req, q); err != nil { // don't buffer a large body for an unauthenticated caller
			return err
		}
	}
	content, taken, err := m.readBody(w, r, req.key)
	req.bodyMemory = taken
	if err != nil {
		return err
	}
	if req.body, err = m.parse(req.endpoint, r.Header, content); err != nil {
		return err
	}
	req.Model, q.Model = req.body.model, req.body.model
	if req.endpoint.free() {
		return m.verify(r.Context(), req, q)
	}
	if err := m.reserve(r.Context(), req, q); err != nil {
		return err
	}
	req.body.injectUsage(req.endpoint.kind, !m.NoInjectUsage)
	if req.clampedTokens > 0 {
		req.body.setMaxTokens(req.endpoint, req.clampedTokens)
	}
	return nil
}

// clampHeader says how many output tokens Options.Clamp has left to the request.
const clampHeader = "Latchkey-Max-Tokens"

// parse parses a body. Few large ones are parsed at the same time.
func (m *middleware) parse(e endpoint, h http.Header, content []byte) (*requestBody, error) {
	if len(content) > maxUncheckedBodyBytes {
		m.parsing <- struct{}{}
		defer func() { <-m.parsing }()
	}
	return parseBody(e, h, content)
}

// forwarded returns the request that next receives.
func (req *request) forwarded(w http.ResponseWriter, r *http.Request, maxBodyBytes int64) *http.Request {
	ctx := context.WithValue(r.Context(), shapeKey{}, req.endpoint.shape)
	out := r.Clone(context.WithValue(ctx, grantKey{}, req.Grant))
	out.Header = forwardedHeader(r.Header)
	out.URL.RawQuery = req.query
	out.Trailer = nil
	switch {
	case req.body != nil:
		req.body.readInto(out)
	case req.endpoint.kind == kindOther:
		out.Body = http.MaxBytesReader(w, r.Body, maxBodyBytes)
	default:
		out.Body, out.ContentLength, out.TransferEncoding = http.NoBody, 0, nil
	}
	return out
}

// log writes the request's log line.
func (m *middleware) log(ctx context.Context, req *request, status int, err error) {
	line := reqlog.Line{
		Message: "model request", Group: reqlog.GroupModels, RequestID: req.RequestID, Duration: time.Since(req.started), Status: status,
		Attrs: []slog.Attr{
			reqlog.UserID(req.UserID), reqlog.TokenID(req.TokenID),
			slog.String("model", credential.Redact(req.Model)),
			slog.Int64("held", req.HeldUnits), slog.Int64("charged", req.chargedUnits),
		},
		Hedged: req.meter.Cost().Hedged, Unrecorded: req.meter.Cost().Unrecorded, Err: err,
	}
	var refused *refusal
	if errors.As(err, &refused) {
		line.Code, line.Scope = string(refused.Refusal), refused.Scope
	}
	if req.shortfallUnits > 0 {
		line.Attrs = append(line.Attrs, slog.Int64("shortfall", req.shortfallUnits))
	}
	line.Attrs = append(line.Attrs, req.usageAttrs()...)
	if err != nil && (req.settleFailed || status >= http.StatusInternalServerError) { // the hold was not ended, or we failed
		line.Level = slog.LevelWarn
	}
	line.Write(ctx, m.Log)
	m.observe(req, status)
}

// logRelease writes the log line of a hold that was released in the background.
func (m *middleware) logRelease(ctx context.Context, req *request, err error) {
	line := reqlog.Line{
		Message: "hold released after a reservation without an answer", RequestID: req.RequestID, Duration: time.Since(req.started),
		Attrs: []slog.Attr{reqlog.UserID(req.UserID), reqlog.TokenID(req.TokenID)},
		Err:   err, Level: slog.LevelWarn,
	}
	line.Write(ctx, m.Log)
}
