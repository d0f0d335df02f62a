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

// An idempotency is a request with an Idempotency-Key. If it is sent again with
// the same body within 24 hours, it gets the saved response and changes nothing.
// A nil idempotency is a request without that header.
type idempotency struct{ *token.IdempotentRequest }

// withIdempotencyKey serves a POST of the management API like withAccessToken,
// and replays the saved response if the request has an Idempotency-Key that was
// used before. Only successes are saved: after a failure nothing was changed,
// and a retry may succeed.
func withIdempotencyKey[In any](
	services Services, r *http.Request,
	read func(*http.Request) (In, error),
	call func(context.Context, *token.Service, credential.AccessToken, *idempotency, In) (response, error),
) (response, error) {
	var in In
	return replayable(services.Tokens, r, func() (err error) {
		in, err = read(r)
		return err
	}, func(at credential.AccessToken, request *idempotency) (response, error) {
		return call(r.Context(), services.Tokens, at, request, in)
	})
}

// replayable is withIdempotencyKey without the type of the input, see
// authenticated.
func replayable(service *token.Service, r *http.Request, read func() error, call func(credential.AccessToken, *idempotency) (response, error)) (response, error) {
	var request *idempotency
	return authenticated(service, r, func() (err error) {
		if request, err = readIdempotency(r, service.UnixNow()); err == nil {
			err = read()
		}
		return err
	}, func(at credential.AccessToken) (response, error) {
		a, err := call(at, request)
		if request == nil || err == nil {
			return a, err
		}
		again, err := request.replay(r.Context(), service, at, err)
		if err != nil {
			again.tokenID, again.tokenIDs = a.tokenID, a.tokenIDs
		}
		return again, err
	})
}

// refuseEmptyIdempotencyKey refuses a change with an Idempotency-Key that is empty,
// also one that does not use the header: its client believes that the change is
// protected, and has lost the value.
func refuseEmptyIdempotencyKey(r *http.Request) error {
	if r.Method != http.MethodGet && slices.Contains(r.Header.Values("Idempotency-Key"), "") {
		return &token.InvalidError{Field: "Idempotency-Key", Reason: "must not be empty: send a random value, such as a UUID, or leave the header out"}
	}
	return nil
}

// readIdempotency reads the Idempotency-Key of a request, and the body, which
// it puts back.
func readIdempotency(r *http.Request, now int64) (*idempotency, error) {
	keys := r.Header.Values("Idempotency-Key")
	if len(keys) == 0 {
		return nil, nil //nolint:nilnil // nil is a request without the header
	}
	if err := refuseEmptyIdempotencyKey(r); err != nil {
		return nil, err
	}
	if len(keys) > 1 {
		return nil, &token.InvalidError{Field: "Idempotency-Key", Reason: "must come once: send one header of this name"}
	}
	at, err := accessToken(r)
	if err != nil {
		return nil, err
	}
	body, err := readUpTo(maxBatchBody, r)
	if err != nil {
		return nil, err
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

// replay returns the saved response of a request that failed, if there is one.
// Else it returns the failure.
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
	var early *token.ChangeRateError
	if errors.As(failure, &early) { // no response was saved when the request came
		return response{}, failure
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

// A replayError carries the saved response of a request that was served before.
type replayError struct{ content []byte }

func (*replayError) Error() string { return "answered before" }

// saveWithTokens returns a function that makes the response to a create ready
// to be saved in the same transaction as the tokens.
func (o *idempotency) saveWithTokens(respond func([]token.IssuedToken) response) func([]token.IssuedToken) (token.SavedResponse, error) {
	if o == nil {
		return nil
	}
	return func(made []token.IssuedToken) (token.SavedResponse, error) {
		content, err := respond(made).encode()
		return o.Seal(token.PartResponse, content), err
	}
}

// replayed returns nil if the request was not answered before. The error is a
// *replayError if a response is saved, and token.ErrIdempotencyMismatch if the
// key belongs to another request.
func (o *idempotency) replayed(ctx context.Context, service *token.Service, at credential.AccessToken) error {
	if o == nil {
		return nil
	}
	content, err := service.LoadResponse(ctx, at, o.IdempotentRequest)
	switch {
	case err == nil:
		return &replayError{content}
	case errors.Is(err, token.ErrNoSavedResponse):
		return nil
	default:
		return err
	}
}

// save saves the response after such work. If the same request was served at
// the same time, it returns the response that was saved first.
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

// A savedResponse is the form in which a response is saved.
type savedResponse struct {
	Status   int
	ETag     string `json:",omitempty"`
	Location string `json:",omitempty"`
	TokenID  int64  `json:",omitempty"`
	Data     json.RawMessage
	Results  []wire.Result `json:",omitempty"`
}

// encode compresses a response. A batch of tokens repeats much, and the size of
// what the store can save is limited.
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
		return response{}, fmt.Errorf("read a saved response: %w", err)
	}
	return response{status: k.Status, etag: k.ETag, location: k.Location, tokenID: k.TokenID, data: k.Data, results: k.Results}, nil
}
