package api

import (
	"cmp"
	"context"
	"net/http"
	"time"

	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// ReserveQuota is POST /api/token/reserve: keeps quota for a request whose
// cost shows later. Without a request id, the answer names a new one.
var ReserveQuota = Route{
	Endpoint: Endpoint{Name: "reserve", Method: http.MethodPost, Path: wire.ReservePath},
	serve: func(s Services, r *http.Request) (response, error) {
		return withKey(s, r, readReservation, reserveQuota)
	},
}

type reservationInput struct {
	pricedQuestion
	ttl time.Duration // 0 is the gate's default
}

func readReservation(r *http.Request) (reservationInput, error) {
	var in wire.ReserveInput
	if err := decode(r, &in); err != nil {
		return reservationInput{}, err
	}
	if in.Quota == nil && in.Usage == nil {
		return reservationInput{}, required("quota", "send the units to hold, or model and usage")
	}
	q, err := readPricedQuestion(r, in.VerifyInput)
	return reservationInput{q, seconds(in.TTLSeconds)}, err
}

// seconds is a time to live. What is out of range comes out so, for the gate
// to refuse: 0 would be its default, and large numbers would wrap around.
func seconds(n *int64) time.Duration {
	switch {
	case n == nil:
		return 0
	case *n < 1:
		return -1
	default:
		return time.Duration(min(*n, int64(24*time.Hour/time.Second))) * time.Second
	}
}

func reserveQuota(ctx context.Context, gate Gate, key string, in reservationInput) (response, error) {
	q, quote, v, err := in.quote(ctx, gate, key)
	r := quota.Reservation{Verdict: v, RequestID: cmp.Or(q.RequestID, quota.NewRequestID(0, 0))}
	if err == nil && v.Valid() {
		r, err = gate.Reserve(ctx, key, q, in.ttl)
	}
	detail, exhaustion := explainRefusal(r.Verdict, q.Quota)
	return okResponse(wire.Reservation{
		Valid: r.Valid(), Code: r.Refusal, RequestID: r.RequestID,
		Held: r.Held, RemainQuota: r.Remain, ExpiresAt: r.ExpiresAt, Limits: limitsView(r.Token, r.At), RefusalDetail: detail, Exhaustion: exhaustion, Price: priceOf(in.usage, quote),
	}).forVerdict(r.Verdict), err
}
