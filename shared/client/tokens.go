package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// A Token is a token together with its ETag, for IfMatch.
type Token struct {
	wire.Token
	ETag ETag `json:"etag"`
}

// Create creates a token. Its answer shows the key; see Key. If
// the user has as many tokens as the operator allows, the error is
// wire.ErrTokenLimit.
func (c *Client) Create(ctx context.Context, in wire.TokenInput, options ...CallOption) (Token, error) {
	return c.one(ctx, c.post("/", in, options))
}

// CreateAll creates 1 to wire.MaxBatch tokens, either all of them or none; see
// Create.
func (c *Client) CreateAll(ctx context.Context, in []wire.TokenInput, options ...CallOption) ([]wire.Token, error) {
	created, err := call[wire.Tokens](ctx, c.post("/batch/create", map[string]any{"tokens": in}, options))
	return created.Items, err
}

// Get returns one token. If the user has no such token, the error is
// wire.ErrTokenNotFound.
func (c *Client) Get(ctx context.Context, id int64) (Token, error) {
	return c.one(ctx, c.manage(http.MethodGet, tokenPath(id), nil, nil))
}

// ListOptions choose a page of a list. The zero value is the first page of 10
// tokens.
type ListOptions struct {
	Page     int64 // from 1; 0 means 1
	PageSize int64 // 1 to wire.MaxPageSize tokens; 0 means 10
	After    int64 // if not 0: instead of Page, the tokens with IDs below this one
}

// List returns a page of the user's tokens, newest first; see All.
func (c *Client) List(ctx context.Context, o ListOptions) (wire.TokenPage, error) {
	return call[wire.TokenPage](ctx, c.manage(http.MethodGet, "/?"+o.query().Encode(), nil, nil))
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

// SearchOptions describe the tokens to search for, and choose a page of them.
// A token matches if it matches every field that is not zero.
type SearchOptions struct {
	ListOptions
	Keyword string      // part of the name; case does not matter
	Key     string      // a mask, or the last four characters of a key; not a whole key
	Status  wire.Status // the status now
	Group   string

	// Searched, if not nil, is called by SearchAll after each page, with the id below
	// which there are tokens to search, 0 at the end.
	Searched func(below int64)
}

// Search returns a page of the tokens that match, newest first; see SearchAll.
// One call looks at a limited number of tokens. If the page's Next is not 0,
// there are older tokens to search: set After to Next.
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
	return call[wire.TokenPage](ctx, c.manage(http.MethodGet, "/search?"+query.Encode(), nil, nil))
}

// Status returns the API's version, and how many units a dollar has.
func (c *Client) Status(ctx context.Context) (wire.SystemStatus, error) {
	return call[wire.SystemStatus](ctx, c.readPath(wire.StatusPath))
}

// Self returns the user that the access token belongs to, with what is left of
// its budget.
func (c *Client) Self(ctx context.Context) (wire.Self, error) {
	return call[wire.Self](ctx, c.readPath(wire.SelfPath))
}

// Groups returns the groups that a token of the user can have, by their names.
func (c *Client) Groups(ctx context.Context) (map[string]wire.Group, error) {
	return call[map[string]wire.Group](ctx, c.readPath(wire.GroupsPath))
}

// Models returns the names and patterns of the models that have a price.
func (c *Client) Models(ctx context.Context) ([]string, error) {
	return call[[]string](ctx, c.readPath(wire.ModelsPath))
}

// Budget returns the budget of all tokens of the user together. It reads all of
// them, and counts as a search. If the user has no budget, the error is
// wire.ErrBudgetNotFound.
func (c *Client) Budget(ctx context.Context) (wire.Budget, error) {
	return call[wire.Budget](ctx, c.readPath(wire.BudgetPath))
}

// AuditOptions choose a page of an audit trail. The zero value is the newest 10 entries.
type AuditOptions struct {
	PageSize int64  // 1 to wire.MaxPageSize entries; 0 means 10
	After    string // the Next of the page before
}

func (o AuditOptions) query() string {
	query := ListOptions{PageSize: o.PageSize}.query()
	if o.After != "" {
		query.Set("after", o.After)
	}
	return query.Encode()
}

// Audit returns a page of who has changed a token, which may be deleted, newest first. A
// change appears about a minute after it was made.
func (c *Client) Audit(ctx context.Context, id int64, o AuditOptions) (wire.AuditPage, error) {
	return call[wire.AuditPage](ctx, c.manage(http.MethodGet, tokenPath(id)+"/audit?"+o.query(), nil, nil))
}

// SelfAudit is Audit for the user and all of its tokens.
func (c *Client) SelfAudit(ctx context.Context, o AuditOptions) (wire.AuditPage, error) {
	r := c.manage(http.MethodGet, "", nil, nil)
	r.path = wire.SelfAuditPath + "?" + o.query()
	return call[wire.AuditPage](ctx, r)
}

