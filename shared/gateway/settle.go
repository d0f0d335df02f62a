package gateway

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/latchkey-api/latchkey/shared/price"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

const (
	// settleTimeout is how long the end of a response waits for its
	// settlement. After that the hold is left to expire.
	settleTimeout = 15 * time.Second

	firstRetryDelay = 50 * time.Millisecond
)

// An outcome is how an answer has ended.
type outcome byte

const (
	complete outcome = iota // the upstream has ended it
	aborted                 // the client has disconnected, or the upstream has broken off
	failed                  // it is an error
)

// finish ends the answer and the hold, and writes the log line. returned reports
// whether next returned without a panic. The error says that the answer is
// damaged; the client must not take it as complete.
func (m *middleware) finish(w *responseWriter, returned bool) (damaged error) {
	if returned && w.status == 0 {
		w.setStatus(http.StatusOK) // as net/http does if the handler sets none
	}
	clean := returned && w.ctx.Err() == nil && !w.cut
	if clean {
		damaged = w.readRest()
		clean = damaged == nil
	}
	switch {
	case clean:
		w.settle(complete)
		_ = w.passQueue() // fails only if the client has disconnected
	case w.status == 0 && w.ctx.Err() == nil:
		w.settle(failed)
	default:
		w.settle(aborted)
	}
	m.log(w.ctx, w.req, w.status, w.err)
	return damaged
}

// readRest reads the end of the body.
func (w *responseWriter) readRest() error {
	if w.decoder != nil {
		if err := w.decoder.close(); err != nil {
			return err
		}
	}
	if w.stream == nil {
		return nil
	}
	w.stream.finish()
	rest := w.finishEvent(w.stream.reader.progress())
	if !w.settled || w.covered() {
		w.queue = append(w.queue, rest...)
	}
	return nil
}

// settle ends the hold, if it is still open, and returns what is charged. An
// error is free, and so is one inside an answer that delivers nothing else.
func (w *responseWriter) settle(o outcome) price.Usage {
	if w.settled || w.req.hold == nil {
		return w.req.usage
	}
	w.settled = true
	state := w.req.reader.progress()
	w.paid = state.total()
	if o == failed && w.status >= http.StatusInternalServerError && w.ctx.Err() != nil {
		o = aborted // the error may be a consequence of the disconnection
	}
	if o == failed || state.failed && !w.paid.any() {
		w.end(w.m.endHold(w.ctx, w.req, 0, false))
		return price.Usage{}
	}
	if w.req.endpoint.kind == kindOther {
		w.end(w.m.endHold(w.ctx, w.req, w.req.endpoint.units, true))
		return price.Usage{}
	}
	u, reported := usageOf(w.req.reader, w.req.input, o == complete || state.ended || state.finished)
	quote, err := w.cost(u)
	if err != nil { // never free
		quote.Units = w.req.hold.Units()
		w.err = errors.Join(w.err, err)
	}
	w.req.usage, w.req.reported, w.req.nanoDollars, w.req.priceRevision = u, reported, quote.NanoDollars, quote.Revision
	w.end(w.m.endHold(w.ctx, w.req, min(quote.Units, token.MaxInteger), true))
	return u
}

// end notes the result of the settlement.
func (w *responseWriter) end(err error) {
	w.req.settleFailed = err != nil
	w.err = errors.Join(w.err, err)
}

// endHold settles the hold with a number of units, or releases it if charge is
// false. It retries until the store answers or settleTimeout is over; the gate
// recognizes a repetition. It continues if the client disconnects.
func (m *middleware) endHold(ctx context.Context, req *request, units int64, charge bool) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
	defer cancel()
	return retry(ctx, func() error {
		if charge {
			return m.settle(ctx, req, units)
		}
		return req.hold.Release(ctx)
	})
}

// retry calls f until the store answers or ctx is done.
func retry(ctx context.Context, f func() error) error {
	for delay := firstRetryDelay; ; delay *= 2 {
		err := f()
		if !errors.Is(err, quota.ErrUnavailable) && !errors.Is(err, quota.ErrContention) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(delay):
		}
	}
}

// settle charges the units, but for those that are prepaid. If the hold has expired
// because the response took longer, it spends what was not charged then without a
// hold, as far as the balance allows.
func (m *middleware) settle(ctx context.Context, req *request, units int64) error {
	before := req.prepaid
	s, err := req.hold.Settle(ctx, max(0, units-before), req.use())
	req.chargedUnits, req.shortfallUnits = s.Charged, s.Shortfall
	if errors.Is(err, quota.ErrHoldExpired) {
		before += chargedBy(err)
		err = nil
		if units > before {
			err = m.spendWithoutHold(ctx, req, units-before)
		}
	}
	req.chargedUnits += before
	if err != nil {
		return fmt.Errorf("response not charged, %d units were due: %w", units, err)
	}
	return nil
}

// chargedBy returns how many units of a hold were charged when it expired, as an error
// about it says.
func chargedBy(err error) int64 {
	var charged quota.HoldChargedError
	_ = errors.As(err, &charged) // else nothing was
	return charged.Units
}

func (m *middleware) spendWithoutHold(ctx context.Context, req *request, units int64) error {
	q := quota.Question{Model: req.Model, Quota: units, Used: true, Use: req.use()}
	var v quota.Verdict
	var err error
	for n := range maxHoldAttempts {
		q.RequestID = fmt.Sprintf("%s-late%d", req.RequestID, n)
		v, err = m.gate.Verify(ctx, req.key, q)
		if err != nil || v.Refusal != quota.RefusedExhausted || v.Free <= 0 || v.Free >= q.Quota {
			break
		}
		q.Quota = v.Free
	}
	if err == nil {
		err = v.Refusal.Err()
	}
	if err == nil {
		req.chargedUnits, req.shortfallUnits = q.Quota, units-q.Quota
	}
	return err
}
