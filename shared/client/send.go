package client

import (
	"bytes"
	"cmp"
	"context"
	crand "crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// Attempts in all, where trying again is safe and the API asks for it.
const attempts = 10

// A request is what is sent, again and again if need be.
type request struct {
	client     *Client
	method     string
	path       string // and query
	credential credential.Secret
	in         any    // the body; nil for none
	key        string // the Idempotency-Key; "" for none
	match      ETag   // the If-Match; "" for none
	version    *ETag  // to put the answer's ETag; nil for nowhere
	repeatable bool   // to send it twice is to send it once
	attempts   int    // in all

	each   time.Duration // how long an attempt may take; 0 for as long as it takes
	within time.Duration // after the first, in which the others begin; 0 for any time
}

// manage is a request with the access token, to the tokens' path plus rest.
func (c *Client) manage(method, rest string, in any, options ...Option) request {
	r := request{
		client: c, method: method, path: wire.TokensPath + "/" + rest, credential: c.accessToken, in: in,
		repeatable: method == http.MethodGet, attempts: attempts,
	}
	for _, option := range options {
		option(&r)
	}
	return r
}

// post is a request that the API tells from its repetition.
func (c *Client) post(rest string, in any, options ...Option) request {
	r := c.manage(http.MethodPost, rest, in, options...)
	r.key, r.repeatable = cmp.Or(r.key, crand.Text()), true
	return r
}

// call sends a request. It tries again what the API refused with 429, for
// then nothing was done, and what is repeatable, also when no answer came.
func call[T any](ctx context.Context, r request) (T, error) {
	var answer wire.Envelope[T]
	err := r.send(ctx, &answer)
	if err == nil && !answer.Success {
		err = r.client.notTheAPI("a success")
	}
	return answer.Data, err
}

// send sends a request until it has an answer that counts.
func (r request) send(ctx context.Context, answer any) error {
	if r.key != "" && r.method != http.MethodPost { // net/http, too, would send it again
		return fmt.Errorf("an idempotency key is for a POST alone: the API would do a %s once more", r.method)
	}
	var body []byte
	if r.in != nil {
		var err error
		if body, err = json.Marshal(r.in); err != nil {
			return fmt.Errorf("write the request: %w", err)
		}
	}
	first := time.Now()
	for attempt := 1; ; attempt++ {
		err := r.once(ctx, body, answer)
		if err == nil || ctx.Err() != nil || attempt == r.attempts || !again(err, r.repeatable) {
			return err
		}
		pause := pauseAfter(err)
		if pause > MaxPause {
			return err
		}
		pause += rand.N(pause) //nolint:gosec // jitter needs no secrecy
		if r.within > 0 && time.Since(first)+pause > r.within {
			return err
		}
		if err := wait(ctx, pause, err); err != nil {
			return err
		}
	}
}

func again(err error, repeatable bool) bool {
	var answer *Error
	if !errors.As(err, &answer) {
		return repeatable && !errors.Is(err, ErrForeign)
	}
	return answer.Code == wire.ErrRateLimited || answer.Code == wire.ErrUnavailable && repeatable
}

// MaxPause is the longest Retry-After that a client waits for. Where it is
// longer, the error is given back.
const MaxPause = time.Minute

// pauseAfter is the shortest pause after an error. Up to as much again is
// added, so that those who were refused together do not come back together.
func pauseAfter(err error) time.Duration {
	pause := 100 * time.Millisecond
	var answer *Error
	if errors.As(err, &answer) && answer.RetryAfter > 0 {
		pause = answer.RetryAfter
	}
	return pause
}

// wait lets a pause after an error pass.
func wait(ctx context.Context, pause time.Duration, err error) error {
	select {
	case <-ctx.Done():
		return errors.Join(err, ctx.Err())
	case <-time.After(pause):
		return nil
	}
}

// maxAnswer bounds what is read of an answer, in bytes; a full page of the
// largest tokens is smaller.
const maxAnswer = 8 << 20

// once sends a request one time and reads the answer into a pointer.
func (r request) once(ctx context.Context, body []byte, answer any) error {
	if r.each > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, r.each)
		defer cancel()
	}
	out, err := http.NewRequestWithContext(ctx, r.method, r.client.base+r.path, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("make the request: %w", err)
	}
	out.Header.Set("Authorization", "Bearer "+r.credential.Reveal())
	if r.key != "" {
		out.Header.Set("Idempotency-Key", r.key)
	}
	if r.match != "" {
		out.Header.Set("If-Match", string(r.match))
	}
	if body != nil {
		out.Header.Set("Content-Type", "application/json")
	}
	in, err := r.client.http.Do(out)
	if err != nil {
		return err
	}
	defer in.Body.Close() //nolint:errcheck // it was read
	content, err := io.ReadAll(io.LimitReader(in.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	if in.StatusCode >= http.StatusMultipleChoices {
		return r.client.refusal(in, content)
	}
	if json.Unmarshal(content, answer) != nil {
		return r.client.notTheAPI(in.Status)
	}
	if r.version != nil {
		*r.version = ETag(in.Header.Get("ETag"))
	}
	return nil
}

// refusal is an answer that is no success: of the API, of what stands before
// it, or of another server.
func (c *Client) refusal(in *http.Response, content []byte) error {
	seconds, _ := strconv.Atoi(in.Header.Get("Retry-After"))
	answer := &Error{Status: in.StatusCode, RetryAfter: time.Duration(seconds) * time.Second}
	var failed wire.Envelope[any]
	if json.Unmarshal(content, &failed) == nil && failed.Code != "" {
		answer.Code, answer.Message, answer.RequestID = failed.Code, failed.Message, failed.RequestID
		return answer
	}
	before := "What stands before the API at " + c.base + " answered " + in.Status
	switch in.StatusCode {
	case http.StatusTooManyRequests:
		answer.Code, answer.Message = wire.ErrRateLimited, before+", and nothing was done: try again later."
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		answer.Code, answer.Message = wire.ErrUnavailable, before+", so a change may or may not have been made: look before you try again."
	default:
		return c.notTheAPI(in.Status)
	}
	return answer
}

// ErrForeign says that what answered is not the token API, and will not become
// it.
var ErrForeign = errors.New("not as the token API does: check the base URL")

func (c *Client) notTheAPI(answered string) error {
	return fmt.Errorf("%s answered %s, but %w", c.base, answered, ErrForeign)
}
