package api

import (
	"context"
	"net/http"

	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// GetToken is GET /api/token/{id}: one of the caller's tokens (spec: "Get a
// single token").
var GetToken = Route{
	Operation: &getOperation,
	serve:     func(s Services, r *http.Request) (answer, error) { return manage(s, r, pathID, getToken) },
}

var getOperation = Operation{
	Name: "get", Method: http.MethodGet, Path: wire.TokenPath,
	Actions: []string{actionGet, actionBatchGet},
}

func getToken(ctx context.Context, service *token.Service, at credential.AccessToken, id int64) (answer, error) {
	t, err := service.Get(ctx, at, id)
	return ok(view(t, service.UnixNow())).withETag(t.Version).about(t.ID), err
}
