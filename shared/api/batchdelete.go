package api

import (
	"context"
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

func deleteTokens(ctx context.Context, service *token.Service, at credential.AccessToken, idem *idempotency, in wire.IDsInput) (response, error) {
	ids, where := uniqueIDs(in.IDs)
	if err := idem.replayed(ctx, service, at); err != nil {
		return response{}, err
	}
	var plan batchPlan
	errs, err := service.DeleteAll(ctx, at, ids, func(exist []bool) (err error) {
		plan, err = idem.planBatch(ctx, service, at, exist)
		return err
	})
	if err != nil {
		return response{}, err
	}
	for i := range errs {
		if plan.existed[i] && errors.Is(errs[i], token.ErrNotFound) {
			errs[i] = nil
		}
	}
	return idem.saveBatch(ctx, service, at, plan, ids, where, errs)
}
