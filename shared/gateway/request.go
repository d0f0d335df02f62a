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
	"github.com/latchkey-api/latchkey/shared/price"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/reqlog"
	"github.com/latchkey-api/latchkey/shared/token"
)

// A request is the state of one request that passes through the middleware.
type request struct {
	Grant
	started time.Time
	key     string
	body    requestBody
	shape   shape
	reader  answerReader
	group   string      // whose prices the token pays
	input   price.Usage // estimated
	hold    *gate.Hold  // nil if nothing is held

	usage         price.Usage // charged
	reported      bool        // usage is what the upstream has reported
	priceRevision int64
	chargedUnits  int64
	settleFailed  bool
}

type middleware struct {
	gate *gate.Gate
	next http.Handler
	Options
}

func (m *middleware) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	req := &request{started: time.Now(), shape: shapeOf(r.URL.Path), Grant: Grant{RequestID: rand.Text()}}
	req.reader = newAnswerReader(req.shape, 1)
	if err := m.admit(w, r, req); err != nil {
		response := errorResponse(err)
		response.Write(w)
		m.log(r.Context(), req, response.Status, err)
		return
	}
	ctx, cancel := context.WithCancel(r.Context())
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
	m.next.ServeHTTP(rw, req.forwarded(r.WithContext(ctx)))
	returned = true
}

const (
	// maxUncheckedBodyBytes is the largest body that is read before the key
	// is checked.
	maxUncheckedBodyBytes = 64 << 10

	reserveTimeout = 5 * time.Second
)

// admit checks the request's key. If the request needs a model, admit also
// reads the body and reserves quota.
func (m *middleware) admit(w http.ResponseWriter, r *http.Request, req *request) error {
	req.key = credential.Bearer(r.Header.Get("Authorization"))
	if req.key == "" {
		return errNoKey
	}
	if _, err := credential.ParseKey(req.key); err != nil {
		return quota.ErrKeyUnknown // don't read a body for a malformed key
	}
	q := quota.Question{IP: m.ClientIP(r)}
	if !q.IP.IsValid() {
		q.IP = netip.IPv6Unspecified() // the gate would skip its check of the zero Addr
	}
	if !needsModel(r) {
		return m.verify(r.Context(), req, q)
	}
	if r.ContentLength < 0 || r.ContentLength > maxUncheckedBodyBytes {
		if err := m.verify(r.Context(), req, q); err != nil { // don't buffer a large body for an unauthenticated caller
			return err
		}
	}
	content, err := readBody(w, r, m.MaxBodyBytes)
	if err != nil {
		return err
	}
	if req.body, err = parseBody(r.Header, content); err != nil {
		return err
	}
	req.Model, q.Model = req.body.model, req.body.model
	req.input.InputTokens = (int64(len(content)) + textBytesPerToken - 1) / textBytesPerToken
	return m.reserve(r.Context(), req, q)
}

func (m *middleware) verify(ctx context.Context, req *request, q quota.Question) error {
	v, err := m.gate.Verify(ctx, req.key, q)
	req.setToken(v.Token)
	if err == nil && !v.Valid() {
		err = &refusal{quota.RefusedError{Refusal: v.Refusal}, v.Remain, 0}
	}
	return err
}

// reserve holds the estimated units. If fewer are free, it holds all of them,
// provided that they cover the completion that the request asks for; the cost
// beyond the hold is charged at the end, as far as the balance allows. The
// reservation continues if the client disconnects, because otherwise nobody
// would know whether the hold exists.
func (m *middleware) reserve(ctx context.Context, req *request, q quota.Question) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), reserveTimeout)
	defer cancel()
	maxTokens := req.body.maxTokens
	estimate := m.Estimate(EstimateInput{req.Model, int64(len(req.body.content)), maxTokens})
	estimate = max(0, min(estimate, token.MaxInteger))
	q.Quota = estimate
	hold, reserved, err := m.gate.Hold(ctx, req.key, q, m.TTL)
	if err == nil && reserved.Refusal == quota.RefusedExhausted && reserved.Remain < estimate && reserved.Remain >= max(1, maxTokens) {
		q.Quota = reserved.Remain
		hold, reserved, err = m.gate.Hold(ctx, req.key, q, m.TTL)
	}
	req.setToken(reserved.Token)
	if err == nil && !reserved.Valid() {
		err = &refusal{quota.RefusedError{Refusal: reserved.Refusal}, reserved.Remain, estimate}
	}
	req.HeldUnits = reserved.Held
	if err == nil {
		req.hold = hold
	}
	if errors.Is(err, quota.ErrUncertain) {
		// The hold may exist. If the release fails too, the hold expires.
		_ = hold.Release(ctx)
	}
	return err
}

func (req *request) setToken(t token.Token) {
	req.UserID, req.TokenID, req.Group, req.group = t.UserID, t.ID, t.Group, t.PriceGroup()
}

// forwarded returns the request that next receives.
func (req *request) forwarded(r *http.Request) *http.Request {
	out := r.Clone(context.WithValue(r.Context(), grantKey{}, req.Grant))
	for _, name := range []string{"Authorization", "Upgrade"} {
		out.Header.Del(name)
	}
	out.Header.Set("Accept-Encoding", "identity")
	if req.body.content != nil {
		out.GetBody = req.body.reader
		out.Body, _ = out.GetBody() // never fails
	}
	return out
}

// log writes the request's log line.
func (m *middleware) log(ctx context.Context, req *request, status int, err error) {
	line := reqlog.Line{
		Message: "model request", RequestID: req.RequestID, Duration: time.Since(req.started),
		Attrs: []slog.Attr{
			slog.Int("status", status), reqlog.UserID(req.UserID), reqlog.TokenID(req.TokenID),
			slog.String("model", credential.Redact(req.Model)),
			slog.Int64("held", req.HeldUnits), slog.Int64("charged", req.chargedUnits),
		},
		Err: err,
	}
	line.Attrs = append(line.Attrs, req.usageAttrs()...)
	if err != nil && (req.settleFailed || status >= http.StatusInternalServerError) { // the hold was not ended, or we failed
		line.Level = slog.LevelWarn
	}
	line.Write(ctx, m.Log)
	m.observe(req, status)
}
