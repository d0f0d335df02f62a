package api

import (
	"context"
	"net/http"

	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// VerifyKey is POST /api/token/verify: reports whether a key may be used, and
// charges it for the request if the request has a quota.
var VerifyKey = Route{
	Endpoint: Endpoint{Name: "verify", Method: http.MethodPost, Path: wire.VerifyPath},
	serve:    func(s Services, r *http.Request) (response, error) { return withKey(s, r, readQuestion, verifyKey) },
}

func readQuestion(r *http.Request) (quota.Question, error) {
	var in wire.VerifyInput
	if err := decodeIfAny(r, &in); err != nil {
		return quota.Question{}, err
	}
	return readVerifyInput(in)
}

func verifyKey(ctx context.Context, gate Gate, key string, q quota.Question) (response, error) {
	v, err := gate.Verify(ctx, key, q)
	verdict := wire.Verdict{Valid: v.Valid(), Code: v.Refusal}
	if t := v.Token; t.ID != 0 {
		verdict.KeyInfo = &wire.KeyInfo{
			TokenID: t.ID, UserID: t.UserID, Name: t.Name, Group: t.Group,
			RemainQuota: v.Remain, UnlimitedQuota: t.UnlimitedQuota, ExpiredTime: t.ExpiredTime,
			ModelLimitsEnabled: t.ModelLimitsEnabled, Models: append([]string{}, t.Models...),
		}
	}
	return okResponse(verdict).forKey(v.Token), err
}
