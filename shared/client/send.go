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

	"github.com/latchkey-api/latchkey/shared/api"
	"github.com/latchkey-api/latchkey/shared/token"
)

// Attempts in all, where trying again is safe and the API asks for it.
const attempts = 10

// A request is what is sent, again and again if need be.
type request struct {
	client     *Client
	method     string
	path       string // and query
	credential token.Secret
	in         any    // the body; nil for none
	key        string // the Idempotency-Key; "" for none
	match      ETag   // the If-Match; "" for none
	version    *ETag  // to put the answer's ETag; nil for nowhere
	repeatable bool   // to send it twice is to send it once
	attempts   int    // in all
}

// manage is a request with the access token, to the tokens' path plus rest.
func (c *Client) manage(method, rest string, in any, options ...Option) request {
	r := request{
		client: c, method: method, path: api.CollectionPath + "/" + rest, credential: c.accessToken, in: in,
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
	var answer api.Envelope[T]
	err := r.send(ctx, &answer)
	if err == nil && !answer.Success {
		err = r.client.notTheAPI("a success")
	}
	return answer.Data, err
}

// send sends a request until it has an answer that counts.
func (r request) send(ctx context.Context, answer any) error {
	var body []byte
	if r.in != nil {
		var err error
		if body, err = json.Marshal(r.in); err != nil {
			return fmt.Errorf("write the request: %w", err)
		}
	}
	for attempt := 1; ; attempt++ {
		err := r.once(ctx, body, answer)
		if err == nil || attempt == r.attempts || !again(err, r.repeatable) {
			return err
		}
		if err := wait(ctx, err); err != nil {
			return err
		}
	}
}

func again(err error, repeatable bool) bool {
	var answer *Error
	if !errors.As(err, &answer) {
		return repeatable && !errors.Is(err, ErrForeign) && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded)
	}
	return answer.Code == api.ErrRateLimited || answer.Code == api.ErrUnavailable && repeatable
}

// wait lets Retry-After pass, and up to as much again, so that those who
// were refused together do not come back together.
func wait(ctx context.Context, err error) error {
	pause := 100 * time.Millisecond
	var answer *Error
	if errors.As(err, &answer) && answer.RetryAfter > 0 {
		pause = answer.RetryAfter
	}
	select {
	case <-ctx.Done():
		return errors.Join(err, ctx.Err())
	case <-time.After(pause + rand.N(pause)): //nolint:gosec // jitter needs no secrecy
		return nil
	}
}

// maxAnswer bounds what is read of an answer, in bytes; a full page of the
// largest tokens is smaller.
const maxAnswer = 8 << 20

// once sends a request one time and reads the answer into a pointer.
func (r request) once(ctx context.Context, body []byte, answer any) error {
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
		var failed api.Envelope[any]
		if json.Unmarshal(content, &failed) == nil && failed.Code != "" {
			seconds, _ := strconv.Atoi(in.Header.Get("Retry-After"))
			return &Error{in.StatusCode, failed.Code, failed.Message, failed.RequestID, time.Duration(seconds) * time.Second}
		}
	} else if json.Unmarshal(content, answer) == nil {
		if r.version != nil {
			*r.version = ETag(in.Header.Get("ETag"))
		}
		return nil
	}
	return r.client.notTheAPI(in.Status)
}

// ErrForeign says that what answered is not the token API, and will not become
// it.
var ErrForeign = errors.New("not as the token API does: check the base URL")

func (c *Client) notTheAPI(answered string) error {
	return fmt.Errorf("%s answered %s, but %w", c.base, answered, ErrForeign)
}
