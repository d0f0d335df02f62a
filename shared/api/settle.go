package api

import (
	"context"
	"net/http"

	"github.com/latchkey-api/latchkey/shared/wire"
)

// SettleHold is POST /api/token/settle: charges a hold what its request has
// cost.
var SettleHold = Route{
	Endpoint: Endpoint{Name: "settle", Method: http.MethodPost, Path: wire.SettlePath},
	serve:    func(s Services, r *http.Request) (response, error) { return withKey(s, r, readSettlement, settleHold) },
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
	return settlementInput{requestID, valueOf(body.Quota)}, err
}

func settleHold(ctx context.Context, gate Gate, key string, in settlementInput) (response, error) {
	s, err := gate.Settle(ctx, key, in.requestID, in.quota)
	return okResponse(wire.Settlement{RequestID: s.RequestID, Charged: s.Charged, Shortfall: s.Shortfall, RemainQuota: s.Remain}).forKey(s.Token), err
}
