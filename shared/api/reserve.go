package api

import (
	"context"
	"net/http"
	"time"

	"github.com/latchkey-api/latchkey/shared/token"
)

// ReserveQuota is POST /api/token/reserve: keeps quota for a request whose
// cost shows later.
var ReserveQuota = Route{
	Operation: &reserveOperation,
	serve:     func(s Services, r *http.Request) (answer, error) { return use(s, r, readReservation, reserveQuota) },
}

var reserveOperation = Operation{
	Name: "reserve", Method: http.MethodPost, Path: CollectionPath + "/reserve",
	Actions: []string{actionUpdate},
}

// ReservationInput is the body of a reservation. Quota and RequestID are
// required.
type ReservationInput struct {
	QuestionInput
	TTLSeconds *int64 `json:"ttl_seconds,omitempty"`
}

// A Reservation is a hold, or why there is none.
type Reservation struct {
	Valid       bool          `json:"valid"`
	Code        token.Refusal `json:"code"` // as of a Verdict
	RequestID   string        `json:"request_id"`
	Held        int64         `json:"held"`         // units
	RemainQuota int64         `json:"remain_quota"` // units that are free to spend
	ExpiresAt   int64         `json:"expires_at"`   // when the hold ends by itself; 0 if there is none
}

type reservationInput struct {
	token.Question
	ttl time.Duration // 0 is the gate's default
}

func readReservation(r *http.Request) (reservationInput, error) {
	var in ReservationInput
	if err := decode(r, &in); err != nil {
		return reservationInput{}, err
	}
	in.identify(r)
	switch {
	case in.RequestID == nil:
		return reservationInput{}, required("request_id", "name the request, so that settle and release find its hold")
	case in.Quota == nil:
		return reservationInput{}, required("quota", "send the units to hold")
	}
	q, err := in.question()
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

func reserveQuota(ctx context.Context, gate Gate, key string, in reservationInput) (answer, error) {
	r, err := gate.Reserve(ctx, key, in.Question, in.ttl)
	return ok(Reservation{
		Valid: r.Valid(), Code: r.Refusal, RequestID: r.RequestID,
		Held: r.Held, RemainQuota: r.Remain, ExpiresAt: r.ExpiresAt,
	}).of(r.Token), err
}
