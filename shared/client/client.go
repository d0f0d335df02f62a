// Package client is the typed client of the token API.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/latchkey-api/latchkey/shared/api"
	"github.com/latchkey-api/latchkey/shared/token"
)

// A Client manages the tokens of one user. It is safe for concurrent use.
type Client struct {
	base        string
	accessToken token.Secret
	http        *http.Client
}

// New makes a client for an API's base URL, with or without a trailing
// slash. A nil http client is one with a time-out of 30 s.
func New(baseURL, accessToken string, httpClient *http.Client) *Client {
	if httpClient == nil {
		httpClient = &http.Client{Timeout: 30 * time.Second}
	}
	return &Client{strings.TrimSuffix(baseURL, "/"), token.NewSecret(accessToken), httpClient}
}

// An Error is an answer of the API that is no success. Compare it with the
// codes of package api: errors.Is(err, api.ErrTokenNotFound).
type Error struct {
	Status     int
	Code       api.Code
	Message    string
	RequestID  string
	RetryAfter time.Duration // 0 where the answer does not say
}

func (e *Error) Error() string {
	return fmt.Sprintf("%s (%s, request %s)", strings.TrimSuffix(e.Message, "."), e.Code, e.RequestID)
}

// Is compares with an api.Code.
func (e *Error) Is(target error) bool { return target == error(e.Code) }

// ListOptions choose a page. The zero value is the first page of 10.
type ListOptions struct {
	Page     int64 // from 1
	PageSize int64 // up to 100
	After    int64 // instead of Page: tokens with ids below this one
}

// List returns a page of tokens, newest first.
func (c *Client) List(ctx context.Context, o ListOptions) (api.TokenPage, error) {
	query := url.Values{}
	for name, n := range map[string]int64{"p": o.Page, "page_size": o.PageSize, "after": o.After} {
		if n != 0 {
			query.Set(name, strconv.FormatInt(n, 10))
		}
	}
	return call[api.TokenPage](ctx, c, http.MethodGet, "?"+query.Encode(), nil)
}

// Create makes a token. The answer is the only one that has its key.
func (c *Client) Create(ctx context.Context, in api.TokenInput) (api.Token, error) {
	return call[api.Token](ctx, c, http.MethodPost, "", in)
}

// Get returns one token.
func (c *Client) Get(ctx context.Context, id int64) (api.Token, error) {
	return call[api.Token](ctx, c, http.MethodGet, strconv.FormatInt(id, 10), nil)
}

// Update changes the fields of token in.ID that are not nil.
func (c *Client) Update(ctx context.Context, in api.TokenInput) (api.Token, error) {
	return call[api.Token](ctx, c, http.MethodPut, "", in)
}

// SetStatus enables or disables a token and changes nothing else.
func (c *Client) SetStatus(ctx context.Context, id int64, status token.Status) (api.Token, error) {
	in := api.TokenInput{ID: &id, Status: new(int64(status))}
	return call[api.Token](ctx, c, http.MethodPut, "?status_only=true", in)
}

// Delete removes a token for good.
func (c *Client) Delete(ctx context.Context, id int64) error {
	_, err := call[any](ctx, c, http.MethodDelete, strconv.FormatInt(id, 10), nil)
	return err
}

// Attempts in all, where trying again is safe and the API asks for it.
const attempts = 10

// call sends a request to the collection's path plus rest. It tries again
// what the API refused with 429, for then nothing was done, and what only
// reads, also when no answer came.
func call[T any](ctx context.Context, c *Client, method, rest string, in any) (T, error) {
	var body []byte
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			var none T
			return none, fmt.Errorf("write the request: %w", err)
		}
	}
	for attempt := 1; ; attempt++ {
		out, err := once[T](ctx, c, method, rest, body)
		if err == nil || attempt == attempts || !again(err, method) {
			return out, err
		}
		if err := wait(ctx, err); err != nil {
			return out, err
		}
	}
}

func again(err error, method string) bool {
	var answer *Error
	if !errors.As(err, &answer) {
		return method == http.MethodGet && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded)
	}
	return answer.Code == api.ErrRateLimited || answer.Code == api.ErrUnavailable && method == http.MethodGet
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

func once[T any](ctx context.Context, c *Client, method, rest string, body []byte) (T, error) {
	var envelope api.Envelope[T]
	r, err := http.NewRequestWithContext(ctx, method, c.base+api.CollectionPath+"/"+rest, bytes.NewReader(body))
	if err != nil {
		return envelope.Data, fmt.Errorf("make the request: %w", err)
	}
	r.Header.Set("Authorization", "Bearer "+c.accessToken.Reveal())
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	answer, err := c.http.Do(r)
	if err != nil {
		return envelope.Data, err
	}
	defer answer.Body.Close() //nolint:errcheck // it was read
	content, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err != nil {
		return envelope.Data, fmt.Errorf("read the answer: %w", err)
	}
	if err := json.Unmarshal(content, &envelope); err != nil {
		return envelope.Data, fmt.Errorf("%s answered %s, but not as the token API does: check the base URL", c.base, answer.Status)
	}
	if !envelope.Success {
		seconds, _ := strconv.Atoi(answer.Header.Get("Retry-After"))
		return envelope.Data, &Error{answer.StatusCode, envelope.Code, envelope.Message, envelope.RequestID, time.Duration(seconds) * time.Second}
	}
	return envelope.Data, nil
}
