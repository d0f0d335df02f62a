// Package client is the typed client of the token API. It sends again what is
// safe to send again, and its errors are compared with errors.Is.
package client

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// A Client manages the tokens of one user. It is safe for concurrent use.
type Client struct {
	base        string
	accessToken credential.Secret
	http        *http.Client
}

// New makes a client for an API's base URL, with or without a trailing
// slash. A nil http client is one with a time-out of 30 s that follows no
// redirect.
func New(baseURL, accessToken string, httpClient *http.Client) *Client {
	if httpClient == nil {
		httpClient = &http.Client{Timeout: 30 * time.Second, CheckRedirect: stay}
	}
	return &Client{strings.TrimSuffix(baseURL, "/"), credential.NewSecret(accessToken), httpClient}
}

// stay keeps the access token where it was sent: a redirect may lead to plain
// HTTP, and the API has none.
func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// An Error is an answer that is no success, of the API or, without a request
// id, of what stands before it. Compare it with the codes of package api:
// errors.Is(err, api.ErrTokenNotFound).
type Error struct {
	Status     int
	Code       wire.Code
	Message    string
	RequestID  string
	RetryAfter time.Duration // 0 where the answer does not say
}

func (e *Error) Error() string {
	if e.RequestID == "" {
		return fmt.Sprintf("%s (%s)", strings.TrimSuffix(e.Message, "."), e.Code)
	}
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
func (c *Client) List(ctx context.Context, o ListOptions) (wire.TokenPage, error) {
	return call[wire.TokenPage](ctx, c.manage(http.MethodGet, "?"+o.query().Encode(), nil))
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
func (c *Client) Search(ctx context.Context, o SearchOptions) (wire.TokenPage, error) {
	query := o.query()
	for name, s := range map[string]string{"keyword": o.Keyword, "token": o.Key, "group": o.Group} {
		if s != "" {
			query.Set(name, s)
		}
	}
	if o.Status != 0 {
		query.Set("status", strconv.Itoa(int(o.Status)))
	}
	return call[wire.TokenPage](ctx, c.manage(http.MethodGet, "search?"+query.Encode(), nil))
}

// Create makes a token. The answer is the only one that has its key. It is
// sent again where no answer came, and makes one token all the same.
func (c *Client) Create(ctx context.Context, in wire.TokenInput, options ...Option) (wire.Token, error) {
	return call[wire.Token](ctx, c.post("", in, options...))
}

// CreateAll makes up to token.MaxBatch tokens, all or none; see Create.
func (c *Client) CreateAll(ctx context.Context, in []wire.TokenInput, options ...Option) ([]wire.Token, error) {
	made, err := call[wire.Tokens](ctx, c.post("batch/create", map[string]any{"tokens": in}, options...))
	return made.Items, err
}

// Get returns one token.
func (c *Client) Get(ctx context.Context, id int64) (wire.Token, error) {
	return call[wire.Token](ctx, c.manage(http.MethodGet, strconv.FormatInt(id, 10), nil))
}

// GetVersion is Get, and tells the version, for IfMatch.
func (c *Client) GetVersion(ctx context.Context, id int64) (wire.Token, ETag, error) {
	var version ETag
	t, err := call[wire.Token](ctx, c.manage(http.MethodGet, strconv.FormatInt(id, 10), nil, func(r *request) { r.version = &version }))
	return t, version, err
}

// Update changes the fields of token in.ID that are not nil.
func (c *Client) Update(ctx context.Context, in wire.TokenInput, options ...Option) (wire.Token, error) {
	return c.Change(ctx, wire.UpdateInput{TokenInput: in}, options...)
}

// Change is Update that may add quota, too; see AddQuota.
func (c *Client) Change(ctx context.Context, in wire.UpdateInput, options ...Option) (wire.Token, error) {
	return call[wire.Token](ctx, c.manage(http.MethodPut, "", in, options...))
}

// AddQuota adds units to what a token has left, or takes some away, whatever
// is spent meanwhile; never to below zero.
func (c *Client) AddQuota(ctx context.Context, id, delta int64, options ...Option) (wire.Token, error) {
	return c.Change(ctx, wire.UpdateInput{TokenInput: wire.TokenInput{ID: &id}, QuotaDelta: &delta}, options...)
}

// Rotate gives a token another key, which the answer alone shows. The old one
// works for graceSeconds more, 0 to token.MaxGrace.
func (c *Client) Rotate(ctx context.Context, id, graceSeconds int64, options ...Option) (wire.Token, error) {
	return call[wire.Token](ctx, c.post(strconv.FormatInt(id, 10)+"/rotate", wire.RotateInput{GraceSeconds: &graceSeconds}, options...))
}

// SetStatus enables or disables a token and changes nothing else.
func (c *Client) SetStatus(ctx context.Context, id int64, status token.Status, options ...Option) (wire.Token, error) {
	in := wire.TokenInput{ID: &id, Status: new(int64(status))}
	return call[wire.Token](ctx, c.manage(http.MethodPut, "?status_only=true", in, options...))
}

// DeleteAll removes up to api.MaxIDs tokens, and tells what became of each.
func (c *Client) DeleteAll(ctx context.Context, ids []int64) ([]wire.Result, error) {
	return c.batch(ctx, "batch", wire.IDsInput{IDs: &ids})
}

// SetStatusAll enables or disables up to api.MaxIDs tokens, and tells what became of
// each.
func (c *Client) SetStatusAll(ctx context.Context, ids []int64, status token.Status) ([]wire.Result, error) {
	return c.batch(ctx, "batch/status", wire.IDsInput{IDs: &ids, Status: new(int64(status))})
}

func (c *Client) batch(ctx context.Context, path string, in wire.IDsInput) ([]wire.Result, error) {
	var answer wire.Envelope[int]
	err := c.post(path, in).send(ctx, &answer)
	if err == nil && !answer.Success {
		err = c.notTheAPI("a success")
	}
	return answer.Results, err
}

// Delete removes a token for good.
func (c *Client) Delete(ctx context.Context, id int64, options ...Option) error {
	_, err := call[any](ctx, c.manage(http.MethodDelete, strconv.FormatInt(id, 10), nil, options...))
	return err
}
