package api

import (
	"context"
	"net/http"

	"github.com/latchkey-api/latchkey/shared/token"
)

// VerifyKey is POST /api/token/verify: whether the key may be used so, and if
// a quota comes with it, its charge.
var VerifyKey = Route{
	Operation: &verifyOperation,
	serve:     func(s Services, r *http.Request) (answer, error) { return use(s, r, readQuestion, verifyKey) },
}

var verifyOperation = Operation{
	Name: "verify", Method: http.MethodPost, Path: CollectionPath + "/verify",
	Actions: []string{actionGet, actionUpdate},
}

// A Verdict says whether a key may be used. Code is why not. What follows is
// there for keys that are known.
type Verdict struct {
	Valid bool          `json:"valid"`
	Code  token.Refusal `json:"code"`
	*KeyHolder
}

// A KeyHolder is the token of a key, as a gateway needs it.
type KeyHolder struct {
	TokenID            int64    `json:"token_id"`
	UserID             int64    `json:"user_id"`
	Name               string   `json:"name"`
	Group              string   `json:"group"`
	RemainQuota        int64    `json:"remain_quota"` // units that are free to spend
	UnlimitedQuota     bool     `json:"unlimited_quota"`
	ExpiredTime        int64    `json:"expired_time"` // -1 = never
	ModelLimitsEnabled bool     `json:"model_limits_enabled"`
	Models             []string `json:"models"`
}

func readQuestion(r *http.Request) (token.Question, error) {
	var in QuestionInput
	if err := decodeIfAny(r, &in); err != nil {
		return token.Question{}, err
	}
	in.identify(r)
	return in.question()
}

func verifyKey(ctx context.Context, gate Gate, key string, q token.Question) (answer, error) {
	v, err := gate.Verify(ctx, key, q)
	verdict := Verdict{Valid: v.Valid(), Code: v.Refusal}
	if t := v.Token; t.ID != 0 {
		verdict.KeyHolder = &KeyHolder{
			TokenID: t.ID, UserID: t.UserID, Name: t.Name, Group: t.Group,
			RemainQuota: v.Remain, UnlimitedQuota: t.UnlimitedQuota, ExpiredTime: t.ExpiredTime,
			ModelLimitsEnabled: t.ModelLimitsEnabled, Models: append([]string{}, t.Models...),
		}
	}
	return ok(verdict).of(v.Token), err
}
