package api

import (
	"context"
	"net/http"

	"github.com/latchkey-api/latchkey/shared/price"
	"github.com/latchkey-api/latchkey/shared/quota"
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
	model     string
	usage     *price.Usage // if not nil, its cost takes the place of quota
}

func readSettlement(r *http.Request) (settlementInput, error) {
	var body wire.HoldInput
	if err := decode(r, &body); err != nil {
		return settlementInput{}, err
	}
	requestID, err := holdRequestID(body)
	if err == nil && body.Quota == nil && body.Usage == nil {
		err = required("quota", "send the units to charge, where 0 charges nothing, or model and usage")
	}
	if err == nil && body.Model != nil {
		err = quota.CheckModel(*body.Model)
	}
	in := settlementInput{requestID: requestID, quota: valueOf(body.Quota), model: valueOf(body.Model)}
	if err == nil {
		in.usage, err = readUsage(body.Quota, body.Model, body.Usage)
	}
	return in, err
}

func settleHold(ctx context.Context, gate Gate, key string, in settlementInput) (response, error) {
	var quote price.Quote
	if in.usage != nil {
		var err error
		if quote, err = gate.Quote(ctx, key, in.model, *in.usage); err != nil {
			return response{}, err
		}
		in.quota = quote.Units
	}
	s, err := gate.Settle(ctx, key, in.requestID, in.quota, useOf(in.model, in.usage, quote))
	return okResponse(wire.Settlement{
		RequestID: s.RequestID, Charged: s.Charged, Shortfall: s.Shortfall, RemainQuota: s.Remain, Limits: limitsView(s.Token, s.At), Price: priceOf(in.usage, quote),
	}).forKey(s.Token), err
}
