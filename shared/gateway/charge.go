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

// covered reports whether the hold covers what the answer has delivered,
// together with the event that is next. If it does not, covered raises the hold.
func (w *responseWriter) covered() bool {
	delivered := w.stream.reader.progress().total()
	if w.settled {
		return delivered == w.paid // nothing may follow the end
	}
	if delivered == w.paid || w.stream.mode == modeJSON && !w.stream.json.inArray || w.stream.mode == modeBinary {
		return true // a plain answer can't be ended early
	}
	u, _ := usageOf(w.stream.reader, w.req.input, false)
	quote, err := w.cost(u)
	if err == nil && quote.Units > w.req.hold.Units() {
		err = w.grow(quote.Units)
	}
	if err != nil {
		w.err = err
		return false
	}
	w.paid = delivered
	return true
}

// grow raises the hold to at least a number of units: to half more, or to all
// that is free.
func (w *responseWriter) grow(units int64) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(w.ctx), growTimeout)
	defer cancel()
	want := min(units+units/2, token.MaxInteger)
	return retry(ctx, func() error {
		held := w.req.hold.Units()
		v, err := w.req.hold.Grow(ctx, quota.Question{Model: w.req.Model}, want)
		if errors.Is(err, quota.ErrHoldExpired) && !errors.Is(err, quota.ErrHoldCharged) {
			return w.holdAgain(ctx, want)
		}
		if err == nil && v.Refusal == quota.RefusedExhausted && want > units && held+v.Free >= units {
			want = units
			v, err = w.req.hold.Grow(ctx, quota.Question{Model: w.req.Model}, want)
		}
		if err == nil {
			err = v.Refusal.Err()
		}
		return err
	})
}

// holdAgain makes a new hold in place of one that has expired.
func (w *responseWriter) holdAgain(ctx context.Context, units int64) error {
	hold, reserved, err := w.m.gate.Hold(ctx, w.req.key, quota.Question{Model: w.req.Model, Quota: units, Used: true}, w.m.TTL)
	if err == nil {
		err = reserved.Refusal.Err()
	}
	if err == nil {
		w.req.hold = hold
	}
	return err
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
