package api

import (
	"context"
	"net/http"
	"strconv"

	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// CreateToken is POST /api/token: creates a token. The key is shown only in
// this answer, and in a repetition with the same Idempotency-Key.
var CreateToken = Route{
	Endpoint: Endpoint{Name: "create", Method: http.MethodPost, Path: wire.TokensPath},
	serve: func(s Services, r *http.Request) (response, error) {
		return withIdempotencyKey(s, r, readCreate, createToken)
	},
}

func readCreate(r *http.Request) (token.Settings, error) {
	body, err := readBody(r, maxBody)
	if err != nil {
		return token.Settings{}, err
	}
	return readNewToken(body)
}

// readNewToken reads the settings of a new token.
func readNewToken(raw []byte) (token.Settings, error) {
	var in wire.TokenInput
	setting, err := decodeToken(raw, &in, "id")
	if err != nil {
		return token.Settings{}, err
	}
	return tokenUpdate(in, setting)
}

func createToken(ctx context.Context, service *token.Service, at credential.AccessToken, idem *idempotency, in token.Settings) (response, error) {
	now := service.UnixNow()
	respond := func(made []token.IssuedToken) response {
		t := tokenWithKey(made[0].Token, made[0].Key, now)
		return createdResponse(t, wire.TokensPath+"/"+strconv.FormatInt(t.ID, 10)).withETag(made[0].Version).forToken(t.ID)
	}
	made, err := service.Create(ctx, at, []token.Settings{in}, idem.saveWithTokens(respond))
	if err != nil {
		return response{}, err
	}
	return respond(made), nil
}
