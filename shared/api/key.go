package api

import (
	"context"
	"net/http"
	"time"

	"github.com/latchkey-api/latchkey/shared/token"
)

// A Gate answers about keys; a gate.Gate does. Its errors are token's.
type Gate interface {
	Verify(ctx context.Context, key string, q token.Question) (token.Verdict, error)
	Reserve(ctx context.Context, key string, q token.Question, ttl time.Duration) (token.Reservation, error)
	Settle(ctx context.Context, key, requestID string, quota int64) (token.Settlement, error)
	Release(ctx context.Context, key, requestID string) (token.Release, error)
	Usage(ctx context.Context, key string) (token.Usage, error)
}

// use serves a route that a key authenticates. What the key is worth, the
// gate says: a text that is no key at all is one that nobody has.
func use[In any](
	services Services, r *http.Request,
	read func(*http.Request) (In, error),
	call func(ctx context.Context, gate Gate, key string, in In) (answer, error),
) (answer, error) {
	key := token.Bearer(r.Header.Get("Authorization"))
	if key == "" {
		return answer{}, errNoKey
	}
	in, err := read(r)
	if err != nil {
		return answer{}, err
	}
	return call(r.Context(), services.Keys, key, in)
}

// QuestionInput is the body of a verification: what the key is to be used
// for. A nil field is absent.
type QuestionInput struct {
	Model     *string `json:"model,omitempty"`
	Quota     *int64  `json:"quota,omitempty"` // units
	IP        *string `json:"ip,omitempty"`    // of who sent the key
	RequestID *string `json:"request_id,omitempty"`
}

// identify takes the Idempotency-Key for the request id, where the body has
// none: each makes of a repetition one request.
func (in *QuestionInput) identify(r *http.Request) {
	if key := r.Header.Get("Idempotency-Key"); in.RequestID == nil && key != "" {
		in.RequestID = &key
	}
}

func (in QuestionInput) question() (token.Question, error) {
	q := token.Question{Model: or(in.Model), Quota: or(in.Quota), RequestID: or(in.RequestID)}
	if in.RequestID != nil {
		if err := token.CheckRequestID(q.RequestID); err != nil {
			return q, err
		}
	}
	// A question that came out empty is a mistake of who asks: not to ask is to
	// leave it out.
	if in.Model != nil {
		if err := token.CheckModel(q.Model); err != nil {
			return q, err
		}
	}
	if in.IP != nil {
		var err error
		if q.IP, err = token.ParseIP(*in.IP); err != nil {
			return q, err
		}
	}
	return q.Normalize()
}

// HoldInput is the body of a settlement or a release: which hold, and what to
// charge of it.
type HoldInput struct {
	RequestID *string `json:"request_id,omitempty"`
	Quota     *int64  `json:"quota,omitempty"` // units; to settle
}

func (in HoldInput) requestID() (string, error) {
	if in.RequestID == nil {
		return "", required("request_id", "send the one of the reservation")
	}
	return *in.RequestID, nil
}

func required(field, what string) error {
	return &token.InvalidError{Field: field, Reason: "is required: " + what}
}

func or[T any](p *T) (value T) {
	if p != nil {
		value = *p
	}
	return value
}
