package api

import (
	"context"
	"net/http"
	"strconv"

	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// CreateToken is POST /api/token: a new token (spec: "Create a token"). Its
// answer is the only one that shows the key.
var CreateToken = Route{
	Operation: &createOperation,
	serve:     func(s Services, r *http.Request) (answer, error) { return post(s, r, readCreate, createToken) },
}

var createOperation = Operation{
	Name: "create", Method: http.MethodPost, Path: wire.TokensPath,
	Actions: []string{actionGet, actionPut, actionUpdate},
}

func readCreate(r *http.Request) (token.Settings, error) {
	body, err := readBody(r, maxBody)
	if err != nil {
		return token.Settings{}, err
	}
	return readDraft(body)
}

// readDraft reads what a new token is to be.
func readDraft(raw []byte) (token.Settings, error) {
	var in wire.TokenInput
	if err := decodeObject(raw, &in, append([]string{"id"}, serverFields...)...); err != nil {
		return token.Settings{}, err
	}
	return tokenUpdate(in)
}

func createToken(ctx context.Context, service *token.Service, at credential.AccessToken, once *once, in token.Settings) (answer, error) {
	now := service.UnixNow()
	say := func(made []token.IssuedToken) answer {
		t := shown(made[0].Token, made[0].Key, now)
		return created(t, wire.TokensPath+"/"+strconv.FormatInt(t.ID, 10)).withETag(made[0].Version).about(t.ID)
	}
	made, err := service.Create(ctx, at, []token.Settings{in}, once.keep(say))
	if err != nil {
		return answer{}, err
	}
	return say(made), nil
}
