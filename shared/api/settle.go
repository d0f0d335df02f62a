package api

import (
	"context"
	"net/http"
)

// SettleHold is POST /api/token/settle: charges a hold what its request has
// cost.
var SettleHold = Route{
	Operation: &settleOperation,
	serve:     func(s Services, r *http.Request) (answer, error) { return use(s, r, readSettlement, settleHold) },
}

var settleOperation = Operation{
	Name: "settle", Method: http.MethodPost, Path: CollectionPath + "/settle",
	Actions: []string{actionUpdate},
}

// A Settlement is how a hold was charged, in units.
type Settlement struct {
	RequestID   string `json:"request_id"`
	Charged     int64  `json:"charged"`
	Shortfall   int64  `json:"shortfall"`    // what the balance did not have
	RemainQuota int64  `json:"remain_quota"` // what is free to spend
}

type settlementInput struct {
	requestID string
	quota     int64
}

func readSettlement(r *http.Request) (settlementInput, error) {
	var body HoldInput
	if err := decode(r, &body); err != nil {
		return settlementInput{}, err
	}
	requestID, err := body.requestID()
	if err == nil && body.Quota == nil {
		err = required("quota", "send the units to charge; 0 charges nothing")
	}
	return settlementInput{requestID, or(body.Quota)}, err
}

func settleHold(ctx context.Context, gate Gate, key string, in settlementInput) (answer, error) {
	s, err := gate.Settle(ctx, key, in.requestID, in.quota)
	return ok(Settlement{RequestID: s.RequestID, Charged: s.Charged, Shortfall: s.Shortfall, RemainQuota: s.Remain}).of(s.Token), err
}
