package api

import (
	"context"
	"net/http"

	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// VerifyKey is POST /api/token/verify: whether the key may be used so, and if
// a quota comes with it, its charge.
var VerifyKey = Route{
	Operation: &verifyOperation,
	serve:     func(s Services, r *http.Request) (answer, error) { return use(s, r, readQuestion, verifyKey) },
}

var verifyOperation = Operation{
	Name: "verify", Method: http.MethodPost, Path: wire.VerifyPath,
	Actions: []string{actionGet, actionUpdate},
}

func readQuestion(r *http.Request) (quota.Question, error) {
	var in wire.VerifyInput
	if err := decodeIfAny(r, &in); err != nil {
		return quota.Question{}, err
	}
	identify(&in, r)
	return question(in)
}

func verifyKey(ctx context.Context, gate Gate, key string, q quota.Question) (answer, error) {
	v, err := gate.Verify(ctx, key, q)
	verdict := wire.Verdict{Valid: v.Valid(), Code: v.Refusal}
	if t := v.Token; t.ID != 0 {
		verdict.KeyHolder = &wire.KeyHolder{
			TokenID: t.ID, UserID: t.UserID, Name: t.Name, Group: t.Group,
			RemainQuota: v.Remain, UnlimitedQuota: t.UnlimitedQuota, ExpiredTime: t.ExpiredTime,
			ModelLimitsEnabled: t.ModelLimitsEnabled, Models: append([]string{}, t.Models...),
		}
	}
	return ok(verdict).of(v.Token), err
}
