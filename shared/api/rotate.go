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
	Endpoint: Endpoint{Name: "rotate", Method: http.MethodPost, Path: wire.RotatePath},
	serve: func(s Services, r *http.Request) (response, error) {
		return withIdempotencyKey(s, r, readRotation, rotateKey)
	},
}

type rotationInput struct{ id, grace int64 }

func readRotation(r *http.Request) (rotationInput, error) {
	var body wire.RotateInput
	if err := decodeIfAny(r, &body); err != nil {
		return rotationInput{}, err
	}
	id, err := pathID(r)
	return rotationInput{id, valueOf(body.GraceSeconds)}, err
}

// A savedRotation is the form in which a token.KeyRotation is saved.
type savedRotation struct {
	Key            string
	Until, Version int64
}

// rotateKey plans the new key under an Idempotency-Key, and for which version
// of the token it is: whoever does it again gives the same key, once.
func rotateKey(ctx context.Context, service *token.Service, at credential.AccessToken, once *idempotency, in rotationInput) (response, error) {
	turn, err := service.NewKeyRotation(ctx, at, in.id, in.grace)
	if err != nil {
		return response{}, err
	}
	plan, err := once.plan(ctx, service, at, func() ([]byte, error) {
		t, err := service.Get(ctx, at, in.id)
		if err != nil {
			return nil, err
		}
		return json.Marshal(savedRotation{turn.Key.Reveal(), turn.PreviousUntil, t.Version})
	})
	if err != nil {
		return response{}, err
	}
	if plan != nil {
		if turn, err = readSavedRotation(plan); err != nil {
			return response{}, err
		}
	}
	made, err := service.Rotate(ctx, at, in.id, turn)
	if err != nil {
		return response{}, err
	}
	return once.save(ctx, service, at, okResponse(tokenWithKey(made.Token, made.Key, service.UnixNow())).withETag(made.Version).forToken(in.id))
}

func readSavedRotation(plan []byte) (token.KeyRotation, error) {
	var p savedRotation
	if err := json.Unmarshal(plan, &p); err != nil {
		return token.KeyRotation{}, err
	}
	key, err := credential.ParseKey(p.Key)
	return token.KeyRotation{Key: key, PreviousUntil: p.Until, Version: p.Version}, err
}
