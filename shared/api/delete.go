package api

import (
	"context"
	"net/http"

	"github.com/latchkey-api/latchkey/shared/token"
)

// DeleteToken is DELETE /api/token/{id}: removes a token for good (spec:
// "Delete a token"). Its key is refused from the first answer on.
var DeleteToken = Route{
	Operation: &deleteOperation,
	serve:     func(s Services, r *http.Request) (answer, error) { return manage(s, r, pathID, deleteToken) },
}

var deleteOperation = Operation{
	Name: "delete", Method: http.MethodDelete, Path: tokenPath,
	Actions: []string{actionGet, actionUpdate, actionDelete},
}

func deleteToken(ctx context.Context, service *token.Service, at token.AccessToken, id int64) (answer, error) {
	return ok(nil).about(id), service.Delete(ctx, at, id)
}
