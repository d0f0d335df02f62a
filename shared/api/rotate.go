package api

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// RotateKey is POST /api/token/{id}/rotate: another key for the same token.
// The key before it works until its grace ends.
var RotateKey = Route{
	Operation: &rotateOperation,
	serve:     func(s Services, r *http.Request) (answer, error) { return post(s, r, readRotation, rotateKey) },
}

var rotateOperation = Operation{
	Name: "rotate", Method: http.MethodPost, Path: wire.RotatePath,
	Actions: []string{actionGet, actionBatchGet, actionPut, actionUpdate},
}

type rotationInput struct{ id, grace int64 }

func readRotation(r *http.Request) (rotationInput, error) {
	var body wire.RotateInput
	if err := decodeIfAny(r, &body); err != nil {
		return rotationInput{}, err
	}
	id, err := pathID(r)
	return rotationInput{id, or(body.GraceSeconds)}, err
}

// A plannedTurn is a token.Turn as it is kept.
type plannedTurn struct {
	Key            string
	Until, Version int64
}

// rotateKey plans the new key under an Idempotency-Key, and for which version
// of the token it is: whoever does it again gives the same key, once.
func rotateKey(ctx context.Context, service *token.Service, at credential.AccessToken, once *once, in rotationInput) (answer, error) {
	turn, err := service.NewKeyRotation(ctx, at, in.id, in.grace)
	if err != nil {
		return answer{}, err
	}
	plan, err := once.plan(ctx, service, at, func() ([]byte, error) {
		t, err := service.Get(ctx, at, in.id)
		if err != nil {
			return nil, err
		}
		return json.Marshal(plannedTurn{turn.Key.Reveal(), turn.PreviousUntil, t.Version})
	})
	if err != nil {
		return answer{}, err
	}
	if plan != nil {
		if turn, err = readTurn(plan); err != nil {
			return answer{}, err
		}
	}
	made, err := service.Rotate(ctx, at, in.id, turn)
	if err != nil {
		return answer{}, err
	}
	return once.settle(ctx, service, at, ok(shown(made.Token, made.Key, service.UnixNow())).withETag(made.Version).about(in.id))
}

func readTurn(plan []byte) (token.KeyRotation, error) {
	var p plannedTurn
	if err := json.Unmarshal(plan, &p); err != nil {
		return token.KeyRotation{}, err
	}
	key, err := credential.ParseKey(p.Key)
	return token.KeyRotation{Key: key, PreviousUntil: p.Until, Version: p.Version}, err
}
