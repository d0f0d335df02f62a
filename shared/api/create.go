package api

import (
	"context"
	"net/http"
	"strconv"

	"github.com/latchkey-api/latchkey/shared/token"
)

// CreateToken is POST /api/token: a new token (spec: "Create a token"). Its
// answer is the only one that shows the key.
var CreateToken = Route{
	Operation: &createOperation,
	serve:     func(s Services, r *http.Request) (answer, error) { return manage(s, r, readCreate, createToken) },
}

var createOperation = Operation{
	Name: "create", Method: http.MethodPost, Path: CollectionPath,
	Actions: []string{actionGet, actionPut, actionUpdate},
}

func readCreate(r *http.Request) (token.Update, error) {
	var in TokenInput
	if err := decode(r, &in, append([]string{"id"}, serverFields...)...); err != nil {
		return token.Update{}, err
	}
	return in.update()
}

func createToken(ctx context.Context, service *token.Service, at token.AccessToken, in token.Update) (answer, error) {
	t, key, err := service.Create(ctx, at, in)
	if err != nil {
		return answer{}, err
	}
	shown := view(t, service.Second())
	shown.Key = key.Reveal()
	return created(shown, CollectionPath+"/"+strconv.FormatInt(t.ID, 10)).withETag(t.Version).about(t.ID), nil
}
