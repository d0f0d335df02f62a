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
	"strings"
	"time"

	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/wire"
)

const maxAttempts = 10

// silentWindow is how long after the first attempt another may begin if the API does
// not answer. An attempt without an answer takes up to 30 s, and somebody waits.
const silentWindow = 45 * time.Second

// A request is one call. It can take several attempts.
type request struct {
	client         *Client
	method         string
	path           string // and query
	credential     credential.Secret
	in             any    // the body; nil for none
	idempotencyKey string // "" for none
	emptyKey       bool   // the option IdempotencyKey has an empty key
	match          ETag   // for If-Match; "" for none
	conditional    bool   // a POST that may have If-Match
	repeatable     bool   // a second attempt changes nothing more, even if the first one succeeded
	attempts       int    // at most

	attemptTimeout time.Duration // 0 for none
	retryWindow    time.Duration // how long after the first attempt another may begin; 0 for no limit
}

// manage returns a request with the access token. rest follows the path of the
// tokens.
func (c *Client) manage(method, rest string, in any, options []CallOption) request {
	r := request{
		client: c, method: method, path: wire.TokensPath + rest, credential: c.accessToken, in: in,
		repeatable: method == http.MethodGet, attempts: maxAttempts,
	}
	for _, option := range options {
		option(&r)
	}
	return r
}

// readPath returns a GET of another path with the access token.
func (c *Client) readPath(path string) request {
	r := c.manage(http.MethodGet, "", nil, nil)
	r.path = path
	return r
}

// post returns a POST with an idempotency key, so that it is repeatable.
func (c *Client) post(rest string, in any, options []CallOption) request {
	r := c.manage(http.MethodPost, rest, in, options)
	r.idempotencyKey, r.repeatable = cmp.Or(r.idempotencyKey, crand.Text()), true
	return r
}

// call sends a request and returns the data of its answer.
func call[T any](ctx context.Context, r request) (T, error) {
	var answer wire.Envelope[T]
	_, err := r.send(ctx, &answer)
	if err == nil && !answer.Success {
		err = r.client.foreign("a success")
	}
	return answer.Data, err
}

// send sends a request, with retries, and decodes its answer. It returns the
// answer's header.
func (r request) send(ctx context.Context, answer any) (http.Header, error) {
	if r.idempotencyKey != "" && r.method != http.MethodPost { // net/http would retry it, too
		return nil, fmt.Errorf("an idempotency key is for a POST alone: the API would repeat a %s", r.method)
	}
	if r.emptyKey {
		return nil, errors.New("the option IdempotencyKey has an empty key: the call would not be protected")
	}
	if r.match != "" && !r.conditional && r.method != http.MethodPut && r.method != http.MethodDelete { // the API would ignore it
		return nil, fmt.Errorf("IfMatch is only for changes of one token by Update, SetStatus, Raise and Delete, not for this %s", r.method)
	}
	if strings.ContainsFunc(r.credential.Reveal(), notVisibleASCII) {
		return nil, errCredential
	}
	var body []byte
	if r.in != nil {
		var err error
		if body, err = json.Marshal(r.in); err != nil {
			return nil, fmt.Errorf("encode the request: %w", err)
		}
	}
	first := time.Now()
	for attempt := 1; ; attempt++ {
		header, err := r.attempt(ctx, body, answer)
		if err == nil || ctx.Err() != nil || attempt == r.attempts || !r.canRetry(err) {
			return header, err
		}
		pause := pauseAfter(err)
		if pause > MaxPause {
			return nil, err
		}
		pause += rand.N(pause) //nolint:gosec // jitter needs no secrecy
		if window := r.windowAfter(err); window > 0 && time.Since(first)+pause > window {
			return nil, err
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(err, ctx.Err())
		case <-time.After(pause):
		}
	}
}

// windowAfter returns how long after the first attempt another may begin after this
// error; 0 for no limit.
func (r request) windowAfter(err error) time.Duration {
	var answer *Error
	if r.retryWindow == 0 && !errors.As(err, &answer) {
		return silentWindow
	}
	return r.retryWindow
}

