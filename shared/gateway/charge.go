package gateway

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/latchkey-api/latchkey/shared/price"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

// growTimeout is how long a stream waits for a larger hold. Without it, the
// stream is ended.
const growTimeout = 5 * time.Second

// cost returns what a usage costs. All prices of a request are from the same
// table.
func (w *responseWriter) cost(u price.Usage) (price.Quote, error) {
	if w.pricesErr != nil {
		w.prices, w.pricesErr = w.m.gate.Prices(context.WithoutCancel(w.ctx))
	}
	if w.pricesErr != nil {
		return price.Quote{}, w.pricesErr
	}
	return w.prices.Cost(w.req.group, w.req.Model, u)
}

// covered reports whether what the answer has delivered, together with the event that
// is next, is charged even if this process dies. If it is not, covered raises the hold.
func (w *responseWriter) covered() bool {
	delivered := w.stream.reader.progress().total()
	if w.settled {
		return delivered == w.paid // nothing may follow the end
	}
	if delivered == w.paid || w.stream.mode == modeBinary {
		return true
	}
	u, _ := usageOf(w.stream.reader, w.req.input, false)
	quote, err := w.cost(u)
	if err == nil && quote.Units > w.req.prepaid+w.req.hold.ExpiryCharge() {
		err = w.assure(u, quote.Units)
	}
	plain := w.stream.mode == modeJSON && !w.stream.json.inArray // can't be ended early; the settlement says what is missing
	if err != nil && !plain {
		w.err = err
		return false
	}
	w.paid = delivered
	return true
}

// assure makes sure that at least what the request has used so far, which costs units, is
// charged for it; and twice the output if the hold has so much, so that the next writes
// come later and later. If the hold has not enough, it grows: to half more, or to all
// that is free.
func (w *responseWriter) assure(used price.Usage, units int64) error {
	used.OutputTokens = multiplySaturated(2, used.OutputTokens)
	used.ReasoningTokens = multiplySaturated(2, used.ReasoningTokens)
	next, err := w.cost(used)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(w.ctx), growTimeout)
	defer cancel()
	held := w.req.prepaid + w.req.hold.Units()
	want := held
	if units > held {
		want = min(units+units/2, token.MaxInteger)
	}
	return retry(ctx, func() error {
		v, err := w.raise(ctx, want, min(next.Units, want))
		if err == nil && v.Refusal == quota.RefusedExhausted && want > units && held+v.Free >= units {
			want = units
			v, err = w.raise(ctx, want, want)
		}
		if err == nil {
			err = v.Refusal.Err()
		}
		return err
	})
}

// raise raises the units of the request, and those of them that are charged if this
// process dies. If the hold has expired, it makes a new one.
func (w *responseWriter) raise(ctx context.Context, units, assured int64) (quota.Verdict, error) {
	before := w.req.prepaid
	v, err := w.req.hold.Grow(ctx, quota.Question{Model: w.req.Model, ExpiryCharge: max(0, assured-before)}, units-before)
	if !errors.Is(err, quota.ErrHoldExpired) {
		return v, err
	}
	before += chargedBy(err)
	old := w.req.hold
	reserved, err := w.m.hold(ctx, w.req, quota.Question{Model: w.req.Model, Quota: max(1, units-before), ExpiryCharge: max(0, assured-before), Used: true})
	if w.req.hold != old {
		w.req.prepaid = before
	}
	return reserved.Verdict, err
}

// endEarly ends a stream that the balance does not cover, in the form of its
// API: as if the limit of output tokens was reached.
func (w *responseWriter) endEarly() error {
	w.dropped, w.cut, w.endedCleanly = true, true, true
	w.queue = w.queue[:0]
	if !w.settled {
		u := w.settle(aborted)
		if err := w.pass(w.stream.reader.cutOff(cutOff{u, w.stream.json.inArray, w.req.asksUsage()})); err != nil {
			return err
		}
		_ = http.NewResponseController(w.ResponseWriter).Flush() // fails only if the client has disconnected
	}
	w.cancel()
	return errCut
}

// breakOff ends a stream in the middle of an event: the client sees that the
// connection breaks.
func (w *responseWriter) breakOff() error {
	w.cut = true
	w.settle(aborted)
	w.cancel()
	return errCut
}
