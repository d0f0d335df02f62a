package api

import (
	"context"
	"net/http"

	"github.com/latchkey-api/latchkey/shared/token"
)

// ReleaseHold is POST /api/token/release: gives back all that a hold has.
var ReleaseHold = Route{
	Operation: &releaseOperation,
	serve:     func(s Services, r *http.Request) (answer, error) { return use(s, r, readRelease, releaseHold) },
}

var releaseOperation = Operation{
	Name: "release", Method: http.MethodPost, Path: CollectionPath + "/release",
	Actions: []string{actionUpdate},
}

// A Return is how a hold was given back, in units.
type Return struct {
	RequestID   string `json:"request_id"`
	Released    int64  `json:"released"`     // what the hold had
	RemainQuota int64  `json:"remain_quota"` // what is free to spend
}

func readRelease(r *http.Request) (string, error) {
	var body HoldInput
	if err := decode(r, &body); err != nil {
		return "", err
	}
	if body.Quota != nil {
		return "", &token.InvalidError{Field: "quota", Reason: "is for settle: a release gives back all that the hold has"}
	}
	return body.requestID()
}

func releaseHold(ctx context.Context, gate Gate, key, requestID string) (answer, error) {
	r, err := gate.Release(ctx, key, requestID)
	return ok(Return{RequestID: r.RequestID, Released: r.Released, RemainQuota: r.Remain}).of(r.Token), err
}
