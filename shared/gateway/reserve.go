package gateway

import (
	"context"
	"crypto/sha256"
	"errors"
	"sync"
	"time"

	"github.com/latchkey-api/latchkey/shared/gate"
	"github.com/latchkey-api/latchkey/shared/price"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

// defaultReserveTimeout limits how long a reservation takes.
const defaultReserveTimeout = 5 * time.Second

// assuredTokens are output tokens of each choice that are charged if this process dies
// during the request, at most; a stream raises that before it delivers more.
const assuredTokens = defaultOutputTokens

// clampTokens is the limit of output tokens that Options.Clamp gives to a request
// that sets none.
const clampTokens = 4_096

// verify checks the request's key without holding anything.
func (m *middleware) verify(ctx context.Context, req *request, q quota.Question) error {
	v, err := m.gate.Verify(ctx, req.key, q)
	m.setToken(req, v.Token)
	if err == nil && !v.Valid() {
		err = &refusal{quota.RefusedError{Reason: v.Reason}, v, 0}
	}
	return err
}

func (m *middleware) setToken(req *request, t token.Token) {
	req.UserID, req.TokenID, req.Group, req.group = t.UserID, t.ID, t.Group, t.PriceGroup()
	if t.ID != 0 {
		m.groups.set(req.key, req.group)
	}
}

// maxHoldAttempts is how often a request asks for what is free: others may take
// it, and what is said to be free of a budget may be a second old.
const maxHoldAttempts = 4

// reserve holds what the request may cost. If less is free, it lowers the
// request's limit of output tokens with Options.Clamp; without, it holds all that
// is free, provided that this pays for the output that the request asks for, and
// the cost beyond the hold is charged as it arises. The reservation continues if
// the client disconnects, because otherwise nobody would know whether the hold
// exists.
func (m *middleware) reserve(ctx context.Context, req *request, q quota.Question) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), m.reserveTimeout)
	defer cancel()
	prices, err := m.pricesFor(ctx, req, q)
	if err != nil {
		return err
	}
	input, output := req.body.estimate(req.endpoint)
	req.input = input
	cost := func(output price.Usage) (int64, error) {
		quote, err := prices.Cost(req.group, req.Model, add(input, output))
		return quote.Units, err
	}
	clamps := m.Clamp && req.endpoint.takesLimit()
	if clamps && req.body.maxTokens() == 0 {
		req.clampTo(clampTokens)
		output.OutputTokens = multiplySaturated(clampTokens, req.body.answers())
	}
	if q.Quota, err = cost(output); err != nil {
		return err
	}
	if req.endpoint.takesLimit() {
		output.OutputTokens = min(output.OutputTokens, multiplySaturated(assuredTokens, req.body.answers()))
	}
	if q.ExpiryCharge, err = cost(output); err != nil {
		return err
	}
	wanted := q.Quota
	least, err := leastUnits(req, prices)
	if err != nil {
		return err
	}
	var reserved quota.Reservation
	for range maxHoldAttempts {
		reserved, err = m.hold(ctx, req, q)
		if err != nil || reserved.Refusal != quota.RefusedExhausted || reserved.Free >= q.Quota {
			break
		}
		switch tokens := affordable(reserved.Free, req.body, cost); {
		case clamps && tokens > 0:
			req.clampTo(tokens)
			q.Quota, err = cost(price.Usage{OutputTokens: multiplySaturated(tokens, req.body.answers())})
		case !clamps && reserved.Free >= least:
			q.Quota = reserved.Free
		default:
			return m.reserved(ctx, req, reserved, wanted, nil)
		}
		if err != nil {
			return err
		}
	}
	return m.reserved(ctx, req, reserved, wanted, err)
}

// reserveUnits holds the price of a request to a path that Options.Allow opened.
func (m *middleware) reserveUnits(ctx context.Context, req *request, q quota.Question) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), m.reserveTimeout)
	defer cancel()
	q.Quota, q.ExpiryCharge = req.endpoint.units, req.endpoint.units
	reserved, err := m.hold(ctx, req, q)
	return m.reserved(ctx, req, reserved, q.Quota, err)
}

// pricesFor returns the price table. If prices depend on the token's group, it
// also makes sure that the group is known.
func (m *middleware) pricesFor(ctx context.Context, req *request, q quota.Question) (*price.Table, error) {
	prices, err := m.gate.Prices(ctx)
	if err != nil || prices == nil || len(prices.Groups) == 0 || req.TokenID != 0 {
		return prices, err
	}
	group, known := m.groups.get(req.key)
	req.group = group
	if known {
		return prices, nil
	}
	return prices, m.verify(ctx, req, q)
}

