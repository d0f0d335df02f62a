package api

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// RotateKey is POST /api/token/{id}/rotate: a new key for the same token.
// The old key works until its grace period ends.
var RotateKey = Route{
	Endpoint: Endpoint{Name: "rotate", Method: http.MethodPost, Path: wire.RotatePath},
	serve: func(s Services, r *http.Request) (response, error) {
		return withIdempotencyKey(s, r, readRotation, rotateKey)
	},
}

type rotateInput struct{ id, grace int64 }

func readRotation(r *http.Request) (rotateInput, error) {
	var body wire.RotateInput
	if err := decodeIfAny(r, &body); err != nil {
		return rotateInput{}, err
	}
	id, err := pathID(r)
	return rotateInput{id, valueOf(body.GraceSeconds)}, err
}

// A savedRotation is the form in which a token.KeyRotation is saved.
type savedRotation struct {
	Key            string
	Until, Version int64
}

// rotateKey saves the new key and the token's version under the Idempotency-Key
// before it rotates, so that a retry rotates to the same key.
func rotateKey(ctx context.Context, service *token.Service, at credential.AccessToken, idem *idempotency, in rotateInput) (response, error) {
	failed := response{}.forToken(in.id)
	rotation, err := service.NewKeyRotation(ctx, at, in.id, in.grace)
	if err != nil {
		return failed, err
	}
	if err := idem.replayed(ctx, service, at); err != nil {
		return failed, err
	}
	made, err := service.RotateAsPlanned(ctx, at, in.id, func() (token.KeyRotation, error) {
		return idem.planRotation(ctx, service, at, in.id, rotation)
	})
	if err != nil {
		return failed, err
	}
	return idem.save(ctx, service, at, okResponse(tokenWithKey(made.Token, made.Key, service.UnixNow())).withETag(made.Version).forToken(in.id))
}

// planRotation saves a rotation and returns the one that is saved.
func (o *idempotency) planRotation(ctx context.Context, service *token.Service, at credential.AccessToken, id int64, rotation token.KeyRotation) (token.KeyRotation, error) {
	if o == nil {
		return rotation, nil
	}
	t, err := service.Get(ctx, at, id)
	if err != nil {
		return rotation, err
	}
	plan, err := json.Marshal(savedRotation{rotation.Key.Reveal(), rotation.PreviousUntil, t.Version})
	if err != nil {
		return rotation, err
	}
	if plan, err = service.SaveResponse(ctx, at, o.IdempotentRequest, token.PartPlan, plan); err != nil {
		return rotation, err
	}
	return readSavedRotation(plan)
}

func readSavedRotation(plan []byte) (token.KeyRotation, error) {
	var p savedRotation
	if err := json.Unmarshal(plan, &p); err != nil {
		return token.KeyRotation{}, err
	}
	key, err := credential.ParseKey(p.Key)
	return token.KeyRotation{Key: key, PreviousUntil: p.Until, Version: p.Version}, err
}
