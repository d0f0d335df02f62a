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
// none. Its answer is the only one that shows their keys.
var CreateTokens = Route{
	Operation: &createAllOperation,
	serve:     func(s Services, r *http.Request) (answer, error) { return post(s, r, readCreates, createTokens) },
}

var createAllOperation = Operation{
	Name: "batchcreate", Method: http.MethodPost, Path: wire.BatchCreatePath,
	Actions: []string{actionGet, actionPut, actionUpdate},
}

// maxBatchBody is what the body of a batch create may have, in bytes.
const maxBatchBody = 128 << 10

func readCreates(r *http.Request) ([]token.Settings, error) {
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
		if updates[i], err = readDraft(raw); err != nil {
			return nil, ofItem(i, err)
		}
	}
	return updates, nil
}

// ofItem says of which of the tokens an error is.
func ofItem(i int, err error) error {
	var invalid *token.InvalidError
	var input *inputError
	switch {
	case errors.As(err, &invalid):
		return &token.InvalidError{Field: fmt.Sprintf("tokens[%d].%s", i, invalid.Field), Reason: invalid.Reason}
	case errors.As(err, &input):
		return &inputError{input.code, fmt.Sprintf("In tokens[%d]: %s", i, input.message)}
	default:
		return err
	}
}

func createTokens(ctx context.Context, service *token.Service, at credential.AccessToken, once *once, in []token.Settings) (answer, error) {
	now := service.UnixNow()
	say := func(made []token.IssuedToken) answer {
		all := wire.Tokens{Items: make([]wire.Token, len(made))}
		for i, issued := range made {
			all.Items[i] = shown(issued.Token, issued.Key, now)
		}
		return created(all, "")
	}
	made, err := service.Create(ctx, at, in, once.keep(say))
	var item *token.IndexError
	if errors.As(err, &item) {
		return answer{}, ofItem(item.Index, item.Err)
	}
	if err != nil {
		return answer{}, err
	}
	return say(made), nil
}
