package api

import (
	"context"
	"net/http"

	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// SetStatuses is POST /api/token/batch/status: enables or disables several
// tokens.
var SetStatuses = Route{
	Endpoint: Endpoint{Name: "batchstatus", Method: http.MethodPost, Path: wire.BatchStatusPath},
	serve: func(s Services, r *http.Request) (response, error) {
		return withIdempotencyKey(s, r, readStatuses, setStatuses)
	},
}

func readStatuses(r *http.Request) (wire.IDsInput, error) {
	in, err := readIDs(r)
	if err == nil && (in.Status == nil || token.Status(*in.Status) != token.Enabled && token.Status(*in.Status) != token.Disabled) {
		err = &token.InvalidError{Field: "status", Reason: "must be 1 to enable or 2 to disable the tokens"}
	}
	return in, err
}

func setStatuses(ctx context.Context, service *token.Service, at credential.AccessToken, idem *idempotency, in wire.IDsInput) (response, error) {
	ids, where := uniqueIDs(in.IDs)
	if err := idem.replayed(ctx, service, at); err != nil {
		return response{}, err
	}
	var plan batchPlan
	errs, err := service.SetStatusAll(ctx, at, ids, token.Status(*in.Status) == token.Disabled, func(exist []bool) (err error) {
		plan, err = idem.planBatch(ctx, service, at, exist)
		return err
	})
	if err != nil {
		return response{}, err
	}
	return idem.saveBatch(ctx, service, at, plan, ids, where, errs)
}