// hold makes a hold of q.Quota units and renews it until the request ends. A hold that may exist although its
// reservation failed is released in the background.
func (m *middleware) hold(ctx context.Context, req *request, q quota.Question) (quota.Reservation, error) {
	hold, reserved, err := m.gate.Hold(ctx, req.key, q, m.TTL)
	switch {
	case errors.Is(err, quota.ErrUncertain) && hold != nil:
		m.releaseLater(req, hold)
	case hold != nil:
		hold.Keep()
		req.hold = hold
	}
	return reserved, err
}

// reserved takes over the result of a reservation.
func (m *middleware) reserved(ctx context.Context, req *request, reserved quota.Reservation, wanted int64, err error) error {
	m.setToken(req, reserved.Token)
	req.rates, req.HeldUnits = ratesOf(reserved.Token, m.gate.Now()), reserved.Held
	if err == nil && !reserved.Valid() {
		m.gate.RecordRefusal(ctx, req.key, reserved.Verdict)
		err = &refusal{quota.RefusedError{Reason: reserved.Reason}, reserved.Verdict, wanted}
	}
	return err
}

// clampTo limits the output tokens of each choice.
func (req *request) clampTo(tokens int64) {
	req.clampedTokens = tokens
	if limit := req.body.maxTokens(); limit > 0 {
		req.clampedTokens = min(tokens, limit)
	}
}

// affordable returns how many output tokens of each choice some units pay for.
func affordable(units int64, b *requestBody, cost func(price.Usage) (int64, error)) int64 {
	choices := b.answers()
	pays := func(tokens int64) bool {
		n, err := cost(price.Usage{OutputTokens: multiplySaturated(tokens, choices)})
		return err == nil && n <= units
	}
	low, high := int64(0), int64(clampTokens) // low is affordable, or 0
	if limit := b.maxTokens(); limit > 0 {
		high = limit
	}
	for low < high {
		middle := low + (high-low+1)/2
		if pays(middle) {
			low = middle
		} else {
			high = middle - 1
		}
	}
	return low
}

// leastUnits returns the price of the output that the request asks for, at least
// one unit. A request without a limit asks for nothing in particular.
func leastUnits(req *request, prices *price.Table) (int64, error) {
	tokens := multiplySaturated(req.body.maxTokens(), req.body.answers())
	quote, err := prices.Cost(req.group, req.Model, price.Usage{OutputTokens: tokens})
	return max(1, quote.Units), err
}

// add adds two usages of different kinds.
func add(a, b price.Usage) price.Usage {
	b.InputTokens = token.AddSaturated(a.InputTokens, b.InputTokens)
	b.AudioSeconds = token.AddSaturated(a.AudioSeconds, b.AudioSeconds)
	return b
}

// releaseLater releases a hold that may exist, with a time limit of its own, as
// the reservation has used up its own. If it fails, the hold expires.
func (m *middleware) releaseLater(req *request, hold *gate.Hold) {
	m.background.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), backgroundTimeout)
		defer cancel()
		err := retryRelease(ctx, hold)
		m.logRelease(ctx, req, err)
	})
}

const backgroundTimeout = time.Minute

// retryRelease releases a hold until the store answers.
func retryRelease(ctx context.Context, hold *gate.Hold) error {
	for delay := firstRetryDelay; ; delay = min(2*delay, time.Second) {
		err := hold.Release(ctx)
		if errors.Is(err, quota.ErrHoldExpired) && !errors.Is(err, quota.ErrHoldCharged) {
			return nil // nothing is held
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

// A groupCache remembers the price groups of tokens whose keys were used, because the
// prices of a request depend on the group before the table is asked. A group
// that has changed meanwhile makes only the hold a little wrong: the charge uses
// the group of the reservation.
type groupCache struct {
	mu     sync.Mutex
	groups map[[sha256.Size]byte]string // by SHA-256 of the key
}

const maxCachedGroups = 100_000

func (c *groupCache) get(key string) (string, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	group, ok := c.groups[sha256.Sum256([]byte(key))]
	return group, ok
}

func (c *groupCache) set(key, group string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.groups == nil || len(c.groups) >= maxCachedGroups {
		c.groups = map[[sha256.Size]byte]string{}
	}
	c.groups[sha256.Sum256([]byte(key))] = group
}
