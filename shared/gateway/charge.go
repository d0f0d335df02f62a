package gateway

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

// endWithin is how long the end of an answer waits for its settlement. If that
// is not enough, the hold lapses.
const (
	endWithin  = 15 * time.Second
	firstPause = 50 * time.Millisecond
)

// finish ends the hold. The answer ends after it, so whoever has read that
// to its end finds it charged.
func (m *middleware) finish(ctx context.Context, c *call, a *answer, returned bool) {
	if returned {
		a.begin(http.StatusOK) // as net/http does, where next has left it open
	}
	var err error
	if c.open {
		cost, charge := m.cost(c, a, returned && ctx.Err() == nil)
		err = m.end(ctx, c, cost, charge)
	}
	m.record(ctx, c, a.status, err)
}

// cost is what to charge, or false if the hold is to be released. whole is
// whether the answer came to its end.
func (m *middleware) cost(c *call, a *answer, whole bool) (int64, bool) {
	if a.status >= http.StatusMultipleChoices {
		return 0, false
	}
	if usage, seen := a.usage(); seen {
		if units := m.Price(c.Model, usage); units >= 0 {
			return min(units, token.MaxInteger), true
		}
	}
	return c.held, whole
}

// end settles or releases, again and again until it is done or time is up:
// the gate knows a repetition. That the client has gone does not matter.
func (m *middleware) end(ctx context.Context, c *call, cost int64, charge bool) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endWithin)
	defer cancel()
	for pause := firstPause; ; pause *= 2 {
		var err error
		if charge {
			err = m.charge(ctx, c, cost)
		} else {
			_, err = m.gate.Release(ctx, c.key, c.RequestID)
		}
		if !errors.Is(err, token.ErrUnavailable) && !errors.Is(err, token.ErrContention) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(pause):
		}
	}
}

// charge settles. If the hold has lapsed, for the answer took longer than
// that, it spends without one, as a settlement does: as far as the balance
// goes. A hold that has lapsed may be forgotten already.
func (m *middleware) charge(ctx context.Context, c *call, cost int64) error {
	s, err := m.gate.Settle(ctx, c.key, c.RequestID, cost)
	c.charged = s.Charged
	late := errors.Is(err, quota.ErrHoldExpired) ||
		errors.Is(err, quota.ErrHoldNotFound) && m.gate.Now().Unix() >= c.until
	if cost > 0 && late {
		err = m.chargeLate(ctx, c, cost)
	}
	if err != nil {
		return fmt.Errorf("answer not charged, %d units were due: %w", cost, err)
	}
	return nil
}

func (m *middleware) chargeLate(ctx context.Context, c *call, cost int64) error {
	q := quota.Question{Quota: cost, RequestID: c.RequestID + "-late"}
	v, err := m.gate.Verify(ctx, c.key, q)
	if err == nil && v.Refusal == quota.RefusedExhausted && v.Remain > 0 {
		q.Quota, q.RequestID = v.Remain, c.RequestID+"-rest"
		v, err = m.gate.Verify(ctx, c.key, q)
	}
	if err == nil {
		err = v.Refusal.Err()
	}
	if err == nil {
		c.charged = q.Quota
	}
	return err
}
