package delivery

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/latchkey-api/latchkey/shared/event"
	"github.com/latchkey-api/latchkey/shared/webhook"
)

// A Store has the endpoints that messages go to.
type Store interface {
	// Endpoint returns an endpoint. The error is webhook.ErrNotFound if there is none.
	Endpoint(ctx context.Context, userID, id int64) (webhook.Endpoint, error)

	// RecordAttempt stores an attempt as the last one of an endpoint, and since when
	// attempts fail, and returns the endpoint as it is then. The error is
	// webhook.ErrNotFound if there is none.
	RecordAttempt(ctx context.Context, e webhook.Endpoint, a webhook.Attempt) (webhook.Endpoint, error)

	// DisableEndpoint disables an endpoint, unless its URL or FailingSince has changed, or
	// it is disabled.
	DisableEndpoint(ctx context.Context, e webhook.Endpoint, reason webhook.Reason, now time.Time) error
}

// A Deliverer delivers messages. It is safe for concurrent use.
type Deliverer struct {
	Store Store
	Send  func(ctx context.Context, e webhook.Endpoint, happened event.Event, number int) webhook.Attempt
	Now   func() time.Time
}

// An Outcome is what becomes of a message after an attempt.
type Outcome string

// The outcomes.
const (
	Delivered Outcome = "delivered"
	Retry     Outcome = "retry"    // after Result.Pause
	GivenUp   Outcome = "given_up" // it was the last attempt
	Disabled  Outcome = "disabled" // the endpoint is disabled now
	Dropped   Outcome = "dropped"  // there was no attempt: the endpoint is deleted or disabled, or does not want the event any more
)

// A Result is the outcome of a message, and its attempt.
type Result struct {
	Outcome Outcome
	Pause   time.Duration // until the next attempt
	Attempt webhook.Attempt
	Err     error // of the store; the outcome stands nevertheless
}

// recordInterval is how often attempts that go like the one before are recorded, so
// that a busy endpoint is not written with each.
const recordInterval = time.Minute

// Deliver makes one attempt to deliver a message that was queued at a time. Number is
// that of the attempt, from 1.
func (d *Deliverer) Deliver(ctx context.Context, m webhook.Message, number int, queued time.Time) Result {
	e, err := d.Store.Endpoint(ctx, m.UserID, m.EndpointID)
	switch {
	case errors.Is(err, webhook.ErrNotFound):
		return Result{Outcome: Dropped}
	case err != nil:
		r := d.failed(webhook.Attempt{}, number, queued)
		r.Err = fmt.Errorf("read webhook %d/%d: %w", m.UserID, m.EndpointID, err)
		return r
	case !e.Wants(m.Event.Type):
		return Result{Outcome: Dropped}
	}
	r := Result{Outcome: Delivered, Attempt: d.Send(ctx, e, m.Event, number)}
	if r.Attempt.Failure == webhook.FailGone {
		r.Outcome = Disabled
	} else if r.Attempt.Failure != "" {
		r = d.failed(r.Attempt, number, queued)
	}
	if err := d.record(ctx, e, &r); err != nil && !errors.Is(err, webhook.ErrNotFound) {
		r.Err = fmt.Errorf("record an attempt of webhook %d/%d: %w", e.UserID, e.ID, err)
	}
	return r
}

// failed returns the result of an attempt that failed: another one, or none.
func (d *Deliverer) failed(a webhook.Attempt, number int, queued time.Time) Result {
	pause, again := webhook.Pause(number, d.Now().Sub(queued), a.RetryAfter, rand.Float64()) //nolint:gosec // jitter needs no secrecy
	if !again {
		return Result{Outcome: GivenUp, Attempt: a}
	}
	return Result{Outcome: Retry, Pause: pause, Attempt: a}
}

// record stores what an attempt says about its endpoint, and disables it if it is
// gone or has failed for long.
func (d *Deliverer) record(ctx context.Context, e webhook.Endpoint, r *Result) error {
	a := r.Attempt
	same := e.Last.Failure == a.Failure && e.Last.Status == a.Status && (e.FailingSince != 0) == (a.Failure != "")
	if same && a.Time-e.Last.Time < int64(recordInterval/time.Second) && (r.Outcome == Delivered || r.Outcome == Retry) {
		return nil
	}
	e, err := d.Store.RecordAttempt(ctx, e, a)
	switch {
	case err != nil:
		return err
	case r.Outcome == Disabled:
		return d.Store.DisableEndpoint(ctx, e, webhook.Gone, d.Now())
	case r.Outcome == GivenUp && a.Time-e.FailingSince >= int64(webhook.FailingAfter/time.Second):
		r.Outcome = Disabled
		return d.Store.DisableEndpoint(ctx, e, webhook.Failing, d.Now())
	}
	return nil
}
