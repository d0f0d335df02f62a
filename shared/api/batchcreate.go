package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// CreateTokens is POST /api/token/batch/create: several new tokens, all or
// none. The keys are shown only in this answer, and in a repetition with the
// same Idempotency-Key.
var CreateTokens = Route{
	Endpoint: Endpoint{Name: "batchcreate", Method: http.MethodPost, Path: wire.BatchCreatePath},
	serve: func(s Services, r *http.Request) (response, error) {
		return withIdempotencyKey(s, r, readNewTokens, createTokens)
	},
}

// maxBatchBody is the largest body of a batch create, in bytes.
const maxBatchBody = 128 << 10

func readNewTokens(r *http.Request) ([]token.Settings, error) {
	var in wire.TokensInput
	if err := decodeUpTo(maxBatchBody, r, &in); err != nil {
		return nil, err
	}
	if len(in.Tokens) == 0 || len(in.Tokens) > token.MaxBatch {
		return nil, &token.InvalidError{Field: "tokens", Reason: fmt.Sprintf("must be an array of 1 to %d objects, each as for a create", token.MaxBatch)}
	}
	updates := make([]token.Settings, len(in.Tokens))
	for i, raw := range in.Tokens {
		var err error
		if updates[i], err = readNewToken(raw); err != nil {
			return nil, inItem(i, err)
		}
	}
	return updates, nil
}

// inItem names the token of the batch in an error.
func inItem(i int, err error) error {
	var invalid *token.InvalidError
	var policy *token.PolicyError
	var input *inputError
	switch {
	case errors.As(err, &invalid):
		return &token.InvalidError{Field: fmt.Sprintf("tokens[%d].%s", i, invalid.Field), Reason: invalid.Reason}
	case errors.As(err, &policy):
		return &token.PolicyError{Field: fmt.Sprintf("tokens[%d].%s", i, policy.Field), Policy: policy.Policy, Advice: policy.Advice}
	case errors.As(err, &input):
		return &inputError{input.code, fmt.Sprintf("In tokens[%d]: %s", i, input.message)}
	default:
		return err
	}
}

func createTokens(ctx context.Context, service *token.Service, at credential.AccessToken, idem *idempotency, in []token.Settings) (response, error) {
	now := service.UnixNow()
	respond := func(made []token.IssuedToken) response {
		all := wire.Tokens{Items: make([]wire.Token, len(made))}
		for i, issued := range made {
			all.Items[i] = tokenWithKey(issued.Token, issued.Key, now)
		}
		return createdResponse(all, "")
	}
	made, err := service.Create(ctx, at, in, idem.saveWithTokens(respond))
	var item *token.IndexError
	if errors.As(err, &item) {
		return response{}, inItem(item.Index, item.Err)
	}
	if err != nil {
		return response{}, err
	}
	return respond(made), nil
}
