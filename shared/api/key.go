package api

import (
	"context"
	"net/http"
	"time"

	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/price"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// A Gate answers about keys; a gate.Gate does. Its errors are those of
// packages token and quota.
type Gate interface {
	Verify(ctx context.Context, key string, q quota.Question) (quota.Verdict, error)
	Reserve(ctx context.Context, key string, q quota.Question, ttl time.Duration) (quota.Reservation, error)
	Settle(ctx context.Context, key, requestID string, units int64, use price.Use) (quota.Settlement, error)
	Release(ctx context.Context, key, requestID string) (quota.Release, error)
	Usage(ctx context.Context, key string, from quota.Origin) (quota.Usage, error)
	Revoke(ctx context.Context, key string) (token.Token, error)
	Quote(ctx context.Context, key, model string, u price.Usage) (price.Quote, error)
	Prices(ctx context.Context) (*price.Table, error)
}

// withKey serves a route that a key authenticates: it reads the key and the
// input, and passes both to call. The gate checks the key; malformed keys are
// unknown keys.
func withKey[In any](
	services Services, r *http.Request,
	read func(*http.Request) (In, error),
	call func(ctx context.Context, gate Gate, key string, in In) (response, error),
) (response, error) {
	key := credential.Bearer(r.Header.Get("Authorization"))
	if key == "" {
		return response{}, errNoKey
	}
	in, err := read(r)
	if err != nil {
		return response{}, err
	}
	return call(r.Context(), services.Keys, key, in)
}

func readVerifyInput(in wire.VerifyInput) (quota.Question, error) {
	q := quota.Question{Model: valueOf(in.Model), Quota: valueOf(in.Quota), RequestID: valueOf(in.RequestID)}
	if in.RequestID != nil {
		if err := quota.CheckRequestID(q.RequestID); err != nil {
			return q, err
		}
	}
	// An empty field is a mistake of the caller: a check is left out by leaving
	// out its field.
	if in.Model != nil {
		if err := quota.CheckModel(q.Model); err != nil {
			return q, err
		}
	}
	if in.IP != nil {
		var err error
		if q.IP, err = quota.ParseIP(*in.IP); err != nil {
			return q, err
		}
	}
	return q.Normalize()
}

func readPricedQuestion(r *http.Request, in wire.VerifyInput) (pricedQuestion, error) {
	usage, err := readUsage(in.Quota, in.Model, in.Usage)
	if err != nil {
		return pricedQuestion{}, err
	}
	q, err := readVerifyInput(in)
	q.From = originOf(r)
	if in.IP != nil || in.UserAgent != nil { // a gateway asks for its client
		q.From = quota.Origin{IP: q.IP, UserAgent: valueOf(in.UserAgent)}
	}
	return pricedQuestion{q, usage}, err
}

// originOf returns where a request comes from.
func originOf(r *http.Request) quota.Origin {
	return quota.Origin{IP: quota.AddrOf(r.RemoteAddr), UserAgent: r.UserAgent()}
}

func holdRequestID(in wire.HoldInput) (string, error) {
	if in.RequestID == nil {
		return "", required("request_id", "send the request_id that the hold was reserved with")
	}
	return *in.RequestID, nil
}

func required(field, what string) error {
	return &token.InvalidError{Field: field, Reason: "is required: " + what}
}

func valueOf[T any](p *T) (value T) {
	if p != nil {
		value = *p
	}
	return value
}
