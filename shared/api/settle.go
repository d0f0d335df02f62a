package api

import (
	"context"
	"net/http"

	"github.com/latchkey-api/latchkey/shared/wire"
)

// SettleHold is POST /api/token/settle: charges a hold what its request has
// cost.
var SettleHold = Route{
	Operation: &settleOperation,
	serve:     func(s Services, r *http.Request) (answer, error) { return use(s, r, readSettlement, settleHold) },
}

var settleOperation = Operation{
	Name: "settle", Method: http.MethodPost, Path: wire.SettlePath,
	Actions: []string{actionUpdate},
}

type settlementInput struct {
	requestID string
	quota     int64
}

func readSettlement(r *http.Request) (settlementInput, error) {
	var body wire.HoldInput
	if err := decode(r, &body); err != nil {
		return settlementInput{}, err
	}
	requestID, err := holdRequestID(body)
	if err == nil && body.Quota == nil {
		err = required("quota", "send the units to charge; 0 charges nothing")
	}
	return settlementInput{requestID, or(body.Quota)}, err
}

func settleHold(ctx context.Context, gate Gate, key string, in settlementInput) (answer, error) {
	s, err := gate.Settle(ctx, key, in.requestID, in.quota)
	return ok(wire.Settlement{RequestID: s.RequestID, Charged: s.Charged, Shortfall: s.Shortfall, RemainQuota: s.Remain}).of(s.Token), err
}