// Update changes the fields of a token that are set in the input; in.ID is
// ignored. Errors: wire.ErrTokenNotFound; wire.ErrVersionMismatch with IfMatch;
// if it enables the token, wire.ErrTokenExpired and wire.ErrTokenExhausted; if
// in.QuotaDelta takes away more than the token has left,
// wire.ErrTokenExhausted; if the operator's policy does not allow the token as
// it would be, wire.ErrPolicyViolation.
func (c *Client) Update(ctx context.Context, id int64, in wire.UpdateInput, options ...CallOption) (Token, error) {
	in.ID = &id
	return c.one(ctx, c.manage(http.MethodPut, "/", in, options))
}

// SetStatus sets a token to wire.Enabled or wire.Disabled and changes nothing
// else. Its errors are those of Update.
func (c *Client) SetStatus(ctx context.Context, id int64, status wire.Status, options ...CallOption) (Token, error) {
	in := wire.TokenInput{ID: &id, Status: new(int64(status))}
	return c.one(ctx, c.manage(http.MethodPut, "/?status_only=true", in, options))
}

// Rotate replaces a token's key. Its answer shows the new key; see Key.
// The old key keeps working for graceSeconds, 0 to wire.MaxGraceSeconds.
// Error: wire.ErrTokenNotFound.
func (c *Client) Rotate(ctx context.Context, id, graceSeconds int64, options ...CallOption) (Token, error) {
	return c.one(ctx, c.post(tokenPath(id)+"/rotate", wire.RotateInput{GraceSeconds: &graceSeconds}, options))
}

// Key returns the key of a token that this access token has created or rotated in
// the last ten minutes. Errors: wire.ErrTokenNotFound; wire.ErrKeyNotAvailable.
func (c *Client) Key(ctx context.Context, id int64) (string, error) {
	shown, err := call[wire.ShownKey](ctx, c.manage(http.MethodPost, tokenPath(id)+"/key", nil, []CallOption{readOnly}))
	if err != nil {
		return "", err
	}
	return credential.KeyPrefix + shown.Key, nil
}

// Keys is Key for 1 to wire.MaxIDs tokens. It returns the keys by the ids of their
// tokens, and leaves out those that can't be read any more. If that is all of them,
// the error is that of the first.
func (c *Client) Keys(ctx context.Context, ids []int64) (map[int64]string, error) {
	shown, err := call[wire.ShownKeys](ctx, c.manage(http.MethodPost, "/batch/keys", wire.KeysInput{IDs: ids}, []CallOption{readOnly}))
	for id, key := range shown.Keys {
		shown.Keys[id] = credential.KeyPrefix + key
	}
	return shown.Keys, err
}

// readOnly is for a POST that changes nothing.
func readOnly(r *request) { r.repeatable = true }

// Raise makes the lifetime quota or a window of a token larger until a time. It
// gives no units away: what was used counts on after that. Errors:
// wire.ErrTokenNotFound; wire.ErrVersionMismatch with IfMatch.
func (c *Client) Raise(ctx context.Context, id int64, in wire.ExtraInput, options ...CallOption) (Token, error) {
	r := c.post(tokenPath(id)+"/extra", in, options)
	r.conditional = true
	return c.one(ctx, r)
}

// Delete deletes a token; it can't be undone. Errors: wire.ErrTokenNotFound;
// wire.ErrVersionMismatch with IfMatch.
func (c *Client) Delete(ctx context.Context, id int64, options ...CallOption) error {
	_, err := call[any](ctx, c.manage(http.MethodDelete, tokenPath(id), nil, options))
	return err
}

// DeleteAll deletes 1 to wire.MaxIDs tokens. It returns a result for each
// distinct ID; some can fail while others succeed.
func (c *Client) DeleteAll(ctx context.Context, ids []int64, options ...CallOption) ([]wire.Result, error) {
	return c.batch(ctx, c.post("/batch", wire.IDsInput{IDs: ids}, options))
}

// SetStatusAll sets 1 to wire.MaxIDs tokens to wire.Enabled or wire.Disabled.
// It returns a result for each distinct ID; some can fail while others
// succeed.
func (c *Client) SetStatusAll(ctx context.Context, ids []int64, status wire.Status, options ...CallOption) ([]wire.Result, error) {
	return c.batch(ctx, c.post("/batch/status", wire.IDsInput{IDs: ids, Status: new(int64(status))}, options))
}

func (c *Client) batch(ctx context.Context, r request) ([]wire.Result, error) {
	var answer wire.Envelope[int]
	_, err := r.send(ctx, &answer)
	if err == nil && !answer.Success {
		err = c.foreign("a success")
	}
	return answer.Results, err
}

// one sends a request whose answer is one token.
func (c *Client) one(ctx context.Context, r request) (Token, error) {
	var answer wire.Envelope[wire.Token]
	header, err := r.send(ctx, &answer)
	if err == nil && !answer.Success {
		err = c.foreign("a success")
	}
	return Token{answer.Data, ETag(header.Get("ETag"))}, err
}

func tokenPath(id int64) string { return "/" + strconv.FormatInt(id, 10) }
