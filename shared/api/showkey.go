package api

import (
	"context"
	"net/http"
	"strings"

	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// ShowKey is POST /api/token/{id}/key: the key of a token that was created or
// rotated a short time ago. Clients of New API fetch it after a create.
var ShowKey = Route{
	Endpoint: Endpoint{Name: "key", Method: http.MethodPost, Path: wire.KeyPath, Function: "get"},
	serve: func(s Services, r *http.Request) (response, error) {
		return withAccessToken(s, r, readShowKey, showKey)
	},
}

func readShowKey(r *http.Request) (int64, error) {
	if err := decodeIfAny(r, &struct{}{}); err != nil {
		return 0, err
	}
	return pathID(r)
}

func showKey(ctx context.Context, service *token.Service, at credential.AccessToken, id int64) (response, error) {
	keys, errs, err := service.ShowKeys(ctx, at, []int64{id})
	if err != nil {
		return response{}, err
	}
	return okResponse(wire.ShownKey{Key: withoutPrefix(keys[0])}).forToken(id), errs[0]
}

// ShowKeys is POST /api/token/batch/keys: ShowKey for several tokens.
var ShowKeys = Route{
	Endpoint: Endpoint{Name: "keys", Method: http.MethodPost, Path: wire.BatchKeysPath, Function: "get"},
	serve: func(s Services, r *http.Request) (response, error) {
		return withAccessToken(s, r, readShowKeys, showKeys)
	},
}

func readShowKeys(r *http.Request) (wire.KeysInput, error) {
	var in wire.KeysInput
	if err := decode(r, &in); err != nil {
		return in, err
	}
	return in, checkIDs(in.IDs)
}

// showKeys answers with the keys that can be shown. If none can, the error is that
// of the first token.
func showKeys(ctx context.Context, service *token.Service, at credential.AccessToken, in wire.KeysInput) (response, error) {
	ids, where := uniqueIDs(in.IDs)
	keys, errs, err := service.ShowKeys(ctx, at, ids)
	if err != nil {
		return response{}, err
	}
	a := batchResponse(ids, where, errs)
	shown := map[int64]string{}
	for i, id := range ids {
		if errs[i] == nil {
			shown[id] = withoutPrefix(keys[i])
		}
	}
	a.data = wire.ShownKeys{Keys: shown}
	if len(shown) == 0 {
		return response{}, errs[0]
	}
	return a, nil
}

// withoutPrefix is how New API shows keys: its clients put sk- before it.
func withoutPrefix(key credential.Key) string {
	return strings.TrimPrefix(key.Reveal(), credential.KeyPrefix)
}
