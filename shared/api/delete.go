package api

import (
	"context"
	"net/http"

	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// DeleteToken is DELETE /api/token/{id}: removes a token for good (spec:
// "Delete a token"). Its key is refused from the first answer on.
var DeleteToken = Route{
	Operation: &deleteOperation,
	serve:     func(s Services, r *http.Request) (answer, error) { return manage(s, r, readDelete, deleteToken) },
}

var deleteOperation = Operation{
	Name: "delete", Method: http.MethodDelete, Path: wire.TokenPath,
	Actions: []string{actionGet, actionUpdate, actionDelete},
}

type deleteInput struct {
	id       int64
	versions token.Versions
}

func readDelete(r *http.Request) (in deleteInput, err error) {
	if in.id, err = pathID(r); err == nil {
		in.versions, err = readMatch(r)
	}
	return in, err
}

func deleteToken(ctx context.Context, service *token.Service, at credential.AccessToken, in deleteInput) (answer, error) {
	return ok(nil).about(in.id), service.Delete(ctx, at, in.id, in.versions)
}
