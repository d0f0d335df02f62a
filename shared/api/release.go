package api

import (
	"context"
	"net/http"

	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// ReleaseHold is POST /api/token/release: ends a hold and frees its units.
var ReleaseHold = Route{
	Endpoint: Endpoint{Name: "release", Method: http.MethodPost, Path: wire.ReleasePath},
	serve:    func(s Services, r *http.Request) (response, error) { return withKey(s, r, readRelease, releaseHold) },
}

func readRelease(r *http.Request) (string, error) {
	var body wire.HoldInput
	if err := decode(r, &body); err != nil {
		return "", err
	}
	if body.Model != nil || body.Usage != nil {
		return "", &token.InvalidError{Field: "usage", Reason: "and model are not part of a release, which charges nothing: leave them out, or settle the hold"}
	}
	if body.Quota != nil {
		return "", &token.InvalidError{Field: "quota", Reason: "is not part of a release, which returns the whole hold: leave it out, or settle the hold to charge a part of it"}
	}
	return holdRequestID(body)
}

func releaseHold(ctx context.Context, gate Gate, key, requestID string) (response, error) {
	r, err := gate.Release(ctx, key, requestID)
	return okResponse(wire.Release{RequestID: r.RequestID, Released: r.Released, RemainQuota: r.Remain, Limits: limitsView(r.Token, r.At)}).forKey(r.Token), err
}
