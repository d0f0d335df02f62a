package api

import (
	"bytes"
	"compress/flate"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"

	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// A once is a request under an Idempotency-Key: sent again with the same body
// within 24 h, it gets the answer of the first time, and nothing is done. A nil
// once is a request without.
type idempotency struct{ *token.IdempotentRequest }

// post serves a POST of the management API as manage does, and as once says.
// Only a success is kept: after a failure nothing was done, and the next
// attempt may do it.
func withIdempotencyKey[In any](
	services Services, r *http.Request,
	read func(*http.Request) (In, error),
	call func(context.Context, *token.Service, credential.AccessToken, *idempotency, In) (response, error),
) (response, error) {
	var request *idempotency
	return withAccessToken(services, r, func(r *http.Request) (in In, err error) {
		if request, err = readIdempotency(r, services.Tokens.UnixNow()); err == nil {
			in, err = read(r)
		}
		return in, err
	}, func(ctx context.Context, service *token.Service, at credential.AccessToken, in In) (response, error) {
		a, err := call(ctx, service, at, request, in)
		if request == nil || err == nil {
			return a, err
		}
		return request.replay(ctx, service, at, err)
	})
}

// readOnce reads the Idempotency-Key of a request, and the body, which it
// puts back.
func readIdempotency(r *http.Request, now int64) (*idempotency, error) {
	keys := r.Header.Values("Idempotency-Key")
	if len(keys) == 0 {
		return nil, nil //nolint:nilnil // a nil once is a request without
	}
	if len(keys) > 1 {
		return nil, &token.InvalidError{Field: "Idempotency-Key", Reason: "must come once: send one header of this name"}
	}
	at, err := accessToken(r)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBatchBody+1))
	if err != nil {
		return nil, errUnreadable()
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	route := r.Method + " " + r.Pattern + " " + r.PathValue("id") + "\n"
	request, err := token.NewIdempotentRequest(at, keys[0], append([]byte(route), body...), now)
	var invalid *token.InvalidError
	if errors.As(err, &invalid) { // it is about the key, the only input that can be invalid
		err = &token.InvalidError{Field: "Idempotency-Key", Reason: invalid.Reason}
	}
	if err != nil {
		return nil, err
	}
	return &idempotency{request}, nil
}

// recall answers a request that failed, for it may have been answered before.
func (o *idempotency) replay(ctx context.Context, service *token.Service, at credential.AccessToken, failure error) (response, error) {
	var before *replayError
	if errors.As(failure, &before) {
		return decodeSaved(before.content)
	}
	var answered *token.AlreadyAnsweredError
	if errors.As(failure, &answered) {
		content, err := o.Open(token.PartResponse, answered.Sealed)
		if err != nil {
			return response{}, err
		}
		return decodeSaved(content)
	}
	if p := problemOf(failure); p.status == http.StatusUnauthorized || p.status == http.StatusForbidden {
		return response{}, failure
	}
	content, err := service.LoadResponse(ctx, at, o.IdempotentRequest)
	switch {
	case err == nil:
		return decodeSaved(content)
	case errors.Is(err, token.ErrIdempotencyMismatch):
		return response{}, err
	case errors.Is(failure, token.ErrUncertain):
		return response{}, fmt.Errorf("%w: %w", token.ErrRepeatable, failure)
	default:
		return response{}, failure
	}
}

// A replayError is a request that needs no work: its answer is kept.
type replayError struct{ content []byte }

func (*replayError) Error() string { return "answered before" }

// keep makes of an answer to a create what is kept with the tokens.
func (o *idempotency) saveWithTokens(say func([]token.IssuedToken) response) func([]token.IssuedToken) (token.SavedResponse, error) {
	if o == nil {
		return nil
	}
	return func(made []token.IssuedToken) (token.SavedResponse, error) {
		content, err := say(made).encode()
		return o.Seal(token.PartResponse, content), err
	}
}

// plan comes before work that is more than one write. It keeps what was
// decided, so that whoever does it again, or at the same time, decides the
// same; or it ends with a *replayError, or with ErrOtherRequest. For a
// request without a key it returns nil and decides nothing.
func (o *idempotency) plan(ctx context.Context, service *token.Service, at credential.AccessToken, decide func() ([]byte, error)) ([]byte, error) {
	if o == nil {
		return nil, nil
	}
	content, err := service.LoadResponse(ctx, at, o.IdempotentRequest)
	if err == nil {
		return nil, &replayError{content}
	}
	if !errors.Is(err, token.ErrNoSavedResponse) {
		return nil, err
	}
	decided, err := decide()
	if err != nil {
		return nil, err
	}
	return service.SaveResponse(ctx, at, o.IdempotentRequest, token.PartPlan, decided)
}

// settle comes after such work: of those who did it, the first one's answer
// is everyone's.
func (o *idempotency) save(ctx context.Context, service *token.Service, at credential.AccessToken, a response) (response, error) {
	if o == nil {
		return a, nil
	}
	content, err := a.encode()
	if err != nil {
		return a, err
	}
	if content, err = service.SaveResponse(ctx, at, o.IdempotentRequest, token.PartResponse, content); err != nil {
		return a, err
	}
	kept, err := decodeSaved(content)
	kept.tokenIDs = a.tokenIDs // what was done now is in the log now
	return kept, err
}

// conclude is settle of a report. One in which something may go better next
// time is not kept.
func (o *idempotency) saveBatch(ctx context.Context, service *token.Service, at credential.AccessToken, ids []int64, where []int, errs []error) (response, error) {
	if slices.ContainsFunc(errs, func(err error) bool { return err != nil && problemOf(err).retryAfter != "" }) {
		return batchResponse(ids, where, errs), nil
	}
	return o.save(ctx, service, at, batchResponse(ids, where, errs))
}

// A keptAnswer is an answer as it is kept.
type savedResponse struct {
	Status   int
	ETag     string `json:",omitempty"`
	Location string `json:",omitempty"`
	TokenID  int64  `json:",omitempty"`
	Data     json.RawMessage
	Results  []wire.Result `json:",omitempty"`
}

// pack writes an answer small: a batch of tokens says much twice, and an item
// of DynamoDB has at most 400 KB.
func (a response) encode() ([]byte, error) {
	data, err := json.Marshal(a.data)
	if err != nil {
		return nil, err
	}
	var packed bytes.Buffer
	writer, err := flate.NewWriter(&packed, flate.DefaultCompression)
	if err != nil {
		return nil, err
	}
	err = json.NewEncoder(writer).Encode(savedResponse{a.status, a.etag, a.location, a.tokenID, data, a.results})
	err = errors.Join(err, writer.Close())
	return packed.Bytes(), err
}

func decodeSaved(content []byte) (response, error) {
	var k savedResponse
	if err := json.NewDecoder(flate.NewReader(bytes.NewReader(content))).Decode(&k); err != nil {
		return response{}, fmt.Errorf("read a kept answer: %w", err)
	}
	return response{status: k.Status, etag: k.ETag, location: k.Location, tokenID: k.TokenID, data: k.Data, results: k.Results}, nil
}
