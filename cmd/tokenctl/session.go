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

// createPatiently makes a batch of tokens however often the API asks to wait
// for it: a large import takes its time, and nothing was done.
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

// explain tells an error of the API.
func (s *session) explain(err error) error {
	var (
		told    *problem
		answer  *client.Error
		unasked *url.Error
		network *net.OpError
	)
	switch {
	case err == nil:
		return nil
	case errors.As(err, &told):
		return err
	case errors.Is(err, context.Canceled):
		return problemf("interrupted: a change may or may not have been made, so look with `tokenctl token list`")
	case errors.Is(err, wire.ErrUnauthorized):
		return problemf("the access token is not valid at %s: get a new one from the operator, and log in with `tokenctl login`", s.url)
	case errors.Is(err, wire.ErrVersionMismatch):
		return problemf("the token has been changed since that ETag was read, and nothing was done: look at it with `tokenctl token get ID`, and try again")
	case errors.Is(err, wire.ErrInternal) && errors.As(err, &answer):
		return problemf("%s: %s", lowered(answer.Message), answer.RequestID)
	case errors.As(err, &answer) && answer.RetryAfter > client.MaxPause:
		return problemf("%s: Retry-After is %d", lowered(answer.Message), answer.RetryAfter/time.Second)
	case errors.As(err, &answer):
		return problemf("%s", lowered(answer.Message))
	case errors.As(err, &network) && network.Op == "dial":
		return problemf("the API at %s can't be reached (%s): check that it runs, and the URL", s.url, reason(err))
	case errors.As(err, &unasked):
		return problemf("the API at %s gave no answer (%s): a change may or may not have been made, so look with `tokenctl token list` before you try again", s.url, reason(unasked.Err))
	default:
		return err
	}
}

// full is told when a user has as many tokens as it may have.
const full = "you have as many tokens as you may: let the operator raise the limit with `tokenctl user limit NAME --max-tokens N`"

// lowered is a sentence as the part after a colon, without its full stop.
func lowered(message string) string {
	letters := []rune(sentence(errors.New(message)))
	if len(letters) > 1 && !unicode.IsUpper(letters[1]) {
		letters[0] = unicode.ToLower(letters[0])
	}
	return string(letters)
}
