package api

import (
	"context"
	"net/http"

	"github.com/latchkey-api/latchkey/shared/wire"
)

// VerifyKey is POST /api/token/verify: reports whether a key may be used, and
// charges it for the request if the request has a quota or a usage.
var VerifyKey = Route{
	Endpoint: Endpoint{Name: "verify", Method: http.MethodPost, Path: wire.VerifyPath},
	serve:    func(s Services, r *http.Request) (response, error) { return withKey(s, r, readQuestion, verifyKey) },
}

func readQuestion(r *http.Request) (pricedQuestion, error) {
	var in wire.VerifyInput
	if err := decodeIfAny(r, &in); err != nil {
		return pricedQuestion{}, err
	}
	return readPricedQuestion(r, in)
}

func verifyKey(ctx context.Context, gate Gate, key string, in pricedQuestion) (response, error) {
	q, quote, v, err := in.quote(ctx, gate, key)
	if err == nil && v.Valid() {
		v, err = gate.Verify(ctx, key, q)
	}
	verdict := wire.Verdict{Valid: v.Valid(), Code: v.Refusal}
	verdict.RefusalDetail, verdict.Exhaustion = explainRefusal(v, q.Quota)
	if t := v.Token; t.ID != 0 {
		verdict.KeyInfo = &wire.KeyInfo{
			TokenID: t.ID, UserID: t.UserID, Name: t.Name, Group: t.Group,
			RemainQuota: v.Remain, UnlimitedQuota: t.UnlimitedQuota, ExpiredTime: t.ExpiredTime,
			ModelLimitsEnabled: t.ModelLimitsEnabled, Models: append([]string{}, t.Models...),
			Limits: limitsView(t, v.At),
		}
		if in.usage != nil {
			verdict.Price = priceOf(in.usage, quote)
			verdict.Charged = new(int64)
			if v.Valid() {
				*verdict.Charged = q.Quota
			}
		}
	}
	return okResponse(verdict).forVerdict(v), err
}
