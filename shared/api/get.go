package api

import (
	"context"
	"net/http"

	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// GetToken is GET /api/token/{id}: returns one of the caller's tokens.
var GetToken = Route{
	Endpoint: Endpoint{Name: "get", Method: http.MethodGet, Path: wire.TokenPath},
	serve:    func(s Services, r *http.Request) (response, error) { return withAccessToken(s, r, pathID, getToken) },
}

func getToken(ctx context.Context, service *token.Service, at credential.AccessToken, id int64) (response, error) {
	t, err := service.Get(ctx, at, id)
	return okResponse(tokenView(t, service.UnixNow())).withETag(t.Version).forToken(t.ID), err
}
