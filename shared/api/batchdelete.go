package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// DeleteTokens is POST /api/token/batch: removes several tokens, as clients of
// New API do.
var DeleteTokens = Route{
	Endpoint: Endpoint{Name: "batchdelete", Method: http.MethodPost, Path: wire.BatchPath},
	serve: func(s Services, r *http.Request) (response, error) {
		return withIdempotencyKey(s, r, readDeletes, deleteTokens)
	},
}

func readDeletes(r *http.Request) (wire.IDsInput, error) {
	in, err := readIDs(r)
	if err == nil && in.Status != nil {
		err = &token.InvalidError{Field: "status", Reason: "is for " + wire.BatchPath + "/status: leave it out to delete the tokens"}
	}
	return in, err
}

// deleteTokens saves which of the tokens existed, so that a retry can tell a
// token that it deleted from one that never existed.
func deleteTokens(ctx context.Context, service *token.Service, at credential.AccessToken, idem *idempotency, in wire.IDsInput) (response, error) {
	ids, where := uniqueIDs(in)
	plan, err := idem.plan(ctx, service, at, func() ([]byte, error) {
		there, err := service.Exist(ctx, at, ids)
		if err != nil {
			return nil, err
		}
		return json.Marshal(there)
	})
	if err != nil {
		return response{}, err
	}
	there := make([]bool, len(ids))
	if plan != nil {
		if err := json.Unmarshal(plan, &there); err != nil {
			return response{}, err
		}
	}
	errs, err := service.DeleteAll(ctx, at, ids)
	if err != nil {
		return response{}, err
	}
	for i := range errs {
		if there[i] && errors.Is(errs[i], token.ErrNotFound) {
			errs[i] = nil
		}
	}
	return idem.saveBatch(ctx, service, at, ids, where, errs)
}
