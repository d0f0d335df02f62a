package api

import (
	"context"
	"net/http"

	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// DeleteToken is DELETE /api/token/{id}: deletes a token for good. Every
// check of its key that starts after the answer is refused.
var DeleteToken = Route{
	Endpoint: Endpoint{Name: "delete", Method: http.MethodDelete, Path: wire.TokenPath},
	serve: func(s Services, r *http.Request) (response, error) {
		return withAccessToken(s, r, readDelete, deleteToken)
	},
}

type deleteInput struct {
	id       int64
	versions token.Versions
}

func readDelete(r *http.Request) (in deleteInput, err error) {
	if in.id, err = pathID(r); err == nil {
		in.versions, err = readIfMatch(r)
	}
	return in, err
}

func deleteToken(ctx context.Context, service *token.Service, at credential.AccessToken, in deleteInput) (response, error) {
	return okResponse(nil).forToken(in.id), service.Delete(ctx, at, in.id, in.versions)
}