// errCredential is what the API would answer, without the request.
var errCredential = fmt.Errorf("the access token or key has a character that no HTTP header can carry: copy it again (%w)", wire.ErrUnauthorized)

// notVisibleASCII reports whether a credential can't have a character. Net/http
// refuses some of them, with an error that does not say which header it means.
func notVisibleASCII(r rune) bool { return r <= ' ' || r > '~' }

// canRetry reports whether an attempt that failed can be repeated: always after
// 429, because the API has done nothing then.
func (r request) canRetry(err error) bool {
	var answer *Error
	if !errors.As(err, &answer) {
		return r.repeatable && !errors.Is(err, ErrForeign)
	}
	return answer.Code == wire.ErrRateLimited || answer.Code == wire.ErrUnavailable && r.repeatable
}

// MaxPause is the longest Retry-After for which a client waits. If the API asks
// for a longer one, the call returns the error.
const MaxPause = time.Minute

// pauseAfter returns the shortest pause after an error. The caller adds up to
// as much again, so that clients that were refused together do not come back
// together.
func pauseAfter(err error) time.Duration {
	var answer *Error
	if errors.As(err, &answer) && answer.RetryAfter > 0 {
		return answer.RetryAfter
	}
	return 100 * time.Millisecond
}

// maxAnswerBytes is more than a full page of the largest tokens takes.
const maxAnswerBytes = 8 << 20

func (r request) attempt(ctx context.Context, body []byte, answer any) (http.Header, error) {
	if r.attemptTimeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, r.attemptTimeout)
		defer cancel()
	}
	out, err := http.NewRequestWithContext(ctx, r.method, r.client.base+r.path, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("make the request: %w", err)
	}
	r.setHeader(out.Header)
	in, err := r.client.http.Do(out)
	if err != nil {
		return nil, err
	}
	defer in.Body.Close() //nolint:errcheck // it is only read
	content, err := io.ReadAll(io.LimitReader(in.Body, maxAnswerBytes))
	if err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	if in.StatusCode >= http.StatusMultipleChoices {
		return nil, r.client.failure(in, content)
	}
	if plain, ok := answer.(*text); ok && strings.HasPrefix(in.Header.Get("Content-Type"), "text/csv") {
		*plain = text(content)
		return in.Header, nil
	}
	if json.Unmarshal(content, answer) != nil {
		return nil, r.client.foreign(in.Status)
	}
	return in.Header, nil
}

func (r request) setHeader(header http.Header) {
	header.Set("Authorization", "Bearer "+r.credential.Reveal())
	if r.idempotencyKey != "" {
		header.Set("Idempotency-Key", r.idempotencyKey)
	}
	if r.match != "" {
		header.Set("If-Match", string(r.match))
	}
	if r.in != nil {
		header.Set("Content-Type", "application/json")
	}
}

// failure returns the error of an answer that reports a failure. It can come
// from the API, from a proxy in front of it, or from another server.
func (c *Client) failure(in *http.Response, content []byte) error {
	seconds, _ := strconv.Atoi(in.Header.Get("Retry-After"))
	answer := &Error{Status: in.StatusCode, RetryAfter: time.Duration(seconds) * time.Second}
	var failed wire.Envelope[any]
	if json.Unmarshal(content, &failed) == nil && failed.Code != "" {
		answer.Code, answer.Message, answer.RequestID = failed.Code, failed.Message, failed.RequestID
		return answer
	}
	proxy := "A proxy in front of the API at " + c.base + " answered " + in.Status
	switch in.StatusCode {
	case http.StatusTooManyRequests:
		answer.Code, answer.Message = wire.ErrRateLimited, proxy+", and nothing was done: try again later."
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		answer.Code, answer.Message = wire.ErrUnavailable, proxy+", so a change may or may not have been made: check before you try again."
		if in.Request.Method == http.MethodGet {
			answer.Message = proxy + ": try again later."
		}
	default:
		return c.foreign(in.Status)
	}
	return answer
}
