package main

import (
	"context"
	"errors"
	"net"
	"net/url"
	"time"
	"unicode"

	"github.com/latchkey-api/latchkey/shared/client"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// createPatiently creates a batch of tokens and waits whenever the API answers
// that the user creates tokens too fast. A batch that was refused for that reason
// created nothing.
func (s *session) createPatiently(ctx context.Context, in []wire.TokenInput, options ...client.CallOption) ([]wire.Token, error) {
	for {
		made, err := s.CreateAll(ctx, in, options...)
		var answer *client.Error
		if !errors.Is(err, wire.ErrRateLimited) || !errors.As(err, &answer) || answer.RetryAfter > client.MaxPause {
			return made, err
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(err, ctx.Err())
		case <-time.After(max(answer.RetryAfter, time.Second)):
		}
	}
}

// explain turns an error of a call to the API into a problem.
func (s *session) explain(err error) error {
	var (
		known     *problem
		answer    *client.Error
		transport *url.Error
		network   *net.OpError
	)
	isRead := errors.As(err, &transport) && transport.Op == "Get" // as net/http writes the method
	switch {
	case err == nil:
		return nil
	case errors.As(err, &known):
		return err
	case errors.Is(err, context.Canceled) && isRead:
		return problemf("interrupted")
	case errors.Is(err, context.Canceled):
		return problemf("interrupted; the change may or may not have been made: check with `tokenctl token list`")
	case errors.Is(err, wire.ErrUnauthorized):
		return problemf("the access token is not valid at %s: ask the operator for a new one, and log in with `tokenctl login`", s.url)
	case errors.Is(err, wire.ErrVersionMismatch):
		return problemf("the token has changed since you read that ETag, and nothing was changed: read it again with `tokenctl token get ID`, then try again")
	case errors.Is(err, wire.ErrInternal) && errors.As(err, &answer):
		return problemf("%s: %s", lowered(answer.Message), answer.RequestID)
	case errors.As(err, &answer) && answer.RetryAfter > client.MaxPause:
		return problemf("%s: Retry-After is %d", lowered(answer.Message), answer.RetryAfter/time.Second)
	case errors.As(err, &answer):
		return problemf("%s", lowered(answer.Message))
	case errors.As(err, &network) && network.Op == "dial":
		return problemf("the API at %s can't be reached (%s): check that it is running and that the URL is correct", s.url, reason(err))
	case isRead:
		return problemf("the API at %s did not answer (%s): check that it is running and that the URL is correct", s.url, reason(transport.Err))
	case errors.As(err, &transport):
		return problemf("the API at %s did not answer (%s), and the change may or may not have been made: check with `tokenctl token list` before you try again", s.url, reason(transport.Err))
	default:
		return err
	}
}

// limitReached is the message for a user who has the maximum number of tokens.
const limitReached = "token limit reached: ask the operator to raise it with `tokenctl user limit NAME --max-tokens N`"

// lowered returns a sentence without its full stop and with a small first letter,
// for use after a colon.
func lowered(message string) string {
	letters := []rune(sentence(errors.New(message)))
	if len(letters) > 1 && !unicode.IsUpper(letters[1]) {
		letters[0] = unicode.ToLower(letters[0])
	}
	return string(letters)
}
