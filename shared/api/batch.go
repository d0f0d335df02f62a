package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// idsField is the name of an element of ids.
func idsField(i int) string { return fmt.Sprintf("ids[%d]", i) }

// checkIDs checks that there are 1 to MaxIDs ids, each in the range of ids.
func checkIDs(ids []int64) error {
	if len(ids) == 0 || len(ids) > wire.MaxIDs {
		return &token.InvalidError{Field: "ids", Reason: fmt.Sprintf("must be an array of 1 to %d ids of tokens", wire.MaxIDs)}
	}
	for i, id := range ids {
		if id < 1 || id > token.MaxInteger {
			return &token.InvalidError{Field: idsField(i), Reason: fmt.Sprintf("must be an integer between 1 and %d", int64(token.MaxInteger))}
		}
	}
	return nil
}

// uniqueIDs returns the ids without repetitions, and the index of each in the
// request.
func uniqueIDs(all []int64) (ids []int64, where []int) {
	seen := map[int64]bool{}
	for i, id := range all {
		if !seen[id] {
			seen[id] = true
			ids, where = append(ids, id), append(where, i)
		}
	}
	return ids, where
}

// batchResponse returns the response to a batch. Its data is the number of
// successes, as clients of New API expect; results has one entry for
// each id.
func batchResponse(ids []int64, where []int, errs []error) response {
	var a response
	count := 0
	results := make([]wire.Result, len(ids))
	for i, id := range ids {
		results[i] = wire.Result{Index: where[i], ID: id, Success: errs[i] == nil}
		if errs[i] == nil {
			count++
			a.tokenIDs = append(a.tokenIDs, id)
			continue
		}
		p := problemOf(errs[i])
		if p.status >= http.StatusInternalServerError { // it may have been changed
			a.tokenIDs = append(a.tokenIDs, id)
		}
		results[i].Field, results[i].Code, results[i].Message = idsField(where[i]), p.code, p.message
	}
	a.status, a.data, a.results = http.StatusOK, count, results
	return a
}

// A batchPlan is what was decided before a batch on ids began.
type batchPlan struct {
	existed []bool // which of the tokens existed when the request came first
	saved   bool   // for repetitions of the request
}

// planBatch saves which tokens exist, so that a retry, or the same request at the
// same time, can tell a token that it deleted from one that never existed. If
// none exists now, it saves nothing, but the plan of an earlier attempt counts.
func (o *idempotency) planBatch(ctx context.Context, service *token.Service, at credential.AccessToken, exist []bool) (batchPlan, error) {
	if o == nil {
		return batchPlan{existed: make([]bool, len(exist))}, nil
	}
	var content []byte
	var err error
	if slices.Contains(exist, true) {
		if content, err = json.Marshal(exist); err == nil {
			content, err = service.SaveResponse(ctx, at, o.IdempotentRequest, token.PartPlan, content)
		}
	} else {
		content, err = service.LoadPlan(ctx, at, o.IdempotentRequest)
		if errors.Is(err, token.ErrNoSavedResponse) {
			return batchPlan{existed: exist}, nil
		}
	}
	if err != nil {
		return batchPlan{}, err
	}
	plan := batchPlan{saved: true}
	return plan, json.Unmarshal(content, &plan.existed)
}

// saveBatch saves the response to a batch, unless no token existed or one of the
// errors may go away on a retry.
func (o *idempotency) saveBatch(ctx context.Context, service *token.Service, at credential.AccessToken, plan batchPlan, ids []int64, where []int, errs []error) (response, error) {
	a := batchResponse(ids, where, errs)
	if !plan.saved || slices.ContainsFunc(errs, func(err error) bool { return err != nil && problemOf(err).retryAfter != "" }) {
		return a, nil
	}
	return o.save(ctx, service, at, a)
}

func readIDs(r *http.Request) (wire.IDsInput, error) {
	var in wire.IDsInput
	if err := decode(r, &in); err != nil {
		return in, err
	}
	return in, checkIDs(in.IDs)
}
