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

// finish settles or releases the hold and writes the log line. The response
// ends after finish, so a client that has read all of it finds it charged.
// returned reports whether next returned without a panic.
func (m *middleware) finish(ctx context.Context, req *request, rw *responseWriter, returned bool) {
	if returned {
		rw.setStatus(http.StatusOK) // as net/http does if the handler sets none
	}
	var err error
	if req.holdOpen {
		units, charge := m.cost(req, rw, returned && ctx.Err() == nil)
		err = m.endHold(ctx, req, units, charge)
	}
	m.log(ctx, req, rw.status, err)
}

// cost returns how many units to charge, or false to release the hold.
// complete reports whether the response reached its end.
func (m *middleware) cost(req *request, rw *responseWriter, complete bool) (units int64, charge bool) {
	if rw.status >= http.StatusMultipleChoices {
		return 0, false
	}
	if usage, found := rw.usage(); found {
		req.usage = price.Usage{InputTokens: usage.Input, OutputTokens: usage.Output}
		if units := m.Price(req.Model, usage); units >= 0 {
			return min(units, token.MaxInteger), true
		}
	}
	return req.HeldUnits, complete
}

// endHold settles the hold with a number of units, or releases it if charge is
// false. It retries until the store answers or settleTimeout is over; the gate
// recognizes a repetition. It continues if the client disconnects.
func (m *middleware) endHold(ctx context.Context, req *request, units int64, charge bool) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
	defer cancel()
	for delay := firstRetryDelay; ; delay *= 2 {
		var err error
		if charge {
			err = m.settle(ctx, req, units)
		} else {
			err = req.hold.Release(ctx)
		}
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

// settle charges the units. If the hold has expired because the response took
// longer, it spends them without a hold, as far as the balance allows.
func (m *middleware) settle(ctx context.Context, req *request, units int64) error {
	s, err := req.hold.Settle(ctx, units)
	req.chargedUnits = s.Charged
	if units > 0 && errors.Is(err, quota.ErrHoldExpired) {
		err = m.spendWithoutHold(ctx, req, units)
	}
	if err != nil {
		return fmt.Errorf("response not charged, %d units were due: %w", units, err)
	}
	return nil
}

func (m *middleware) spendWithoutHold(ctx context.Context, req *request, units int64) error {
	q := quota.Question{Quota: units, RequestID: req.RequestID + "-late"}
	v, err := m.gate.Verify(ctx, req.key, q)
	if err == nil && v.Refusal == quota.RefusedExhausted && v.Remain > 0 {
		q.Quota, q.RequestID = v.Remain, req.RequestID+"-rest"
		v, err = m.gate.Verify(ctx, req.key, q)
	}
	if err == nil {
		err = v.Refusal.Err()
	}
	if err == nil {
		req.chargedUnits = q.Quota
	}
	return err
}
