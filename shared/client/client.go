// Package client is the typed client of the token API.
package client

import (
	"bytes"
	"context"
	crand "crypto/rand"
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
	return call[api.TokenPage](ctx, c.manage(http.MethodGet, "?"+o.query().Encode(), nil))
}

func (o ListOptions) query() url.Values {
	query := url.Values{}
	for name, n := range map[string]int64{"p": o.Page, "page_size": o.PageSize, "after": o.After} {
		if n != 0 {
			query.Set(name, strconv.FormatInt(n, 10))
		}
	}
	return query
}

// SearchOptions say what to search for, and which page of it. What is zero is
// not asked about.
type SearchOptions struct {
	ListOptions
	Keyword string       // a part of the name, in any case
	Key     string       // a mask, or the last four characters of a key; never a whole key
	Status  token.Status // as it is now
	Group   string
}

// Search returns a page of the tokens that are searched for, newest first. It
// reads a window of them; where Next is set, After goes on below it.
func (c *Client) Search(ctx context.Context, o SearchOptions) (api.TokenPage, error) {
	query := o.query()
	for name, s := range map[string]string{"keyword": o.Keyword, "token": o.Key, "group": o.Group} {
		if s != "" {
			query.Set(name, s)
		}
	}
	if o.Status != 0 {
		query.Set("status", strconv.Itoa(int(o.Status)))
	}
	return call[api.TokenPage](ctx, c.manage(http.MethodGet, "search?"+query.Encode(), nil))
}

// Create makes a token. The answer is the only one that has its key. It is
// sent again where no answer came, and makes one token all the same.
func (c *Client) Create(ctx context.Context, in api.TokenInput) (api.Token, error) {
	return call[api.Token](ctx, c.post("", in))
}

// CreateAll makes up to token.MaxBatch tokens, all or none; see Create.
func (c *Client) CreateAll(ctx context.Context, in []api.TokenInput) ([]api.Token, error) {
	made, err := call[api.Tokens](ctx, c.post("batch/create", map[string]any{"tokens": in}))
	return made.Items, err
}

// Get returns one token.
func (c *Client) Get(ctx context.Context, id int64) (api.Token, error) {
	return call[api.Token](ctx, c.manage(http.MethodGet, strconv.FormatInt(id, 10), nil))
}

// Update changes the fields of token in.ID that are not nil.
func (c *Client) Update(ctx context.Context, in api.TokenInput) (api.Token, error) {
	return call[api.Token](ctx, c.manage(http.MethodPut, "", in))
}

// AddQuota adds units to what a token has left, or takes some away, whatever
// is spent meanwhile; never to below zero.
func (c *Client) AddQuota(ctx context.Context, id, delta int64) (api.Token, error) {
	in := api.UpdateInput{TokenInput: api.TokenInput{ID: &id}, QuotaDelta: &delta}
	return call[api.Token](ctx, c.manage(http.MethodPut, "", in))
}

// Rotate gives a token another key, which the answer alone shows. The old one
// works for graceSeconds more, 0 to token.MaxGrace.
func (c *Client) Rotate(ctx context.Context, id, graceSeconds int64) (api.Token, error) {
	return call[api.Token](ctx, c.post(strconv.FormatInt(id, 10)+"/rotate", api.RotationInput{GraceSeconds: &graceSeconds}))
}

// SetStatus enables or disables a token and changes nothing else.
func (c *Client) SetStatus(ctx context.Context, id int64, status token.Status) (api.Token, error) {
	in := api.TokenInput{ID: &id, Status: new(int64(status))}
	return call[api.Token](ctx, c.manage(http.MethodPut, "?status_only=true", in))
}

// DeleteAll removes up to 100 tokens, and tells what became of each.
func (c *Client) DeleteAll(ctx context.Context, ids []int64) ([]api.Result, error) {
	return c.batch(ctx, "batch", api.IDsInput{IDs: &ids})
}

// SetStatusAll enables or disables up to 100 tokens, and tells what became of
// each.
func (c *Client) SetStatusAll(ctx context.Context, ids []int64, status token.Status) ([]api.Result, error) {
	return c.batch(ctx, "batch/status", api.IDsInput{IDs: &ids, Status: new(int64(status))})
}

func (c *Client) batch(ctx context.Context, path string, in api.IDsInput) ([]api.Result, error) {
	var answer api.Envelope[int]
	err := c.post(path, in).send(ctx, &answer)
	if err == nil && !answer.Success {
		err = c.notTheAPI("a success")
	}
	return answer.Results, err
}

// Delete removes a token for good.
func (c *Client) Delete(ctx context.Context, id int64) error {
	_, err := call[any](ctx, c.manage(http.MethodDelete, strconv.FormatInt(id, 10), nil))
	return err
}

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
	repeatable bool   // to send it twice is to send it once
	attempts   int    // in all
}

// manage is a request with the access token, to the tokens' path plus rest.
func (c *Client) manage(method, rest string, in any) request {
	return request{
		client: c, method: method, path: api.CollectionPath + "/" + rest, credential: c.accessToken, in: in,
		repeatable: method == http.MethodGet, attempts: attempts,
	}
}

// post is a request that the API tells from its repetition.
func (c *Client) post(rest string, in any) request {
	r := c.manage(http.MethodPost, rest, in)
	r.key, r.repeatable = crand.Text(), true
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
		return repeatable && !errors.Is(err, errForeign) && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded)
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
		return nil
	}
	return r.client.notTheAPI(in.Status)
}

// errForeign: what answered is not the token API, and will not become it.
var errForeign = errors.New("not as the token API does: check the base URL")

func (c *Client) notTheAPI(answered string) error {
	return fmt.Errorf("%s answered %s, but %w", c.base, answered, errForeign)
}
